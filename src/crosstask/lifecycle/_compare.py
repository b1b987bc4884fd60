"""What a new fit changed: verdicts, coefficients and tasks of two models."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from crosstask.lifecycle._remarks import Remark, Remarks

NORMAL_95 = 1.959964


def compare(old: Any, new: Any, *, tolerance: float = 0.1) -> Remarks:
    r"""List what differs between two fitted models of the same target: tasks, classes, verdicts and coefficients.

    A verdict has changed where its code has. A coefficient has changed where the difference is beyond what chance
    explains, :math:`|b - a| > 1.96 \sqrt{s_a^2 + s_b^2}`, if both models give standard errors; otherwise where it
    exceeds ``tolerance`` of the larger of the two.

    Parameters
    ----------
    old, new : fitted model
        The flagship, a ``TransferGuard``, ``MultiTaskRegressor`` or ``MultiTaskClassifier``, or any two models with
        ``verdict_`` or ``coefficients()``.
    tolerance : float, default=0.1
        Relative change of a coefficient without a standard error that is worth telling.

    Returns
    -------
    Remarks
        A frame (code, task, column, before, after, sentence) that prints as sentences; codes are "task_added",
        "task_lost", "classes", "verdict" and "coefficient", the largest changes first.

    Raises
    ------
    TypeError
        If the models have neither verdicts nor coefficients, or one predicts classes and the other numbers.

    Notes
    -----
    Standard errors are those of independent fits. Where rows are in both, the difference of the two coefficients varies
    less, and small changes that are real go unlisted.

    Examples
    --------
    >>> import crosstask as ct
    >>> from crosstask.datasets import make_related_tasks
    >>> data = make_related_tasks(n_tasks=3, n_rows=30, n_features=2, random_state=0)
    >>> old = ct.MultiTaskRegressor(alpha=0.1).fit(data.X, data.y, task=data.task)
    >>> new = ct.MultiTaskRegressor(alpha=0.1).fit(data.X, data.y + 2 * data.X[:, 0], task=data.task)
    >>> len(ct.compare(old, new)), len(ct.compare(old, old))
    (3, 0)
    """
    _check_kinds(old, new)
    notes = _tasks(old, new) + _classes(old, new)
    both = [task for task in new.tasks_.tolist() if task in set(old.tasks_.tolist())]
    if hasattr(old, "verdict_") and hasattr(new, "verdict_"):
        notes += _verdicts(old, new, both)
    before, after = coefficients_of(old), coefficients_of(new)
    if before is not None and after is not None:
        notes += _coefficients(before, after, both, tolerance)
    return Remarks.of(notes)


def coefficients_of(model: Any) -> pd.DataFrame | None:
    """Return the model's coefficients, None where it has none."""
    if not hasattr(model, "coefficients"):
        return None
    try:
        return model.coefficients()
    except ValueError:  # a flagship that is not linear
        return None


def _check_kinds(old: Any, new: Any) -> None:
    for model in (old, new):
        if not hasattr(model, "tasks_"):
            raise TypeError(f"{type(model).__name__} is no fitted model of tasks: compare takes two of these.")
        if not hasattr(model, "verdict_") and coefficients_of(model) is None:
            raise TypeError(
                f"{type(model).__name__} has neither verdicts nor coefficients, so there is nothing to compare: give "
                "the flagship, a TransferGuard, or a linear model."
            )
    if hasattr(old, "classes_") != hasattr(new, "classes_"):
        raise TypeError("one model predicts classes and the other numbers: compare two models of the same target.")


def _tasks(old: Any, new: Any) -> list[Remark]:
    before, after = set(old.tasks_.tolist()), set(new.tasks_.tolist())
    added = [Remark("task_added", f"{task} is new.", task) for task in new.tasks_.tolist() if task not in before]
    lost = [Remark("task_lost", f"{task} is gone.", task) for task in old.tasks_.tolist() if task not in after]
    return added + lost


def _classes(old: Any, new: Any) -> list[Remark]:
    before, after = (sorted(map(str, getattr(model, "classes_", []))) for model in (old, new))
    if before == after:
        return []
    said = f"the classes were {', '.join(before)}, and are {', '.join(after)}."
    return [Remark("classes", said, before=", ".join(before), after=", ".join(after))]


def _verdicts(old: Any, new: Any, tasks: list[Any]) -> list[Remark]:
    before, after = (model.verdict_.set_index("task") for model in (old, new))
    notes: list[Remark] = []
    for task in tasks:
        was, now = before.loc[task], after.loc[task]
        if was["code"] != now["code"]:
            said = f"{task}: {was['code']} before, {now['code']} now: {now['reason']}"
            notes.append(Remark("verdict", said, task, before=was["code"], after=now["code"]))
    return notes


def _coefficients(before: pd.DataFrame, after: pd.DataFrame, tasks: list[Any], tolerance: float) -> list[Remark]:
    keys = [name for name in ("task", "feature", "class") if name in before and name in after]
    both = before.merge(after, on=keys, suffixes=("_old", "_new"))
    both = both[both["task"].isin(tasks)]
    a, b = both["value_old"].to_numpy(), both["value_new"].to_numpy()
    limit = tolerance * np.maximum(np.abs(a), np.abs(b))
    if "high_old" in both and "high_new" in both:
        errors = [(both[f"high{side}"] - both[f"value{side}"]).to_numpy() / NORMAL_95 for side in ("_old", "_new")]
        beyond = NORMAL_95 * np.hypot(*errors)
        limit = np.where(np.isfinite(beyond), beyond, limit)
    apart = np.abs(b - a)
    share = apart / np.where(limit > 0, limit, 1.0)
    notes: list[Remark] = []
    for i in np.argsort(-share, kind="stable"):
        if not apart[i] > limit[i]:
            continue
        row = both.iloc[i]
        of_class = f" ({row['class']})" if "class" in keys else ""
        turned = ", the other way round" if a[i] * b[i] < 0 else ""
        said = f"{row['task']}: {row['feature']}{of_class} weighs {b[i]:.3g} now, {a[i]:.3g} before{turned}."
        notes.append(Remark("coefficient", said, row["task"], f"{row['feature']}{of_class}", float(a[i]), float(b[i])))
    return notes
