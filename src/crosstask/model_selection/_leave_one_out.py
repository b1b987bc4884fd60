"""Each task is left out once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from crosstask.model_selection._base import Fold, TaskSplitter
from crosstask.model_selection._read import read_groups, read_tasks, without_groups_of


class LeaveOneTaskOut(TaskSplitter):
    """One fold for each task, in sorted order: train on all other tasks, test on this one.

    It answers how well a task is served before it has any rows of its own, so the model needs
    ``unseen_task="mean"`` or ``"pooled"``.

    Parameters
    ----------
    task_column : str or int, optional
        Column of X that holds the task ids; or pass ``task=`` to ``split``.
    group_column : str or int, optional
        Column of X whose equal values never stand on both sides: rows that share a group with a test row leave
        the training rows of that fold. Or pass ``groups=`` to ``split``.

    Notes
    -----
    As many folds as tasks. Not for tasks that will have rows of their own when the model is used: it hides just
    what a multi-task model would learn from them (use :class:`TaskKFold`).

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.model_selection import LeaveOneTaskOut
    >>> for train, test in LeaveOneTaskOut().split(np.zeros((4, 1)), task=["b", "a", "b", "c"]):
    ...     print(train, test)
    [0 2 3] [1]
    [1 3] [0 2]
    [0 1 2] [3]
    """

    def __init__(self, *, task_column: str | int | None = None, group_column: str | int | None = None) -> None:
        self.task_column = task_column
        self.group_column = group_column

    def split(self, X: Any, y: Any = None, groups: Any = None, *, task: Any = None, time: Any = None) -> Iterator[Fold]:
        """Yield ``(train, test)`` row positions; ``y`` and ``time`` are not used.

        Raises
        ------
        ValueError
            If no tasks were given, or there is only one.
        """
        index, codes = read_tasks(self, X, y, task)
        if len(index.ids) < 2:
            raise ValueError(
                f"LeaveOneTaskOut needs at least two tasks, but all rows belong to {index.ids.tolist()[0]!r}: "
                "use KFold inside one task."
            )
        groups_of = read_groups(self, X, groups)
        order = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes))
        for start, end in zip(np.r_[0, ends[:-1]], ends, strict=True):
            test = order[start:end]
            rest = np.ones(len(codes), dtype=bool)
            rest[test] = False
            yield without_groups_of(np.flatnonzero(rest), test, groups_of), test

    def get_n_splits(
        self, X: Any = None, y: Any = None, groups: Any = None, *, task: Any = None, time: Any = None
    ) -> int:
        """Return the number of tasks, which takes X with its task column, or ``task``."""
        if X is None and task is None:
            raise ValueError("LeaveOneTaskOut has one fold for each task: pass X, or task=, to count them.")
        table = np.zeros((len(task), 0)) if X is None else X
        return len(read_tasks(self, table, y, task)[0].ids)
