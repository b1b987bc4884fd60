"""What a splitter reads: tasks, groups, classes and times, each as one vector of codes or dates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks import TaskIndex, as_task_ids
from crosstask.tasks._frames import column_values

IntVector = NDArray[np.intp]
MOST_CLASSES = 50  # whole numbers with more distinct values than this are amounts, not classes


@dataclass(frozen=True)
class Units:
    """What may not be divided: a row, or a group of rows; with its task, its class and its number of rows."""

    of_row: IntVector
    task: IntVector
    stratum: IntVector
    size: IntVector


def number_of_rows(X: Any) -> int:
    """Return the number of rows of a table, an array or a list."""
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def read_tasks(splitter: Any, X: Any, y: Any, task: Any) -> tuple[TaskIndex, IntVector]:
    """Return the tasks and the code of each row; an array given to ``split`` goes before the column.

    Raises
    ------
    ValueError
        If no tasks were given, the column is absent, or an id is missing or has a lookalike.
    """
    n, column = number_of_rows(X), getattr(splitter, "task_column", None)
    if task is not None:
        return TaskIndex.learn(as_task_ids(task, n, "task="), "task=")
    name = type(splitter).__name__
    if column is not None:
        where = f"column {column!r}"
        return TaskIndex.learn(as_task_ids(column_values(X, column, "tasks"), n, where), where)
    if y is not None and np.ndim(y) == 2 and np.shape(y)[1] > 1:
        raise ValueError(f"{name} was given a wide target, where each row holds every task: use KFold for that.")
    raise ValueError(
        f"{name} was not told which task each row belongs to: give {name}(task_column=..), "
        "or pass task= to split (with metadata routing: params={'task': ..})."
    )


def read_groups(splitter: Any, X: Any, groups: Any) -> IntVector | None:
    """Return the code of each row's group, None without groups; an array goes before the column."""
    n, column = number_of_rows(X), getattr(splitter, "group_column", None)
    if groups is not None:
        ids = as_task_ids(groups, n, "groups=", noun="group")
    elif column is not None:
        ids = as_task_ids(column_values(X, column, "groups"), n, f"column {column!r}", noun="group")
    else:
        return None
    return np.unique(ids, return_inverse=True)[1].reshape(-1).astype(np.intp)


def read_classes(y: Any, n: int) -> IntVector:
    """Return the code of each row's class; zero everywhere where y is absent, wide or an amount."""
    if y is None:
        return np.zeros(n, dtype=np.intp)
    values = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        return np.zeros(n, dtype=np.intp)
    if len(values) != n:
        raise ValueError(f"y has {len(values)} values for {n} rows of X; give one for each row.")
    if values.dtype.kind == "f" and (not np.isfinite(values).all() or np.any(values != np.floor(values))):
        return np.zeros(n, dtype=np.intp)
    if values.dtype.kind == "O":
        values = values.astype(str)
    distinct, codes = np.unique(values, return_inverse=True)
    if values.dtype.kind in "iuf" and len(distinct) > MOST_CLASSES:
        return np.zeros(n, dtype=np.intp)
    return codes.reshape(-1).astype(np.intp)


def read_units(codes: IntVector, classes: IntVector, groups: IntVector | None) -> Units:
    """Return what is dealt out to the folds: rows, or whole groups with their most frequent task and class."""
    if groups is None:
        n = len(codes)
        return Units(np.arange(n, dtype=np.intp), codes, classes, np.ones(n, dtype=np.intp))
    return Units(groups, _most_frequent(groups, codes), _most_frequent(groups, classes), np.bincount(groups))


def _most_frequent(groups: IntVector, values: IntVector) -> IntVector:
    width = int(values.max()) + 1
    pairs, count = np.unique(groups * width + values, return_counts=True)
    owner = pairs // width
    order = np.lexsort((pairs, -count, owner))
    first = np.searchsorted(owner[order], np.arange(int(groups.max()) + 1))
    return (pairs[order][first] % width).astype(np.intp)


def without_groups_of(train: IntVector, test: IntVector, groups: IntVector | None) -> IntVector:
    """Return the training rows that share no group with a test row."""
    if groups is None:
        return train
    tested = np.zeros(int(groups.max()) + 1, dtype=bool)
    tested[groups[test]] = True
    return train[~tested[groups[train]]]


def check_n_splits(splitter: Any, least: int) -> int:
    """Return n_splits as an integer.

    Raises
    ------
    ValueError
        If it is not a whole number, or less than ``least``.
    """
    n_splits = splitter.n_splits
    if isinstance(n_splits, bool) or not isinstance(n_splits, (int, np.integer)) or n_splits < least:
        raise ValueError(
            f"{type(splitter).__name__} needs n_splits to be a whole number of at least {least}; got {n_splits!r}."
        )
    return int(n_splits)
