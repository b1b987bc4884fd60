"""The three doors: they agree where one is used, and say so where none or two are."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import get_tags

from crosstask.testing._tables import (
    METHODS,
    TaskTable,
    answers,
    assert_raises,
    assert_same_answers,
    fitted,
    parameters,
    steady,
)


def has_column_door(estimator: Any) -> bool:
    """Tell whether the estimator has the parameter ``task_column``."""
    return "task_column" in parameters(estimator)


def frame_of(X: Any, task: Any, position: int = 1) -> Any:
    """Return a data frame with the task column ``site`` among the features."""
    import pandas as pd

    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    frame.insert(position, "site", task)
    return frame


def check_column_equals_array(estimator: Any) -> None:
    """Tasks in a column, by name or by position, or in an array: the same model and the same predictions."""
    if not has_column_door(estimator):
        return
    for names in (["n", "s", "w"], [10, 20, 30]):
        table = TaskTable.make(estimator).named(names)
        X, task = table.new_rows()
        expected = answers(fitted(estimator, table), X, task=task)
        frame, new = frame_of(table.X, table.task), frame_of(X, task)
        for column in ("site", 1, -3):
            model = steady(estimator, table, task_column=column).fit(frame, table.y)
            assert_same_answers(answers(model, new), expected, f"task_column={column!r} instead of task=")
    model = steady(estimator, table, task_column=1).fit(frame.to_numpy(), table.y)
    assert_same_answers(answers(model, new.to_numpy()), expected, "task_column=1 of an array instead of task=")


def check_wide_equals_long(estimator: Any) -> None:
    """A wide target, with gaps or names, is the long table of its observed pairs; column j answers for column j."""
    if not get_tags(estimator).target_tags.multi_output:
        return
    import pandas as pd

    table = TaskTable.make(estimator, n_rows=20)
    n, n_tasks = 20, 3
    shared = table.X[:n]
    y = table.y.reshape(n_tasks, n).T.astype(object if table.y.dtype.kind == "U" else float)
    gaps = y.copy()
    gaps[::7, 1] = None if y.dtype == object else np.nan
    halves = [np.arange(n) % 2 == k for k in (0, 1)]
    folds = [(np.flatnonzero(halves[k]), np.flatnonzero(halves[1 - k])) for k in (0, 1)]
    for wide, made in ((y, y), (gaps, gaps), (gaps, pd.DataFrame(gaps, columns=["w", "n", "s"]))):
        absent = np.array([[value is None or value != value for value in row] for row in wide])
        pair_task, pair_row = np.nonzero(~absent.T)
        inside = [tuple(np.flatnonzero(np.isin(pair_row, side)) for side in fold) for fold in folds]
        values = np.array(wide[pair_row, pair_task].tolist())
        long = TaskTable(shared[pair_row], values, pair_task, inside)  # type: ignore[arg-type]
        expected = answers(fitted(estimator, long), np.tile(shared, (n_tasks, 1)), task=np.repeat([0, 1, 2], n))
        model = steady(estimator, TaskTable(shared, values, pair_task, folds)).fit(shared, made)
        found = {name: np.asarray(getattr(model, name)(shared)) for name in METHODS if hasattr(model, name)}
        for name, answer in found.items():
            assert answer.shape[:2] == (n, n_tasks), f"{name} of a wide target has shape {answer.shape}"
        flat = {name: np.swapaxes(v, 0, 1).reshape(-1, *v.shape[2:]) for name, v in found.items()}
        assert_same_answers(flat, expected, "a wide target instead of a long one", tolerance=1e-4)


def check_no_door_is_one_task(estimator: Any) -> None:
    """Without tasks the estimator is an ordinary one, and equals itself on one task."""
    table = TaskTable.make(estimator, n_tasks=1, n_rows=30)
    X, task = table.new_rows()
    plain = answers(steady(estimator, table).fit(table.X, table.y), X)
    assert_same_answers(answers(fitted(estimator, table), X, task=task), plain, "one task named instead of none")


def check_polars_equals_pandas(estimator: Any) -> None:
    """A polars frame gives what the pandas frame gives."""
    try:
        import polars as pl
    except ImportError:
        return
    table = TaskTable.make(estimator).named(["n", "s", "w"])
    X, task = table.new_rows()
    if not has_column_door(estimator):
        frame, new = frame_of(table.X, table.task).drop(columns="site"), frame_of(X, task).drop(columns="site")
        made, task = {"task": table.task}, {"task": task}
    else:
        frame, new, made, task = frame_of(table.X, table.task), frame_of(X, task), {}, {}
    changes = {"task_column": "site"} if has_column_door(estimator) else {}
    expected = answers(steady(estimator, table, **changes).fit(frame, table.y, **made), new, **task)
    model = steady(estimator, table, **changes).fit(_polars(pl, frame), pl.Series(table.y.tolist()), **made)
    assert_same_answers(answers(model, _polars(pl, new), **task), expected, "polars instead of pandas")


def _polars(pl: Any, frame: Any) -> Any:
    return pl.DataFrame({name: frame[name].tolist() for name in frame.columns})


def check_two_doors_raise(estimator: Any) -> None:
    """Tasks given twice are an error that names both doors, in fit and in predict."""
    table = TaskTable.make(estimator)
    X, task = table.new_rows()
    if has_column_door(estimator):
        frame, new = frame_of(table.X, table.task), frame_of(X, task)
        model = steady(estimator, task_column="site")
        assert_raises(lambda: model.fit(frame, table.y, task=table.task), "column and task=", "task_column", "task=")
        model.fit(frame, table.y)
        assert_raises(lambda: model.predict(new, task=task), "column and task= in predict", "task_column", "task=")
    wide = np.column_stack([table.y, table.y])
    if get_tags(estimator).target_tags.multi_output:
        other = steady(estimator)
        assert_raises(lambda: other.fit(table.X, wide, task=table.task), "task= and a wide target", "task=", "wide")


def check_predict_without_tasks_raises(estimator: Any) -> None:
    """After a fit on several tasks, predict without tasks is an error with both cures."""
    table = TaskTable.make(estimator)
    model = fitted(estimator, table)
    for name in METHODS:
        if hasattr(model, name):
            call = getattr(model, name)
            assert_raises(lambda call=call: call(table.X), f"{name} without tasks", "task=", "task_column")


CHECKS = (
    check_column_equals_array,
    check_wide_equals_long,
    check_no_door_is_one_task,
    check_polars_equals_pandas,
    check_two_doors_raise,
    check_predict_without_tasks_raises,
)
