"""Rows as statistics take them: numbers in columns, encoded task ids, a weight and a fold for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks import as_task_ids, numeric_matrix
from crosstask.tasks._target import check_target, check_weights

Array = NDArray[np.float64]
IntVector = NDArray[np.int64]


@dataclass(frozen=True)
class ReadRows:
    """Rows that count: those of weight zero are gone.

    Parameters
    ----------
    table : ndarray of shape (d + 1, n)
        The features and the target.
    weight : ndarray of shape (n,)
        Weights.
    tasks : ndarray
        Distinct task ids.
    codes : ndarray of int of shape (n,)
        The place of each row's task among these.
    folds : ndarray of int of shape (n,)
        Folds.
    """

    table: Array
    weight: Array
    tasks: NDArray[Any]
    codes: IntVector
    folds: IntVector


def read_rows(
    owner: Any, X: Any, y: Any, task: Any, *, where: str, sample_weight: Any, fold: Any, n_folds: int
) -> ReadRows:
    """Check rows whose task column, if they had one, is taken out; ``owner`` is whom errors name.

    Raises
    ------
    ValueError
        In one line, with what is wrong.
    """
    table = read_variables(owner, X, y)
    n = table.shape[1]
    ids = np.zeros(n, dtype=np.int64) if task is None else as_task_ids(task, n, where)
    weight = check_weights(sample_weight, n, 1, None)
    folds = _read_folds(fold, table, n_folds)
    if weight is None:
        weight = np.ones(n)
    elif not (weight > 0).all():
        kept = weight > 0
        table, weight, ids, folds = np.ascontiguousarray(table[:, kept]), weight[kept], ids[kept], folds[kept]
    tasks, codes = np.unique(ids, return_inverse=True)
    return ReadRows(table, weight, tasks, codes.reshape(-1).astype(np.int64), folds)


def read_variables(owner: Any, X: Any, y: Any) -> Array:
    """Return the features and the target, each a row of (d + 1, n)."""
    matrix = numeric_matrix(owner, X)
    values = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    if values.ndim != 1 or len(values) != matrix.shape[0]:
        raise ValueError(f"y has shape {values.shape} for {matrix.shape[0]} rows of X: give one number a row.")
    table = np.empty((matrix.shape[1] + 1, matrix.shape[0]))
    table[:-1] = (matrix.toarray() if hasattr(matrix, "toarray") else matrix).T
    table[-1] = check_target(values, classification=False)
    return table


def _read_folds(fold: Any, table: Array, n_folds: int) -> IntVector:
    if fold is None:
        return deal_rows(table, n_folds)
    folds, most = np.asarray(fold), max(n_folds, 1)
    if folds.shape != (table.shape[1],) or folds.dtype.kind not in "iu":
        raise ValueError(f"fold= must hold one whole number for each of the {table.shape[1]} rows.")
    if len(folds) and not (folds.min() >= 0 and folds.max() < most):
        raise ValueError(
            f"fold= holds numbers from {folds.min()} to {folds.max()}: give 0 to {most - 1}, for n_folds={n_folds}."
        )
    return folds.astype(np.int64)


def deal_rows(table: Array, n_folds: int) -> IntVector:
    """Return the fold of each column of (p, n): a hash of its numbers, modulo the folds."""
    from crosstask.summaries._kernels import hash_rows

    if n_folds < 2:
        return np.zeros(table.shape[1], dtype=np.int64)
    bits = np.ascontiguousarray(table + 0.0).view(np.uint64)  # -0.0 becomes 0.0
    return (hash_rows(bits) % np.uint64(n_folds)).astype(np.int64)
