"""What the drawings of the page are made of: positions in percent, texts, and an alternative text for each figure.

Positions are percent of a drawing's width (or height), so that one drawing serves a phone, a screen and paper, and
its text stays text of the page's size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from crosstask.report._data import Calibration, CoefficientTable, ReportData, TaskResult
from crosstask.report._scale import (
    Scale,
    Tick,
    effect_text,
    gain_text,
    interval_text,
    share_text,
)

MANY = 40  # from so many tasks on, a figure shows all in one drawing and the rows fold away


@dataclass(frozen=True)
class Whisker:
    """A dot with its interval; ``cut_low`` and ``cut_high`` say that the interval goes on outside the drawing."""

    at: float
    low: float
    high: float
    tone: str
    text: str
    cut_low: bool = False
    cut_high: bool = False
    known: bool = True
    dot: bool = True


@dataclass(frozen=True)
class GainRow:
    """One task's line in the picture of gains."""

    task: TaskResult
    mark: Whisker
    gain: str
    interval: str
    alt: str


@dataclass(frozen=True)
class GainFigure:
    """Gain of every task with its interval."""

    rows: list[GainRow]
    ticks: list[Tick]
    zero: float
    height_ticks: list[Tick]
    columns: list[tuple[float, Whisker]] = field(default_factory=list[tuple[float, Whisker]])

    @property
    def many(self) -> bool:
        """Whether the tasks are too many for a line each."""
        return len(self.rows) > MANY


def whisker(scale: Scale, value: float, low: float, high: float, tone: str, text: str) -> Whisker:
    """Place a dot and its interval on a scale."""
    known = math.isfinite(low) and math.isfinite(high)
    return Whisker(
        at=scale.at(value),
        low=scale.at(low) if known else scale.at(value),
        high=scale.at(high) if known else scale.at(value),
        tone=tone,
        text=text,
        cut_low=known and low < scale.low,
        cut_high=known and high > scale.high,
        known=known,
        dot=math.isfinite(value) and scale.holds(value),
    )


def gain_figure(data: ReportData) -> GainFigure:
    """Sort the tasks by gain, largest first, and place them on one axis."""
    tasks = sorted(data.tasks, key=lambda task: -task.gain if math.isfinite(task.gain) else math.inf)
    ends = [(task.low, task.gain, task.high) for task in tasks]
    scale = Scale.around(ends, limit=1.05, spread=0.02 if len(tasks) > MANY else 0.0)
    scale = scale.holding([task.gain for task in tasks], limit=1.05)
    rows: list[GainRow] = []
    for task in tasks:
        interval = interval_text(task.low, task.high)
        text = f"{task.name}: gain {gain_text(task.gain)} ({interval})"
        mark = whisker(scale, task.gain, task.low, task.high, task.code, text)
        rows.append(GainRow(task, mark, gain_text(task.gain), interval, text))
    columns = [(round(100.0 * (i + 0.5) / len(rows), 3), row.mark) for i, row in enumerate(rows)]
    return GainFigure(rows, scale.ticks(gain_text), scale.at(0.0), scale.ticks(gain_text, 6, upright=True), columns)


@dataclass(frozen=True)
class Part:
    """A piece of a stacked bar; a label only where it fits."""

    start: float
    width: float
    tone: str
    label: str
    text: str


@dataclass(frozen=True)
class WeightsFigure:
    """Guard weights of every task, own model first, and the mean weight of each candidate."""

    legend: list[tuple[str, str, str]]
    rows: list[tuple[str, list[Part], str]]
    columns: list[tuple[float, list[Part]]]
    column_width: float

    @property
    def many(self) -> bool:
        """Whether the tasks are too many for a bar each."""
        return len(self.rows) > MANY


def weights_figure(data: ReportData) -> WeightsFigure:
    """Stack the weights; tasks in the order of the weight of their own model."""
    order = sorted(range(len(data.candidates)), key=lambda c: data.candidates[c] != data.own)
    tones = candidate_tones(data)
    weights = np.array([task.weights for task in data.tasks], dtype=np.float64).reshape(-1, len(data.candidates))
    mean = weights.mean(axis=0) if len(weights) else np.zeros(len(order))
    legend = [(data.candidates[c], tones[c], share_text(float(mean[c]))) for c in order]
    own = data.candidates.index(data.own) if data.own in data.candidates else 0
    sequence = sorted(range(len(data.tasks)), key=lambda t: -weights[t, own])
    rows: list[tuple[str, list[Part], str]] = []
    for t in sequence:
        parts, start = [], 0.0
        for c in order:
            weight = float(weights[t, c])
            if weight < 0.0005:
                continue
            text = f"{data.candidates[c]} {share_text(weight)}"
            label = share_text(weight) if weight >= 0.17 else ""
            parts.append(Part(round(100 * start, 2), round(100 * weight, 2), tones[c], label, text))
            start += weight
        rows.append((data.tasks[t].name, parts, f"{data.tasks[t].name}: {', '.join(part.text for part in parts)}"))
    width = 100.0 / max(len(rows), 1)
    columns = [(round(i * width, 3), parts) for i, (_, parts, _) in enumerate(rows)]
    return WeightsFigure(legend, rows, columns, round(width, 3))


