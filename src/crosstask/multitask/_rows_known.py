"""What the moments of the tasks say of the rows of a fit before any coefficient is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from crosstask.losses import Logistic, Loss
from crosstask.summaries._cells import Cells

Array = NDArray[np.float64]
PRIOR = 0.5  # weight of a prior row, as TaskData has it


class PriorSums(NamedTuple):
    """Loss of the prior rows of each task and its derivatives in the intercept, each (T,)."""

    value: Array
    slope: Array
    curvature: Array


@dataclass(frozen=True)
class KnownRows:
    """The rows that a fit may use: those outside of one fold, or all.

    Parameters
    ----------
    held_out : int
        The fold; -1 for none.
    total : ndarray of shape (T,)
        Sums of the weights.
    mean : ndarray of shape (T, d)
        Mean rows.
    rate : float
        Mean of y over all tasks.
    lacking : ndarray of bool of shape (T,)
        Tasks that prior rows at their mean come to the help of: one class, or counts that are all zero.
    targets : ndarray of shape (k,)
        y of these prior rows.
    intercept : ndarray of shape (T,)
        Of the null model, or near it.
    """

    held_out: int
    total: Array
    mean: Array
    rate: float
    lacking: NDArray[np.bool_]
    targets: Array
    intercept: Array

    def prior(self, loss: Loss, b: Array) -> PriorSums:
        """Return the sums over the prior rows at intercepts b."""
        weight = np.where(self.lacking, PRIOR, 0.0)
        sums = np.zeros((3, len(b)))
        for target in self.targets:
            y = np.full(len(b), target)
            sums += [loss.row_value(y, b) * weight, loss.gradient(y, b, weight), loss.curvature(y, b, weight)]
        return PriorSums(*sums)


def known_rows(loss: Loss, cells: Cells, fold: int) -> KnownRows:
    """Return what is known of the rows outside of a fold."""
    whole = cells.of_folds(np.arange(cells.total.shape[1]) != fold).over_folds()
    total, mean = whole.total[:, 0], whole.origin + whole.offset[:, 0]
    filled, level = total > 0, mean[:, -1]
    rate = float(total[filled] @ level[filled] / total.sum())
    same = whole.scatter[:, 0, -1, -1] == 0.0  # all y are the same, exactly
    lacking, targets, start = np.zeros(len(total), dtype=bool), np.zeros(0), np.where(filled, level, 0.0)
    if isinstance(loss, Logistic):
        lacking, targets = same & filled, np.array([0.0, 1.0])
        level = np.clip(level, 0.0, 1.0)
        start = logit(_with_prior(total, level, lacking, 0.5, 2 * PRIOR))
    elif loss.log_link:
        lacking, targets = same & (level == 0.0) & filled, np.array([rate])
        start = np.log(_with_prior(total, level, lacking, rate, PRIOR))
    return KnownRows(fold, total, mean[:, :-1], rate, lacking, targets, start)


def _with_prior(total: Array, level: Array, lacking: NDArray[np.bool_], at: float, weight: float) -> Array:
    """Return the mean of y with the prior rows; theirs where there are no others."""
    below = total + weight * lacking
    above = np.where(total > 0, total * level, 0.0) + weight * at * lacking
    return np.divide(above, below, out=np.full_like(total, at), where=total > 0)
