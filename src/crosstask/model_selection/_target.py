"""K folds over the rows of one task, all other tasks always in training."""

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
    without_groups_of,
)
from crosstask.tasks import as_task_ids


class TargetTaskKFold(TaskSplitter):
    """K folds over the target task's rows; the rows of all other tasks are in training every time.

    This is how a model that transfers from rows of other tasks is judged: a plain splitter would test on source
    rows too, which is another population.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2 and at most the number of target rows.
    target_task : task id
        The task that is served.
    task_column : str or int, optional
        Column of X that holds the task ids; or pass ``task=`` to ``split``.
    group_column : str or int, optional
        Column of X whose equal values never stand on both sides: other tasks' rows that share a group with a
        test row leave the training rows of that fold. Or pass ``groups=`` to ``split``.
    shuffle : bool, default=True
        False keeps neighbouring rows of a class in the same fold.
    random_state : int, RandomState or None, default=None
        An integer gives the same folds in every call.

    Notes
    -----
    Not for ordered rows: use :class:`TaskTimeSeriesSplit` where the target's future must be predicted.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.model_selection import TargetTaskKFold
    >>> task = np.array(["old"] * 5 + ["new"] * 4)
    >>> folds = TargetTaskKFold(2, target_task="new", random_state=0)
    >>> for train, test in folds.split(np.zeros((9, 1)), task=task):
    ...     print(len(train), task[test])
    7 ['new' 'new']
    7 ['new' 'new']
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        target_task: Any,
        task_column: str | int | None = None,
        group_column: str | int | None = None,
        shuffle: bool = True,
        random_state: Any = None,
    ) -> None:
        self.n_splits = n_splits
        self.target_task = target_task
        self.task_column = task_column
        self.group_column = group_column
        self.shuffle = shuffle
        self.random_state = random_state

    def split(self, X: Any, y: Any = None, groups: Any = None, *, task: Any = None, time: Any = None) -> Iterator[Fold]:
        """Yield ``(train, test)`` row positions; ``time`` is not used.

        Raises
        ------
        ValueError
            If no tasks were given, the target task has no rows, or fewer rows (or groups) than folds.
        """
        n_splits = check_n_splits(self, 2)
        index, codes = read_tasks(self, X, y, task)
        target = int(index.encode(as_task_ids([self.target_task], 1, "target_task"), "target_task")[0])
        if target < 0:
            known = ", ".join(repr(value) for value in index.ids[:5].tolist()) + (", .." if len(index.ids) > 5 else "")
            raise ValueError(f"target_task={self.target_task!r} has no rows; the tasks are {known}.")
        served = np.flatnonzero(codes == target)
        groups_of = read_groups(self, X, groups)
        inside = None if groups_of is None else np.unique(groups_of[served], return_inverse=True)[1].reshape(-1)
        units = read_units(codes[served], read_classes(y, number_of_rows(X))[served], inside)
        if len(units.task) < n_splits:
            what = "rows" if inside is None else "groups"
            raise ValueError(
                f"n_splits={n_splits} is more than the {len(units.task)} {what} of the target task "
                f"{self.target_task!r}: ask for fewer folds."
            )
        fold = np.full(len(codes), -1, dtype=np.intp)
        fold[served] = deal_to_folds(units, n_splits, check_random_state(self.random_state) if self.shuffle else None)
        for k in range(n_splits):
            test = np.flatnonzero(fold == k)
            yield without_groups_of(np.flatnonzero(fold != k), test, groups_of), test
