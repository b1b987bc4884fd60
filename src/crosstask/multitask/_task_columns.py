"""The task as columns of X, for estimators that know nothing of tasks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosstask.multitask._support import IntVector
from crosstask.tasks import column_names, is_frame


def indicator_names(tasks: NDArray[Any]) -> list[str]:
    """Return a column name for each task, in letters, digits and underscores (LightGBM takes no others)."""
    named = ["task_is_" + re.sub(r"\W", "_", str(task)) for task in tasks]
    return named if len(set(named)) == len(named) else [f"task_{t}" for t in range(len(tasks))]


def indicators(codes: IntVector, n_tasks: int) -> Any:
    """Return the one-hot rows of the codes; a code of -1 gives a row of zeros."""
    known = np.flatnonzero(codes >= 0)
    ones = np.ones(len(known))
    return sparse.csr_array((ones, (known, codes[known])), shape=(len(codes), n_tasks))


def append_columns(X: Any, block: Any, names: list[str]) -> Any:
    """Return X with the block's columns last, in the make of X."""
    if sparse.issparse(X):
        return sparse.hstack([X, block], format="csr")
    dense = block.toarray() if sparse.issparse(block) else np.asarray(block)
    if is_frame(X):
        free = _free_names(X, names)
        if hasattr(X, "iloc"):
            import pandas as pd

            return pd.concat([X, pd.DataFrame(dense, index=X.index, columns=free)], axis=1)
        return X.hstack(type(X)({name: dense[:, j] for j, name in enumerate(free)}))
    array = np.asarray(X)
    return np.hstack([array, dense.astype(array.dtype if array.dtype.kind in "fO" else np.float64, copy=False)])


def append_category(X: Any, codes: IntVector, n_tasks: int) -> Any:
    """Return X with the task as one last column: a pandas category, or the code as a number (NaN for -1)."""
    if is_frame(X) and hasattr(X, "iloc"):
        import pandas as pd

        name = _free_names(X, ["task"])[0]
        categories: Any = list(range(n_tasks))
        column = pd.Series(pd.Categorical.from_codes(codes, categories=categories), index=X.index, name=name)
        return pd.concat([X, column], axis=1)
    return append_columns(X, np.where(codes < 0, np.nan, codes)[:, None], ["task"])


def _free_names(X: Any, names: list[str]) -> list[Any]:
    taken = column_names(X) or []
    if not all(isinstance(name, str) for name in X.columns):  # scikit-learn refuses mixed kinds of names
        return [len(taken) + 10**6 + j for j in range(len(names))]
    free = names
    while set(free) & set(taken):
        free = [f"{name}_" for name in free]
    return free


def cross_fitted_means(codes: IntVector, y: NDArray[Any], target_type: str) -> tuple[Any, NDArray[np.float64]]:
    """Return (encoder of a task by its mean target, out-of-fold encodings of the rows given).

    Used where a task has too many values to be a category. scikit-learn's TargetEncoder shrinks small tasks to
    the mean of all; out of fold, because a row's own target must not stand in its encoding.
    """
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import TargetEncoder

    column = codes[:, None]
    kind: Any = target_type
    encoder: Any = TargetEncoder(target_type=kind).fit(column, y)
    encoded = np.asarray(encoder.transform(column), dtype=np.float64)
    for train, test in KFold(5, shuffle=True, random_state=0).split(column):
        fold: Any = TargetEncoder(target_type=kind).fit(column[train], y[train])
        if kind == "continuous" or len(fold.classes_) == len(encoder.classes_):
            encoded[test] = fold.transform(column[test])
    return encoder, encoded
