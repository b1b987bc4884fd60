"""Codes and sentences of the verdict, from what was tested."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SHARE, ALONE = 0.2, 0.8


def code_of(separate: Array, borrowed: NDArray[np.bool_], level: NDArray[np.bool_]) -> NDArray[Any]:
    """Return the code of each task from the weight on models that share nothing: alone from .8, share up to .2."""
    codes = np.where(separate >= ALONE, "alone", np.where(separate <= SHARE, "share", "blend"))
    codes = np.where(level, "blend", codes)  # a level of its own is no reason to leave a task alone
    return np.where(borrowed, "borrowed", codes)


def percent(value: float) -> str:
    """Spell a share as whole per cent, with one decimal below 1."""
    text = f"{100 * value:.1f}" if abs(value) < 0.0095 else f"{100 * value:.0f}"
    return "0" if text in ("-0", "-0.0", "0.0") else text


def span(low: float, high: float) -> str:
    """Spell an interval, or that there is none."""
    return f"{percent(low)} to {percent(high)} %" if np.isfinite(low) and np.isfinite(high) else "no interval"


def sentence(task: Any, code: str, loss: str, facts: dict[str, Any]) -> str:
    """Say what to do with one task, and only what was tested about it."""
    if facts.get("only"):
        return f"{task} is the only task: there is nothing to share with."
    if code == "borrowed":
        return f"lend {task} the models of the others: {facts['why']}, so nothing is guaranteed."
    gain, low, high = facts["gain"], facts["low"], facts["high"]
    if code == "alone":
        harm, harm_low, harm_high = -facts["sharing"], -facts["sharing_high"], -facts["sharing_low"]
        if harm_low > 0:
            return f"leave {task} alone: sharing raises its {loss} by {percent(harm)} % ({span(harm_low, harm_high)})."
        if not np.isfinite(harm):
            return f"leave {task} alone: there was nothing to compare its own model with."
        moves = "rise" if harm >= 0 else "fall"
        edge = (harm_low, harm_high) if harm >= 0 else (-harm_high, -harm_low)
        return (
            f"leave {task} alone: no gain from sharing could be shown "
            f"(its {loss} would {moves} by {percent(abs(harm))} %, {span(*edge)})."
        )
    verb = "share with" if code == "share" else "blend"
    if facts["level"]:
        return f"blend {task}: only its level differs from the others', so share with an intercept of its own."
    if not np.isfinite(gain):
        return f"{verb} {task}: its own {loss} is zero, and sharing cannot be compared with it."
    if low > 0:
        return f"{verb} {task}: its {loss} falls by {percent(gain)} % ({span(low, high)})."
    if high < 0:
        return f"{verb} {task}: its {loss} rises by {percent(-gain)} % ({span(-high, -low)})."
    moves = "falls" if gain >= 0 else "rises"
    edge = (low, high) if gain >= 0 else (-high, -low)
    return f"{verb} {task}: its {loss} {moves} by {percent(abs(gain))} % ({span(*edge)}), within what chance explains."


def order_of(code: Any, gain: Any, sharing: Any) -> Any:
    """Return the order of print: left alone by harm, then by gain from the smallest, the borrowed last."""
    rank = np.select([code == "alone", code == "borrowed"], [0, 2], 1)
    value = np.nan_to_num(np.where(code == "alone", sharing, gain), nan=0.0)
    return np.lexsort((value, rank))
