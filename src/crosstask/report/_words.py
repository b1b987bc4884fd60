"""The verdict in words: a headline, what it rests on, and who is meant."""

from __future__ import annotations

import math

import numpy as np

from crosstask.report._data import Code, HeldOut, ReportData, TaskResult
from crosstask.report._scale import gain_text, listed, loss_text

SAID: dict[Code, str] = {"share": "shares", "blend": "blends", "alone": "stays alone", "borrowed": "borrowed"}
MEANT: dict[Code, str] = {
    "share": "mostly models learned together with the others",
    "blend": "blends of the shared models and their own",
    "alone": "mostly models of their own, for the others do not help them",
    "borrowed": "no verdict of their own is possible, so they take what the others agree on",
}
ORDER: tuple[Code, ...] = ("alone", "blend", "share", "borrowed")


def plural(word: str, count: int) -> str:
    """Return the word for so many things; a name that is no plain word stays as it is, quoted."""
    if not word.isalpha() or not word.isascii():
        return "task" if count == 1 else "tasks"
    word = word.lower()
    if count == 1:
        return word
    if word.endswith("y") and word[-2:-1] not in set("aeiou"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"


def headline(data: ReportData) -> str:
    """One sentence: how many may share, how many gain clearly, and who is left alone.

    Rows that neither model has seen decide what is clear where there are any; else the folds of the fit do.
    """
    total = len(data.tasks)
    alone = [task.name for task in data.tasks if task.code == "alone"]
    noun = plural(data.task_word, total)
    if total == 1:
        return f"There is one {plural(data.task_word, 1)} only, so there is nobody to learn from."
    if len(alone) == total:
        return f"Leave {_all(total).lower()} {noun} alone: sharing helps none of them."
    learners = f"{total - len(alone)} of {total} {noun}" if alone else f"{_all(total)} {noun}"
    said = f"{learners} {_clearly(data, total - len(alone))}"
    if not alone:
        return f"{said}."
    left = listed(alone) if len(alone) <= 3 else f"{len(alone)} of them"
    return f"{said}; {left} {'is' if len(alone) == 1 else 'are'} best left alone."


def _clearly(data: ReportData, learners: int) -> str:
    """Say of those who share how many gain or lose clearly; "learn" is said of them only where all of them gain."""
    better, worse = clear(data if data.held_out is None else data.held_out)
    if better >= learners and not worse:
        return "learn from the others"
    lost = f", {_lose(worse)} clearly" if worse else ""
    if better:
        return f"may share: {better} {'gains' if better == 1 else 'gain'} clearly{lost}"
    if data.held_out is not None and data.held_out.mean.low > 0:
        return f"may share: on average they gain clearly{lost}"
    return f"may share, though none gains clearly{lost}"


def _all(total: int) -> str:
    return "Both" if total == 2 else f"All {total}"


def lead(data: ReportData) -> str:
    """What the headline rests on: unseen rows where there are any, else the folds of the fit."""
    return summary(data) if data.held_out is None else held_out_sentence(data)


def summary(data: ReportData) -> str:
    """What the folds of the fit say: mean losses, and how many gain or lose clearly."""
    own, guarded = mean_losses(data)
    if not (math.isfinite(own) and math.isfinite(guarded)) or own == 0:
        return "No loss of the tasks' own models is known, so there is no gain to show."
    change = (own - guarded) / own
    size = gain_text(abs(change)).lstrip("+")
    compared = f"{size} {'lower' if change > 0 else 'higher'} than" if size != "0 %" else "the same as"
    better, worse = clear(data)
    rest = _rest(len(data.tasks) - better - worse, better + worse > 0)
    one, several = plural(data.task_word, 1), plural(data.task_word, 2)
    place = "from fitting" if data.held_out is None else "by the folds of the fit"
    return (
        f"On rows held out {place}, the guarded models' mean {data.loss} is {compared} that of a model of its own "
        f"for each {one} ({loss_text(guarded)} against {loss_text(own)}, every {one} counting the same). "
        f"{_count(better, several)} clearly, {_lose(worse)} clearly{rest}."
    )


def held_out_sentence(data: ReportData) -> str:
    """What the rows say that neither model has seen."""
    held = data.held_out
    assert held is not None
    one, several = plural(data.task_word, 1), plural(data.task_word, len(held.tasks))
    size = gain_text(abs(held.mean.gain)).lstrip("+")
    compared = "the same as" if size == "0 %" else f"{size} {'lower' if held.mean.gain > 0 else 'higher'} than"
    lower = sum(task.gain > 0 for task in held.tasks)
    better, worse = clear(held)
    return (
        f"On the {held.mean.rows:,} {held.row_word} that neither has seen, the guarded model's mean {data.loss} is "
        f"{compared} that of each {one}'s own model ({loss_text(held.mean.guarded_loss)} against "
        f"{loss_text(held.mean.own_loss)}, every {one} counting the same). It is lower in {lower} of {len(held.tasks)} "
        f"{several}: {_count(better, several).lower()} clearly, {_lose(worse)} clearly."
    )


def _rest(count: int, some_clear: bool) -> str:
    if count == 0:
        return ""
    return f"; for {'the rest' if some_clear else 'each'} the interval of the gain holds zero"


def _count(better: int, noun: str) -> str:
    return f"No {noun} gain" if better == 0 else f"{better} gain{'s' if better == 1 else ''}"


def _lose(worse: int) -> str:
    return "none loses" if worse == 0 else f"{worse} lose{'s' if worse == 1 else ''}"


def clear(data: ReportData | HeldOut) -> tuple[int, int]:
    """Count the tasks whose whole interval lies above, and below, zero."""
    better = sum(bool(math.isfinite(task.low) and task.low > 0) for task in data.tasks)
    worse = sum(bool(math.isfinite(task.high) and task.high < 0) for task in data.tasks)
    return better, worse


def mean_losses(data: ReportData) -> tuple[float, float]:
    """Mean own and guarded loss over the tasks that have both."""
    pairs = np.array([(task.own_loss, task.guarded_loss) for task in data.tasks], dtype=np.float64).reshape(-1, 2)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if not len(pairs):
        return math.nan, math.nan
    own, guarded = pairs.mean(axis=0)
    return float(own), float(guarded)


def brief(findings: tuple[tuple[str, str], ...], most: int = 4) -> list[str]:
    """Return the sentences, of each kind at most so many, with a count of the rest."""
    kinds: dict[str, list[str]] = {}
    for code, sentence in findings:
        kinds.setdefault(code, []).append(sentence)
    said: list[str] = []
    for sentences in kinds.values():
        said += sentences[:most]
        if len(sentences) > most:
            said.append(f"{len(sentences) - most} more findings of this kind are in the model's findings_.")
    return said


def grouped(tasks: tuple[TaskResult, ...]) -> list[tuple[Code, list[TaskResult]]]:
    """Return the tasks of each verdict, those left alone first."""
    groups: list[tuple[Code, list[TaskResult]]] = [
        (code, [task for task in tasks if task.code == code]) for code in ORDER
    ]
    return [(code, members) for code, members in groups if members]
