"""The fit: a race of two shared stages on rows held out, then stages of the tasks' own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.multitask._support import Folds, IntVector
from crosstask.multitask.boosting._stages import DirectStage, OffsetStage, direct_losses, fit_direct, fit_offset
from crosstask.multitask.boosting._targets import Target

Array = NDArray[np.float64]

HASTE = 3  # the race runs with this multiple of the learning rate, and as many times fewer trees
# On the linear offset little is left: small trees, a brake on leaves, and fewer of them.
OFFSET_LEAVES, OFFSET_ROWS_A_LEAF, OFFSET_BRAKE, OFFSET_SHARE = 8, 10, 1.0, 0.4
TASK_TREES, TASK_LEAVES = 20, 8
NEARLY_ALL = 0.8  # of max_iter: beyond it the race's curve is flat, and its smallest value chance
SURELY = 1.0  # standard errors by which trees must gain; one or two of them to leave the linear start


@dataclass(frozen=True)
class Columns:
    """What the stages read: the columns with the task, those without, and the linear predictor out of fold."""

    design: Array
    matrix: Array
    codes: IntVector
    offset: Array | None

    def take(self, rows: IntVector) -> Columns:
        """Return some rows."""
        offset = None if self.offset is None else self.offset[rows]
        return Columns(self.design[rows], self.matrix[rows], self.codes[rows], offset)

    @property
    def augmented(self) -> Array:
        """The columns with the linear predictor among them."""
        assert self.offset is not None
        return np.hstack([self.design, self.offset])


@dataclass(frozen=True)
class TaskStage:
    """A task's own stage: what it adds, times its trust in it."""

    stage: OffsetStage
    trust: float


@dataclass(frozen=True)
class Shared:
    """The shared stage, whether it stands on the linear offset, and the losses of the race."""

    stage: DirectStage | OffsetStage
    on_offset: bool
    n_iter: int
    race: dict[str, float]

    def decide(self, columns: Columns) -> Array:
        """Return predictions or log odds, of shape (n_rows, n_outputs)."""
        if not self.on_offset:
            return self.stage.decide(columns.design)
        assert columns.offset is not None
        return columns.offset + (self.stage.decide(columns.augmented) if self.n_iter else 0.0)


def fit_shared(
    columns: Columns, target: Target, folds: Folds, options: dict[str, Any], start: str, n_direct: int
) -> Shared:
    """Run the race where there is one, and fit the winner to all rows with its best number of trees.

    The linear start wins unless boosting y itself is better by more than two standard errors, for the choice is made on
    few rows; one is enough where small trees on the linear start still gain at the last one. If the linear start wins
    all the same, it then gets the caller's trees.
    """
    small = offset_options(options)
    if start == "none":
        return Shared(fit_direct(columns.design, target, options), False, int(options["max_iter"]), {})
    plan = [(start if k < n_direct else "linear", *fold) for k, fold in enumerate(folds)]
    parts = [_race(columns, target, train, test, options, small, kind) for kind, train, test in plan]
    losses = {name: [part[name] for part in parts if name in part] for name in ("direct", "linear")}
    held = [test for _, test in folds]
    rows = {name: _at_best(losses[name], target, held, from_none=name == "linear") for name in losses if losses[name]}
    race = {name: float(loss.mean()) for name, (_, loss) in rows.items()}
    # Small trees that still gain at the last one say that there is much left to learn.
    unfinished = rows["linear"][0] == len(losses["linear"][0]) - 1
    winner = "linear"
    if start == "auto" and "direct" in rows:
        direct, linear = rows["direct"][1], rows["linear"][1]
        errors = SURELY if unfinished else 2.0 * SURELY
        winner = "direct" if surely_less(direct, linear[: len(direct)], errors) else "linear"
    best = rows[winner][0]
    if winner == "direct":
        n_iter = round((best + 1) * HASTE)
        if n_iter > NEARLY_ALL * options["max_iter"]:
            n_iter = int(options["max_iter"])
        return Shared(fit_direct(columns.design, target, {**options, "max_iter": n_iter}), False, n_iter, race)
    chosen = {**options} if unfinished else {**small, "max_iter": round(best * HASTE)}
    n_iter, stage = int(chosen["max_iter"]), OffsetStage([])
    if n_iter:
        assert columns.offset is not None
        stage, _ = fit_offset(columns.augmented, target, columns.offset, chosen)
    return Shared(stage, True, n_iter, race)


