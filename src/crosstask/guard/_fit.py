"""What TransferGuard.fit does once the door is open: folds, fits, weights, and what they are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.allocation import spent_by_method
from crosstask.guard._assess import calibration, cross_fitted, evidence_of, paired
from crosstask.guard._blind import WHY, blind_tasks, even_weights
from crosstask.guard._candidates import Candidates, takes_weights
from crosstask.guard._contest import HeldOut, time_findings
from crosstask.guard._evidence import Evidence
from crosstask.guard._held_out import ask
from crosstask.guard._intervals import measured
from crosstask.guard._level import only_level
from crosstask.guard._losses import scores_to_probabilities
from crosstask.guard._newcomer import Crowd
from crosstask.guard._open import Opened
from crosstask.guard._planning import make_plan
from crosstask.guard._rules import guard_weights, sharing_stack
from crosstask.guard._sentences import ALONE, code_of
from crosstask.tasks import TaskRows
from crosstask.tasks._ids import strange_task

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]
MIN_ROWS = 5
"""A task with fewer held-out rows gets the weights of the others."""


def fit_guard(guard: Any, opened: Opened) -> None:
    """Fit the candidates, find the weights and keep arrays and plain types on the guard."""
    contest, rows = opened.contest, opened.rows
    if contest.pace is not None and contest.plan is None:
        contest.plan = make_plan(contest)
    guard._standing = contest.standing  # what is known should the fit be interrupted
    held = contest.run()
    del guard._standing
    guard.plan_ = None if contest.plan is None else contest.plan.carried_out()
    guard._spent = spent_by_method(contest.spent)
    folds, named = contest.folds, [contest.candidates[c] for c in held.kept]
    separate = opened.kind["separate"][held.kept]
    own = held.kept.index(opened.own)
    kind = {**opened.kind, "own": own, "separate": separate}
    guard._names, guard._own, guard._fitted = [name for name, _ in named], own, held.fitted
    guard.own_ = guard._names[own]
    guard.dropped_ = [(one.name, one.fold, one.reason) for one in held.left]
    groups = opened.groups if rows.table_row is None else None
    _weigh(guard, rows, opened.y, held, opened.weight, groups, separate, kind, folds)
    guard._unseen_weights = _unseen_weights(guard, named, contest.work.rows, separate, contest.seed)
    guard.findings_ = _findings(guard, named, rows, held, opened.added, folds)
    guard.findings_ += time_findings(held, len(folds), guard._names, contest.pace)
    if guard.keep_oof:
        guard.oof_ = held.predictions


def _weigh(
    guard: Any,
    rows: TaskRows,
    y: NDArray[Any],
    held: HeldOut,
    weight: Array,
    groups: NDArray[Any] | None,
    separate: NDArray[np.bool_],
    kind: dict[str, Any],
    folds: Any,
) -> None:
    n_tasks = rows.n_tasks
    usable = held.fold >= 0
    if not usable.any():
        raise ValueError(
            f"nothing could be held out of {len(y)} rows (n_samples={len(y)}): give at least two rows in some task, "
            "and folds that leave each class in the training rows."
        )
    blind = blind_tasks(rows.codes, y, held.fold, n_tasks, kind["n_classes"], MIN_ROWS)
    pairs = np.flatnonzero(usable & ~blind[rows.codes])
    pairs = pairs[np.argsort(rows.codes[pairs], kind="stable")]
    found = held.predictions[pairs]
    evidence = evidence_of(found, y[pairs], rows.codes[pairs], weight[pairs], held.fold[pairs], n_tasks, **kind)
    why = why_borrowed(guard, rows, y, evidence, kind["n_classes"])
    why = [WHY if dark else text for text, dark in zip(why, blind, strict=True)]
    borrowed = np.array([bool(text) for text in why])
    weights = guard_weights(evidence, guard.mode, borrowed)
    weights.task[blind] = even_weights(held.fitted)
    guard._weights, guard._shared = weights.task, weights.shared
    guard._why_borrowed = why
    losses = evidence.candidate_rows()
    guard._losses = evidence.mean(losses)
    own_rows = losses[:, kind["own"]]
    by_row = cross_fitted(evidence, guard.mode, borrowed)
    guarded = evidence.row_losses_at(by_row)
    overlap = 1.0 + len(folds) * float(np.mean([len(test) / len(train) for train, test in folds]))
    groups = None if groups is None else groups[pairs]
    result = paired(evidence, own_rows, guarded, groups, overlap)
    guard._gain = {
        "n": np.bincount(rows.codes, minlength=n_tasks),
        "own_loss": evidence.mean(own_rows),
        "guarded_loss": evidence.mean(guarded),
        "gain": result.gain,
        "low": result.low,
        "high": result.high,
    }
    guard._loss_name = evidence.loss.name
    crowd = None if separate.all() else sharing_stack(evidence, ~separate)
    guard._sharing, guard._level = sharing(evidence, found, y[pairs], weights.task, crowd, groups, overlap, kind)
    guard._crowd = Crowd.of(evidence, weights)
    separate_weight = weights.task[:, separate].sum(axis=1)
    if n_tasks == 1:  # nobody to share with, whatever the candidates are called
        separate_weight = np.ones(1)
    guard._codes = code_of(separate_weight, borrowed, guard._level)
    mixed = np.einsum("ncK,nc->nK", found, by_row)
    score = y[pairs] - mixed[:, 0]
    if kind["n_classes"]:
        probability = scores_to_probabilities(mixed) if kind["linear"] else mixed
        guard._calibration = calibration(probability, y[pairs], weight[pairs])
        score = probability[np.arange(len(pairs)), y[pairs]]
    guard._conformal, guard._coverage = measured(
        score, rows.codes[pairs], weight[pairs], held.fold[pairs], n_tasks, classes=kind["n_classes"] > 0
    )


def why_borrowed(guard: Any, rows: TaskRows, y: NDArray[Any], evidence: Evidence, n_classes: int) -> list[str]:
    """Say for each task why it cannot be judged by its own rows; empty where it can."""
    held_out = np.bincount(evidence.codes, minlength=rows.n_tasks)
    total = np.bincount(rows.codes, minlength=rows.n_tasks)
    lowest, highest = np.full(rows.n_tasks, np.inf), np.full(rows.n_tasks, -np.inf)
    np.minimum.at(lowest, rows.codes, y)
    np.maximum.at(highest, rows.codes, y)
    one_class = (lowest == highest) & (n_classes > 0)
    few = held_out < MIN_ROWS
    why = [""] * rows.n_tasks
    for t in np.flatnonzero(one_class | few).tolist():
        if one_class[t]:
            why[t] = f"it has one class ({guard.classes_[int(lowest[t])]!s})"
        else:
            why[t] = f"it has {total[t]} rows" if held_out[t] == total[t] else f"{held_out[t]} rows were held out"
    return why


def sharing(
    evidence: Evidence,
    found: Array,
    y: NDArray[Any],
    weights: Array,
    crowd: Array | None,
    groups: Any,
    overlap: float,
    kind: dict[str, Any],
) -> tuple[dict[str, Array], NDArray[np.bool_]]:
    """Test what the models that share would do alone, as they are and with an intercept of the task's own.

    Returns their gain with its interval, and where only the level of y sets a task apart that is left alone.
    """
    n_tasks, separate = evidence.n_tasks, kind["separate"]
    level = np.zeros(n_tasks, dtype=bool)
    if crowd is None:
        nothing = np.full(n_tasks, np.nan)
        return {"gain": nothing, "low": nothing, "high": nothing}, level
    own_rows = evidence.candidate_rows()[:, kind["own"]]
    rows = evidence.row_losses(crowd)
    result = paired(evidence, own_rows, rows, groups, overlap)
    alone = weights[:, separate].sum(axis=1) >= ALONE
    tasks = np.flatnonzero(alone)
    if len(tasks):
        z = np.einsum("ncK,nc->nK", found, crowd[evidence.codes])
        level[tasks] = only_level(evidence, tasks, z, y, (own_rows, rows), overlap, kind)
    return {"gain": result.gain, "low": result.low, "high": result.high}, level


def _unseen_weights(guard: Any, named: Candidates, long: TaskRows, separate: NDArray[np.bool_], seed: int) -> Array:
    """Weights for rows of unseen tasks: the crowd's, over the candidates that can serve them."""
    weights = np.zeros(len(named))
    if guard.unseen_task == "error":
        return weights
    row = long.take(np.arange(1))
    able = np.zeros(len(named), dtype=bool)
    for c in range(len(named)):
        try:
            strange = np.array([strange_task(long.tasks)])
            ask(guard._fitted[c], row.X, strange, getattr(guard, "classes_", None), guard.mix == "linear")
        except (ValueError, TypeError, KeyError, IndexError):
            continue
        able[c] = True
    use = able & ~separate if (able & ~separate).any() else able
    weights[use] = guard._shared[use]
    if use.any() and weights.sum() <= 1e-3:
        weights[use] = 1.0
    return weights / weights.sum() if use.any() else weights