def candidate_tones(data: ReportData) -> list[str]:
    """Give each candidate a tone: the own model a warm one, a mere mean grey, the others cool ones in turn."""
    tones: list[str] = []
    cool = 0
    for name in data.candidates:
        if name == data.own:
            tones.append("own")
        elif name in ("mean", "task_mean", "base_rate", "task mean", "base rate", "prior"):
            tones.append("mean")
        else:
            tones.append(f"c{cool % 6}")
            cool += 1
    return tones


@dataclass(frozen=True)
class ForestRow:
    """One feature: each task's effect, and the shared one."""

    feature: str
    marks: list[Whisker]
    shared: Whisker | None
    band: tuple[float, float] | None
    said: str
    alt: str
    ticks: list[Tick]
    zero: float


@dataclass(frozen=True)
class ForestFigure:
    """Effects of the features, strongest first."""

    rows: list[ForestRow]
    tasks: list[tuple[str, str]]
    left_out: int
    common_axis: bool
    odds: bool
    ticks: list[Tick]
    zero: float
    strips: bool


FOREST_ROWS = 30
FOREST_LANES = 6


def forest_figure(table: CoefficientTable) -> ForestFigure:
    """Place the coefficients: a lane for each task where these are few, else a strip of dots for each feature."""
    scale = np.ones(len(table.features)) if table.scale is None else table.scale
    value, shared = table.value * scale, None if table.shared is None else table.shared * scale
    low = None if table.low is None else table.low * scale
    high = None if table.high is None else table.high * scale
    strength = np.nanmax(np.abs(value), axis=0) if value.size else np.zeros(0)
    chosen = np.argsort(-strength, kind="stable")[:FOREST_ROWS]
    strips = len(table.tasks) > FOREST_LANES
    ends = [value] if strips or low is None or high is None else [value, low, high]
    ends = ends if shared is None else [*ends, shared[None]]
    axis = Scale.around(np.concatenate([end[:, chosen].ravel() for end in ends]), spread=0.002 if strips else 0.0)
    rows: list[ForestRow] = []
    for j in chosen:
        here = axis
        if table.scale is None:  # columns of unlike units: every feature has an axis of its own
            here = Scale.around(np.concatenate([end[:, j] for end in ends]))
        marks = [
            whisker(
                here,
                float(value[t, j]),
                math.nan if strips or low is None else float(low[t, j]),
                math.nan if strips or high is None else float(high[t, j]),
                f"t{t % FOREST_LANES}" if not strips else "dot",
                f"{task}: {effect_text(float(value[t, j]))}",
            )
            for t, task in enumerate(table.tasks)
        ]
        rows.append(_forest_row(table, int(j), marks, here, None if shared is None else float(shared[j]), value[:, j]))
    named = [(task, f"t{t % FOREST_LANES}") for t, task in enumerate(table.tasks)] if not strips else []
    left_out = len(table.features) - len(rows)
    return ForestFigure(
        rows, named, left_out, table.scale is not None, table.odds, axis.ticks(effect_text, 7), axis.at(0.0), strips
    )


def _forest_row(
    table: CoefficientTable, j: int, marks: list[Whisker], axis: Scale, shared: float | None, value: np.ndarray
) -> ForestRow:
    centre = None
    said = f"{effect_text(float(np.min(value)))} to {effect_text(float(np.max(value)))}"
    if shared is not None:
        centre = whisker(axis, shared, math.nan, math.nan, "shared", f"shared: {effect_text(shared)}")
        said = f"shared {effect_text(shared)}; tasks {said}"
    band = None
    if len(value) > FOREST_LANES:
        lower, upper = (axis.at(float(q)) for q in np.quantile(value, [0.25, 0.75]))
        band = (lower, round(max(upper - lower, 0.3), 2))
    alt = f"{table.features[j]}: {said}"
    return ForestRow(table.features[j], marks, centre, band, said, alt, axis.ticks(effect_text, 3), axis.at(0.0))


@dataclass(frozen=True)
class CalibrationFigure:
    """One class: dots of bins in a unit square, with intervals of the observed share."""

    name: str
    dots: list[tuple[float, float, float, float, float, str]]
    alt: str


def calibration_figure(calibration: Calibration) -> CalibrationFigure:
    """Place the bins; the area of a dot grows with its rows, the interval is Wilson's at 95 %."""
    largest = max(calibration.count, default=1) or 1
    dots: list[tuple[float, float, float, float, float, str]] = []
    for predicted, observed, count in zip(calibration.predicted, calibration.observed, calibration.count, strict=True):
        if count == 0 or not (math.isfinite(predicted) and math.isfinite(observed)):
            continue
        low, high = wilson(observed, count)
        text = f"predicted {share_text(predicted)}, observed {share_text(observed)} of {count} rows"
        radius = round(3.0 + 5.0 * math.sqrt(count / largest), 2)
        dots.append(
            (round(100 * predicted, 2), round(100 * (1 - observed), 2), round(100 * (1 - high), 2),
             round(100 * (1 - low), 2), radius, text)
        )  # fmt: skip
    return CalibrationFigure(calibration.name, dots, "; ".join(dot[5] for dot in dots))


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's interval of a share: (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n).

    Examples
    --------
    >>> low, high = wilson(0.5, 10)
    >>> round(low, 3), round(high, 3)
    (0.237, 0.763)
    """
    centre = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (centre - half) / (1 + z * z / count), (centre + half) / (1 + z * z / count)
