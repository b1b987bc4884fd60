"""Choose the alpha of a lasso by the loss on held-out rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.losses import Loss
from crosstask.model_selection import task_folds
from crosstask.transfer._lasso import Floats, LassoData, LassoOptions, LassoPath, MomentData, lasso_data
from crosstask.transfer._selection import CAUTION, mean_and_error

IntVector = NDArray[np.intp]
CHUNK = 10  # alphas between two looks at the held-out loss
POLISH = 1e-7  # of the tolerance, for the fit that is kept
PATIENCE = 10  # alphas without a lower held-out loss after which a path ends


@dataclass(frozen=True)
class Rows:
    """Rows with a known offset: X (n, d), y, weight, offset (n,), the task of each, and its place in the caller's X."""

    X: Floats
    y: Floats
    weight: Floats
    offset: Floats
    task: IntVector
    place: IntVector

    def take(self, rows: Any) -> Rows:
        """Return some of the rows."""
        return Rows(self.X[rows], self.y[rows], self.weight[rows], self.offset[rows], self.task[rows], self.place[rows])


@dataclass(frozen=True)
class Folded:
    """Rows, their folds, and what there is to train on in each fold and in all.

    Parameters
    ----------
    rows : Rows
        Those that are held out in turn.
    tests : list of ndarray
        Positions of the rows that each fold holds out.
    training : list of LassoData
        What each fold trains on.
    whole : LassoData
        All of it.
    """

    rows: Rows
    tests: list[IntVector]
    training: list[LassoData]
    whole: LassoData

    def shifted(self, coef: Floats, intercept: float) -> Folded:
        """Return the same with x'coef + intercept in the offset."""
        rows = replace(self.rows, offset=self.rows.offset + self.rows.X @ coef + intercept)
        training = [part.shifted(coef, intercept) for part in self.training]
        return Folded(rows, self.tests, training, self.whole.shifted(coef, intercept))

    def joined(self, other: LassoData) -> Folded:
        """Return the same with other rows in training, always."""
        return replace(self, training=[part.join(other) for part in self.training], whole=self.whole.join(other))

    def mean_losses(self, loss: Loss, decisions: list[Floats]) -> Floats:
        """Return the mean held-out loss (F, A) of decisions (A, n_test) of each fold, offsets to be added."""
        out = []
        for test, decision in zip(self.tests, decisions, strict=True):
            held = self.rows.take(test)
            share = held.weight / held.weight.sum()
            out.append([loss.value(held.y, held.offset + z, share) for z in decision])
        return np.array(out)


def fold(rows: Rows, cv: Any, seed: int, options: LassoOptions) -> Folded:
    """Deal rows without offset into folds; no fold where there are fewer than two rows.

    A number of folds is dealt evenly over tasks and classes; a list of (train, test) refers to the caller's rows.
    """
    whole = lasso_data(rows.X, rows.y, rows.weight, options)
    dealt = splits(rows, cv, seed, options)
    training = [_part(whole, rows, train, test, options) for train, test in dealt]
    return Folded(rows, [test for _, test in dealt], training, whole)


def splits(rows: Rows, cv: Any, seed: int, options: LassoOptions) -> list[tuple[IntVector, IntVector]]:
    """Return (train, test) positions among these rows; none where there are fewer than two rows."""
    n = len(rows.y)
    if n < 2:
        return []
    if not isinstance(cv, int):
        sides = [[np.flatnonzero(np.isin(rows.place, side)) for side in split] for split in cv]
        return [(train, test) for train, test in sides if len(train) and len(test)]
    labels = rows.y.astype(np.intp) if options.loss.classifies else None
    folds = task_folds(min(cv, n), rows.X, labels, task=rows.task, random_state=seed)
    return [(train.astype(np.intp), test.astype(np.intp)) for train, test in folds]


def _part(whole: LassoData, rows: Rows, train: IntVector, test: IntVector, options: LassoOptions) -> LassoData:
    if isinstance(whole, MomentData) and len(train) + len(test) == len(rows.y):
        held = rows.take(test)
        return whole.without(MomentData.of(held.X, held.y, held.weight, options))
    part = rows.take(train)
    return lasso_data(part.X, part.y, part.weight, options)


@dataclass(frozen=True)
class Choice:
    """The chosen alpha with its fit, and the path (A,) that was tried: mean held-out loss and its standard error."""

    alpha: float
    coef: Floats
    intercept: float
    alphas: Floats
    loss: Floats
    error: Floats
    n_iter: int = 0


def alpha_grid(data: LassoData, n_alphas: int, ratio: float) -> Floats:
    """Return falling alphas, the first of which sets all coefficients to zero."""
    largest = data.largest_alpha() * (1.0 + 1e-9)
    return largest * np.geomspace(1.0, ratio, n_alphas) if largest > 0.0 else np.zeros(1)


def fit_at(data: LassoData, alpha: float, n_steps: int = 10) -> Choice:
    """Fit at a given alpha, by way of larger ones."""
    largest = data.largest_alpha()
    way = np.geomspace(largest, alpha, n_steps) if 0.0 < alpha < largest else np.array([alpha])
    path, nothing = _polished(data, way), np.empty(0)
    return Choice(float(alpha), path.coef[-1], float(path.intercept[-1]), nothing, nothing, nothing, path.n_iter)


def _polished(data: LassoData, alphas: Floats) -> LassoPath:
    """Fit along a path, and the last alpha more precisely: paths that are only compared need not be as good."""
    coarse = data.path(alphas)
    fine = data.sharper(POLISH).path(alphas[-1:], coarse.coef[-1])
    return replace(fine, n_iter=coarse.n_iter + fine.n_iter)


def choose(folded: Folded, loss: Loss, n_alphas: int, ratio: float) -> Choice:
    """Take the largest alpha whose held-out loss is within half a standard error of the least.

    The path ends where the loss has not come down for some alphas.
    """
    alphas = alpha_grid(folded.whole, n_alphas, ratio)
    if not folded.tests:
        return fit_at(folded.whole, float(alphas[0]))
    starts: list[Any] = [None] * len(folded.training)
    losses = np.empty((len(folded.tests), 0))
    for first in range(0, len(alphas), CHUNK):
        part = alphas[first : first + CHUNK]
        paths = [data.path(part, start) for data, start in zip(folded.training, starts, strict=True)]
        starts = [path.coef[-1] for path in paths]
        decisions = [path.decision(folded.rows.X[test]) for path, test in zip(paths, folded.tests, strict=True)]
        losses = np.hstack([losses, folded.mean_losses(loss, decisions)])
        if losses.shape[1] - 1 - int(losses.mean(axis=0).argmin()) >= PATIENCE:
            break
    mean, error = mean_and_error(losses)
    best = int(np.nanargmin(mean))
    chosen = int(np.flatnonzero(mean <= mean[best] + CAUTION * error[best])[0])
    path = _polished(folded.whole, alphas[: chosen + 1])
    return Choice(
        float(alphas[chosen]), path.coef[-1], float(path.intercept[-1]), alphas[: len(mean)], mean, error, path.n_iter
    )
