"""What a fit took: seconds, and how far the memory of its process rose."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Self

from crosstask.allocation._machine import held_bytes, peak_bytes

EVERY = 0.01  # seconds between two looks at the memory


@dataclass(frozen=True)
class Spent:
    """What one fit took.

    Parameters
    ----------
    method : str
        Name of the candidate.
    fold : int or None
        The fold that was held out; None for all rows.
    group : str
        The tasks that were fitted together.
    seconds : float
        Wall clock.
    memory : float
        How far the memory of the process rose meanwhile, in bytes; memory that an earlier fit has left to the process
        is used again without a rise.
    process : int
        Id of the process.
    peak : float
        The most that the process has held so far, in bytes.
    """

    method: str
    fold: int | None
    group: str
    seconds: float
    memory: float
    process: int
    peak: float


class Watch:
    """Context that takes the time, and looks at the memory of the process now and then."""

    def __enter__(self) -> Self:
        self._before = self._highest = held_bytes()
        self._over = threading.Event()
        self._looks = threading.Thread(target=self._look, daemon=True)
        self._looks.start()
        self._start = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = perf_counter() - self._start
        self._over.set()
        self._looks.join()
        self._highest = max(self._highest, held_bytes())

    def _look(self) -> None:
        while not self._over.wait(EVERY):
            self._highest = max(self._highest, held_bytes())

    def spent(self, method: str, fold: int | None, group: str) -> Spent:
        """Return what was seen."""
        rise = max(self._highest - self._before, 0.0)
        return Spent(method, fold, group, self.seconds, rise, os.getpid(), peak_bytes())


def spent_by_method(spent: Iterable[Spent]) -> dict[str, dict[str, float]]:
    """Return the number and the seconds of the fits of each method, and the largest rise of memory in one, in bytes."""
    found: dict[str, dict[str, float]] = {}
    for one in spent:
        total = found.setdefault(one.method, {"fits": 0.0, "seconds": 0.0, "memory": 0.0})
        total["fits"] += 1
        total["seconds"] += one.seconds
        total["memory"] = max(total["memory"], one.memory)
    return found
