"""Intervals and sets of classes from held-out rows: how far off the guarded model was, task by task."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]
CROWD_ROWS = 20.0  # what the scores of the other tasks count to a task, in rows
SCALE_ROWS = 10.0  # what the common size of a residual counts in a task's own, in rows
POINTS, FEW_POINTS = 400, 50  # of the grid on which distributions are kept, so that no row's own residual is
MANY_TASKS = 1000


@dataclass(frozen=True)
class Conformal:
    """Distribution of the scores of held-out rows, each task's own mixed with that of all.

    The threshold of task t at coverage c is the smallest q with

        (n_t F_t(q) + m F(q)) / (n_t + m + 1) >= c,

    F_t the distribution of its own scores, F that of all tasks, m = 20 rows. With m = 0 and rows that can be
    exchanged this is split conformal prediction, whose coverage is at least c; m lends small tasks the others' scores.

    Parameters
    ----------
    scale : ndarray of shape (T,)
        Size of a residual of each task, by which scores are divided; 1 for classes.
    n : ndarray of shape (T,)
        Held-out rows of each task, by weight.
    grid : ndarray of shape (G,)
        Scores at which the distributions are known, from the smallest to infinity.
    own : ndarray of shape (T, G)
        F_t; zeros for a task without held-out rows.
    crowd : ndarray of shape (G,)
        F.
    plain : ndarray of shape (G,)
        Unscaled scores at the same shares as ``crowd``, for rows of unseen tasks.
    n_crowd : float, default=0.0
        Rows behind ``crowd`` where tasks have come later; 0: all of ``n``.
    """

    scale: Array
    n: Array
    grid: Array
    own: Array
    crowd: Array
    plain: Array
    n_crowd: float = 0.0

    @classmethod
    def of_residuals(cls, residual: Array, codes: IntVector, weight: Array, n_tasks: int) -> Self:
        """Keep the absolute residuals, each divided by the size that is usual in its task."""
        n = np.bincount(codes, weight, n_tasks).astype(np.float64)
        squares = np.bincount(codes, weight * residual**2, n_tasks)
        common = max(float(squares.sum() / n.sum()), 1e-300)
        scale = np.sqrt((squares + SCALE_ROWS * common) / (n + SCALE_ROWS))
        size = np.abs(residual)
        return cls._make(size / scale[codes], size, scale, codes, weight, n)

    @classmethod
    def of_probabilities(cls, chosen: Array, codes: IntVector, weight: Array, n_tasks: int) -> Self:
        """Keep one minus the probability that the class observed was given."""
        n = np.bincount(codes, weight, n_tasks).astype(np.float64)
        return cls._make(1.0 - chosen, 1.0 - chosen, np.ones(n_tasks), codes, weight, n)

    @classmethod
    def _make(cls, score: Array, plain: Array, scale: Array, codes: IntVector, weight: Array, n: Array) -> Self:
        points = POINTS if len(n) <= MANY_TASKS else FEW_POINTS
        shares = np.linspace(0.0, 1.0, points)
        grid = _quantiles(score, weight, shares)
        cell = codes * points + np.searchsorted(grid, score, side="left")
        counts = np.bincount(cell, weight, len(n) * points).reshape(len(n), points)
        own = np.cumsum(counts, axis=1) / np.maximum(n, 1e-300)[:, None]
        crowd = np.cumsum(counts.sum(axis=0)) / n.sum()
        return cls(scale, n, grid, own, crowd, _quantiles(plain, weight, shares))

    def with_tasks(self, residual: Array, codes: IntVector, weight: Array, n_tasks: int, *, classes: bool) -> Self:
        """Return the distributions of these tasks, whose held-out rows are new, beside the crowd that stays as it is.

        ``residual`` holds residuals, or the probabilities of the classes observed.
        """
        n = np.bincount(codes, weight, n_tasks).astype(np.float64)
        score = 1.0 - residual if classes else np.abs(residual)
        scale = np.ones(n_tasks) if classes else self._scale_of(residual, codes, weight, n)
        points = len(self.grid)
        place = np.searchsorted(self.grid, score / scale[codes], side="left")
        inside = place < points  # what lies beyond all rows of fit is never reached
        cell = codes[inside] * points + place[inside]
        counts = np.bincount(cell, weight[inside], n_tasks * points).reshape(n_tasks, points)
        own = np.cumsum(counts, axis=1) / np.maximum(n, 1e-300)[:, None]
        return replace(self, scale=scale, n=n, own=own)

    def beside(self, other: Self, take: IntVector) -> Self:
        """Return the tasks of both, in the order that ``take`` says."""
        return replace(
            self,
            scale=np.concatenate([self.scale, other.scale])[take],
            n=np.concatenate([self.n, other.n])[take],
            own=np.concatenate([self.own, other.own])[take],
            n_crowd=self.n_crowd or float(self.n.sum()),
        )

    def _scale_of(self, residual: Array, codes: IntVector, weight: Array, n: Array) -> Array:
        """Size of a residual in new tasks, with the common size of fit, which the sizes of its tasks still tell."""
        common = float((self.scale**2 * (self.n + SCALE_ROWS)).sum() / (self.n.sum() + SCALE_ROWS * len(self.n)))
        squares = np.bincount(codes, weight * residual**2, len(n))
        return np.sqrt((squares + SCALE_ROWS * common) / (n + SCALE_ROWS))

    def thresholds(self, coverage: float) -> Array:
        """Return the largest score that is still inside, for each task, then for unseen tasks, (T + 1,).

        Infinite where there are too few rows for the coverage.
        """
        mixed = self.n[:, None] * self.own + CROWD_ROWS * self.crowd
        reached = mixed >= coverage * (self.n + CROWD_ROWS + 1.0)[:, None] - 1e-9
        first = np.where(reached.any(axis=1), reached.argmax(axis=1), len(self.grid))
        found = np.append(self.grid, np.inf)[first] * self.scale
        total = self.n_crowd or float(self.n.sum())
        place = np.flatnonzero(self.crowd * total >= coverage * (total + 1.0) - 1e-9)
        return np.append(found, self.plain[place[0]] if len(place) else np.inf)


def _quantiles(values: Array, weight: Array, shares: Array) -> Array:
    """Smallest value that has at least the given share of the weight below or at it."""
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weight[order])
    place = np.searchsorted(cumulated, shares * cumulated[-1] * (1.0 - 1e-12), side="left")
    return values[order][np.minimum(place, len(values) - 1)]


def check_coverage(coverage: float) -> None:
    """Refuse what is no share.

    Raises
    ------
    ValueError
        If ``coverage`` is not between 0 and 1.
    """
    if isinstance(coverage, (bool, str)) or not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage={coverage!r} must lie between 0 and 1, such as .9 for nine rows of ten.")
