"""The door for transfer from rows: X and y hold all tasks, and one of them is the target that is served."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from crosstask.tasks import TaskIndex, as_task_ids, is_frame, n_rows, pop_column, take_rows
from crosstask.tasks._frames import as_table, check_one_target_a_row, refuse_repeated_names
from crosstask.tasks._target import check_target, check_weights, missing_values

IntVector = NDArray[np.intp]
TARGET = -1
"""Code of the target task in :attr:`TransferRows.source`."""


@dataclass(frozen=True)
class TransferRows:
    """Rows of all tasks, in the caller's order.

    Parameters
    ----------
    X : table of shape (n_rows, n_features)
        In the caller's make, without the task column.
    source : ndarray of shape (n_rows,)
        Position of the row's task in ``source_tasks``; -1 for the target's rows.
    source_tasks : ndarray of shape (n_sources,)
        Sorted ids of the tasks that are not the target.
    y : ndarray of shape (n_rows,) or None
        In the caller's values; what stands in rows that are not labelled has no meaning.
    labelled : ndarray of bool of shape (n_rows,)
        Which rows have a y.
    weight : ndarray of shape (n_rows,) or None
        Sample weights; None means 1 everywhere.
    """

    X: Any
    source: IntVector
    source_tasks: NDArray[Any]
    y: NDArray[Any] | None
    labelled: NDArray[np.bool_]
    weight: NDArray[np.float64] | None

    @property
    def is_target(self) -> NDArray[np.bool_]:
        """Which rows are the target's."""
        return self.source == TARGET

    @property
    def n_sources(self) -> int:
        """Number of tasks that are not the target."""
        return len(self.source_tasks)

    def take(self, rows: IntVector) -> TransferRows:
        """Return some of the rows, in the given order; a source may be left without any."""
        return replace(
            self,
            X=take_rows(self.X, rows),
            source=self.source[rows],
            y=None if self.y is None else self.y[rows],
            labelled=self.labelled[rows],
            weight=None if self.weight is None else self.weight[rows],
        )


def open_transfer_fit(estimator: Any, X: Any, y: Any = None, *, task: Any = None, weight: Any = None) -> TransferRows:
    """Check what came in, and remember the tasks: sets ``source_tasks_`` and the names and number of columns.

    Without tasks, all rows are the target's. A row whose y is missing (NaN, None, NaT or NA) is unlabelled, which
    only the target's rows may be.

    Parameters
    ----------
    estimator : estimator
        Its parameters ``task_column`` and ``target_task`` are read, and its tags say whether it needs y.
    X : table of shape (n_rows, n_columns)
        Rows of all tasks.
    y : array-like of shape (n_rows,), optional
        The target.
    task : array-like of shape (n_rows,), optional
        Task ids, where no column of X holds them.
    weight : array-like of shape (n_rows,), optional
        Non-negative sample weights.

    Raises
    ------
    ValueError
        One sentence that says what was given, and what cures it.
    """
    table = as_table(X)
    refuse_repeated_names(table)
    validate_data(estimator, table, skip_check_array=True)
    if is_frame(table) and not hasattr(table, "iloc"):  # scikit-learn 1.6 does not see the names of polars 2
        estimator.feature_names_in_ = np.array(table.columns, dtype=object)
    if n_rows(table) == 0:
        raise ValueError("X has no rows (0 sample(s)): pass rows of the target, and of the tasks to learn from.")
    table, ids, where = _ids(estimator, table, task)
    source, source_tasks = _split(estimator, ids, where, n_rows(table))
    values, labelled = _labels(estimator, table, y, source)
    estimator.source_tasks_ = source_tasks
    checked = check_weights(weight, n_rows(table), 1, None)
    return TransferRows(table, source, source_tasks, values, labelled, checked)


def open_transfer_predict(estimator: Any, X: Any, *, task: Any = None) -> TransferRows:
    """Check rows to predict or transform. Rows without a task are the target's, and so is X without the task column.

    Raises
    ------
    ValueError
        If the columns are not those of fit, or a task is neither the target nor one of the sources.
    """
    check_is_fitted(estimator, "source_tasks_")
    table, column = as_table(X), estimator.task_column
    if column is not None and _lacks(estimator, table, column):
        _check_rest(estimator, table, column)
        ids, where = None, ""
    else:
        validate_data(estimator, table, skip_check_array=True, reset=False)
        table, ids, where = _ids(estimator, table, task, empty_is_target=True)
    n = n_rows(table)
    if n == 0:
        raise ValueError("X has no rows (0 sample(s)): there is nothing to predict.")
    source = _known(estimator, ids, where, n)
    return TransferRows(table, source, estimator.source_tasks_, None, np.zeros(n, dtype=bool), None)


def _ids(
    estimator: Any, table: Any, task: Any, *, empty_is_target: bool = False
) -> tuple[Any, NDArray[Any] | None, str]:
    """Return (X without the task column, one id a row or None, what to call them in messages)."""
    column = estimator.task_column
    if column is None and task is None:
        return table, None, ""
    if column is not None and task is not None:
        raise ValueError(
            f"tasks were given by task_column={column!r} and by task= at once: use one of them and drop the other."
        )
    where = "task=" if column is None else f"column {column!r}"
    values = task
    if column is not None:
        table, values = pop_column(table, column)
        if table.shape[1] == 0:
            raise ValueError(f"X has no columns besides the task {where}: add the features to learn from.")
    if empty_is_target:
        values = _filled(values, estimator.target_task)
    return table, as_task_ids(values, n_rows(table), where), where


