"""What the page shows of an advice: the findings, everything that was compared, what it took, and who helps whom."""

from __future__ import annotations

import math
from dataclasses import dataclass

from crosstask.report._curve import Curve
from crosstask.report._scale import loss_text
from crosstask.report._who import WhoHelps


@dataclass(frozen=True)
class Compared:
    """A candidate: whether it was compared to the end, why, its mean held-out loss, seconds and bytes, or NaN."""

    name: str
    kept: bool
    reason: str
    loss: float
    seconds: float = math.nan
    memory: float = math.nan

    @property
    def loss_said(self) -> str:
        """The loss in words."""
        return loss_text(self.loss) if math.isfinite(self.loss) else "not tried"


@dataclass(frozen=True)
class Advised:
    """An advice in plain values.

    Parameters
    ----------
    answer : str
        The first line.
    findings : tuple of (str, str, str)
        Code, severity and sentence.
    compared : tuple of Compared
        Every candidate.
    who : WhoHelps or None
        Gains of all pairs.
    plan : str
        What the fits were expected to take, and what they took.
    curve : Curve or None
        Learning curves.
    saved : str
        How many rows sharing saves, in a sentence.
    interrupted : bool
        Whether the comparison did not come to its end.
    """

    answer: str
    findings: tuple[tuple[str, str, str], ...] = ()
    compared: tuple[Compared, ...] = ()
    who: WhoHelps | None = None
    plan: str = ""
    curve: Curve | None = None
    saved: str = ""
    interrupted: bool = False

    @property
    def bars(self) -> list[tuple[str, float, str, str]]:
        """Name, share of the longest time in percent, and seconds and memory in words."""
        timed = [one for one in self.compared if math.isfinite(one.seconds)]
        longest = max((one.seconds for one in timed), default=0.0) or 1.0
        return [
            (one.name, round(100 * one.seconds / longest, 1), f"{one.seconds:.2g} s", _megabytes(one.memory))
            for one in timed
        ]


def _megabytes(memory: float) -> str:
    return "" if not math.isfinite(memory) else f"{memory / 1e6:.0f} MB" if memory >= 1e6 else "under 1 MB"
