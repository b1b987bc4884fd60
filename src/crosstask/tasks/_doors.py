"""The three doors by which tasks come in: a column of X, an array beside it, or the columns of a wide Y."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, validate_data

from crosstask.tasks._frames import (
    as_table,
    check_one_target_a_row,
    is_frame,
    n_rows,
    pop_column,
    refuse_repeated_names,
    take_rows,
)
from crosstask.tasks._ids import IntVector, TaskIndex, as_task_ids
from crosstask.tasks._target import WIDE, check_target, check_weights, missing_values, wide_names

Door = Literal["none", "column", "array", "wide"]
UnseenTask = Literal["error", "mean", "pooled"]


@dataclass(frozen=True)
class TaskRows:
    """What came through a door: one entry for each observed (row, task) pair.

    Parameters
    ----------
    X : table of shape (n_table_rows, n_features)
        In the caller's make, without the task column.
    y : ndarray of shape (n_pairs,) or None
        The target, in the caller's values (class labels are not encoded).
    codes : ndarray of shape (n_pairs,)
        Position of the pair's task in ``tasks``; -1 for a task that was not seen in fit.
    tasks : ndarray of shape (n_tasks,)
        Sorted task ids.
    sample_weight : ndarray of shape (n_pairs,) or None
        None means 1 everywhere.
    table_row : ndarray of shape (n_pairs,) or None
        Row of X that belongs to the pair; None means row i belongs to pair i.
    door : {"none", "column", "array", "wide"}
        How the tasks were given.
    wide_order : ndarray of shape (n_tasks,) or None
        At the wide door: position in ``tasks`` of each column of the target, in the caller's order.
    """

    X: Any
    y: NDArray[Any] | None
    codes: IntVector
    tasks: NDArray[Any]
    sample_weight: NDArray[np.float64] | None
    table_row: IntVector | None
    door: Door
    wide_order: IntVector | None = None

    @property
    def n_tasks(self) -> int:
        """Number of known tasks."""
        return len(self.tasks)

    @property
    def task(self) -> NDArray[Any]:
        """Task id of each pair; only for rows whose tasks are all known."""
        return self.tasks[self.codes]

    def long(self) -> TaskRows:
        """Return the same pairs with one row of X for each (a wide Y repeats rows of X)."""
        if self.table_row is None:
            return self
        return replace(self, X=take_rows(self.X, self.table_row), table_row=None)

    def take(self, pairs: NDArray[Any]) -> TaskRows:
        """Return some of the pairs, in the given order."""
        rows = np.flatnonzero(pairs) if pairs.dtype == bool else pairs
        long = self.long()
        return replace(
            long,
            X=take_rows(long.X, rows),
            y=None if long.y is None else long.y[rows],
            codes=long.codes[rows],
            sample_weight=None if long.sample_weight is None else long.sample_weight[rows],
        )

    def restore(self, values: NDArray[Any]) -> NDArray[Any]:
        """Lay values of the pairs out as the caller's predict must return them.

        ``(n_pairs, ..)`` stays as it is, except at the wide door, where it becomes ``(n_rows, n_tasks, ..)`` with the
        tasks in the order of the columns of the target in fit.
        """
        if self.door != "wide":
            return values
        by_task = values.reshape(self.n_tasks, -1, *values.shape[1:])
        return np.swapaxes(by_task, 0, 1)


def open_fit(estimator: Any, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> TaskRows:
    """Open the one door that the caller used, check what came in, and remember the tasks.

    Sets ``tasks_``, ``door_``, ``wide_order_``, ``n_features_in_`` and ``feature_names_in_`` on the estimator.
    Rows of weight zero are dropped, so that a weight of k equals k repetitions for every k. Nothing of the caller's
    is changed.

    Parameters
    ----------
    estimator : estimator
        Its parameter ``task_column`` (name or position, None for none) is read.
    X : table of shape (n_rows, n_columns)
        pandas, polars, NumPy, a list of rows, or scipy.sparse.
    y : array-like of shape (n_rows,) or (n_rows, n_tasks)
        Two-dimensional: wide target, NaN or None = not observed.
    task : array-like of shape (n_rows,), optional
        Task ids.
    sample_weight : array-like of shape (n_rows,) or, at the wide door, (n_rows, n_tasks), optional
        Non-negative weights.

    Returns
    -------
    TaskRows

    Raises
    ------
    ValueError
        One sentence that says what was given, and what cures it.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None: "
            "pass the column to predict as the second argument of fit."
        )
    table = as_table(X)
    refuse_repeated_names(table)
    validate_data(estimator, table, skip_check_array=True)
    if is_frame(table) and not hasattr(table, "iloc"):  # scikit-learn 1.6 does not see the names of polars 2
        estimator.feature_names_in_ = np.array(table.columns, dtype=object)
    if n_rows(table) == 0:
        raise ValueError("X has no rows (0 sample(s)): pass at least one row a task.")
    column = getattr(estimator, "task_column", None)
    targets = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    check_one_target_a_row(table, targets)
    door = _which_door(column, task, targets)
    classification = is_classification(estimator)
    if door == "wide":
        rows = _open_wide(table, y, targets, classification)
    else:
        rows = _open_long(table, targets, column, task, door, classification)
    weight = check_weights(sample_weight, n_rows(table), rows.n_tasks, _table_pair(rows))
    if weight is not None:
        kept = np.flatnonzero(weight > 0)
        rows = replace(rows, sample_weight=weight)
        if len(kept) < len(weight):
            rows = _without_empty_tasks(rows, kept)
    estimator.tasks_ = rows.tasks
    estimator.door_ = door
    estimator.wide_order_ = rows.wide_order
    return rows