def _findings(
    guard: Any, named: Candidates, rows: TaskRows, held: HeldOut, added: bool, folds: Any
) -> list[tuple[str, str]]:
    findings: list[tuple[str, str]] = []
    if added:
        findings.append(("own_added", f"no candidate was each task's own model, so {guard.own_!r} was added."))
    borrowed = [str(t) for t, why in zip(rows.tasks, guard._why_borrowed, strict=True) if why]
    if borrowed:
        shown = ", ".join(borrowed[:5]) + (", .." if len(borrowed) > 5 else "")
        findings.append(("borrowed", f"Too few rows of their own, or one class, to be judged by: {shown}."))
    missing = int((held.fold < 0).sum())
    if missing:
        findings.append(
            ("not_held_out", f"{missing} of {len(held.fold)} rows were never held out, so no weight rests on them.")
        )
    level = [str(t) for t, only in zip(rows.tasks, guard._level, strict=True) if only]
    if level:
        findings.append(
            ("level", f"only the level of y sets {', '.join(level[:5])} apart: an intercept of its own cures it.")
        )
    if rows.sample_weight is not None or guard.class_weight is not None:
        deaf = [name for name, e in named if not takes_weights(e)]
        if deaf:
            findings.append(("no_weights", f"{', '.join(deaf)} cannot take weights and was fitted without."))
    return findings
