"""Float matrices with NaN and category codes into the finite columns that linear models need; one per fold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from crosstask.auto._columns import is_category

FloatMatrix = NDArray[np.float64]
MAX_ONE_HOT = 30


class NumericEncoder(BaseEstimator):
    """Fills gaps with the mean, adds a column that says where there was one, spreads categories over columns.

    Means are weighted by ``sample_weight`` and taken over all tasks, so that a task in which a column is wholly
    missing borrows from the others. A category of two levels becomes one column, of more levels one column each
    (the 30 most frequent). A number of a few whole values stays a number and gets a column for each value as well,
    since such numbers often are codes. Columns without variation in the data of fit are left out.

    A value outside the range that fit saw is held at its end (rounded outwards), as trees do by construction: a line
    fitted to a few rows, or to the months before, is not to be trusted beyond them.

    Parameters
    ----------
    names : list of str
        Names of the columns of the matrix.
    levels : list
        For each column the names of its categories (text), the values of a coded number (numbers), or None.

    Attributes
    ----------
    names_out_ : list of str
        Names of the encoded columns: ``age``, ``colour=red``, ``age: missing``.
    """

    def __init__(self, names: list[str] | None = None, levels: list[Any] | None = None) -> None:
        self.names = names
        self.levels = levels

    def fit(self, X: FloatMatrix, y: Any = None, sample_weight: NDArray[np.float64] | None = None) -> NumericEncoder:
        """Learn the means, the gaps and the columns that vary."""
        del y
        names = self.names or [f"x{j}" for j in range(X.shape[1])]
        levels: list[Any] = self.levels or [None] * X.shape[1]
        self.source_, self.level_, names_out = _spread(names, levels)
        spread = self._spread_out(X)
        self.fill_ = _means(spread, sample_weight)
        gaps = np.isnan(X)
        self.gap_of_, gap_names = _gap_patterns(gaps, names)
        filled = np.where(np.isnan(spread), self.fill_, spread)
        self.low_, self.high_ = _rounded_range(filled)
        varies = np.concatenate([_varies(filled), np.ones(len(self.gap_of_), dtype=bool)])
        if not varies.any():  # every column constant in this fold: one column of zeros keeps the models' shapes
            varies[0] = True
        self.kept_ = np.flatnonzero(varies)
        all_names = names_out + gap_names
        self.names_out_ = [all_names[j] for j in self.kept_]
        return self

    def transform(self, X: FloatMatrix) -> FloatMatrix:
        """Return the finite matrix of shape (n_rows, len(names_out_))."""
        spread = self._spread_out(X)
        filled = np.clip(np.where(np.isnan(spread), self.fill_, spread), self.low_, self.high_)
        encoded = np.hstack([filled, np.isnan(X[:, self.gap_of_]).astype(np.float64)])
        return np.ascontiguousarray(encoded[:, self.kept_])

    def _spread_out(self, X: FloatMatrix) -> FloatMatrix:
        spread = X[:, self.source_]
        indicators = np.flatnonzero(~np.isnan(self.level_))
        if len(indicators):
            values = spread[:, indicators]
            spread[:, indicators] = np.where(np.isnan(values), np.nan, values == self.level_[indicators])
        return spread


def _spread(names: list[str], levels: list[Any]) -> tuple[NDArray[np.intp], NDArray[np.float64], list[str]]:
    """Return, for each column before pruning, its source, the value that it indicates (NaN: none) and its name."""
    source: list[int] = []
    level: list[float] = []
    names_out: list[str] = []
    for j, (name, known) in enumerate(zip(names, levels, strict=True)):
        if known is None:
            wanted, labels = [np.nan], [name]
        elif not is_category(known):
            wanted, labels = [np.nan, *known], [name, *(f"{name}={value:g}" for value in known)]
        elif len(known) == 2:
            wanted, labels = [0.0], [f"{name}={known[0]}"]
        else:
            wanted = [float(k) for k in range(min(len(known), MAX_ONE_HOT))]
            labels = [f"{name}={label}" for label in known[:MAX_ONE_HOT]]
        source += [j] * len(wanted)
        level += wanted
        names_out += labels
    return np.array(source, dtype=np.intp), np.array(level, dtype=np.float64), names_out


def _means(spread: FloatMatrix, sample_weight: NDArray[np.float64] | None) -> NDArray[np.float64]:
    present = ~np.isnan(spread)
    weight = present.astype(np.float64) if sample_weight is None else present * sample_weight[:, None]
    total = weight.sum(axis=0)
    sums = (np.where(present, spread, 0.0) * weight).sum(axis=0)
    return np.divide(sums, total, out=np.zeros(spread.shape[1]), where=total > 0)


def _rounded_range(matrix: FloatMatrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the ends of each column, rounded outwards by up to a tenth, so that a saved model tells nobody's value."""
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    step = 10.0 ** (np.floor(np.log10(width)) - 1.0)
    return np.floor(low / step) * step, np.ceil(high / step) * step


def _varies(matrix: FloatMatrix) -> NDArray[np.bool_]:
    return np.ptp(matrix, axis=0) > 0.0


def _gap_patterns(gaps: NDArray[np.bool_], names: list[str]) -> tuple[NDArray[np.intp], list[str]]:
    """Return one column for each distinct pattern of gaps that some rows have and others have not."""
    seen: dict[bytes, list[int]] = {}
    for j in np.flatnonzero(gaps.any(axis=0) & ~gaps.all(axis=0)):
        seen.setdefault(np.packbits(gaps[:, j]).tobytes(), []).append(int(j))
    first = np.array([columns[0] for columns in seen.values()], dtype=np.intp)
    return first, [f"{_joined([names[j] for j in columns])}: missing" for columns in seen.values()]


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
