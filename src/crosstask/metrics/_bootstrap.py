"""The paired bootstrap, for all tasks at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crosstask.metrics._table import Vector

MOST_CELLS = 20_000_000  # of the table tasks x bootstrap samples
FEWEST_SAMPLES = 200


@dataclass(frozen=True)
class Sums:
    """Rows sorted by task: weighted losses of both models, and the sums over each task."""

    own: Vector
    model: Vector
    weight: Vector
    start: NDArray[np.intp]
    count: NDArray[np.intp]

    @classmethod
    def of(cls, own: Vector, model: Vector, weight: Vector, codes: NDArray[np.intp]) -> Sums:
        """Return the sums of rows that are sorted by their codes."""
        count = np.bincount(codes)
        return cls(weight * own, weight * model, weight, np.cumsum(count) - count, count)

    def means(self) -> tuple[Vector, Vector]:
        """Return the mean loss of both models in each task."""
        mass = np.add.reduceat(self.weight, self.start)
        return np.add.reduceat(self.own, self.start) / mass, np.add.reduceat(self.model, self.start) / mass

    def gain(self) -> Vector:
        """Return 1 - model / own in each task; 0 where both are zero."""
        own, model = self.means()
        return relative_gain(own, model)

    def gain_of_all(self) -> float:
        """Return 1 - mean over tasks of model / mean over tasks of own."""
        own, model = self.means()
        return float(relative_gain(own.mean(), model.mean()))

    def resampled(self, rng: np.random.RandomState) -> tuple[Vector, Vector]:
        """Return both means after drawing the rows of each task with replacement."""
        drawn = np.repeat(self.start, self.count)
        drawn = drawn + (rng.random_sample(len(self.own)) * np.repeat(self.count, self.count)).astype(np.intp)
        mass = np.add.reduceat(self.weight[drawn], self.start)
        own, model = np.add.reduceat(self.own[drawn], self.start), np.add.reduceat(self.model[drawn], self.start)
        return own / mass, model / mass


def relative_gain(own: Vector | float, model: Vector | float) -> Vector:
    """Return (own - model) / own, 0 where both are zero."""
    difference = np.asarray(own) - np.asarray(model)
    return np.where(difference == 0, 0.0, difference / own)


def bootstrap_intervals(
    sums: Sums, level: float, n_samples: int, rng: np.random.RandomState, *, by_task: bool
) -> tuple[Vector, Vector, float, float]:
    """Return the interval of each task's gain (NaN unless ``by_task``), and of the gain of all tasks together.

    For the latter, tasks are drawn with replacement, and rows inside the drawn tasks.
    """
    n_tasks = len(sums.count)
    n_samples = min(n_samples, max(FEWEST_SAMPLES, MOST_CELLS // n_tasks))
    gains = np.empty((n_samples, n_tasks)) if by_task else np.empty((0, n_tasks))
    together = np.empty(n_samples)
    for b in range(n_samples):
        own, model = sums.resampled(rng)
        if by_task:
            gains[b] = relative_gain(own, model)
        tasks = rng.randint(n_tasks, size=n_tasks)
        together[b] = relative_gain(np.nansum(own[tasks]), np.nansum(model[tasks]))
    low, high = _expanded_percentiles(gains, sums.count, level)
    edges = _expanded_percentiles(together[:, None], np.array([n_tasks]), level)
    return low, high, float(edges[0][0]), float(edges[1][0])


def _expanded_percentiles(draws: NDArray[np.float64], n: NDArray[np.intp], level: float) -> tuple[Vector, Vector]:
    """Return percentiles at levels so wide that the interval of a mean of n normal values is Student's."""
    if len(draws) == 0:
        nothing = np.full(draws.shape[1], np.nan)
        return nothing, nothing.copy()
    degrees = np.maximum(n - 1, 1)
    tail = stats.norm.cdf(-np.sqrt(n / degrees) * stats.t.ppf(0.5 + level / 2, degrees))
    ordered = np.sort(draws, axis=0)
    place = tail * (len(draws) - 1)
    column = np.arange(draws.shape[1])
    below = np.floor(place).astype(np.intp)
    share = place - below
    low = (1 - share) * ordered[below, column] + share * ordered[below + 1, column]
    high = (1 - share) * ordered[-1 - below, column] + share * ordered[-2 - below, column]
    low[n < 2], high[n < 2] = np.nan, np.nan
    return low, high
