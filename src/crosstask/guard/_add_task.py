"""TransferGuard.add_task: the candidates learn one more task, whose weights come from its own held-out rows."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import NoSharedPartError
from crosstask.guard._assess import evidence_of, paired
from crosstask.guard._candidates import shares_nothing, takes_weights
from crosstask.guard._evidence import Evidence
from crosstask.guard._fit import sharing, why_borrowed
from crosstask.guard._folds import FoldMaker, Folds, pairs_of, table_length
from crosstask.guard._held_out import ask
from crosstask.guard._intervals import MEASURED
from crosstask.guard._losses import check_scoring, scores_to_probabilities
from crosstask.guard._newcomer import newcomer_weights
from crosstask.guard._sentences import code_of
from crosstask.multitask._support import caller_rows, explicit_folds
from crosstask.multitask._wrapper import known_positions
from crosstask.tasks import TaskRows
from crosstask.tasks._added import Insertion, can_add_task, open_added
from crosstask.tasks._ids import strange_task

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]


@dataclass(frozen=True)
class Newcomers:
    """Rows of the tasks to be added, as the candidates get them.

    ``y`` holds positions of classes, or numbers; ``weight`` that of each row, class weights included.
    """

    rows: TaskRows
    y: NDArray[Any]
    weight: Array
    classes: NDArray[Any] | None
    linear: bool

    def added(self, model: Any, pairs: IntVector) -> Any:
        """Return a model that also knows these rows; the one given stays as it is."""
        part = self.rows.take(pairs)
        weighted = part.sample_weight is not None and takes_weights(model)
        options = {"sample_weight": part.sample_weight} if weighted else {}
        return copy(model).add_task(part.X, part.y, task=part.task, **options)

    def asked(self, model: Any, pairs: IntVector, tasks: NDArray[Any]) -> Array:
        """Return what a model says of some rows, given so many ids."""
        return ask(model, self.rows.take(pairs).X, tasks, self.classes, self.linear)


def add_tasks(guard: Any, X: Any, y: Any, task: Any, sample_weight: Any, time: Any, groups: Any) -> None:
    """Weigh the candidates for the new tasks, and then lay everything beside the others; a fault changes nothing."""
    if getattr(guard, "_crowd", None) is None:
        raise ValueError("this TransferGuard was saved by a version that could not add tasks: fit and save it again.")
    if not can_add_task(guard._fitted[guard._own]):
        raise NoSharedPartError(
            f"the own model {guard.own_!r} cannot learn a task later, so that the guard could compare nothing with it: "
            "fit again with the rows of all tasks, or let it be IndependentTasks or coupling='independent'."
        )
    n_table = table_length(X)
    table, time, groups = guard._pop_fold_columns(X, time, groups, fit=True)
    rows, place = open_added(guard, table, y, task=task, sample_weight=sample_weight)
    row_of_pair = caller_rows(rows, sample_weight)
    new = _newcomers(guard, rows)
    n_classes = 0 if new.classes is None else len(new.classes)
    times, grouped = pairs_of(time, row_of_pair, n_table, "time"), pairs_of(groups, row_of_pair, n_table, "groups")
    maker = FoldMaker(rows.X, new.y, rows.codes, grouped, times, n_classes)
    folds = _folds(guard, maker, row_of_pair)
    able, found, fold = _held_out(guard, new, folds)
    scoring, q = check_scoring(guard.scoring, n_classes > 0, guard.mix)
    kind = {
        "scoring": scoring,
        "q": q,
        "linear": new.linear,
        "n_classes": n_classes,
        "own": int(np.searchsorted(able, guard._own)),
        "separate": np.array([shares_nothing(guard._fitted[c]) for c in able]),
    }
    everything = np.arange(len(rows.codes), dtype=np.intp)
    fitted = [new.added(model, everything) if can_add_task(model) else model for model in guard._fitted]
    judged = _judge(guard, new, able, found, fold, grouped, folds, kind)
    _lay_beside(guard, place, judged)
    guard._fitted = fitted
    strangers = [name for name, model in zip(guard._names, fitted, strict=True) if not can_add_task(model)]
    names = ", ".join(str(one) for one in rows.tasks[:5].tolist()) + (", .." if rows.n_tasks > 5 else "")
    said = f"{names} came later: {len(rows.codes)} rows, judged against what the other tasks share"
    if strangers:
        said += f"; {', '.join(strangers)} cannot learn a task later, and serve it as one that they do not know"
    guard.findings_ = [*guard.findings_, ("task_added", f"{said}.")]


def _newcomers(guard: Any, rows: TaskRows) -> Newcomers:
    assert rows.y is not None
    classes: Any = getattr(guard, "classes_", None)
    y = rows.y if classes is None else known_positions(rows.y, classes)
    weight = np.ones(len(rows.codes)) if rows.sample_weight is None else rows.sample_weight
    if guard._weight_of_class is not None:
        weight = weight * guard._weight_of_class[y]
    return Newcomers(rows, y, weight, classes, guard.mix == "linear")


def _folds(guard: Any, maker: FoldMaker, row_of_pair: IntVector) -> Folds:
    """Return folds over the new rows; none where they are too few to hold any out."""
    cv = None if explicit_folds(guard.cv) else guard.cv  # positions of the rows of fit say nothing here
    try:
        return maker.outer(cv, row_of_pair, guard._seed()) if len(row_of_pair) > 1 else []
    except ValueError:
        return []


def _held_out(guard: Any, new: Newcomers, folds: Folds) -> tuple[IntVector, Array, IntVector]:
    """Return the candidates that can serve the new tasks, and what they say of rows held out, with the fold of each."""
    codes, n = new.rows.codes, len(new.rows.codes)
    fold = np.full(n, -1, dtype=np.intp)
    parts: list[tuple[int, IntVector, IntVector]] = []
    for k, (train, test) in enumerate(folds):
        kept = test[np.isin(codes[test], codes[train])]
        if len(kept):
            fold[kept] = k
            parts.append((k, train, kept))
    able: list[int] = []
    found: list[Array] = []
    strange = np.full(n, strange_task(guard.tasks_))
    for c, model in enumerate(guard._fitted):
        if can_add_task(model):
            answers = [
                (kept, new.asked(new.added(model, train), kept, new.rows.task[kept])) for _, train, kept in parts
            ]
        else:
            try:
                answers = [(np.arange(n, dtype=np.intp), new.asked(model, np.arange(n), strange))]
            except (ValueError, TypeError, KeyError, IndexError):
                continue
        able.append(c)
        width = answers[0][1].shape[1] if answers else 1
        predicted = np.full((n, width), np.nan)
        for pairs, answer in answers:
            predicted[pairs] = answer
        found.append(predicted)
    width = max(one.shape[1] for one in found)
    blank = np.full((n, width), np.nan)
    stacked = np.stack([one if one.shape[1] == width else blank for one in found], axis=1)
    return np.array(able, dtype=np.intp), stacked, fold


def _judge(
    guard: Any,
    new: Newcomers,
    able: IntVector,
    found: Array,
    fold: IntVector,
    groups: Any,
    folds: Folds,
    kind: dict[str, Any],
) -> dict[str, Any]:
    """Return everything that a guard keeps of a task, for the new ones."""
    rows, n_tasks = new.rows, new.rows.n_tasks
    pairs = np.flatnonzero(fold >= 0)
    pairs = pairs[np.argsort(rows.codes[pairs], kind="stable")]
    y, weight, found = new.y[pairs], new.weight[pairs], found[pairs]
    evidence = evidence_of(found, y, rows.codes[pairs], weight, fold[pairs], n_tasks, **kind)
    crowd = guard._crowd.among(able)
    shared = guard._shared[able] / max(guard._shared[able].sum(), 1e-300)
    shared = shared if shared.any() else np.full(len(able), 1.0 / len(able))
    why = why_borrowed(guard, rows, new.y, evidence, kind["n_classes"])
    borrowed = np.array([bool(text) for text in why])

    def weigh(part: Evidence) -> Array:
        weights = newcomer_weights(crowd, part, guard.mode, shared)
        weights[borrowed] = shared
        return weights

    weights, by_row = weigh(evidence), np.empty((len(pairs), len(able)))
    for k in np.unique(evidence.fold):
        here = evidence.fold == k
        by_row[here] = weigh(evidence.take(np.flatnonzero(~here)))[evidence.codes[here]]
    losses, guarded = evidence.candidate_rows(), evidence.row_losses_at(by_row)
    own_rows = losses[:, kind["own"]]
    overlap = 1.0 + len(folds) * float(np.mean([len(test) / len(train) for train, test in folds])) if folds else 1.0
    grouped = None if groups is None else groups[pairs]
    gain = paired(evidence, own_rows, guarded, grouped, overlap)
    separate = kind["separate"]
    stack = None if separate.all() else np.tile(crowd.stack(~separate), (n_tasks, 1))
    shared_alone, level = sharing(evidence, found, y, weights, stack, grouped, overlap, kind)
    full, mean = np.zeros((n_tasks, len(guard._names))), np.full((n_tasks, len(guard._names)), np.nan)
    full[:, able], mean[:, able] = weights, evidence.mean(losses)
    return {
        "weights": full,
        "losses": mean,
        "gain": {
            "n": np.bincount(rows.codes, minlength=n_tasks),
            "own_loss": evidence.mean(own_rows),
            "guarded_loss": evidence.mean(guarded),
            "gain": gain.gain,
            "low": gain.low,
            "high": gain.high,
        },
        "sharing": shared_alone,
        "level": level,
        "codes": code_of(weights[:, separate].sum(axis=1), borrowed, level),
        "why": why,
        **_conformal(guard, evidence, np.einsum("ncK,nc->nK", found, by_row), y, kind),
    }


def _conformal(guard: Any, evidence: Evidence, mixed: Array, y: NDArray[Any], kind: dict[str, Any]) -> dict[str, Any]:
    """Return the distributions of the new tasks' held-out scores, and the share inside those made without a fold."""
    classes, n_tasks = kind["n_classes"] > 0, evidence.n_tasks
    score = y - mixed[:, 0] if not classes else np.zeros(len(y))
    if classes:
        probability = scores_to_probabilities(mixed) if kind["linear"] else mixed
        score = probability[np.arange(len(y)), y]
    inside = np.zeros(len(y))
    for k in np.unique(evidence.fold):
        here = evidence.fold == k
        rest = (score[~here], evidence.codes[~here], evidence.weight[~here])
        limit = guard._conformal.with_tasks(*rest, n_tasks, classes=classes).thresholds(MEASURED)[evidence.codes[here]]
        inside[here] = (1.0 - score[here] if classes else np.abs(score[here])) <= limit
    return {
        "conformal": guard._conformal.with_tasks(score, evidence.codes, evidence.weight, n_tasks, classes=classes),
        "coverage": {"n": np.bincount(evidence.codes, minlength=n_tasks), "coverage": evidence.mean(inside)},
    }


def _lay_beside(guard: Any, place: Insertion, judged: dict[str, Any]) -> None:
    """Put what was found in the places that the ids have among the sorted ids."""
    for name, key in (("_weights", "weights"), ("_losses", "losses"), ("_level", "level"), ("_codes", "codes")):
        setattr(guard, name, place.into(getattr(guard, name), judged[key]))
    for name, key in (("_gain", "gain"), ("_sharing", "sharing"), ("_coverage", "coverage")):
        kept = getattr(guard, name)
        setattr(guard, name, {part: place.into(kept[part], judged[key][part]) for part in kept})
    guard._why_borrowed = place.into_list(list(guard._why_borrowed), list(judged["why"]))
    guard._conformal = guard._conformal.beside(judged["conformal"], place.take)
    guard.tasks_ = place.tasks
    guard.__dict__.pop("oof_", None)  # of the rows of fit
