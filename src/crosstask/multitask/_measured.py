"""Columns that some tasks never measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosstask.tasks import TaskData, TaskRows, column_names

Mask = NDArray[np.bool_]


def read_measured(given: Any, matrix: Any, rows: TaskRows) -> Mask:
    """Return which task measured which column, shape (n_tasks, n_columns).

    Raises
    ------
    ValueError
        If it is neither "auto" nor a matrix of truth values of that shape, or X is sparse, or its rows are shared.
    """
    if rows.door == "wide" or sparse.issparse(matrix):
        what = (
            "a wide y, whose tasks share the rows of X" if rows.door == "wide" else "a sparse X, where zeros are values"
        )
        raise ValueError(f"measured= does not go with {what}: give a dense X and a task for each row.")
    n_tasks = rows.n_tasks
    if isinstance(given, str):
        if given != "auto":
            raise ValueError(f"measured={given!r} is not known: use 'auto', a matrix of truth values, or None.")
        seen = np.zeros((n_tasks, matrix.shape[1]), dtype=np.int64)
        np.add.at(seen, rows.codes, ~np.isnan(matrix))
        return seen > 0
    mask = np.asarray(given)
    if mask.shape != (n_tasks, matrix.shape[1]) or mask.dtype != bool:
        raise ValueError(
            f"measured has shape {mask.shape} and type {mask.dtype}: give truth values of shape "
            f"({n_tasks}, {matrix.shape[1]}), a row for each task in sorted order and a column for each of X."
        )
    return mask


def without_unmeasured(owner: Any, matrix: Any, measured: Mask, codes: NDArray[np.intp], X: Any) -> Any:
    """Return the matrix with zeros where a row's task did not measure a column.

    Raises
    ------
    ValueError
        If something is missing elsewhere; the columns are named.
    """
    seen = np.where(codes[:, None] >= 0, measured[codes], True)
    filled = np.where(seen, matrix, np.zeros(1, dtype=matrix.dtype))
    gaps = np.flatnonzero(np.isnan(filled).any(axis=0))
    if len(gaps):
        names = column_names(X)
        shown = ", ".join(repr(names[j]) if names else str(j) for j in gaps[:8])
        raise ValueError(
            f"X has gaps in column {shown} of tasks that measured it, and {type(owner).__name__} takes none there: "
            "impute them first, or use CrossTaskRegressor or CrossTaskClassifier, which fill gaps."
        )
    return filled


def measured_scale(data: TaskData, measured: Mask) -> NDArray[np.float64]:
    """Return the weighted standard deviation of each column where its tasks measured it, 1 where it is constant."""
    weight = data.sample_weight[:, None] * measured[data.codes]
    total = weight.sum(axis=0)
    share = weight / np.where(total > 0, total, 1.0)
    mean = np.einsum("ij,ij->j", share, data.X)
    deviation = np.sqrt(np.einsum("ij,ij->j", share, (data.X - mean) ** 2))
    rounding = 10.0 * float(np.finfo(data.X.dtype).eps) * np.abs(mean)
    return np.where(deviation > rounding, deviation, 1.0)
