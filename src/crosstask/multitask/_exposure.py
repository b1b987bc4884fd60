"""A column of X with each row's exposure: for how long, or how many, something was counted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks import TaskRows
from crosstask.tasks._frames import is_frame, pop_column

Array = NDArray[np.float64]


def split_exposure(rows: TaskRows, column: str | int, task_column: str | int | None) -> tuple[TaskRows, Array]:
    """Return the rows without the exposure's column, and its logarithm for each row of the table.

    Parameters
    ----------
    rows : TaskRows
        From the door; the task's column is gone already.
    column : str or int
        Name, or position in the caller's X.
    task_column : str or int, optional
        Where the tasks were.

    Raises
    ------
    ValueError
        If the column is absent or the task's, or an exposure is not a positive number.
    """
    place = column if is_frame(rows.X) else _without_task(column, task_column, rows.X.shape[1])
    table, values = pop_column(rows.X, place, "exposure")
    if table.shape[1] == 0:
        raise ValueError(f"X has no columns besides the exposure {column!r}: add the features to learn from.")
    try:
        exposure = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values, dtype=np.float64)
    except (TypeError, ValueError):
        exposure = np.full(1, np.nan)
    wrong = ~(np.isfinite(exposure) & (exposure > 0))
    if wrong.any():
        raise ValueError(
            f"column {column!r} holds the exposure, and {int(wrong.sum())} row(s) of it are not positive numbers: "
            "drop rows that were seen for no time, and fill gaps."
        )
    return replace(rows, X=table), np.log(exposure)


def _without_task(column: Any, task_column: Any, n_left: int) -> Any:
    """Return the position that a column of an array has once the task's column is taken out."""
    numbers = all(isinstance(c, (int, np.integer)) and not isinstance(c, bool) for c in (column, task_column))
    if not numbers:
        return column
    at, gone = (int(c) % (n_left + 1) if -n_left - 1 <= c <= n_left else int(c) for c in (column, task_column))
    if at == gone:
        raise ValueError(f"column {column} was named both as task_column and as exposure_column: they must differ.")
    return at - (at > gone)
