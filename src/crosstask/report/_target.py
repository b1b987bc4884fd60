"""One target, protected from its sources: target only, pooled and transferred, side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np

from crosstask.report._collect import begun, loss_name
from crosstask.report._data import Code
from crosstask.report._scale import Scale, Tick, gain_text, interval_text, listed, loss_text, share_text

Kind = Literal["target only", "pooled", "transferred", "other"]
ORDER: tuple[Kind, ...] = ("target only", "pooled", "transferred", "other")
ABSENT: dict[str, str] = {
    "pooled": 'not among the candidates: add ("pooled", PooledTasks(..))',
    "transferred": 'not among the candidates: add ("transferred", TransferToEach(..))',
}


@dataclass(frozen=True)
class Way:
    """A candidate at the target: what kind it is, its mean held-out loss, and its weight; NaN where there is none."""

    name: str
    kind: Kind | Literal["guarded"]
    loss: float
    weight: float
    absent: str = ""

    @property
    def said(self) -> str:
        """The loss in words."""
        return loss_text(self.loss)

    @property
    def weight_said(self) -> str:
        """The weight in words."""
        return f"weight {share_text(self.weight)}" if math.isfinite(self.weight) else ""


@dataclass(frozen=True)
class Source:
    """A source: its rows, and what each transfer made of it, in words."""

    name: str
    rows: int
    said: str


@dataclass(frozen=True)
class TargetReport:
    """What the page of one target shows.

    Parameters
    ----------
    target, loss, mode : str
        Task id, name of the loss, and the guard's mode.
    rows : int
        Of the target.
    code, reason : str
        The guard's verdict.
    gain, low, high : float
        Reduction of the loss by the guarded model against the target's own, with its interval.
    ways : tuple of Way
        The candidates, those of the three kinds first, and the guarded mixture last.
    sources : tuple of Source
        The other tasks.
    versions : dict
        Of the packages.
    made : str
        Date and time.
    """

    target: str
    loss: str
    mode: str
    rows: int
    code: Code
    reason: str
    gain: float
    low: float
    high: float
    ways: tuple[Way, ...]
    sources: tuple[Source, ...]
    versions: dict[str, str]
    made: str

    @property
    def headline(self) -> str:
        """What the guard decided, and how sure that is."""
        if self.code == "borrowed":
            return f"{self.target} has too few rows for a verdict of its own, and borrows from the others."
        if self.code == "alone":
            return f"{self.target} is protected: its own model predicts."
        verb = "learn from the others" if self.code == "share" else "blend its own model with the others'"
        if self.low > 0:
            return f"{self.target} gains: it should {verb}."
        return f"{self.target} loses by sharing." if self.high < 0 else f"{self.target} may {verb}: no gain is sure."

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """Name, loss and remark of target only, pooled, transferred and guarded: of several, the best."""
        found: list[tuple[str, str, str]] = []
        for kind in (*ORDER[:3], "guarded"):
            best = min((way for way in self.ways if way.kind == kind), key=_rank)
            note = f"gain {interval_text(self.low, self.high)}" if kind == "guarded" else best.weight_said
            found.append((kind, "–", "not compared") if best.absent else (kind, best.said, note))
        return found

    @property
    def lead(self) -> str:
        """What the numbers are, in one paragraph."""
        size = gain_text(abs(self.gain)).lstrip("+") if math.isfinite(self.gain) else ""
        compared = "the same as" if size == "0 %" else f"{size} {'lower' if self.gain > 0 else 'higher'} than"
        change = f"The guarded model's {self.loss} is {compared} that of its own model. " if size else ""
        others = f"{len(self.sources)} other task{'s' if len(self.sources) != 1 else ''}"
        return f"Judged on the {self.rows:,} rows of {self.target}, each held out in turn. {change}Sources: {others}."

    @property
    def scale(self) -> Scale:
        """The axis of all losses."""
        losses = [way.loss for way in self.ways if math.isfinite(way.loss)] or [0.0, 1.0]
        room = 0.12 * (max(losses) - min(losses)) or 0.1 * abs(losses[0]) or 1.0
        return Scale(min(losses) - room, max(losses) + room)

    @property
    def ticks(self) -> list[Tick]:
        """The axis in round numbers."""
        return self.scale.ticks(loss_text)


def collect_target(model: Any, target_task: Any) -> TargetReport:
    """Read the page of one target from a fitted guard or flagship.

    Raises
    ------
    ValueError
        If there is no such task.
    """
    from crosstask.tasks import TaskIndex, as_task_ids

    guard = getattr(model, "guard_", model)
    ids = guard.tasks_
    place = int(TaskIndex(ids).encode(as_task_ids([target_task], 1, "target_task"), "target_task")[0])
    if place < 0:
        shown = listed([repr(one) for one in ids.tolist()])
        raise ValueError(f"target_task={target_task!r} is none of the tasks: give one of {shown}.")
    verdict = guard.verdict_.set_index("task").loc[ids[place]]
    gain = guard.gain_.iloc[place]
    return TargetReport(
        target=str(ids[place]),
        loss=loss_name(guard),
        mode=str(guard.mode),
        rows=int(gain["n"]),
        code=verdict["code"],
        reason=begun(str(verdict["reason"])),
        gain=float(gain["gain"]),
        low=float(gain["low"]),
        high=float(gain["high"]),
        ways=_ways(guard, place, float(gain["guarded_loss"])),
        sources=_sources(guard, place),
        versions=_versions(),
        made=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
    )


def _ways(guard: Any, place: int, guarded: float) -> tuple[Way, ...]:
    losses, weights = guard.candidate_losses_.iloc[place], guard.weights_.iloc[place]
    found = [Way(name, _kind(guard, name), float(losses[name]), float(weights[name])) for name in losses.index]
    found += [
        Way(kind, kind, math.nan, math.nan, ABSENT[kind])
        for kind in ORDER
        if kind in ABSENT and all(way.kind != kind for way in found)
    ]
    found.sort(key=lambda way: ORDER.index(way.kind))  # type: ignore[arg-type]
    return (*found, Way("guarded", "guarded", guarded, math.nan))


def _kind(guard: Any, name: str) -> Kind:
    from crosstask.guard._candidates import pools

    if name == guard.own_:
        return "target only"
    candidate = guard.candidates_[name]
    return "transferred" if _each(candidate) is not None else "pooled" if pools(candidate) else "other"


def _each(candidate: Any) -> Any:
    """Return the fitted TransferToEach inside a candidate, or None."""
    from crosstask.multitask import TransferToEach

    while candidate is not None and not isinstance(candidate, TransferToEach):
        candidate = getattr(candidate, "estimator_", None)
    return candidate


def _sources(guard: Any, place: int) -> tuple[Source, ...]:
    others = np.delete(guard.tasks_, place)
    said: list[list[str]] = [[] for _ in others]
    for name, candidate in guard.candidates_.items():
        each = _each(candidate)
        if each is None:
            continue
        for k, words in enumerate(_judgement(each.estimators_[place], others)):
            said[k] += [f"{name}: {words}"] if words else []
    rows = np.delete(guard.gain_["n"].to_numpy(), place)
    return tuple(Source(str(task), int(n), "; ".join(words)) for task, n, words in zip(others, rows, said, strict=True))


def _judgement(method: Any, others: Any) -> list[str]:
    """Say what a fitted transfer method made of each source; empty where it does not tell them apart."""
    if hasattr(method, "sources_"):
        return [str(reason).rstrip(".") for reason in method.sources_["reason"]]
    for attribute, word in (("strength_", "strength"), ("source_share_", "share of the votes"), ("weights_", "weight")):
        values = getattr(method, attribute, None)
        if isinstance(values, np.ndarray) and len(others) <= len(values) <= len(others) + 1:
            return [f"{word} {value:.2f}" for value in values[: len(others)]]
        if isinstance(values, np.ndarray) and len(values) == 1:
            return [f"{word} {values[0]:.2f} of all together"] * len(others)
    return [""] * len(others)


def _rank(way: Way) -> float:
    return way.loss if math.isfinite(way.loss) else math.inf


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("crosstask", "scikit-learn", "numpy")}
