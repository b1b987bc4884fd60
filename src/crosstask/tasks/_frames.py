"""The few things that are done to a table of unknown make: pandas, polars, NumPy, scipy.sparse."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import _safe_indexing


def is_frame(X: Any) -> bool:
    """Tell whether X is a pandas or polars data frame."""
    return hasattr(X, "columns") and (hasattr(X, "iloc") or (hasattr(X, "schema") and hasattr(X, "get_column")))


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


def check_one_target_a_row(X: Any, targets: NDArray[Any]) -> None:
    """Raise a ValueError unless y has as many values as X has rows."""
    given = "one value" if targets.ndim == 0 else f"{len(targets)} {'value' if len(targets) == 1 else 'values'}"
    if targets.ndim == 0 or len(targets) != n_rows(X):
        raise ValueError(f"y has {given} for {n_rows(X)} rows of X: give one target for each row.")


def take_rows(X: Any, rows: NDArray[Any]) -> Any:
    """Return the rows of a table, in the given order, in the same make."""
    if is_frame(X) and hasattr(X, "iloc"):
        return X.iloc[rows]
    return _safe_indexing(X, rows)


def pop_column(X: Any, column: str | int, what: str = "tasks") -> tuple[Any, Any]:
    """Return (X without the column, the column's values).

    Raises
    ------
    ValueError
        If the column is absent, or X cannot hold it.
    """
    if not is_frame(X):
        _check_position(X, column, what)
        return np.delete(X, int(column), axis=1), X[:, column]
    name = _frame_column(X, column, what)
    if not hasattr(X, "iloc"):
        return X.drop(name), X[name]
    place = list(X.columns).index(name)
    return X.iloc[:, [j for j in range(X.shape[1]) if j != place]], X.iloc[:, place]  # a third of the time of drop


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
        raise ValueError(
            f"a sparse X cannot hold the column {column!r} with the {what}: pass the {what} as an array beside X "
            "(task=ids for tasks)."
        )
    if not isinstance(column, (int, np.integer)) or isinstance(column, bool):
        raise ValueError(
            f"the {what} were said to be in column {column!r}, but X is an array without names: "
            "give the position as an integer, pass a data frame, or pass the values as an array (task=ids for tasks)."
        )
    if not -X.shape[1] <= column < X.shape[1]:
        raise ValueError(f"column {column} for the {what} is outside X, which has {X.shape[1]} columns.")


def refuse_repeated_names(X: Any) -> None:
    """Raise a ValueError if a frame has two columns of one name."""
    if is_frame(X):
        names = list(X.columns)
        if len(set(names)) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"X has {names.count(repeated)} columns named {repeated!r}: rename all but one.")


def _frame_column(X: Any, column: str | int, what: str) -> Any:
    names = list(X.columns)
    if not isinstance(column, bool):
        if column in names:
            return column
        if isinstance(column, (int, np.integer)) and -len(names) <= column < len(names):
            return names[column]
    shown = ", ".join(repr(name) for name in names[:12]) + (", .." if len(names) > 12 else "")
    raise ValueError(f"X has no column {column!r} to read the {what} from; its columns are {shown}.")
