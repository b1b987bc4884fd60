"""Whatever a user may give as ``cv``, made into a list of folds."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from crosstask.model_selection._base import Fold
from crosstask.model_selection._read import number_of_rows
from crosstask.model_selection._task_kfold import TaskKFold


def task_folds(
    cv: Any,
    X: Any,
    y: Any = None,
    *,
    task: Any = None,
    groups: Any = None,
    time: Any = None,
    random_state: Any = None,
) -> list[Fold]:
    """Return the folds that ``cv`` stands for as a list of ``(train, test)`` row positions.

    Parameters
    ----------
    cv : int, splitter, iterable of (train, test) or None
        A number, or None for 5, means :class:`TaskKFold` with that many folds (fewer where there are fewer rows).
        A splitter, ours or scikit-learn's, is given those of ``groups``, ``task`` and ``time`` that it takes.
    X, y : table and target
        The rows to be split.
    task, groups, time : array-like of shape (n_rows,), optional
        Task ids or codes, groups, times.
    random_state : int, RandomState or None
        For the folds that a number stands for.

    Returns
    -------
    list of (ndarray, ndarray)

    Raises
    ------
    ValueError
        If ``cv`` is none of these, or names rows that X does not have.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.model_selection import task_folds
    >>> len(task_folds(3, np.zeros((6, 1)), task=[0, 0, 0, 1, 1, 1]))
    3
    """
    n = number_of_rows(X)
    if cv is None or isinstance(cv, (int, np.integer)):
        if cv is not None and cv < 2:
            raise ValueError(f"cv={cv!r} is not understood: give at least 2 folds.")
        n_splits = max(2, min(5 if cv is None else int(cv), n))
        task = np.zeros(n, dtype=np.int64) if task is None else task
        return list(TaskKFold(n_splits, random_state=random_state).split(X, y, groups, task=task))
    if hasattr(cv, "split") and not isinstance(cv, str):
        given = {"groups": groups, "task": task, "time": time}
        takes = inspect.signature(cv.split).parameters
        return list(cv.split(X, y, **{name: value for name, value in given.items() if name in takes}))
    try:
        folds = [(np.asarray(train), np.asarray(test)) for train, test in cv]
    except (TypeError, ValueError):
        raise ValueError(
            f"cv={cv!r} is not understood: give a number of folds, a splitter, or a list of (train, test) positions."
        ) from None
    positions = [np.flatnonzero(side) if side.dtype == bool else side for fold in folds for side in fold]
    if not folds or any(len(side) and (side.min() < 0 or side.max() >= n) for side in positions):
        raise ValueError(f"cv lists {len(folds)} folds whose row positions do not all lie in 0 .. {n - 1}.")
    return list(zip(positions[::2], positions[1::2], strict=True))
