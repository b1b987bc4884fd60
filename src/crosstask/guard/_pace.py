"""A time budget: what a fit of each candidate takes, how much time there is left, and who has to go."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

SPARE = 0.06  # share of the budget for what follows the fits: weights and intervals
FEWEST = 2  # folds that are held out however short the budget is


def check_budget(seconds: Any) -> None:
    """Refuse what is no number of seconds.

    Raises
    ------
    ValueError
        If the budget is not a positive number.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, numbers.Real) or not float(seconds) > 0:
        raise ValueError(f"time_budget={seconds!r} must be a number of seconds above 0, or None for no limit.")


@dataclass
class Pace:
    """Keeps the clock of a fit.

    Parameters
    ----------
    budget : float
        Seconds, from ``start`` on.
    start : float
        The moment by ``time.perf_counter``.
    expected : mapping of str to float
        Seconds of one fit on the training rows of a fold, by candidate; measured ones take their place.
    """

    budget: float
    start: float = field(default_factory=perf_counter)
    expected: Mapping[str, float] = field(default_factory=dict[str, float])
    names: list[str] = field(default_factory=list[str])
    workers: int = 1
    growth: float = 1.25
    seconds: dict[int, float] = field(default_factory=dict[int, float])

    def begin(self, names: list[str], workers: int, growth: float) -> None:
        """Learn who is compared, how many fits run at a time, and how many times the rows of a fold all rows are."""
        self.names, self.workers, self.growth = names, workers, growth
        self.seconds = {c: float(self.expected[name]) for c, name in enumerate(names) if name in self.expected}

    def measured(self, c: int, seconds: float) -> None:
        """Take the seconds of a fit in place of what was expected."""
        self.seconds[c] = seconds

    def left(self) -> float:
        """Seconds until the fits must be done."""
        return self.start + (1.0 - SPARE) * self.budget - perf_counter()

    def needed(self, candidates: Collection[int], folds: int) -> float:
        """Seconds for so many folds and the fit on all rows; nothing for candidates that nobody has timed."""
        return (folds + self.growth) * sum(self.seconds.get(c, 0.0) for c in candidates) / self.workers

    def too_dear(self, live: list[int], core: Collection[int], folds: int) -> list[tuple[int, str]]:
        """Return whom to leave out, the dearest first, so that the others have time for so many folds."""
        staying, out = list(live), list[tuple[int, str]]()
        while self.needed(staying, folds) > self.left():
            others = [c for c in staying if c not in core and self.seconds.get(c, 0.0) > 0.0]
            if not others:
                break
            dearest = max(others, key=lambda c: self.seconds[c])
            staying.remove(dearest)
            if self.seconds[dearest] == float("inf"):
                out.append((dearest, "there was no time to try it out on a part of the rows"))
                continue
            need = (folds + self.growth) * self.seconds[dearest] / self.workers
            rest = max(self.left() - self.needed(staying, folds), 0.0)
            out.append((dearest, f"it would need about {need:.2g} seconds more, and {rest:.2g} are left for it"))
        return out

    def may_begin(self, c: int, live: Collection[int], core: Collection[int], folds: int) -> bool:
        """Tell whether there is time for one more fit of a candidate beside what the core still needs.

        So many folds are left after this fit; -1 where it is the fit on all rows, which takes ``growth`` times as long
        and comes after those of the core.
        """
        if c in core:
            return True
        seconds = self.seconds.get(c, 0.0)
        if folds < 0:
            return self.growth * seconds <= self.left()
        return seconds <= self.left() - self.needed([one for one in live if one in core], folds)

    def may_return(self, c: int, live: Collection[int], folds: int) -> bool:
        """Tell whether a candidate that was left out at the beginning fits in the time that the others left over.

        ``live`` are those that are fitted on all rows in the end. One that nobody has timed may show what it takes
        where a third of the budget is there.
        """
        seconds = self.seconds.get(c, float("inf"))
        rest = self.left() - self.needed([one for one in live if one != c], 0)
        if seconds == float("inf"):
            return rest > self.budget / 3
        return (folds + self.growth) * seconds / self.workers <= rest

    def stop(self, live: list[int], done: int) -> bool:
        """Tell whether the folds end here, so that the fits on all rows are ready in time."""
        return done >= FEWEST and self.needed(live, 1) > self.left()
