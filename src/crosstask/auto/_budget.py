"""Pilot fits: what each candidate will take is measured on parts of the rows of two sizes."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from math import log
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

SIZES = (500, 2000)
FEW_ROWS = 400  # below, the first fold is as good a trial as any
FEW_TASKS = 8
PILOT_SHARE = 0.2  # of the budget, after which no further candidate is tried out


def continued(sizes: tuple[int, int], values: tuple[float, float], n: float) -> float:
    """Continue a line through two points to n rows, or a power of n where the values grow faster than n does."""
    (n1, n2), (v1, v2) = sizes, values
    power = log(max(v2, 1e-12) / max(v1, 1e-12)) / log(n2 / n1)
    if power > 1.0:
        return v2 * (n / n2) ** min(power, 2.0)
    return v2 + max(v2 - v1, 0.0) / (n2 - n1) * (n - n2)


def expected_seconds(
    models: list[tuple[str, Any]],
    X: NDArray[np.float64],
    y: NDArray[Any],
    task: NDArray[Any],
    *,
    n: float,
    seconds: float,
    core: Collection[str],
) -> dict[str, float]:
    """Time pilot fits of the candidates outside the core and return seconds for n rows.

    First all on the smaller part; then on the larger part, the cheapest first, as long as
    there is time. Infinite for those whose turn comes too late; nothing for few rows, where the first fold will tell.
    """
    start, late = perf_counter(), PILOT_SHARE * seconds
    if len(y) < FEW_ROWS:
        return {}
    sizes = min(SIZES[0], len(y) // 8), min(SIZES[1], len(y) // 2)
    others = [pair for pair in models if pair[0] not in core]  # the core is fitted in any case, and first
    small: dict[str, float] = {}
    for name, model in others:
        small[name] = np.inf
        if perf_counter() - start < late:
            pilot_seconds(model, X, y, task, sizes[0])  # compiles what has to be compiled
            small[name] = pilot_seconds(model, X, y, task, sizes[0])
    found = {name: spent * n / sizes[0] for name, spent in small.items()}
    for name, model in sorted(others, key=lambda pair: small[pair[0]]):
        if small[name] < np.inf and perf_counter() - start < late:
            found[name] = continued(sizes, (small[name], pilot_seconds(model, X, y, task, sizes[1])), n)
    return {name: value for name, value in found.items() if not np.isnan(value)}


def pilot_seconds(model: Any, X: NDArray[np.float64], y: NDArray[Any], task: NDArray[Any], size: int) -> float:
    """Time a fit on about so many rows; NaN where they are too few to be fitted."""
    rows = pilot_rows(y, task, size)
    fit: Any = clone(model)
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a part of the rows may be too few to converge on
        try:
            fit.fit(X[rows], y[rows], task=task[rows])
        except ValueError:  # a class may be missing; the first fold will tell
            return float("nan")
    return perf_counter() - start


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
