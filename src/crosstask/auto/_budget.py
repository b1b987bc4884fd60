"""A time budget: what each candidate will take is measured on a part of the rows, and the dearest are left out."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from crosstask.auto._candidates import CandidateList

PILOT_ROWS = 2000


def keep_within(
    listed: CandidateList, X: NDArray[np.float64], y: NDArray[Any], task: NDArray[Any], *, seconds: Any, n_fits: float
) -> None:
    """Leave out the dearest candidates until the rest should fit in the budget; each task's own model stays.

    Parameters
    ----------
    listed : CandidateList
        Changed in place: candidates that stay, and a finding that names the others.
    seconds : float
        The budget; the pilot fits count.
    n_fits : float
        How many fits of each candidate follow, divided by how many run at a time.

    Raises
    ------
    ValueError
        If the budget is not a positive number.
    """
    if isinstance(seconds, (str, bool)) or not seconds > 0:
        raise ValueError(f"time_budget={seconds!r} must be a number of seconds above 0, or None for no limit.")
    start = perf_counter()
    pilot = _pilot_rows(y, task)
    scale = n_fits * len(y) / len(pilot)
    cost: dict[str, float] = {}
    for name, model in listed.models:
        if cost and perf_counter() - start > 0.5 * seconds and name != listed.own:
            cost[name] = np.inf
            continue
        before = perf_counter()
        pilot_model: Any = clone(model)
        pilot_model.fit(X[pilot], y[pilot], task=task[pilot])
        cost[name] = (perf_counter() - before) * scale
    left = seconds - (perf_counter() - start)
    dropped: list[str] = []
    while sum(cost.values()) > left and len(cost) > 1:
        dearest = max((name for name in cost if name != listed.own), key=cost.__getitem__)
        dropped.append(dearest)
        del cost[dearest]
    if dropped:
        listed.models = [(name, model) for name, model in listed.models if name in cost]
        listed.findings.append(
            (
                "time-budget",
                f"left out to keep within {seconds:g} seconds: {', '.join(dropped)}.",
            )
        )


def _pilot_rows(y: NDArray[Any], task: NDArray[Any]) -> NDArray[np.intp]:
    if len(y) <= PILOT_ROWS:
        return np.arange(len(y), dtype=np.intp)
    order = np.lexsort((y, task))  # every k-th row in this order keeps tasks and classes in proportion
    return np.sort(order[np.linspace(0, len(y) - 1, PILOT_ROWS).astype(np.intp)])