def open_predict(estimator: Any, X: Any, *, task: Any = None) -> TaskRows:
    """Open the door at prediction; tasks that were not seen in fit get code -1, or raise under ``"error"``.

    Raises
    ------
    ValueError
        If the model knows several tasks and none was named, if two doors are used, if the columns differ from
        those of fit, or if ``unseen_task="error"`` and a task is unknown.
    """
    check_is_fitted(estimator, "tasks_")
    table = as_table(X)
    column, tasks, door = getattr(estimator, "task_column", None), estimator.tasks_, estimator.door_
    _check_columns(estimator, table, column)
    n = n_rows(table)
    if n == 0:
        raise ValueError("X has no rows (0 sample(s)): there is nothing to predict.")
    if column is not None:
        if task is not None:
            raise ValueError(_two_doors(f"task_column={column!r}", "task="))
        table, values = pop_column(table, column)
        ids = as_task_ids(values, n, f"column {column!r}")
        return _known(estimator, table, ids, f"column {column!r}")
    if task is not None:
        if door == "none":
            raise ValueError("the model was fitted without tasks: fit it with task= as well, or drop task= here.")
        return _known(estimator, table, as_task_ids(task, n, "task="), "task=")
    if door == "wide":
        order = estimator.wide_order_
        table_row = np.tile(np.arange(n, dtype=np.intp), len(tasks))
        return TaskRows(table, None, np.repeat(order, n), tasks, None, table_row, "wide", order)
    if len(tasks) > 1:
        raise ValueError(
            f"{type(estimator).__name__} was fitted on {len(tasks)} tasks, and predict was not told which task each "
            "row belongs to: pass task= to predict, or name the column once with task_column= and keep it in X."
        )
    return TaskRows(table, None, np.zeros(n, dtype=np.intp), tasks, None, None, "none")


def _check_columns(estimator: Any, table: Any, column: Any) -> None:
    """Refuse columns that differ from those of fit; the same names in the same order need no closer look."""
    known = getattr(estimator, "feature_names_in_", None)
    if known is not None and is_frame(table):
        names = list(table.columns)
        if names == known.tolist():
            return
        if column is not None and column in known and column not in names:
            pop_column(table, column)  # raises: it names the columns that X has
        if not hasattr(table, "iloc"):
            raise ValueError(
                f"The feature names should match those that were passed during fit: fit had {known.tolist()[:12]}, "
                f"this X has {names[:12]}; select the columns of fit, in its order."
            )
    validate_data(estimator, table, skip_check_array=True, reset=False)


def is_classification(estimator: Any) -> bool:
    """Tell whether the estimator is a classifier, by its tags."""
    from sklearn.base import is_classifier

    return bool(is_classifier(estimator))


