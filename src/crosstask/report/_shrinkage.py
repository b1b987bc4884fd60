"""How far sharing draws each task's own slopes: for each column a line of own ones above, of used ones below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.report._scale import Scale, Tick, effect_text

Array = NDArray[np.float64]
COLUMNS = 6
LINES = 200  # tasks drawn at most, evenly chosen along the own slopes
LEAST = 0.05  # weight of the linear candidates below which a task has no slopes to show


@dataclass(frozen=True)
class Shrinkage:
    """Slopes of each task for one standard deviation of a column.

    Parameters
    ----------
    features, tasks : tuple of str
        Names of the d columns and the T tasks.
    own, used : ndarray of shape (T, d)
        Those of its own model, and those of the guard's mixture of the linear candidates.
    shared : ndarray of shape (d,)
        Mean over the tasks of the slopes of the candidates that share.
    """

    features: tuple[str, ...]
    tasks: tuple[str, ...]
    own: Array
    used: Array
    shared: Array

    @property
    def kept(self) -> Array:
        """Share of the scatter of the own slopes about the shared ones that is left in those that are used, (d,)."""
        before = ((self.own - self.shared) ** 2).sum(axis=0)
        after = ((self.used - self.shared) ** 2).sum(axis=0)
        return np.sqrt(after / np.maximum(before, 1e-300))


def collect_shrinkage(model: Any) -> Shrinkage | None:
    """Read the slopes of a fitted flagship; None where its own model has none, or a class more than two."""
    guard, candidates = model.guard_, model.candidates_
    slopes = {name: found for name, one in candidates.items() if (found := _slopes(one)) is not None}
    own = slopes.get(guard.own_)
    if own is None or len(model.tasks_) < 2 or not hasattr(candidates[guard.own_].estimator_, "_fitted"):
        return None
    shape = own.shape
    linear = [name for name, value in slopes.items() if value.shape == shape]
    weights = model.weights_[linear].to_numpy(dtype=np.float64)
    total = weights.sum(axis=1)
    shown = total >= LEAST
    sharing = [position for position, name in enumerate(linear) if name != guard.own_]
    if not sharing or not shown.any():
        return None
    table = np.stack([slopes[name] for name in linear])
    used = np.einsum("ctd,tc->td", table, weights / np.maximum(total, LEAST)[:, None])
    mean_weight = weights.mean(axis=0)[sharing]
    if mean_weight.sum() <= 0:
        mean_weight = np.ones(len(sharing))
    shared = np.einsum("ctd,c->d", table[sharing], mean_weight / mean_weight.sum()) / shape[0]
    scale = candidates[guard.own_].estimator_._fitted.scale  # those that share have rows added to the table's
    names = tuple(map(str, candidates[guard.own_].encoder_.names_out_))
    tasks = tuple(str(task) for task in np.asarray(model.tasks_)[shown])
    return Shrinkage(names, tasks, own[shown] * scale, used[shown] * scale, shared * scale)


def _slopes(candidate: Any) -> Array | None:
    """Slopes of a prepared linear candidate, (T, d), for one unit of each encoded column."""
    coef = getattr(getattr(candidate, "estimator_", None), "coef_", None)
    if coef is None or getattr(candidate, "encoder_", None) is None or np.ndim(coef) != 2:
        return None
    return np.asarray(coef, dtype=np.float64)


@dataclass(frozen=True)
class ShrinkageRow:
    """One column: (position of the own slope, of the used one, text) of each task drawn, and the shared slope."""

    feature: str
    lines: list[tuple[float, float, str]]
    shared: float
    said: str
    alt: str


@dataclass(frozen=True)
class ShrinkageFigure:
    """The columns whose own slopes scatter the most, on one axis."""

    rows: list[ShrinkageRow]
    ticks: list[Tick]
    zero: float
    drawn: int
    n_tasks: int

    @property
    def faint(self) -> float:
        """Opacity of a line."""
        return round(max(0.12, min(0.7, 6.0 / max(self.drawn, 1))), 2)


def shrinkage_figure(found: Shrinkage) -> ShrinkageFigure:
    """Place the slopes of the columns whose own ones scatter the most."""
    scatter = np.sqrt(((found.own - found.shared) ** 2).mean(axis=0))
    chosen = np.argsort(-scatter, kind="stable")[:COLUMNS]
    both = np.stack([found.own[:, chosen], found.used[:, chosen]])
    axis = Scale.around(np.append(both.ravel(), found.shared[chosen]), spread=0.005)
    T = len(found.tasks)
    drawn = min(T, LINES)
    kept = found.kept
    rows: list[ShrinkageRow] = []
    for j in chosen:
        places = np.argsort(found.own[:, j], kind="stable")[np.linspace(0, T - 1, drawn).astype(np.intp)]
        lines = [
            (
                axis.at(float(found.own[t, j])),
                axis.at(float(found.used[t, j])),
                f"{found.tasks[t]}: own {effect_text(float(found.own[t, j]))}, "
                f"used {effect_text(float(found.used[t, j]))}",
            )
            for t in places
        ]
        said = f"{100 * min(float(kept[j]), 9.99):.0f} % of the scatter is left"
        shared = effect_text(float(found.shared[j]))
        alt = f"{found.features[j]}: own slopes about the shared {shared}, of which {said}"
        rows.append(ShrinkageRow(found.features[j], lines, axis.at(float(found.shared[j])), said, alt))
    return ShrinkageFigure(rows, axis.ticks(effect_text, 7), axis.at(0.0), drawn, T)
