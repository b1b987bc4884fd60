"""Cuts in time that no task may look across."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.model_selection._base import Fold, TaskSplitter
from crosstask.model_selection._read import (
    IntVector,
    check_n_splits,
    number_of_rows,
    read_groups,
    read_tasks,
    without_groups_of,
)
from crosstask.model_selection._times import read_times


class TaskTimeSeriesSplit(TaskSplitter):
    """Forward splits, cut at calendar dates that hold for all tasks at once.

    The distinct dates d_1 < .. < d_m are divided into K + 1 consecutive blocks, the first taking the remainder.
    Fold k tests on all rows of block k + 1 and trains on all rows earlier than it, so that no training row of
    *any* task is later than, or at the same date as, a test row. Cutting each task at its own dates lets the
    model see what a common shock, a season or a strike did to the other tasks in the very week that it is tested
    on; do that only where the tasks share no calendar (``per_task=True``).

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds K.
    time_column : str or int, optional
        Column of X that holds dates or numbers; or pass ``time=`` to ``split``. Text must be ISO 8601.
    gap : int or timedelta, default=0
        Left out between training and test rows: a number of distinct dates, or a span of time (datetime,
        NumPy or pandas).
    task_column : str or int, optional
        Column of X that holds the task ids; or pass ``task=`` to ``split``. Read only with ``per_task=True``.
    per_task : bool, default=False
        Cut each task at its own dates. A task with fewer dates than blocks is tested in the last folds.
    group_column : str or int, optional
        Rows that share a group with a test row leave the training rows of that fold. Or pass ``groups=``.

    Notes
    -----
    A task that starts late is not in the first training sets: fit with ``unseen_task="pooled"`` there.
    Not for rows without an order in time, where it wastes most of them (use :class:`TaskKFold`).

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.model_selection import TaskTimeSeriesSplit
    >>> week = np.array([1, 2, 3, 4, 1, 2, 3, 4])
    >>> for train, test in TaskTimeSeriesSplit(3).split(np.zeros((8, 1)), time=week):
    ...     print(week[train], week[test])
    [1 1] [2 2]
    [1 2 1 2] [3 3]
    [1 2 3 1 2 3] [4 4]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        time_column: str | int | None = None,
        gap: Any = 0,
        task_column: str | int | None = None,
        per_task: bool = False,
        group_column: str | int | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.time_column = time_column
        self.gap = gap
        self.task_column = task_column
        self.per_task = per_task
        self.group_column = group_column

    def split(self, X: Any, y: Any = None, groups: Any = None, *, task: Any = None, time: Any = None) -> Iterator[Fold]:
        """Yield ``(train, test)`` row positions; ``y`` is not used.

        Raises
        ------
        ValueError
            If no times were given, one is missing, there are too few dates, or the gap leaves no training rows.
        """
        n_splits = check_n_splits(self, 1)
        times = read_times(self, X, time)
        codes = read_tasks(self, X, y, task)[1] if self.per_task else np.zeros(number_of_rows(X), dtype=np.intp)
        groups_of = read_groups(self, X, groups)
        rank, n_dates = _dates(codes, times)
        if n_dates.max() <= n_splits:
            raise ValueError(
                f"n_splits={n_splits} needs at least {n_splits + 1} distinct dates; there are {int(n_dates.max())}."
            )
        block = _blocks(rank, n_dates[codes], n_splits)
        gap = _check_gap(self.gap, times)
        for k in range(1, n_splits + 1):
            test = np.flatnonzero(block == k)
            train = _before(test, codes, rank if isinstance(gap, int) else times, gap, block < k)
            train = without_groups_of(train, test, groups_of)
            if len(train) == 0:
                raise ValueError(
                    f"gap={self.gap!r} leaves no training rows before fold {k} of {n_splits}: "
                    "shorten the gap or ask for fewer folds."
                )
            yield train, test


def _dates(codes: IntVector, times: NDArray[Any]) -> tuple[IntVector, IntVector]:
    """Return the position of each row's date among the distinct dates of its task, and their number by task."""
    _, date = np.unique(times, return_inverse=True)
    date = date.reshape(-1)
    pairs, position = np.unique(codes * (int(date.max()) + 1) + date, return_inverse=True)
    n_dates = np.bincount(pairs // (int(date.max()) + 1))
    first = np.cumsum(n_dates) - n_dates
    return (position.reshape(-1) - first[codes]).astype(np.intp), n_dates.astype(np.intp)


def _blocks(rank: IntVector, n_dates: IntVector, n_splits: int) -> IntVector:
    """Return the block of each row, 0 .. n_splits; counted from the end, so that the first takes the remainder."""
    length = np.maximum(n_dates // (n_splits + 1), 1)
    from_end = (n_dates - 1 - rank) // length
    return np.where(rank == 0, 0, np.maximum(n_splits - from_end, 0)).astype(np.intp)


def _before(
    test: IntVector, codes: IntVector, moment: NDArray[Any], gap: Any, candidates: NDArray[np.bool_]
) -> IntVector:
    """Return the candidate rows that lie before their task's first test moment by more than the gap."""
    if not gap:
        return np.flatnonzero(candidates)
    first = np.full(int(codes.max()) + 1, moment.max(), dtype=moment.dtype)
    np.minimum.at(first, codes[test], moment[test])
    tested = np.zeros(len(first), dtype=bool)
    tested[codes[test]] = True
    early = ~tested[codes] | (moment < first[codes] - gap)
    return np.flatnonzero(candidates & early)


def _check_gap(gap: Any, times: NDArray[Any]) -> Any:
    if isinstance(gap, (int, np.integer)) and not isinstance(gap, (bool, np.timedelta64)) and gap >= 0:
        return int(gap)
    if isinstance(gap, (timedelta, np.timedelta64)):  # a pandas Timedelta is a datetime.timedelta
        span = np.timedelta64(gap)
        if times.dtype.kind != "M":
            raise ValueError(f"gap={gap!r} is a span of time, but the times are numbers: give a number of dates.")
        if not np.isnat(span) and span >= np.timedelta64(0, "ns"):
            return span
    raise ValueError(f"gap must be a whole number of dates, 0 or more, or a span of time; got {gap!r}.")
