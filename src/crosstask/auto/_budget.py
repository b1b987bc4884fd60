"""Pilot fits: what each candidate will take is measured on parts of the rows of two sizes."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from dataclasses import dataclass
from math import log
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

WARM_UP_ROWS = 200
SIZES = (500, 2000)
FEW_ROWS = 1000  # below, the first fold is as good a trial as any
FEW_TASKS = 8
PILOT_SHARE = 0.2  # of the budget, after which no further candidate is tried out


@dataclass(frozen=True)
class Cost:
    """What a fit was measured to take at two sizes.

    Parameters
    ----------
    sizes : (int, int)
        Rows of the pilot fits, the smaller first.
    seconds : (float, float)
        Of each.
    """

    sizes: tuple[int, int]
    seconds: tuple[float, float]

    def at(self, n: float) -> float:
        """Seconds for n rows."""
        return continued(self.sizes, self.seconds, n)


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
    """Time pilot fits of the candidates, those of the core first, and return seconds for n rows.

    Infinite for those whose turn comes too late; nothing for few rows, where the first fold will tell.
    """
    start = perf_counter()
    found: dict[str, float] = {}
    if len(y) < FEW_ROWS:
        return found
    for name, model in sorted(models, key=lambda pair: pair[0] not in core):
        if name not in core and perf_counter() - start > PILOT_SHARE * seconds:
            found[name] = np.inf
            continue
        try:
            found[name] = pilot_cost(model, X, y, task).at(n)
        except ValueError:  # a part of the rows may lack a class; the first fold will tell
            continue
    return found


def pilot_cost(model: Any, X: NDArray[np.float64], y: NDArray[Any], task: NDArray[Any]) -> Cost:
    """Time one model on two sizes, after a fit that compiles what has to be compiled."""
    sizes = (min(SIZES[0], len(y) // 8), min(SIZES[1], len(y) // 2))
    timed: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a part of the rows may be too few to converge on
        for wanted in (WARM_UP_ROWS, *sizes):
            rows = pilot_rows(y, task, wanted)
            fit: Any = clone(model)
            wall, processor = perf_counter(), process_time()
            fit.fit(X[rows], y[rows], task=task[rows])
            wall, processor = perf_counter() - wall, process_time() - processor
            timed.append(min(wall, processor))  # that of the processor where others keep it busy
    return Cost(sizes, (timed[1], timed[2]))


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
