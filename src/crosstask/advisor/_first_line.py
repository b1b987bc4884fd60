"""The first line of an advice: the answer, and whatever speaks against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crosstask.advisor._advice import Advice
    from crosstask.report import ReportData, TaskResult

LEAST = 1.0005  # a loss above the own model's by less would print as zero


def first_line(advice: Advice) -> str:
    """Return the answer for all tasks, or for the one that was asked about.

    Where the guarded models did worse than one model each on held-out rows, in the mean or clearly in a task, that is
    said here.
    """
    from crosstask.report import collect
    from crosstask.report._words import headline, mean_losses

    if advice.interrupted:
        return _so_far(advice.standing)
    data = collect(advice.estimator)
    own_name = advice.estimator.guard_.own_
    if advice.target is not None:
        return _of_one(next(task for task in data.tasks if task.name == advice.target), data.loss, own_name)
    own, guarded = mean_losses(data)
    said = headline(data)
    if np.isfinite(own) and guarded > LEAST * own > 0:
        said += (
            f" Yet on held-out rows the mean {data.loss} is {100 * (guarded / own - 1):.1f} % above that of one model "
            f"each: the candidate {own_name!r} is the safer choice."
        )
    return said + _harmed(data)


def _harmed(data: ReportData) -> str:
    """Name the tasks in which the guarded model is shown to be worse."""
    worse = [task.name for task in data.tasks if np.isfinite(task.high) and task.high < 0]
    if not worse:
        return ""
    shown = ", ".join(worse[:3]) + (f" and {len(worse) - 3} more" if len(worse) > 3 else "")
    return f" On held-out rows it is clearly worse than a model of its own for {shown}."


def _of_one(task: TaskResult, loss: str, own_name: str) -> str:
    said = task.reason
    if np.isfinite(task.own_loss) and task.guarded_loss > LEAST * task.own_loss > 0:
        more = 100 * (task.guarded_loss / task.own_loss - 1)
        said += (
            f" On held-out rows the {loss} of what is recommended is {more:.1f} % above that of its own model: the "
            f"candidate {own_name!r} is the safer choice."
        )
    return said


def _so_far(standing: dict[str, float]) -> str:
    """Say how far an interrupted comparison came."""
    losses = {name: value for name, value in standing.items() if name != "folds"}
    if not losses:
        return "Interrupted before anything was compared: nothing is recommended."
    folds, best = int(standing["folds"]), min(losses, key=losses.__getitem__)
    ahead = 100 * (1.0 - losses[best])
    lead = f", {ahead:.1f} % below one model each" if ahead > 0.05 else ""
    return (
        f"Interrupted after {folds} fold{'s' * (folds != 1)}: nothing is recommended; so far {best!r} has the smallest "
        f"held-out loss{lead}."
    )
