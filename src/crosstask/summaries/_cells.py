"""Moments of the cells of a table of tasks by folds, which grow as tasks appear."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
IntVector = NDArray[np.int64]


@dataclass
class Cells:
    """Weighted moments of the variables (the features, then y) of each task and fold.

    Parameters
    ----------
    total : ndarray of shape (T, F)
        Sums of the weights.
    count : ndarray of shape (T, F)
        Numbers of rows.
    origin : ndarray of shape (T, p)
        A row of each task, from which its means are counted, so that a mean far from zero costs no digits.
    offset : ndarray of shape (T, F, p)
        Means less the origin; zero where there are no rows.
    scatter : ndarray of shape (T, F, p, p)
        Second moments about the cell's own mean; only the lower triangle is kept up.
    """

    total: Array
    count: IntVector
    origin: Array
    offset: Array
    scatter: Array

    @classmethod
    def empty(cls, n_tasks: int, n_folds: int, n_variables: int) -> Cells:
        """Return cells without rows."""
        T, F, p = n_tasks, n_folds, n_variables
        return cls(
            total=np.zeros((T, F)),
            count=np.zeros((T, F), dtype=np.int64),
            origin=np.full((T, p), np.nan),
            offset=np.zeros((T, F, p)),
            scatter=np.zeros((T, F, p, p)),
        )

    def room_for(self, n_tasks: int) -> Cells:
        """Return cells for at least so many tasks; doubled, so that growing costs no more than filling."""
        T, F, p = self.offset.shape
        if n_tasks <= T:
            return self
        larger = Cells.empty(max(n_tasks, 2 * T), F, p)
        for field in fields(self):
            getattr(larger, field.name)[:T] = getattr(self, field.name)
        return larger

    def take(self, tasks: NDArray[np.intp]) -> Cells:
        """Return the cells of some tasks, in the given order."""
        return Cells(*(getattr(self, field.name)[tasks] for field in fields(self)))

    def add(self, other: Cells, places: NDArray[np.intp]) -> None:
        """Join the cells of another table to those at ``places``, by Chan, Golub and LeVeque's rule."""
        fresh = np.isnan(self.origin[places, 0])
        self.origin[places[fresh]] = other.origin[fresh]
        mean = other.offset + (other.origin - self.origin[places])[:, None]
        before, more = self.total[places], other.total
        share = np.divide(more, before + more, out=np.zeros_like(more), where=more > 0)
        apart = np.where((more > 0)[..., None], mean - self.offset[places], 0.0)
        between = (before * share)[..., None, None]
        self.scatter[places] += other.scatter + between * apart[..., :, None] * apart[..., None, :]
        self.offset[places] += share[..., None] * apart
        self.total[places] += more
        self.count[places] += other.count

    def over_folds(self) -> Cells:
        """Return the moments of the tasks, their folds joined: F becomes 1."""
        T, F, p = self.offset.shape
        whole = Cells.empty(T, 1, p)
        places = np.arange(T)
        for f in range(F):
            whole.add(self.of_folds(np.arange(F) == f), places)
        return whole

    def of_folds(self, kept: NDArray[np.bool_]) -> Cells:
        """Return the cells of some folds."""
        return Cells(self.total[:, kept], self.count[:, kept], self.origin, self.offset[:, kept], self.scatter[:, kept])
