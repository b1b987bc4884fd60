"""Repeated random parts of each task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from crosstask.model_selection._base import Fold, TaskSplitter
from crosstask.model_selection._deal import draw
from crosstask.model_selection._read import (
    IntVector,
    check_n_splits,
    number_of_rows,
    read_classes,
    read_groups,
    read_tasks,
    read_units,
)

Size = float | int | None


class TaskShuffleSplit(TaskSplitter):
    """Random splits that draw the same share, or the same number, of rows from each task.

    Each task with at least two rows is on both sides of each split; a task with one row is always in training.
    Classes of a task are drawn evenly.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.
    test_size : float or int, optional
        Share of each task's rows, or their number in each task. Default: what ``train_size`` leaves, else 0.2.
    train_size : float or int, optional
        Likewise, for learning curves over the rows per task. Default: what ``test_size`` leaves.
    task_column : str or int, optional
        Column of X that holds the task ids; or pass ``task=`` to ``split``.
    group_column : str or int, optional
        Column of X whose equal values never stand on both sides; shares and numbers then count groups. Or pass
        ``groups=`` to ``split``.
    random_state : int, RandomState or None, default=None
        An integer gives the same splits in every call.

    Notes
    -----
    Unlike scikit-learn's ShuffleSplit, an integer size counts the rows *of each task*.
    Not for rows that are ordered in time: use :class:`TaskTimeSeriesSplit`.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.model_selection import TaskShuffleSplit
    >>> task = np.array(["a"] * 8 + ["b"] * 4)
    >>> splits = TaskShuffleSplit(1, train_size=3, random_state=0)
    >>> for train, test in splits.split(np.zeros((12, 1)), task=task):
    ...     print(task[train], task[test])
    ['a' 'a' 'a' 'b' 'b' 'b'] ['a' 'a' 'a' 'a' 'a' 'b']
    """

    def __init__(
        self,
        n_splits: int = 10,
        *,
        test_size: Size = None,
        train_size: Size = None,
        task_column: str | int | None = None,
        group_column: str | int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_splits = n_splits
        self.test_size = test_size
        self.train_size = train_size
        self.task_column = task_column
        self.group_column = group_column
        self.random_state = random_state

    def split(self, X: Any, y: Any = None, groups: Any = None, *, task: Any = None, time: Any = None) -> Iterator[Fold]:
        """Yield ``(train, test)`` row positions; ``time`` is not used.

        Raises
        ------
        ValueError
            If no tasks were given, a size is out of range, or no task has two rows (or groups).
        """
        n_splits = check_n_splits(self, 1)
        index, codes = read_tasks(self, X, y, task)
        units = read_units(codes, read_classes(y, number_of_rows(X)), read_groups(self, X, groups))
        n_tasks = len(index.ids)
        in_task = np.bincount(units.task, minlength=n_tasks)
        tested, trained = self._counts(in_task)
        rng = check_random_state(self.random_state)
        for _ in range(n_splits):
            test = draw(units.task, units.stratum, tested, rng, n_tasks)
            rest = np.flatnonzero(~test)
            train = np.zeros(len(test), dtype=bool)
            train[rest] = draw(units.task[rest], units.stratum[rest], trained, rng, n_tasks)
            yield np.flatnonzero(train[units.of_row]), np.flatnonzero(test[units.of_row])

    def _counts(self, in_task: NDArray[np.intp]) -> tuple[IntVector, IntVector]:
        """Return how many units of each task are tested, and how many are trained on."""
        test_size = 0.2 if self.test_size is None and self.train_size is None else self.test_size
        most = np.maximum(in_task - 1, 0)
        if test_size is None:
            trained = np.maximum(_wanted(self.train_size, in_task, "train_size").clip(max=most), 1)
            tested = in_task - trained
        else:
            tested = _wanted(test_size, in_task, "test_size").clip(max=most)
            trained = in_task - tested
            if self.train_size is not None:
                trained = _wanted(self.train_size, in_task, "train_size").clip(1, np.maximum(trained, 1))
        if not tested.any():
            raise ValueError(
                "each task has a single row (or group), which stays in training, so nothing is left to test on: "
                "use LeaveOneTaskOut."
            )
        return np.minimum(tested, most).astype(np.intp), np.minimum(trained, in_task).astype(np.intp)


def _wanted(size: Size, in_task: NDArray[np.intp], name: str) -> IntVector:
    if isinstance(size, (int, np.integer)) and not isinstance(size, bool) and size > 0:
        return np.full(len(in_task), size, dtype=np.intp)
    if isinstance(size, (float, np.floating)) and 0.0 < size < 1.0:
        return np.maximum(np.rint(size * in_task), 1).astype(np.intp)
    raise ValueError(f"{name} is a share between 0 and 1, or a whole number of rows in each task; got {size!r}.")