def _filled(values: Any, target: Any) -> Any:
    """Put the target's id where no id is."""
    ids = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    absent = missing_values(ids)
    if not absent.any():
        return values
    filled = ids.astype(object)
    if ids.dtype.kind == "f":  # NaN made whole numbers floats
        filled[~absent] = as_task_ids(ids[~absent], int((~absent).sum()), "task ids").tolist()
    filled[absent] = target
    return filled


def _split(estimator: Any, ids: NDArray[Any] | None, where: str, n: int) -> tuple[IntVector, NDArray[Any]]:
    """Return (position of each row's source, -1 for the target; the sources' ids)."""
    target, name = estimator.target_task, type(estimator).__name__
    if ids is None:
        if target is not None:
            raise ValueError(
                f"target_task={target!r} was given, but not which task each row belongs to: name the column with "
                "task_column=, or pass task= to fit."
            )
        return np.full(n, TARGET, dtype=np.intp), np.zeros(0, dtype=np.int64)
    index, codes = TaskIndex.learn(ids, where)
    shown = ", ".join(map(repr, index.ids[:8].tolist())) + (", .." if len(index.ids) > 8 else "")
    if target is None:
        raise ValueError(f"{name} was not told which task to serve: give target_task=, one of {shown}.")
    place = int(index.encode(as_task_ids([target], 1, "target_task"), "target_task")[0])
    if place < 0:
        raise ValueError(f"target_task={target!r} has no rows; the tasks are {shown}: give one of them.")
    if len(index.ids) == 1:
        raise ValueError(
            f"all rows belong to target_task={target!r}, so there is no task to learn from: add rows of other tasks "
            "(their ids must differ from the target's), or fit without tasks for a model of the target alone."
        )
    source = np.where(codes == place, TARGET, codes - (codes > place)).astype(np.intp)
    return source, np.delete(index.ids, place)


def _labels(estimator: Any, table: Any, y: Any, source: IntVector) -> tuple[NDArray[Any] | None, NDArray[np.bool_]]:
    """Return (y, which rows have one); of the sources each row must."""
    from sklearn.base import is_classifier
    from sklearn.utils import get_tags

    tags = get_tags(estimator)
    if y is None:
        if tags.target_tags.required:
            raise ValueError(f"{type(estimator).__name__} requires y to be passed, but the target y is None.")
        return None, np.zeros(len(source), dtype=bool)
    values = column_or_1d(np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y), warn=True)
    check_one_target_a_row(table, values)
    absent = missing_values(values)
    if tags.estimator_type not in ("classifier", "regressor"):
        return values, ~absent
    lost = absent & (source != TARGET)
    if lost.any() or absent.all():
        raise ValueError(
            f"Input y contains NaN: {int(lost.sum()) or len(values)} source rows have no y (first at row "
            f"{int((lost if lost.any() else absent).argmax())}): only rows of the target may be unlabelled; drop the "
            "others."
        )
    known = check_target(values[~absent], is_classifier(estimator))
    full = np.empty(len(values), dtype=known.dtype)
    full[~absent] = known
    full[absent] = known[0]
    return full, ~absent


def _known(estimator: Any, ids: NDArray[Any] | None, where: str, n: int) -> IntVector:
    if ids is None:
        return np.full(n, TARGET, dtype=np.intp)
    if estimator.target_task is None:
        raise ValueError("the model was fitted without tasks: fit it with them and target_task=, or drop task= here.")
    target = as_task_ids([estimator.target_task], 1, "target_task")
    known = TaskIndex(estimator.source_tasks_)
    served = TaskIndex(target).encode(ids, where) == 0
    codes = np.full(n, TARGET, dtype=np.intp)
    codes[~served] = known.encode(ids[~served], where)
    unknown = np.unique(ids[~served & (codes == TARGET)])
    if len(unknown):
        shown = ", ".join(repr(value) for value in unknown[:5].tolist()) + (", .." if len(unknown) > 5 else "")
        raise ValueError(
            f"{where} has {len(unknown)} task(s) that fit has not seen ({shown}): fit with rows of them, or leave the "
            f"id of rows of the target {estimator.target_task!r} empty."
        )
    return codes


def _lacks(estimator: Any, table: Any, column: Any) -> bool:
    """Tell whether this X came without the task column."""
    names = getattr(estimator, "feature_names_in_", None)
    if is_frame(table) and names is not None:
        return named_column(column, names) not in list(table.columns)
    return table.shape[1] == estimator.n_features_in_ - 1


def named_column(column: Any, names: NDArray[Any]) -> Any:
    """Return the name of a column that is given by name or position."""
    return column if column in names.tolist() else names[column]


def _check_rest(estimator: Any, table: Any, column: Any) -> None:
    """Check the other columns of an X without the task column."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is None or not is_frame(table):
        return
    expected = [name for name in names.tolist() if name != named_column(column, names)]
    if list(table.columns) != expected:
        raise ValueError(
            f"The feature names should match those that were passed during fit: fit had {expected[:12]} beside the "
            f"task column, this X has {list(table.columns)[:12]}; select the columns of fit, in its order."
        )
