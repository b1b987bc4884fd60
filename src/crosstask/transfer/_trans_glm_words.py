"""Why a source was used or not, in one plain sentence."""

from __future__ import annotations

from typing import Any

from crosstask.transfer._detection import CONTRARY, EMPTY, HARMFUL, KEPT, SILENT


def reason(source: Any, n: int, loss: float, threshold: float, verdict: str, weight: float, same_as: Any) -> str:
    """Return the sentence of one source of ``n`` rows."""
    if verdict == EMPTY:
        return "left out: all its rows have the weight zero."
    if str(same_as) != str(source):
        return f"{verdict}: it holds the same rows as {same_as}, and is counted once with it (weight {weight:.2f})."
    if verdict == KEPT:
        return f"kept: its loss {loss:.3g} is below {threshold:.3g}, which a source that tells nothing would not reach."
    if verdict == SILENT:
        return f"left out: it shows nothing about the target (loss {loss:.3g}, to be below {threshold:.3g}; {n} rows)."
    if verdict == CONTRARY:
        return f"left out: it contradicts the target (loss {loss:.3g}, worse than a constant by more than chance)."
    if verdict == HARMFUL:
        return f"left out: held-out target rows are predicted worse with it ({loss:.3g}, at most {threshold:.3g})."
    return "used: you named it." if weight > 0 else "left out: you did not name it."
