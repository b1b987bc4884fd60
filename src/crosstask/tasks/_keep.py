"""A stock ColumnTransformer that transforms everything but the task column."""

from __future__ import annotations

from typing import Any


def keep_task(transformer: Any, task_column: str) -> Any:
    """Apply a transformer to every column except the task column, which passes through unchanged.

    Parameters
    ----------
    transformer : transformer
        Any scikit-learn transformer, for example ``StandardScaler()``.
    task_column : str
        Name of the column that holds the task ids.

    Returns
    -------
    sklearn.compose.ColumnTransformer
        With ``set_output(transform="pandas")``, so that the task column keeps its name and type; it comes first.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.preprocessing import StandardScaler
    >>> df = pd.DataFrame({"age": [40.0, 50.0, 60.0], "site": ["a", "b", "b"]})
    >>> keep_task(StandardScaler(), "site").fit_transform(df).round(2)
      site   age
    0    a -1.22
    1    b  0.00
    2    b  1.22
    """
    from sklearn.compose import ColumnTransformer

    kept = [("task", "passthrough", [task_column])]
    columns = ColumnTransformer(kept, remainder=transformer, verbose_feature_names_out=False)
    return columns.set_output(transform="pandas")
