"""Pilot fits: what each method will take, in seconds and in memory, is measured on parts of the rows of two sizes."""

from __future__ import annotations

import tracemalloc
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from math import isnan, log
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from crosstask.tasks import take_rows

SIZES = (500, 2000)
FEW_ROWS = 400  # below, and under a time budget, the first fold is as good a trial as any
FEW_TASKS = 8
PILOT_SHARE = 0.2  # of the budget, after which no further method is tried out


@dataclass(frozen=True)
class Forecast:
    """What one fit of each method takes on a number of rows.

    ``seconds`` is infinite for a method whose pilots would have come too late; a method that could not be fitted on a
    part of the rows is in neither table. ``memory`` is the most that is allocated during the fit, in bytes, beside what
    was there before.
    """

    seconds: dict[str, float]
    memory: dict[str, float]


def continued(sizes: tuple[int, int], values: tuple[float, float], n: float) -> float:
    """Continue a line through two points to n rows, or a power of n where the values grow faster than n does."""
    (n1, n2), (v1, v2) = sizes, values
    power = log(max(v2, 1e-12) / max(v1, 1e-12)) / log(n2 / n1)
    if power > 1.0:
        return v2 * (n / n2) ** min(power, 2.0)
    return v2 + max(v2 - v1, 0.0) / (n2 - n1) * (n - n2)


def pilot_sizes(n_rows: int) -> tuple[int, int]:
    """Return how many rows the two pilot fits have: 500 and 2000, fewer where the table is small."""
    return max(min(SIZES[0], n_rows // 8), 1), max(min(SIZES[1], n_rows // 2), 2)


def forecast_all(models: list[tuple[str, Any]], X: Any, y: NDArray[Any], task: NDArray[Any], *, n: float) -> Forecast:
    """Time two pilot fits of each method, trace the memory of two others, and continue both to n rows."""
    sizes = pilot_sizes(len(y))
    seconds, memory = dict[str, float](), dict[str, float]()
    for name, model in models:
        spent, taken = list[float](), list[float]()
        pilot_seconds(model, X, y, task, sizes[0])  # compiles what has to be compiled
        for size in sizes:
            taken.append(pilot_bytes(model, X, y, task, size))
            spent.append(pilot_seconds(model, X, y, task, size))
        if not any(map(isnan, spent)):
            seconds[name] = continued(sizes, (spent[0], spent[1]), n)
            memory[name] = continued(sizes, (taken[0], taken[1]), n)
    return Forecast(seconds, memory)


def forecast_within(
    models: list[tuple[str, Any]],
    X: Any,
    y: NDArray[Any],
    task: NDArray[Any],
    *,
    n: float,
    seconds: float,
    core: Collection[str],
) -> Forecast:
    """Time pilot fits as far as a share of a time budget lasts.

    First all on the smaller part; then on the larger part, the cheapest first, as long as there is time. Infinite for
    those whose turn comes too late, and nothing where they are of the ``core``, which is fitted in any case; nothing
    for few rows, where the first fold will tell.
    """
    start, late = perf_counter(), PILOT_SHARE * seconds
    if len(y) < FEW_ROWS:
        return Forecast({}, {})
    sizes = pilot_sizes(len(y))
    small: dict[str, float] = {}
    memory: dict[str, float] = {}
    for name, model in models:
        small[name] = np.inf
        if perf_counter() - start < late:
            pilot_seconds(model, X, y, task, sizes[0])  # compiles what has to be compiled
            small[name] = pilot_seconds(model, X, y, task, sizes[0])
            memory[name] = pilot_bytes(model, X, y, task, sizes[0]) * n / sizes[0]
    found = {name: spent * n / sizes[0] for name, spent in small.items()}
    for name, model in sorted(models, key=lambda pair: small[pair[0]]):
        if small[name] < np.inf and perf_counter() - start < late:
            found[name] = continued(sizes, (small[name], pilot_seconds(model, X, y, task, sizes[1])), n)
    told = {name: v for name, v in found.items() if not isnan(v) and not (name in core and v == np.inf)}
    return Forecast(told, memory)


def pilot_seconds(model: Any, X: Any, y: NDArray[Any], task: NDArray[Any], size: int) -> float:
    """Time a fit on about so many rows; NaN where they are too few to be fitted."""
    rows = pilot_rows(y, task, size)
    part = take_rows(X, rows)
    start = perf_counter()
    fitted = _fit(model, part, y[rows], task[rows])
    return perf_counter() - start if fitted else float("nan")


def pilot_bytes(model: Any, X: Any, y: NDArray[Any], task: NDArray[Any], size: int) -> float:
    """Return the most memory that a fit on about so many rows allocates, as far as Python and NumPy allocate it."""
    rows = pilot_rows(y, task, size)
    part = take_rows(X, rows)
    traced_by_others = tracemalloc.is_tracing()
    if not traced_by_others:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        _fit(model, part, y[rows], task[rows])
        traced = tracemalloc.get_traced_memory()[1] - before
    finally:
        if not traced_by_others:
            tracemalloc.stop()
    return float(traced)


def _fit(model: Any, X: Any, y: NDArray[Any], task: NDArray[Any]) -> bool:
    """Fit a clone; False where the rows are too few for it, for a class may be missing."""
    fit: Any = clone(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a part of the rows may be too few to converge on
        try:
            fit.fit(X, y, task=task)
        except ValueError:
            return False
    return True


def pilot_rows(y: NDArray[Any], task: NDArray[Any], wanted: int) -> NDArray[np.intp]:
    """Return about so many rows of some tasks, which keep their rows as far as that leaves :data:`FEW_TASKS` of them.

    Rows of a task are thinned out in the order of y, which keeps the classes in proportion.
    """
    if len(y) <= wanted:
        return np.arange(len(y), dtype=np.intp)
    tasks, codes = np.unique(task, return_inverse=True)
    n_tasks = min(max(round(wanted * len(tasks) / len(y)), FEW_TASKS), len(tasks))
    chosen = np.linspace(0, len(tasks) - 1, n_tasks).astype(np.intp)
    rows = np.flatnonzero(np.isin(codes, chosen))
    rows = rows[np.lexsort((y[rows], codes[rows]))]
    return np.sort(rows[np.linspace(0, len(rows) - 1, min(wanted, len(rows))).astype(np.intp)])
