"""The few things that are done to a table of unknown make: pandas, polars, NumPy, scipy.sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import _safe_indexing


def is_frame(X: Any) -> bool:
    """Tell whether X is a pandas or polars data frame."""
    return hasattr(X, "columns") and hasattr(X, "shape") and hasattr(X, "dtypes" if hasattr(X, "iloc") else "schema")


def as_table(X: Any) -> Any:
    """Return X as it is where it is a frame or sparse, else as a two-dimensional array."""
    if is_frame(X):
        return X
    if sparse.issparse(X):
        return X.tocsr()
    array = np.asarray(X)
    if array.ndim != 2:
        raise ValueError(
            f"Expected 2D array for X, one row a case and one column a feature; got shape {array.shape}. "
            "Reshape your data with X.reshape(-1, 1) if it has a single feature."
        )
    return array


def column_names(X: Any) -> list[str] | None:
    """Return the names of the columns of a frame, None for an array."""
    return [str(name) for name in X.columns] if is_frame(X) else None


def n_rows(X: Any) -> int:
    """Return the number of rows."""
    return int(X.shape[0])


def take_rows(X: Any, rows: NDArray[Any]) -> Any:
    """Return the rows of a table, in the given order, in the same make."""
    if is_frame(X) and hasattr(X, "iloc"):
        return X.iloc[rows]
    return _safe_indexing(X, rows)


def pop_column(X: Any, column: str | int) -> tuple[Any, Any]:
    """Return (X without the column, the column's values).

    Raises
    ------
    ValueError
        If the column is absent, or X cannot hold it.
    """
    if sparse.issparse(X):
        raise ValueError(
            f"a sparse X cannot hold the task column {column!r}: pass the ids as fit(X, y, task=ids) "
            "and leave task_column=None."
        )
    if is_frame(X):
        name = _frame_column(X, column)
        if hasattr(X, "iloc"):
            return X.drop(columns=[name]), X[name]
        return X.drop(name), X[name]
    if not isinstance(column, (int, np.integer)) or isinstance(column, bool):
        raise ValueError(
            f"task_column={column!r} names a column, but X is an array without names: "
            "give its position as an integer, pass a data frame, or use fit(X, y, task=ids)."
        )
    if not -X.shape[1] <= column < X.shape[1]:
        raise ValueError(f"task_column={column} is outside X, which has {X.shape[1]} columns.")
    rest = np.delete(X, column, axis=1)
    return rest, X[:, column]


def column_values(X: Any, column: str | int, what: str = "tasks") -> Any:
    """Return the values of one column, by name or position, without copying the rest.

    Raises
    ------
    ValueError
        If the column is absent, or X cannot hold it.
    """
    table = as_table(X)
    if is_frame(table):
        return table[_frame_column(table, column, what)]
    _check_position(table, column, what)
    return table[:, column]


def _check_position(X: Any, column: str | int, what: str) -> None:
    if sparse.issparse(X):
        raise ValueError(f"a sparse X cannot hold the column {column!r} with the {what}: pass the {what} as an array.")
    if not isinstance(column, (int, np.integer)) or isinstance(column, bool):
        raise ValueError(
            f"the {what} were said to be in column {column!r}, but X is an array without names: "
            "give the position as an integer, pass a data frame, or pass the values as an array."
        )
    if not -X.shape[1] <= column < X.shape[1]:
        raise ValueError(f"column {column} for the {what} is outside X, which has {X.shape[1]} columns.")


def _frame_column(X: Any, column: str | int, what: str = "tasks") -> Any:
    names = list(X.columns)
    if column in names:
        if names.count(column) > 1:
            raise ValueError(f"X has {names.count(column)} columns named {column!r}: rename all but one.")
        return column
    if isinstance(column, (int, np.integer)) and -len(names) <= column < len(names):
        return names[column]
    shown = ", ".join(repr(name) for name in names[:12]) + (", .." if len(names) > 12 else "")
    raise ValueError(f"X has no column {column!r} to read the {what} from; its columns are {shown}.")
