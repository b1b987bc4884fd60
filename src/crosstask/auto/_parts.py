"""Small parts of the flagship: groups, targets, a clock, and how many workers there are."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from crosstask.auto._roles import Roles
from crosstask.multitask._support import fold_parameters
from crosstask.multitask._tuning import report_progress
from crosstask.tasks import TaskRows, as_task_ids

FloatMatrix = NDArray[np.float64]


def each_pair(matrix: FloatMatrix, rows: TaskRows) -> FloatMatrix:
    """Return one row for each pair (a wide target repeats rows)."""
    return matrix if rows.table_row is None else matrix[rows.table_row]


def target_of(rows: TaskRows) -> NDArray[Any]:
    """Return the target, which fit always has."""
    assert rows.y is not None
    return rows.y


def group_labels(rows: TaskRows, roles: Roles) -> NDArray[Any] | None:
    """Return a label of each pair's group, None where no column says what belongs together."""
    if roles.group is None:
        return None
    values = _safe_indexing(rows.X, [roles.group], axis=1)
    column = np.asarray(values)[:, 0]
    ids = as_task_ids(column, len(column), "group_column")
    labels = np.unique(ids, return_inverse=True)[1].reshape(-1)
    return labels if rows.table_row is None else labels[rows.table_row]


class Clock:
    """Passes progress on, and adds up the seconds between two reports for what was reported."""

    def __init__(self, verbose: Any) -> None:
        self.verbose = verbose
        self.seconds: dict[str, float] = {}
        self._last = perf_counter()

    def __call__(self, done: int, total: int, what: str) -> None:
        now = perf_counter()
        name = what.split(":", maxsplit=1)[0]
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now
        report_progress(self.verbose, done, total, what)


def forget_folds(model: Any) -> None:
    """Take the explicit folds out of a fitted candidate's parameters: a model keeps no positions of rows."""
    for part in (model, getattr(model, "estimator_", None)):
        if part is not None:
            part.set_params(**dict.fromkeys(fold_parameters(part)))


def check_time(times: NDArray[np.float64], column: Any) -> None:
    """Refuse missing times.

    Raises
    ------
    ValueError
        If a row has no time.
    """
    missing = np.isnan(times)
    if missing.any():
        raise ValueError(
            f"time_column={column!r} is missing in {int(missing.sum())} rows (first at row {int(missing.argmax())}): "
            "fill the times in, or drop these rows."
        )
