"""Positions and numbers: from values to percent of a drawing's width, and to text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

NEAR = 22.0  # percent of an axis of 280 pixels that one and a half labels take


@dataclass(frozen=True)
class Tick:
    """One labelled place on an axis; ``anchor`` keeps the label inside the drawing."""

    at: float
    label: str
    anchor: str


@dataclass(frozen=True)
class Scale:
    """A linear axis from ``low`` to ``high``, measured in percent of its length."""

    low: float
    high: float

    @classmethod
    def around(cls, values: ArrayLike, *, limit: float = math.inf, spread: float = 0.0) -> Scale:
        """Return the axis that holds zero and the values, except those beyond ``limit`` and outer quantiles."""
        finite = np.asarray(values, dtype=np.float64).ravel()
        finite = finite[np.isfinite(finite)]
        if not len(finite):
            return cls(-1.0, 1.0)
        low, high = np.quantile(finite, [spread, 1.0 - spread])
        low, high = max(min(float(low), 0.0), -limit), min(max(float(high), 0.0), limit)
        room = 0.06 * (high - low) or 0.5
        return cls(low - room, high + room)

    def holding(self, values: ArrayLike, *, limit: float = math.inf) -> Scale:
        """Return the axis lengthened to hold these values as well, as far as ``limit``."""
        finite = np.asarray(values, dtype=np.float64)
        finite = finite[np.isfinite(finite)]
        if not len(finite):
            return self
        room = 0.03 * (self.high - self.low)
        low, high = max(float(finite.min()), -limit) - room, min(float(finite.max()), limit) + room
        return Scale(min(self.low, low), max(self.high, high))

    def at(self, value: float) -> float:
        """Return the position of a value in percent, at the nearer end where it lies outside."""
        if not math.isfinite(value):
            return 0.0 if value < 0 else 100.0
        share = (value - self.low) / (self.high - self.low)
        return round(100.0 * min(max(share, 0.0), 1.0), 2)

    def holds(self, value: float) -> bool:
        """Tell whether the value lies on the axis."""
        return self.low <= value <= self.high

    def ticks(self, label: Formatter, most: int = 5, *, upright: bool = False) -> list[Tick]:
        """Return at most ``most`` round places with their labels.

        A label that is moved inward at an end of a lying axis (not ``upright``) would run into its neighbour on a phone
        where that is near: it is left away, and its line stays.
        """
        places = round_numbers(self.low, self.high, most)
        found = [Tick(self.at(place), label(place), _anchor(self.at(place))) for place in places]
        if upright or len(found) < 2:
            return found
        for end, neighbour in ((0, 1), (-1, -2)):
            if found[end].anchor != "middle" and abs(found[end].at - found[neighbour].at) < NEAR:
                found[end] = replace(found[end], label="")
        return found


class Formatter:
    """Writes a number; ``+`` and true minus signs, percent or plain."""

    def __init__(self, *, percent: bool = False, signed: bool = True, digits: int = 3) -> None:
        self.percent, self.signed, self.digits = percent, signed, digits

    def __call__(self, value: float) -> str:
        """Return the text for a value."""
        if not math.isfinite(value):
            return "–"
        text = self._percent(value) if self.percent else significant(value, self.digits)
        if self.signed and value > 0 and text.strip("0. %") != "":
            text = f"+{text}"
        return text.replace("-", "−")

    def _percent(self, value: float) -> str:
        scaled = 100.0 * value
        decimals = 1 if abs(scaled) < 1.95 and abs(scaled - round(scaled)) > 0.05 else 0
        text = f"{scaled:.{decimals}f}"
        return f"{'0' if float(text) == 0 else text} %"


gain_text = Formatter(percent=True)
share_text = Formatter(percent=True, signed=False)
loss_text = Formatter(signed=False)
effect_text = Formatter(digits=2)


def significant(value: float, digits: int) -> str:
    """Write a number with so many significant digits, without an exponent where that is readable."""
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size >= 6 or size < -4:
        return f"{value:.{digits - 1}e}"
    return f"{value:.{max(digits - 1 - size, 0)}f}"


def round_numbers(low: float, high: float, most: int = 5) -> list[float]:
    """Return at most ``most`` multiples of 1, 2 or 5 times a power of ten between low and high."""
    width = high - low
    step = 10.0 ** math.floor(math.log10(width / most))
    for factor in (1, 2, 5, 10, 20, 50):
        first, last = math.ceil(low / (factor * step)), math.floor(high / (factor * step))
        if last - first + 1 <= most:
            return [0.0 if k == 0 else round(k * factor * step, 12) for k in range(first, last + 1)]
    return [0.0]


def interval_text(low: float, high: float, write: Formatter = gain_text) -> str:
    """Write an interval, with the unit once."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "interval unknown"
    return f"{write(low).removesuffix(' %')} to {write(high)}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Join names as English does, and count those beyond ``most``."""
    if len(names) > most:
        return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} others"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _anchor(percent: float) -> str:
    return "start" if percent < 8 else "end" if percent > 92 else "middle"