def _which_door(column: Any, task: Any, targets: NDArray[Any]) -> Door:
    used: list[tuple[Door, str]] = []
    if column is not None:
        used.append(("column", f"task_column={column!r}"))
    if task is not None:
        used.append(("array", "task="))
    if targets.ndim == 2 and (targets.shape[1] > 1 or not used):
        used.append(("wide", f"a wide target with {targets.shape[1]} columns"))
    if len(used) > 1:
        raise ValueError(_two_doors(*[name for _, name in used]))
    return used[0][0] if used else "none"


def _two_doors(*names: str) -> str:
    return f"tasks were given by {' and by '.join(names)} at once: use one of them and drop the other."


def _open_long(table: Any, targets: NDArray[Any], column: Any, task: Any, door: Door, classification: bool) -> TaskRows:
    n = n_rows(table)
    if door == "column":
        table, values = pop_column(table, column)
        where = f"column {column!r}"
        if table.shape[1] == 0:
            raise ValueError(f"X has no columns besides the task {where}: add the features to learn from.")
    else:
        values, where = task, "task="
    if door == "none":
        tasks, codes = np.zeros(1, dtype=np.int64), np.zeros(n, dtype=np.intp)
    else:
        index, codes = TaskIndex.learn(as_task_ids(values, n, where), where)
        tasks = index.ids
    return TaskRows(table, check_target(targets, classification), codes, tasks, None, None, door)


def _open_wide(table: Any, y: Any, targets: NDArray[Any], classification: bool) -> TaskRows:
    observed = ~missing_values(targets)
    names = wide_names(y, targets)
    empty = [str(name) for name in names[~observed.any(axis=0)]]
    if empty:
        raise ValueError(
            f"the wide target has no observed value in column {', '.join(empty)}: drop the column, "
            "for there is nothing to learn that task from."
        )
    index, position = TaskIndex.learn(as_task_ids(names, len(names), WIDE), WIDE)
    order = np.argsort(position)
    codes, table_row = np.nonzero(observed[:, order].T)
    values = check_target(targets[:, order].T[codes, table_row], classification)
    rows = (codes.astype(np.intp), index.ids, None, table_row.astype(np.intp))
    return TaskRows(table, values, *rows, "wide", position)


def _table_pair(rows: TaskRows) -> tuple[IntVector, IntVector] | None:
    """Return row and column of the wide target for each pair."""
    if rows.table_row is None or rows.wide_order is None:
        return None
    return rows.table_row, np.argsort(rows.wide_order)[rows.codes]


def _without_empty_tasks(rows: TaskRows, kept: IntVector) -> TaskRows:
    """Drop pairs of weight zero, and tasks that lose all their pairs."""
    table_row = rows.table_row
    present, codes = np.unique(rows.codes[kept], return_inverse=True)
    order = rows.wide_order
    if order is not None:  # what stays keeps its place among the columns
        order = np.searchsorted(present, order[np.isin(order, present)]).astype(np.intp)
    shared = replace(
        rows,
        wide_order=order,
        y=None if rows.y is None else rows.y[kept],
        codes=codes.reshape(-1).astype(np.intp),
        tasks=rows.tasks[present],
        sample_weight=None if rows.sample_weight is None else rows.sample_weight[kept],
    )
    if table_row is None:
        return replace(shared, X=take_rows(rows.X, kept))
    return replace(shared, table_row=table_row[kept])


def _known(estimator: Any, table: Any, ids: NDArray[Any], where: str) -> TaskRows:
    tasks = estimator.tasks_
    codes = TaskIndex(tasks).encode(ids, where)
    if getattr(estimator, "unseen_task", "error") == "error" and (codes < 0).any():
        unknown = np.unique(ids[codes < 0])
        shown = ", ".join(repr(value.item()) for value in unknown[:5]) + (", .." if len(unknown) > 5 else "")
        raise ValueError(
            f"{where} has {len(unknown)} task(s) that fit has not seen ({shown}): fit with rows of them, "
            "or set unseen_task='mean' or 'pooled' to serve them by what the known tasks share."
        )
    return TaskRows(table, None, codes, tasks, None, None, "array")
