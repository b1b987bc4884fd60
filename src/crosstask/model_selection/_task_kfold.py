"""K folds that each hold a part of each task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from crosstask.model_selection._base import Fold, TaskSplitter
from crosstask.model_selection._deal import deal_to_folds
from crosstask.model_selection._read import (
    check_n_splits,
    number_of_rows,
    read_classes,
    read_groups,
    read_tasks,
    read_units,
)


class TaskKFold(TaskSplitter):
    """K folds, with the rows of each task, and of each class of a task, spread evenly over all of them.

    A task with m rows puts floor(m / K) or ceil(m / K) of them into each fold, so a task with fewer rows than
    folds is in as many folds as it has rows. The same holds for each class of a task, and for the whole table.
    With groups, whole groups are dealt out in that way, the largest first.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds K, at least 2.
    task_column : str or int, optional
        Column of X (name or position) that holds the task ids; or pass ``task=`` to ``split``.
    group_column : str or int, optional
        Column of X whose equal values never stand on both sides of a split; or pass ``groups=`` to ``split``.
    shuffle : bool, default=True
        False keeps neighbouring rows of a task and class in the same fold.
    random_state : int, RandomState or None, default=None
        An integer gives the same folds in every call.

    Notes
    -----
    Cost: one sort of the rows; no loop over tasks.

    Not for rows that are ordered in time: a fold then borrows from the future (use :class:`TaskTimeSeriesSplit`).
    Not for judging a task that the model has never seen (use :class:`LeaveOneTaskOut`).

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.model_selection import TaskKFold
    >>> task = np.array(["a"] * 6 + ["b"] * 3)
    >>> for train, test in TaskKFold(3, random_state=0).split(np.zeros((9, 1)), task=task):
    ...     print(task[test])
    ['a' 'a' 'b']
    ['a' 'a' 'b']
    ['a' 'a' 'b']
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        task_column: str | int | None = None,
        group_column: str | int | None = None,
        shuffle: bool = True,
        random_state: Any = None,
    ) -> None:
        self.n_splits = n_splits
        self.task_column = task_column
        self.group_column = group_column
        self.shuffle = shuffle
        self.random_state = random_state

    def split(self, X: Any, y: Any = None, groups: Any = None, *, task: Any = None, time: Any = None) -> Iterator[Fold]:
        """Yield ``(train, test)`` row positions; ``time`` is not used.

        Raises
        ------
        ValueError
            If no tasks were given, or there are fewer rows (or groups) than folds.
        """
        n_splits = check_n_splits(self, 2)
        _, codes = read_tasks(self, X, y, task)
        units = read_units(codes, read_classes(y, number_of_rows(X)), read_groups(self, X, groups))
        if len(units.task) < n_splits:
            what = "rows" if len(units.task) == len(codes) else "groups"
            raise ValueError(
                f"n_splits={n_splits} is more than the {len(units.task)} {what} of X: ask for fewer folds."
            )
        rng = check_random_state(self.random_state) if self.shuffle else None
        fold = deal_to_folds(units, n_splits, rng)
        for k in range(n_splits):
            yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)
