"""A time budget: what each candidate will take is measured on a part of the rows, and the dearest are left out."""

from __future__ import annotations

import numbers
import warnings
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from crosstask.auto._candidates import CandidateList

PILOT_ROWS = 2000
WARM_UP_ROWS = 200
PILOT_SHARE = 0.25


def check_budget(seconds: Any) -> None:
    """Refuse what is no number of seconds.

    Raises
    ------
    ValueError
        If the budget is not a positive number.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, numbers.Real) or not float(seconds) > 0:
        raise ValueError(f"time_budget={seconds!r} must be a number of seconds above 0, or None for no limit.")


def keep_within(
    listed: CandidateList, X: NDArray[np.float64], y: NDArray[Any], task: NDArray[Any], *, seconds: Any, n_fits: float
) -> None:
    """Leave out the dearest candidates until the rest should fit in the budget; ``listed.core`` always stays.

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
    check_budget(seconds)
    start = perf_counter()
    pilot = _pilot_rows(y, task)
    scale = n_fits * len(y) / len(pilot)
    cost: dict[str, float] = {}
    for name, model in sorted(listed.models, key=lambda pair: pair[0] not in listed.core):
        if name not in listed.core and perf_counter() - start > PILOT_SHARE * seconds:
            cost[name] = np.inf
            continue
        cost[name] = scale * _seconds_of(model, X[pilot], y[pilot], task[pilot])
    left = seconds - (perf_counter() - start)
    dropped: list[str] = []
    while sum(cost.values()) > left and any(name not in listed.core for name in cost):
        dearest = max((name for name in cost if name not in listed.core), key=cost.__getitem__)
        dropped.append(dearest)
        del cost[dearest]
    if dropped:
        listed.models = [(name, model) for name, model in listed.models if name in cost]
        listed.findings.append(("time-budget", f"left out to keep within {seconds:g} seconds: {', '.join(dropped)}."))
    if sum(cost.values()) > left:
        listed.findings.append(
            (
                "over-budget",
                f"the time budget of {seconds:g} seconds is too short for what is always compared "
                f"({', '.join(cost)}); these take about {sum(cost.values()):.0f} seconds.",
            )
        )


def _seconds_of(model: Any, X: NDArray[np.float64], y: NDArray[Any], task: NDArray[Any]) -> float:
    """Return the seconds of one fit: those of the processor where others keep it busy, and none for compiling."""
    few = _pilot_rows(y, task, WARM_UP_ROWS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a part of the rows may be too few to converge on
        for rows in (few, slice(None)):
            fit: Any = clone(model)
            wall, processor = perf_counter(), process_time()
            fit.fit(X[rows], y[rows], task=task[rows])
            wall, processor = perf_counter() - wall, process_time() - processor
    return min(wall, processor)


def _pilot_rows(y: NDArray[Any], task: NDArray[Any], wanted: int = PILOT_ROWS) -> NDArray[np.intp]:
    if len(y) <= wanted:
        return np.arange(len(y), dtype=np.intp)
    order = np.lexsort((y, task))  # every k-th row in this order keeps tasks and classes in proportion
    return np.sort(order[np.linspace(0, len(y) - 1, wanted).astype(np.intp)])
