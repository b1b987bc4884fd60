"""Columns of any kind into the finite numbers that linear models need, learnt from sums that batches add to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from crosstask.auto._values import Values, array_values, frame_values, text_to_dates, text_to_numbers
from crosstask.tasks import is_frame

Array = NDArray[np.float64]
MOST_SPREAD = 30  # levels of a category that get a column, the most frequent first
MOST_LEVELS = 20_000  # that are counted; a column with more is no category
Kind = Literal["number", "date", "category"]
SAID = {"number": "numbers", "date": "dates", "category": "text"}
DAY = np.timedelta64(1, "D")
DIGITS = 12  # of a mean: what sums in batches differ by would deal rows with gaps into other folds


@dataclass(frozen=True)
class Column:
    """A column as it came: numbers with NaN for a gap, or places among ``levels`` with -1 for a gap."""

    values: NDArray[Any]
    levels: list[str] | None = None
    is_date: bool = False  # days since 1970

    @classmethod
    def of(cls, values: Values) -> Self:
        """Take a column of a frame or an array; dates become days since 1970."""
        if values.data.dtype == object:
            place: dict[str, int] = {}
            codes = [-1 if text is None else place.setdefault(text, len(place)) for text in values.data.tolist()]
            return cls(np.array(codes, dtype=np.int64), list(place))
        is_date = values.make == "date"
        return cls(days(values.data) if is_date else values.data, is_date=is_date)

    @property
    def kind(self) -> Kind:
        """What it holds."""
        return "category" if self.levels is not None else "date" if self.is_date else "number"

    def spelled_as(self, kind: Kind, name: str) -> Column:
        """Return the dates or numbers that texts spell, where the column held those in fit.

        Raises
        ------
        ValueError
            If it is of another kind, or a text spells none.
        """
        if self.kind == kind or self.gap.all():
            return self
        if self.levels is None or kind == "category":
            raise ValueError(
                f"column {name!r} held {SAID[kind]} in fit, and holds {SAID[self.kind]} here: give it as the model was "
                "fitted."
            )
        texts = np.array([*self.levels, None], dtype=object)  # code -1 reads the last
        read = days(text_to_dates(texts, name)) if kind == "date" else text_to_numbers(texts, name)
        return Column(read[self.values], is_date=kind == "date")

    @property
    def gap(self) -> NDArray[np.bool_]:
        """Where the value is missing."""
        return np.isnan(self.values) if self.levels is None else self.values < 0


def days(dates: NDArray[Any]) -> Array:
    """Return dates as days since 1970, NaN for NaT."""
    return np.where(np.isnat(dates), np.nan, (dates - np.datetime64(0, "s")) / DAY)


def table_columns(X: Any, names: Sequence[str]) -> list[Column]:
    """Return the columns of a table (pandas, polars, NumPy).

    Raises
    ------
    ValueError, TypeError
        If X is sparse, or a column holds neither numbers, truth values, dates nor text.
    """
    if hasattr(X, "tocsr"):
        raise ValueError(
            "EncodedTasks reads tables column by column, and X is sparse: pass it to the estimator itself."
        )
    if is_frame(X) and hasattr(X, "iloc"):
        return [Column.of(frame_values(X.iloc[:, j], name)) for j, name in enumerate(names)]
    if is_frame(X):
        return [Column.of(frame_values(X[:, j], name)) for j, name in enumerate(names)]
    return [Column.of(array_values(X[:, j], name)) for j, name in enumerate(names)]


@dataclass
class ColumnSurvey:
    """What is counted of one column, batch by batch.

    Parameters
    ----------
    name : str
        The column.
    kind : {"number", "date", "category"}
        What it holds.
    n_rows, n_present : int
        Rows, and those without a gap.
    mean : float
        Of the numbers that are there.
    varies : bool
        Whether two of them differ.
    first : float or None
        The first of them.
    counts : dict
        Rows of each level.
    """

    name: str
    kind: Kind
    n_rows: int = 0
    n_present: int = 0
    mean: float = 0.0
    first: float | None = None
    varies: bool = False
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def add(self, column: Column) -> None:
        """Count some rows.

        Raises
        ------
        ValueError
            If a number is infinite, the kind has changed, or a text has too many values to be a category.
        """
        column = column.spelled_as(self.kind, self.name)
        present = ~column.gap
        n = int(present.sum())
        self.n_rows += len(present)
        self.n_present += n
        if column.levels is not None:
            counts = np.bincount(column.values[present], minlength=len(column.levels))
            for level, k in zip(column.levels, counts.tolist(), strict=True):
                if k:
                    self.counts[level] = self.counts.get(level, 0) + k
            if len(self.counts) > MOST_LEVELS:
                raise ValueError(
                    f"column {self.name!r} has more than {MOST_LEVELS} different texts, which is no category: leave it "
                    "out (features=[..], in the command --feature NAME for each of the others)."
                )
        elif n:
            numbers = column.values[present]
            if np.isinf(numbers).any():
                raise ValueError(
                    f"column {self.name!r} has infinite values (infinity): correct them, or make them gaps."
                )
            self.first = float(numbers[0]) if self.first is None else self.first
            self.varies = self.varies or bool((numbers != self.first).any())
            self.mean += (float(numbers.mean()) - self.mean) * n / self.n_present

    @property
    def levels(self) -> list[str]:
        """The levels that get a column each: the most frequent, one of two; none where text names each case."""
        if len(self.counts) > 0.9 * self.n_present >= 18:
            return []
        ranked = sorted(self.counts, key=lambda level: (-self.counts[level], level))[:MOST_SPREAD]
        return ranked[:1] if len(self.counts) == 2 else ranked if len(self.counts) > 2 else []


class ColumnEncoder(BaseEstimator):
    """Fills gaps with the mean, says in a column of its own where a gap was, spreads categories over columns.

    Means are over the rows of all tasks, so that a task in which a column is wholly missing borrows from the others. A
    category of two levels becomes one column, of more levels one column each, the 30 most frequent; other levels are
    zeros. A date is its day since 1970. Columns without variation are left out.

    Attributes
    ----------
    names_ : list of str
        The columns that are read.
    kinds_ : list of {"number", "date", "category"}
        What each of them holds.
    levels_ : list
        For each of them its levels that have a column; None for a number.
    fill_ : list of ndarray
        For each of them what stands in its columns where there is a gap.
    gaps_ : list of bool
        For each of them whether gaps are said.
    names_out_ : list of str
        Names of what it becomes: ``age``, ``colour=red``, ``age: missing``.
    """

    names_: list[str]
    kinds_: list[Kind]
    levels_: list[list[str] | None]
    fill_: list[Array]
    gaps_: list[bool]
    names_out_: list[str]

    @classmethod
    def learnt(cls, surveys: Sequence[ColumnSurvey]) -> Self:
        """Return the encoder that the counts call for.

        Raises
        ------
        ValueError
            If no column is left.
        """
        encoder = cls()
        encoder.names_ = [one.name for one in surveys]
        encoder.kinds_ = [one.kind for one in surveys]
        encoder.levels_ = [one.levels if one.kind == "category" else None for one in surveys]
        encoder.gaps_ = [0 < one.n_present < one.n_rows for one in surveys]
        encoder.fill_, encoder.names_out_ = [], []
        alone = _kept_alone(surveys, encoder.levels_, encoder.gaps_)
        for one, levels, gaps in zip(surveys, encoder.levels_, encoder.gaps_, strict=True):
            if levels is None:
                shares, outputs = [float(f"{one.mean:.{DIGITS}g}")], [one.name]
                if not one.varies and one is not alone:
                    shares, outputs = [], []
            else:
                shares = [one.counts[level] / max(one.n_present, 1) for level in levels]
                outputs = [f"{one.name}={level}" for level in levels]
            encoder.fill_.append(np.array(shares, dtype=np.float64))
            encoder.names_out_ += outputs + ([f"{one.name}: missing"] if gaps else [])
        if not encoder.names_out_:
            raise ValueError(
                f"column(s) {', '.join(map(repr, encoder.names_[:8]))} hold no category and no number: 0 feature(s) "
                "are left while a minimum of 1 is required."
            )
        return encoder

    def encode(self, columns: Sequence[Column]) -> Array:
        """Return the finite matrix of shape (n_rows, len(names_out_)).

        Raises
        ------
        ValueError
            If a column is of another kind than those that were learnt from, or infinite.
        """
        matrix = np.empty((len(columns[0].values), len(self.names_out_)), order="F")
        place = 0
        parts = zip(self.names_, self.kinds_, self.levels_, self.fill_, self.gaps_, columns, strict=True)
        for name, kind, levels, fill, gaps, given in parts:
            column = given.spelled_as(kind, name)
            if column.levels is None and np.isinf(column.values).any():
                raise ValueError(f"column {name!r} has infinite values (infinity): correct them, or make them gaps.")
            gap = column.gap
            outputs = matrix[:, place : place + len(fill)]
            if levels is None:
                outputs[:] = column.values[:, None]
            elif column.levels is not None:
                known = {level: k for k, level in enumerate(column.levels)}
                for k, level in enumerate(levels):
                    outputs[:, k] = column.values == known[level] if level in known else 0.0
            if gap.any():
                outputs[gap] = fill
            place += len(fill)
            if gaps:
                matrix[:, place] = gap
                place += 1
        return matrix


def _kept_alone(
    surveys: Sequence[ColumnSurvey], levels: list[list[str] | None], gaps: list[bool]
) -> ColumnSurvey | None:
    """Return the first column of numbers where no column says anything: a model of intercepts alone is a model."""
    if any(gaps) or any(levels) or any(one.varies for one in surveys):
        return None
    return next((one for one in surveys if one.kind != "category"), None)


def survey(columns: Sequence[Column], names: Sequence[str]) -> list[ColumnSurvey]:
    """Count the columns of a table that is in memory."""
    counted = [ColumnSurvey(name, column.kind) for name, column in zip(names, columns, strict=True)]
    for one, column in zip(counted, columns, strict=True):
        one.add(column)
    return counted
