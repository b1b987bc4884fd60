"""The caller's data: read, never written, and refused in one line where they do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import get_tags

from crosstask.testing._doors import frame_of
from crosstask.testing._tables import (
    N_FEATURES,
    TaskTable,
    answers,
    assert_raises,
    assert_same_answers,
    fitted,
    steady,
)


def check_callers_data_unchanged(estimator: Any) -> None:
    """Neither a fit nor a prediction nor a refused fit changes the caller's X, y, task or weights."""
    table = TaskTable.make(estimator)
    given: dict[str, Any] = {"X": table.X.copy(), "y": table.y.copy(), "task": table.task.copy()}
    before = {name: values.copy() for name, values in given.items()}
    model = steady(estimator, table).fit(given["X"], given["y"], task=given["task"])
    model.predict(given["X"], task=given["task"])
    spoilt = given["task"].astype(object)
    spoilt[-1] = None
    kept = spoilt.copy()
    assert_raises(lambda: steady(estimator).fit(given["X"], given["y"], task=spoilt), "a missing id", "missing")
    for name, values in before.items():
        assert np.array_equal(given[name], values), f"the caller's {name} was changed"
    assert all(a is b or a == b for a, b in zip(spoilt, kept, strict=True)), "task was changed by a fit that failed"
    frame = frame_of(table.X, table.task).drop(columns="site")
    copy = frame.copy()
    steady(estimator, table).fit(frame, table.y, task=table.task).predict(frame, task=table.task)
    assert frame.equals(copy), "the caller's data frame was changed"


def check_read_only_arrays(estimator: Any) -> None:
    """Arrays that may not be written, as from shared memory, serve as well."""
    table = TaskTable.make(estimator)
    expected = answers(fitted(estimator, table), table.X, task=table.task)
    X, y, task = table.X.copy(), table.y.copy(), table.task.copy()
    for array in (X, y, task):
        array.setflags(write=False)
    model = steady(estimator, table).fit(X, y, task=task)
    assert_same_answers(answers(model, X, task=task), expected, "read-only arrays", tolerance=1e-9)


def check_sparse_equals_dense(estimator: Any) -> None:
    """Where the tags say that sparse X is taken, it gives what the dense X gives."""
    if not get_tags(estimator).input_tags.sparse:
        return
    table = TaskTable.make(estimator)
    X = np.where(np.abs(table.X) < 0.7, 0.0, table.X)
    table = TaskTable(X, table.y, table.task, table.folds)
    expected = answers(fitted(estimator, table), X, task=table.task)
    for make in (sparse.csr_array, sparse.csc_array):
        model = steady(estimator, table).fit(make(X), table.y, task=table.task)
        found = answers(model, make(X), task=table.task)
        assert_same_answers(found, expected, f"{make.__name__} instead of a dense array", tolerance=1e-4)


def check_no_rows_raise(estimator: Any) -> None:
    """A table without rows is refused in one line, in fit and in predict."""
    table = TaskTable.make(estimator)
    none = np.empty((0, N_FEATURES))
    assert_raises(lambda: steady(estimator).fit(none, table.y[:0], task=table.task[:0]), "a fit on no rows", "no rows")
    model = fitted(estimator, table)
    assert_raises(lambda: model.predict(none, task=table.task[:0]), "predict for no rows", "no rows")


def check_columns_that_differ_raise(estimator: Any) -> None:
    """Another number, other names, or another order of columns in predict than in fit is refused."""
    table = TaskTable.make(estimator)
    model = fitted(estimator, table)
    assert_raises(lambda: model.predict(table.X[:, :2], task=table.task), "a column less in predict", "features")
    frame = frame_of(table.X, table.task).drop(columns="site")
    named = steady(estimator, table).fit(frame, table.y, task=table.task)
    _assert_names_refused(named, frame.rename(columns={"x0": "z"}), table.task, "another column name in predict")
    _assert_names_refused(named, frame[["x1", "x0", "x2"]], table.task, "another order of columns in predict")


def _assert_names_refused(model: Any, frame: Any, task: Any, what: str) -> None:
    try:
        model.predict(frame, task=task)
    except ValueError as error:
        if "feature names" not in str(error).lower():
            raise AssertionError(f"{what}: the message must speak of feature names: {error}") from error
    else:
        raise AssertionError(f"{what} must raise a ValueError, but nothing was raised")


CHECKS = (
    check_callers_data_unchanged,
    check_read_only_arrays,
    check_sparse_equals_dense,
    check_no_rows_raise,
    check_columns_that_differ_raise,
)
