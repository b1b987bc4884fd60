"""Which ways of learning are worth comparing, each with the reason why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosstask.advisor._diagnose import Diagnosis


@dataclass(frozen=True)
class Choice:
    """One candidate.

    Parameters
    ----------
    name : str
        As in the flagship's list.
    kept : bool
        Whether it is compared.
    reason : str
        Why, or why not.
    """

    name: str
    kept: bool
    reason: str


ALWAYS = {
    "own": "the yardstick: nothing that is recommended may be worse than one model for each task",
    "pooled": "one set of slopes with an intercept for each task, the plainest way of sharing",
    "task mean": "costs nothing, and shows whether the columns say anything at all",
    "base rate": "costs nothing, and shows whether the columns say anything at all",
}
BOOSTED = {
    "boosting": "the model to beat on tables: trees with the task as a category",
    "small trees": "the same with small trees, which few rows and much noise bear better",
}


def shortlist(names: list[str], diagnosis: Diagnosis, priority: str, left_out: list[tuple[str, str]]) -> list[Choice]:
    """Keep or drop each candidate of the flagship's list; ``left_out`` are those that the list itself dropped."""
    return [_judge(name, diagnosis, priority) for name in names] + [
        Choice(name, False, reason) for name, reason in left_out
    ]


def with_dropped(choices: list[Choice], dropped: list[tuple[str, int, str]]) -> list[Choice]:
    """Mark the candidates that the race or the budget left out after so many folds."""
    why = {name: f"left out {_after(fold)}: {reason}" for name, fold, reason in dropped}
    return [Choice(one.name, False, why[one.name]) if one.name in why else one for one in choices]


def _after(folds: int) -> str:
    return "before the first fold" if folds == 0 else f"after {folds} fold{'s' * (folds != 1)}"


def _judge(name: str, diagnosis: Diagnosis, priority: str) -> Choice:
    d, median = len(diagnosis.columns), float(np.median(diagnosis.n))
    if name in ALWAYS:
        return Choice(name, True, ALWAYS[name])
    if name in BOOSTED:
        if priority == "speed":
            return Choice(name, False, "trees cost more than lines by far, and speed was asked for")
        return Choice(name, True, BOOSTED[name])
    if name == "groups":
        if priority == "speed":
            return Choice(name, False, "the groups are looked for anew in each fold, and speed was asked for")
        return Choice(name, True, "the tasks fall into groups that are better pooled apart: a model for each")
    if name == "feature norm":
        if d < 8:
            return Choice(name, False, f"chooses columns for all tasks at once, and there are {d} only")
        if priority == "speed":
            return Choice(name, False, "its path costs more than that of the other linear models together")
        return Choice(name, True, f"chooses among the {d} columns for all tasks at once")
    if name in ("mean tied", "easy adapt"):
        if median > 30 * d and name == "easy adapt":
            return Choice(name, False, f"with {median / max(d, 1):.0f} rows a column one way of tying slopes is enough")
        held = "loosely" if name == "mean tied" else "firmly"
        return Choice(name, True, f"slopes of each task tied to a common centre that is itself held {held}")
    return Choice(name, True, "given by the caller")