def _at_best(losses: list[Array], target: Target, held: list[IntVector], *, from_none: bool) -> tuple[int, Array]:
    """Return the number of trees of the smallest mean loss, and the weighted losses of all rows there.

    On the linear start (``from_none``: the first losses are those of no tree) trees must gain more than the standard
    error to be added at all.
    """
    weights = [target.weight[rows] / target.weight.mean() for rows, _ in zip(held, losses, strict=False)]
    weighted = np.concatenate([loss * weight for loss, weight in zip(losses, weights, strict=True)], axis=1)
    best = int(np.argmin(weighted.mean(axis=1)))
    if from_none and not surely_less(weighted[best], weighted[0], SURELY):
        best = 0
    return best, weighted[best]


def offset_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a stage on an offset."""
    return {
        **options,
        "max_iter": max(1, int(OFFSET_SHARE * options["max_iter"])),
        "max_leaf_nodes": min(OFFSET_LEAVES, options["max_leaf_nodes"] or OFFSET_LEAVES),
        "min_samples_leaf": min(OFFSET_ROWS_A_LEAF, options["min_samples_leaf"]),
        "l2_regularization": max(OFFSET_BRAKE, options["l2_regularization"]),
    }


def _race(
    columns: Columns,
    target: Target,
    train: IntVector,
    test: IntVector,
    options: dict[str, Any],
    small: dict[str, Any],
    start: str,
) -> dict[str, Array]:
    """Return each held-out row's loss after each number of trees, of boosting directly and on the linear offset."""
    learnt, held = columns.take(train), columns.take(test)
    ours, theirs = target.take(train), target.take(test)
    losses: dict[str, Array] = {}
    if start == "auto" and len(np.unique(ours.y)) >= max(1, target.n_classes):
        stage = fit_direct(learnt.design, ours, _hasty(options))
        losses["direct"] = direct_losses(stage, held.design, theirs)
    assert learnt.offset is not None
    assert held.offset is not None
    watched = (held.augmented, theirs, held.offset)
    _, losses["linear"] = fit_offset(learnt.augmented, ours, learnt.offset, _hasty(small), watched)
    return losses


def _hasty(options: dict[str, Any]) -> dict[str, Any]:
    return {
        **options,
        "max_iter": max(1, int(options["max_iter"] / HASTE)),
        "learning_rate": min(1.0, options["learning_rate"] * HASTE),
    }


def fit_task_stages(
    shared: Shared, columns: Columns, target: Target, options: dict[str, Any], n_tasks: int, min_rows: int
) -> dict[int, TaskStage]:
    """Give each task with rows enough a stage of its own, where the task's own held-out rows say that it helps.

    A fifth of the task's rows is held out, and trees are added on the offset of the shared stage while they help there.
    The stage is kept where the mean gain exceeds its standard error, and trusted by n / (n + min_rows).
    """
    sizes = np.bincount(columns.codes, minlength=n_tasks)
    stages: dict[int, TaskStage] = {}
    F = shared.decide(columns)
    options = {**offset_options(options), "max_leaf_nodes": TASK_LEAVES, "max_iter": TASK_TREES}
    for t in np.flatnonzero(sizes >= min_rows):
        rows = np.flatnonzero(columns.codes == t)
        held = np.arange(len(rows)) % 5 == 4
        train, test = rows[~held], rows[held]
        watched = (columns.matrix[test], target.take(test), F[test])
        _, losses = fit_offset(columns.matrix[train], target.take(train), F[train], options, watched)
        best = int(np.argmin(losses.mean(axis=1)))
        if not surely_less(losses[best], losses[0]):
            continue
        whole = {**options, "max_iter": best}
        final, _ = fit_offset(columns.matrix[rows], target.take(rows), F[rows], whole)
        stages[int(t)] = TaskStage(final, len(rows) / (len(rows) + min_rows))
    return stages


def surely_less(loss: Array, other: Array, errors: float = 1.0) -> bool:
    """Tell whether a loss is less than another on the same rows by more than so many standard errors."""
    less = other - loss
    return bool(less.mean() > errors * less.std() / np.sqrt(max(1, len(less) - 1)))
