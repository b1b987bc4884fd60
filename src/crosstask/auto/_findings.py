"""What is worth telling about the rows before any model is fitted: gaps by task, zeros that look like codes, order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.auto._columns import Finding, is_category

FloatMatrix = NDArray[np.float64]
IntVector = NDArray[np.intp]

_SHOWN = 5


def table_findings(
    X: FloatMatrix, names: list[str], levels: list[Any], codes: IntVector, tasks: NDArray[Any]
) -> list[Finding]:
    """Return findings about the columns, task by task.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_columns)
        Matrix of the reader, NaN = missing.
    names, levels : list
        As the reader gives them.
    codes : ndarray of shape (n_rows,)
        Position of each row's task in ``tasks``.
    """
    findings: list[Finding] = []
    for j, name in enumerate(names):
        findings += _borrowed(X[:, j], name, codes, tasks)
        if not is_category(levels[j]):
            findings += _zero_codes(X[:, j], name, codes, tasks)
    return findings


def _borrowed(column: NDArray[np.float64], name: str, codes: IntVector, tasks: NDArray[Any]) -> list[Finding]:
    """Tasks in which the column is wholly missing, or never varies, while it varies over all tasks."""
    n_tasks = len(tasks)
    present = ~np.isnan(column)
    count = np.bincount(codes[present], minlength=n_tasks)
    low, high = np.full(n_tasks, np.inf), np.full(n_tasks, -np.inf)
    np.minimum.at(low, codes[present], column[present])
    np.maximum.at(high, codes[present], column[present])
    findings: list[Finding] = []
    absent = np.flatnonzero(count == 0)
    if 0 < len(absent) < n_tasks:
        findings.append(
            (
                "absent-in-task",
                f"column {name!r} is wholly missing in {listed(tasks[absent])}: the other tasks' values fill it, "
                "and a column of its own says where.",
            )
        )
    flat = np.flatnonzero((count >= 10) & (low == high))
    if 0 < len(flat) < n_tasks:
        findings.append(
            (
                "constant-in-task",
                f"column {name!r} has one value only in {listed(tasks[flat])}: what it means there is learnt from the "
                "other tasks.",
            )
        )
    return findings


def _zero_codes(column: NDArray[np.float64], name: str, codes: IntVector, tasks: NDArray[Any]) -> list[Finding]:
    """Zeros far below all other values, which themselves lie close together: probably 'not measured'."""
    zero = column == 0.0
    others = np.unique(column[~np.isnan(column) & ~zero])
    if not zero.any() or zero.mean() > 0.5 or len(others) < 10 or others[0] < 0.0:  # mostly zero: counts, word weights
        return []
    far = others[0] >= 10.0 * np.median(np.diff(others)) and others[0] >= 0.2 * np.median(others)
    if not far:
        return []
    rows = np.bincount(codes[zero], minlength=len(tasks))
    held = np.bincount(codes[~np.isnan(column)], minlength=len(tasks))
    whole = np.flatnonzero((rows == held) & (rows > 0))
    where = f"all of {listed(tasks[whole])}, " if len(whole) else ""
    return [
        (
            "zeros",
            f"column {name!r} is 0 in {int(zero.sum())} rows ({where}{int((rows > 0).sum())} of {len(tasks)} tasks), "
            f"while its other values start at {others[0]:g}: zeros may stand for missing there. Nothing was changed; "
            "if so, empty them and fit again.",
        )
    ]


def order_finding(y: NDArray[np.float64], codes: IntVector, n_tasks: int) -> list[Finding]:
    """Return a warning if neighbouring rows of a task have alike targets, as measurements in time have.

    The lag-one autocorrelation of the target in row order, pooled over tasks, is compared with its value
    -1 / n_t under random order; rows that are merely sorted by the target say nothing about time.
    """
    order = np.argsort(codes, kind="stable")
    value, task = y[order], codes[order]
    count = np.bincount(task, minlength=n_tasks)
    centred = value - (np.bincount(task, value, n_tasks) / np.maximum(count, 1))[task]
    same = task[1:] == task[:-1]
    steps = value[1:][same] - value[:-1][same]
    if same.sum() < 30 or (steps >= 0).all() or (steps <= 0).all() or _mostly_sorted(steps, task[1:][same], n_tasks):
        return []
    total = np.bincount(task, centred**2, n_tasks)
    products = np.bincount(task[1:][same], centred[1:][same] * centred[:-1][same], n_tasks)
    usable = (count >= 8) & (total > 1e-12 * max(float(np.sum(total)), 1e-300))
    if not usable.any():
        return []
    rows = count[usable]
    lag_one = products[usable] / total[usable] + 1.0 / rows
    pooled = float(np.average(lag_one, weights=rows))
    pooled = min(pooled, float(np.median(lag_one)))  # one task with sorted rows must not speak for all
    if pooled < 0.25 or pooled * np.sqrt(rows.sum()) < 4.0:
        return []
    return [
        (
            "ordered-rows",
            f"rows of a task look ordered in time (neighbouring rows have alike targets, correlation {pooled:.2f}), "
            "but the folds are random: if later rows are to be predicted, the gains shown here flatter. "
            "Name the column of the time with time_column=.",
        )
    ]


def _mostly_sorted(steps: NDArray[np.float64], task: IntVector, n_tasks: int) -> bool:
    """Tell whether at least half of the tasks have rows sorted by the target."""
    up = np.bincount(task, steps < 0, n_tasks)
    down = np.bincount(task, steps > 0, n_tasks)
    held = np.bincount(task, minlength=n_tasks) > 0
    return bool(np.mean(((up == 0) | (down == 0))[held]) >= 0.5)


def task_findings(y: NDArray[Any], codes: IntVector, tasks: NDArray[Any], classification: bool) -> list[Finding]:
    """Return findings about tasks with hardly any rows, or with one class only."""
    count = np.bincount(codes, minlength=len(tasks))
    findings: list[Finding] = []
    single = np.flatnonzero(count == 1)
    if len(single):
        findings.append(
            (
                "one-row-task",
                f"{listed(tasks[single])}: one row only, so that nothing can be held out there; "
                "what serves them is what serves the other tasks.",
            )
        )
    if classification:
        low, high = np.full(len(tasks), np.iinfo(np.intp).max), np.full(len(tasks), -1)
        label = np.unique(y, return_inverse=True)[1].reshape(-1)
        np.minimum.at(low, codes, label)
        np.maximum.at(high, codes, label)
        pure = np.flatnonzero((low == high) & (count > 1))
        if len(pure):
            findings.append(
                (
                    "one-class-task",
                    f"{listed(tasks[pure])}: all rows have the same class, so that the task's own model is its "
                    "smoothed share, (k + 1/2) / (n + K/2).",
                )
            )
    return findings


def listed(tasks: NDArray[Any]) -> str:
    """Name some tasks, the first five of them."""
    shown = ", ".join(str(task) for task in tasks[:_SHOWN])
    return shown if len(tasks) <= _SHOWN else f"{shown} and {len(tasks) - _SHOWN} more tasks"
