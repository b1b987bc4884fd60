"""The door by which the rows of new tasks come into a model that is fitted already."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from crosstask.tasks._doors import (
    TaskRows,
    _check_columns,
    _open_long,
    _two_doors,
    _without_empty_tasks,
    is_classification,
)
from crosstask.tasks._frames import as_table, check_one_target_a_row, n_rows
from crosstask.tasks._ids import IntVector, TaskIndex
from crosstask.tasks._target import check_weights


@dataclass(frozen=True)
class Insertion:
    """Where new tasks stand among all, in sorted order."""

    tasks: NDArray[Any]
    take: IntVector

    @classmethod
    def of(cls, known: NDArray[Any], new: NDArray[Any]) -> Insertion:
        """Sort new ids in among the known ones."""
        both = np.concatenate([known, new])
        take = np.argsort(both, kind="stable")
        return cls(both[take], take)

    def into(self, known: Any, new: Any, axis: int = 0) -> NDArray[Any]:
        """Return values of the known tasks with those of the new ones in their places."""
        return np.concatenate([np.asarray(known), np.asarray(new)], axis=axis).take(self.take, axis=axis)

    def into_list(self, known: list[Any], new: list[Any]) -> list[Any]:
        """Do the same with lists."""
        both = [*known, *new]
        return [both[place] for place in self.take]


def open_added(
    estimator: Any, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None
) -> tuple[TaskRows, Insertion]:
    """Check the rows of tasks that are to be added to a fitted estimator, and tell where these will stand.

    Nothing is set on the estimator.

    Parameters
    ----------
    estimator : estimator
        Fitted on several tasks that came by a column or an array.
    X : table of shape (n_rows, n_columns)
        As in fit.
    y : array-like of shape (n_rows,)
        The target.
    task : array-like of shape (n_rows,), or one id, optional
        New ids, where no column of X holds them.
    sample_weight : array-like of shape (n_rows,), optional
        Non-negative weights.

    Returns
    -------
    rows : TaskRows
        Its codes count the new tasks alone.
    place : Insertion

    Raises
    ------
    ValueError
        If a task is known already, no task was named, or the columns, y or the weights are not as fit would take them.
    """
    check_is_fitted(estimator, "tasks_")
    name, column, door = type(estimator).__name__, getattr(estimator, "task_column", None), estimator.door_
    if door == "wide":
        raise ValueError(
            f"{name} was fitted on a wide target, whose columns are the tasks: fit again with the new column."
        )
    if door == "none":
        raise ValueError(f"{name} was fitted without tasks, so none can be added: fit it with task= or task_column=.")
    if y is None:
        raise ValueError(f"add_task of {name} needs the target y of the new task's rows.")
    table = as_table(X)
    _check_columns(estimator, table, column)
    n = n_rows(table)
    if n == 0:
        raise ValueError("X has no rows (0 sample(s)): pass at least one row of the new task.")
    if column is not None and task is not None:
        raise ValueError(_two_doors(f"task_column={column!r}", "task="))
    if column is None and task is None:
        raise ValueError("add_task was not told which task the rows belong to: pass task=, one id or one for each row.")
    targets = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    check_one_target_a_row(table, targets)
    given = np.full(n, task) if task is not None and np.ndim(task) == 0 else task
    rows = _open_long(
        table, targets, column, given, "array" if column is None else "column", is_classification(estimator)
    )
    _refuse_known(estimator, rows, "task=" if column is None else f"column {column!r}")
    weight = check_weights(sample_weight, n, rows.n_tasks, None)
    if weight is not None:
        kept = np.flatnonzero(weight > 0)
        rows = replace(rows, sample_weight=weight)
        rows = _without_empty_tasks(rows, kept) if len(kept) < n else rows
    return rows, Insertion.of(estimator.tasks_, rows.tasks)


def _refuse_known(estimator: Any, rows: TaskRows, where: str) -> None:
    codes = TaskIndex(estimator.tasks_).encode(rows.tasks, where)
    known = [repr(task) for task in rows.tasks[codes >= 0].tolist()]
    if known:
        raise ValueError(
            f"{where} names {', '.join(known[:5])}{', ..' if len(known) > 5 else ''}, which the model knows already: "
            "add_task is for new tasks; to learn from more rows of a known one, fit again."
        )
    if rows.tasks.dtype.kind != estimator.tasks_.dtype.kind:
        given, had = rows.tasks[0].item(), estimator.tasks_[0].item()
        raise ValueError(
            f"{where} has ids like {given!r}, but the model was fitted with ids like {had!r}: convert them to one type."
        )


def can_add_task(model: Any) -> bool:
    """Tell whether a fitted model can learn one more task, all else held fixed."""
    probe = getattr(model, "_can_add_task", None)
    return hasattr(model, "add_task") and (probe is None or bool(probe()))


class NoTaskLater:
    """In the place of ``add_task`` where nothing that the tasks share can be held fixed: its absence says why.

    Parameters
    ----------
    why : str
        What the model is, after its name.
    """

    def __init__(self, why: str) -> None:
        self.why = why

    def __get__(self, model: Any, owner: type) -> NoTaskLater:
        if model is None:
            return self
        raise AttributeError(
            f"{owner.__name__} {self.why}, so no task can be added: fit again with the rows of all tasks, or let "
            "unseen_task='pooled' serve the new one."
        )
