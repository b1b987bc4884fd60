"""Folds held out on all tasks at once, and the same kind of folds for a candidate's own tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.model_selection import TaskTimeSeriesSplit, task_folds
from crosstask.tasks import n_rows
from crosstask.tasks._frames import as_table

IntVector = NDArray[np.intp]
Folds = list[tuple[IntVector, IntVector]]
FEW_ROWS = 50


@dataclass(frozen=True)
class FoldMaker:
    """Makes folds over the pairs of a fit, and over any part of them.

    Parameters
    ----------
    X : table
        One row for each pair.
    y : ndarray of shape (n_pairs,)
        Target; classes are spread over the folds.
    codes : ndarray of shape (n_pairs,)
        Task of each pair.
    groups, times : ndarray of shape (n_pairs,) or None
        What never straddles a fold, and what is cut at dates common to all tasks.
    n_classes : int
        0 for regression.
    """

    X: Any
    y: NDArray[Any]
    codes: IntVector
    groups: NDArray[Any] | None
    times: NDArray[Any] | None
    n_classes: int

    def outer(self, cv: Any, row_of_pair: IntVector, seed: int) -> Folds:
        """Return the guard's own folds: 10 where the median task has fewer than 50 rows, else 5."""
        if cv is None or isinstance(cv, (int, np.integer)):
            folds = self._make(
                self._number() if cv is None else int(cv), np.arange(len(self.codes), dtype=np.intp), seed
            )
        elif hasattr(cv, "split"):
            folds = task_folds(cv, self.X, self.y, task=self.codes, groups=self.groups, time=self.times)
        else:
            folds = [
                (np.flatnonzero(np.isin(row_of_pair, train)), np.flatnonzero(np.isin(row_of_pair, test)))
                for train, test in task_folds(cv, np.empty((int(row_of_pair.max()) + 1, 1)))
            ]
        return [fold for fold in folds if len(fold[1]) and self._trainable(fold[0])]

    def _number(self) -> int:
        sizes = np.bincount(self.codes)
        return 10 if np.median(sizes[sizes > 0]) < FEW_ROWS else 5

    def inner(self, train: IntVector, seed: int) -> Folds | None:
        """Return five folds inside some pairs, as positions among them; None where they cannot be made."""
        try:
            folds = self._make(5, train, seed)
        except ValueError:  # too few rows, groups or dates to hold any of them out
            return None
        position = np.full(len(self.codes), -1, dtype=np.intp)
        position[train] = np.arange(len(train))
        folds = [(position[a], position[b]) for a, b in folds if len(b) and self._trainable(a)]
        return folds or None

    def _make(self, n_splits: int, pairs: IntVector, seed: int) -> Folds:
        y, codes = self.y[pairs], self.codes[pairs]
        groups = None if self.groups is None else self.groups[pairs]
        shape = np.empty((len(pairs), 1))
        if self.times is not None:
            n_dates = len(np.unique(self.times[pairs]))
            splitter = TaskTimeSeriesSplit(max(1, min(n_splits, 5, n_dates - 1)))
            folds = list(splitter.split(shape, y, groups, task=codes, time=self.times[pairs]))
        else:
            units = len(pairs) if groups is None else len(np.unique(groups))
            folds = task_folds(min(n_splits, max(units, 2)), shape, y, task=codes, groups=groups, random_state=seed)
        return [(pairs[train], pairs[test]) for train, test in folds]

    def _trainable(self, train: IntVector) -> bool:
        return len(train) > 0 and (self.n_classes == 0 or len(np.unique(self.y[train])) > 1)


def pairs_of(values: Any, row_of_pair: IntVector, n: int, name: str) -> NDArray[Any] | None:
    """Return what was given for each row as one value for each pair.

    Raises
    ------
    ValueError
        If the length differs from X.
    """
    if values is None:
        return None
    array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if array.shape != (n,):
        raise ValueError(f"{name} has shape {array.shape} for {n} rows of X; give one value for each row.")
    return array[row_of_pair]


def table_length(X: Any) -> int:
    """Return the number of rows of a table or of what can be made one."""
    return n_rows(as_table(X))
