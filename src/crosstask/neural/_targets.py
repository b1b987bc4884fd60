"""Each task's target on its own scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks import TaskData

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TargetScaling:
    """Mean and scale of each task's target, and those that an unseen task gets.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_tasks + 1,)
        The last entry is for unseen tasks: the mean of the means, the geometric mean of the scales.
    """

    mean: Array
    scale: Array

    def apply(self, y: Array, codes: NDArray[np.intp]) -> Array:
        """Return (y - mean_t) / scale_t."""
        return (y - self.mean[codes]) / self.scale[codes]

    def invert(self, z: Array, codes: NDArray[np.intp]) -> Array:
        """Return z scale_t + mean_t; code -1 is an unseen task."""
        return z * self.scale[codes] + self.mean[codes]


def learn_target_scaling(data: TaskData, untouched: NDArray[np.bool_]) -> TargetScaling:
    r"""Learn the scale of each task's target.

    .. math:: \log s_t = \frac{(n_t - 1) \log \hat s_t + \overline{\log s}}{n_t}

    with :math:`\hat s_t` the standard deviation of task t, :math:`n_t` the sum of its weights (in units of their mean,
    where that is below one: weights may be shares), and :math:`\overline{\log s}` the mean of the logarithms, weighted
    by rows: a task of few rows borrows its scale, for the deviation of two rows says next to nothing. A task with one
    row, or with one value, takes the mean. Tasks that are ``untouched`` keep mean 0 and scale 1.
    """
    totals = np.maximum(data.totals, 1e-300)
    n = np.maximum(totals * max(1.0, np.count_nonzero(data.sample_weight) / totals.sum()), 1.0)
    mean = np.bincount(data.codes, data.sample_weight * data.y, data.n_tasks) / totals
    apart = data.y - mean[data.codes]
    deviation = np.sqrt(np.bincount(data.codes, data.sample_weight * apart**2, data.n_tasks) / totals)
    moving = (deviation > 1e-10 * np.maximum(np.abs(mean), 1e-300)) & ~untouched
    log_own = np.log(np.where(moving, deviation, 1.0))
    centre = float(np.average(log_own[moving], weights=n[moving])) if moving.any() else 0.0
    log_scale = np.where(moving, ((n - 1.0) * log_own + centre) / n, centre)
    log_scale, mean = np.where(untouched, 0.0, log_scale), np.where(untouched, 0.0, mean)
    return TargetScaling(np.append(mean, mean.mean()), np.exp(np.append(log_scale, centre)))


def class_scaling(n_tasks: int) -> TargetScaling:
    """Return the scaling that changes nothing."""
    return TargetScaling(np.zeros(n_tasks + 1), np.ones(n_tasks + 1))


def hold_out(data: TaskData, fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Mark the rows held out for early stopping: a share of each task's rows, in classification of each class's too.

    A cell (task, or task and class) of n rows gives round(fraction n), and never all of them; prior rows and rows
    without weight are never held out.
    """
    cell = data.codes if data.n_classes is None else data.codes * data.n_classes + data.y.astype(np.intp)
    real = (data.order >= 0) & (data.sample_weight > 0)
    shuffled = np.flatnonzero(real)
    shuffled = shuffled[rng.permutation(len(shuffled))]
    shuffled = shuffled[np.argsort(cell[shuffled], kind="stable")]
    of_cell = cell[shuffled]
    sizes = np.bincount(of_cell, minlength=int(cell.max()) + 1)
    rank = np.arange(len(shuffled)) - (np.cumsum(sizes) - sizes)[of_cell]
    wanted = np.minimum(np.floor(fraction * sizes + 0.5), np.maximum(sizes - 1, 0))
    held = np.zeros(data.n_pairs, dtype=bool)
    held[shuffled] = rank < wanted[of_cell]
    return held
