"""How the columns were distributed at fit: counts in bins with rounded edges, from which no row can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crosstask.auto._columns import is_category

FloatMatrix = NDArray[np.float64]
BINS = 10
STABLE = 0.1
"""A population stability index below this is no shift worth telling, however sure it is."""


@dataclass(frozen=True)
class Shift:
    """How one column differs.

    Parameters
    ----------
    name : str
    index, p : float
        Population stability index, and p value of the chi squared test over the bins.
    mean_before, mean_after, missing_before, missing_after : float
        Mean of what is not missing, and share of what is.
    outside, outside_p : float
        Share of values beyond all of fit by more than a tenth of their range, and the probability of so many if each
        of the values, old and new, were the first to be there with the same probability.
    """

    name: str
    index: float
    p: float
    mean_before: float
    mean_after: float
    outside: float
    outside_p: float
    missing_before: float
    missing_after: float


@dataclass(frozen=True)
class Profile:
    """Counts of each column of the reader's matrix.

    Parameters
    ----------
    names : list of str
        The columns.
    edges : list of ndarray
        Inner edges of the bins of numbers, rounded outwards at the ends; of a category, halves between its codes.
    counts : list of ndarray
        Rows in each bin; those of missing values come last.
    means : ndarray
        Means of what is not missing.
    """

    names: list[str]
    edges: list[FloatMatrix]
    counts: list[FloatMatrix]
    means: FloatMatrix

    @classmethod
    def of(cls, matrix: FloatMatrix, names: list[str], levels: list[Any]) -> Profile:
        """Count the rows of fit."""
        edges = [_edges(column, known) for column, known in zip(matrix.T, levels, strict=True)]
        counts = [_count(column, edge) for column, edge in zip(matrix.T, edges, strict=True)]
        return cls(list(names), edges, counts, _means(matrix))

    def shifts(self, matrix: FloatMatrix) -> list[Shift]:
        """Compare other rows, column by column."""
        means, found = _means(matrix), list[Shift]()
        for j, (name, edge, was) in enumerate(zip(self.names, self.edges, self.counts, strict=True)):
            column, both = matrix[:, j], (float(self.means[j]), float(means[j]))
            outside = _outside(column, edge, float(was[:-1].sum()))
            found.append(_shift(name, was, _count(column, edge), outside, both))
        return found


def _means(matrix: FloatMatrix) -> FloatMatrix:
    present = ~np.isnan(matrix)
    sums = np.where(present, matrix, 0.0).sum(axis=0)
    return np.divide(sums, present.sum(axis=0), out=np.full(matrix.shape[1], np.nan), where=present.any(axis=0))


def _edges(column: FloatMatrix, levels: Any) -> FloatMatrix:
    """Return edges at rounded quantiles, the first and the last outside of all values."""
    if is_category(levels):
        return np.arange(len(levels) + 1, dtype=np.float64) - 0.5
    present = column[~np.isnan(column)]
    if not len(present):
        return np.array([0.0, 1.0])
    low, high = float(present.min()), float(present.max())
    step = 10.0 ** (np.floor(np.log10(high - low)) - 1.0) if high > low else 1.0
    inner = np.round(np.quantile(present, np.linspace(0.0, 1.0, BINS + 1)[1:-1]) / step) * step
    ends = (np.floor(low / step) * step, np.ceil(high / step) * step)
    every = [ends[0], *inner, max(ends[1], ends[0] + step)]
    return np.array(sorted(set(map(float, every))), dtype=np.float64)


def _count(column: FloatMatrix, edges: FloatMatrix) -> FloatMatrix:
    """Count below, in each bin, above, and missing."""
    missing = np.isnan(column)
    place = np.searchsorted(edges, column[~missing], side="right")
    place = np.where(column[~missing] == edges[-1], len(edges) - 1, place)  # the last bin holds its end
    return np.append(np.bincount(place, minlength=len(edges) + 1), missing.sum()).astype(np.float64)


def _outside(column: FloatMatrix, edges: FloatMatrix, n_fit: float) -> tuple[float, float]:
    """Return the share of values beyond all of fit by more than a tenth of their range, and its p value."""
    present = column[~np.isnan(column)]
    room = 0.1 * (edges[-1] - edges[0])
    beyond = int(((present < edges[0] - room) | (present > edges[-1] + room)).sum())
    return beyond / max(len(present), 1), float(stats.binom.sf(beyond - 1, len(present), 1.0 / (n_fit + 1.0)))


def _shift(
    name: str, was: FloatMatrix, now: FloatMatrix, outside: tuple[float, float], means: tuple[float, float]
) -> Shift:
    table = np.vstack([was[:-1], now[:-1]])  # what is missing is told of its own
    table = table[:, table.any(axis=0)]
    p = 1.0
    if table.shape[1] > 1 and (table.sum(axis=1) > 0).all():
        test: Any = stats.chi2_contingency(table, correction=False)
        p = float(test.pvalue)
    share = (table + 0.5) / (table.sum(axis=1, keepdims=True) + 0.5 * table.shape[1])
    index = float(((share[1] - share[0]) * np.log(share[1] / share[0])).sum())
    missing = [float(part[-1] / max(part.sum(), 1.0)) for part in (was, now)]
    return Shift(name, index, p, *means, *outside, *missing)
