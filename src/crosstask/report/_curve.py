"""The learning curves of the page: the loss of the own models and of what shares, against the rows a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from crosstask.report._scale import Scale, Tick, loss_text


@dataclass(frozen=True)
class Point:
    """A size: its place, the heights of both curves in percent from the top, where the own one is as good, and a text.

    ``worth`` is the place at which the own curve is as good as the shared one here; None where it nowhere is.
    """

    at: float
    own: float
    shared: float
    worth: float | None
    text: str


@dataclass(frozen=True)
class Curve:
    """Mean held-out losses by rows a task.

    Parameters
    ----------
    own, name : str
        The own model, and the candidate that shares.
    points : tuple of Point
        By size.
    x_ticks, y_ticks : tuple of Tick
        Rows a task, and losses.
    said : str
        Alternative text.
    """

    own: str
    name: str
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    said: str

    @classmethod
    def of(cls, saved: Any, own: str, name: str) -> Curve:
        """Read a RowsSaved."""
        x = Scale(*_widened(np.log(saved.n_rows)))
        y = Scale(*_widened(np.concatenate([saved.own, saved.transferred])))
        points: list[Point] = []
        for n, alone, shared, more, bound in zip(
            saved.n_rows, saved.own, saved.transferred, saved.saved, saved.bound, strict=True
        ):
            text = f"{n:.0f} rows a task: {name} {loss_text(shared)}, {own} {loss_text(alone)}"
            worth = None if bound else x.at(float(np.log(n + more)))
            points.append(Point(x.at(float(np.log(n))), 100 - y.at(alone), 100 - y.at(shared), worth, text))
        x_ticks = tuple(Tick(point.at, f"{n:.0f}", "middle") for point, n in zip(points, saved.n_rows, strict=True))
        return cls(
            own,
            name,
            tuple(points),
            x_ticks,
            tuple(y.ticks(loss_text, 5, upright=True)),
            "; ".join(one.text for one in points),
        )

    @property
    def lines(self) -> list[tuple[Point, Point]]:
        """Neighbouring sizes."""
        return list(zip(self.points[:-1], self.points[1:], strict=True))


def _widened(values: Any) -> tuple[float, float]:
    low, high = float(np.min(values)), float(np.max(values))
    room = 0.1 * (high - low) or 0.5
    return low - room, high + room
