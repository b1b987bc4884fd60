"""A few rows for each task that have the moments of all its rows, so that whatever reads rows can read moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import helmert
from threadpoolctl import threadpool_limits

from crosstask.summaries._cells import Cells
from crosstask.summaries._statistics import TaskStatistics
from crosstask.tasks import TaskData

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]


@dataclass(frozen=True)
class StandIn:
    """Rows that stand for moments.

    Parameters
    ----------
    data : TaskData
        Rows less the mean of their task, y as it is.
    mean : ndarray of shape (n_tasks, n_features)
        Those means.
    scale : ndarray of shape (n_features,)
        Standard deviation of each column over all rows of all tasks, 1 where it is constant.
    folds : list of (ndarray, ndarray)
        Positions of the rows to train on and to hold out, for each fold.
    """

    data: TaskData
    mean: Array
    scale: Array
    folds: list[tuple[IntVector, IntVector]]


def stand_in_rows(statistics: TaskStatistics, *, folds: bool = True) -> StandIn:
    r"""Return at most d + 2 rows for each task and fold whose weight, means and second moments are those given.

    Without ``folds``, for each task: a fifth of the work, where nothing is held out.

    With :math:`M = R'R` the central second moments of (x, y) in a cell of weight w, and H the Helmert contrasts, whose
    m - 1 orthonormal columns sum to zero, the rows are :math:`\bar v + \sqrt{m / w}\, H R`, each of weight w / m.
    """
    cells = statistics.cells()
    whole = cells.over_folds()
    cells = cells if folds else whole
    centred = cells.offset - whole.offset  # less the mean of the task, over all folds
    task, fold = np.nonzero(cells.total > 0)
    sizes = np.minimum(cells.count[task, fold], cells.offset.shape[2] + 1).astype(np.intp)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    rows, weight = np.empty((starts[-1], cells.offset.shape[2])), np.empty(starts[-1])
    with threadpool_limits(1, "blas"):
        for m in np.unique(sizes).tolist():
            some = np.flatnonzero(sizes == m)
            t, f = task[some], fold[some]
            made = _spread(cells.scatter[t, f], m) / np.sqrt(cells.total[t, f] / m)[:, None, None]
            place = starts[some][:, None] + np.arange(m)
            rows[place] = centred[t, f][:, None] + made
            weight[place] = (cells.total[t, f] / m)[:, None]
    codes = np.repeat(task, sizes)
    mean = whole.origin + whole.offset[:, 0]
    data = TaskData(
        X=np.ascontiguousarray(rows[:, :-1]),
        y=rows[:, -1] + mean[codes, -1],
        sample_weight=weight,
        offsets=np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(mean)))]).astype(np.intp),
        order=np.arange(len(rows), dtype=np.intp),
        tasks=statistics.tasks_,
    )
    return StandIn(
        data, mean[:, :-1], deviation(whole), _folds(np.repeat(fold, sizes), statistics.n_folds if folds else 0)
    )


def _spread(scatter: Array, m: int) -> Array:
    """Return m rows for each matrix, of sum zero, whose products summed are the matrix (of rank m - 1 at most)."""
    p = scatter.shape[1]
    if m == 1:
        return np.zeros((len(scatter), 1, p))
    size = np.sqrt(np.einsum("cjj->cj", scatter))
    unit = np.where(size > 0, size, 1.0)
    return helmert(m).T @ (_rooted(scatter / (unit[:, :, None] * unit[:, None, :]), m - 1) * unit[:, None])


def _rooted(unit_scatter: Array, rank: int) -> NDArray[Any]:
    """Return R of ``rank`` rows with R'R = M for each matrix; Cholesky's where all have full rank, for a fifth."""
    if rank == unit_scatter.shape[1]:
        try:
            return np.linalg.cholesky(unit_scatter).swapaxes(1, 2)
        except np.linalg.LinAlgError:  # a column that is constant in a cell, or a sum of others
            pass
    values, vectors = np.linalg.eigh(unit_scatter)
    root = np.sqrt(np.maximum(values[:, ::-1][:, :rank], 0.0))
    return root[..., None] * vectors.swapaxes(1, 2)[:, ::-1][:, :rank]


def deviation(whole: Cells) -> Array:
    """Return the standard deviation of each column over all rows, as ``column_scale`` has it."""
    weight = whole.total[:, 0] / whole.total.sum()
    mean = (whole.origin + whole.offset[:, 0])[:, :-1]
    centre = mean[0] + weight @ (mean - mean[0])
    inside = np.einsum("tjj->j", whole.scatter[:, 0])[:-1] / whole.total.sum()
    deviation = np.sqrt(inside + weight @ (mean - centre) ** 2)
    rounding = 10.0 * float(np.finfo(np.float64).eps) * np.abs(centre)
    return np.where(deviation > rounding, deviation, 1.0)


def _folds(fold: NDArray[np.intp], n_folds: int) -> list[tuple[IntVector, IntVector]]:
    sides = [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(n_folds)]
    return [(train, test) for train, test in sides if len(train) and len(test)]
