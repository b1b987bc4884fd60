"""The first half of TransferGuard.fit: what comes in is checked, folds are dealt, and the contest stands ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.class_weight import compute_sample_weight

from crosstask.guard._candidates import (
    Candidates,
    check_candidates,
    is_constant,
    kind_of,
    never_leaves,
    pools,
    shares_nothing,
    with_own,
)
from crosstask.guard._contest import Contest
from crosstask.guard._folds import FoldMaker, pairs_of, table_length
from crosstask.guard._held_out import Work, must_have_probabilities
from crosstask.guard._losses import check_scoring
from crosstask.guard._pace import Pace
from crosstask.guard._race import Race
from crosstask.multitask._support import caller_rows
from crosstask.tasks import TaskRows

Array = NDArray[np.float64]


@dataclass
class Opened:
    """A fit that stands ready.

    Parameters
    ----------
    contest : Contest
        Fits the candidates.
    rows : TaskRows
        As they came through the door.
    y : ndarray of shape (n_pairs,)
        Target; codes of classes.
    weight : ndarray of shape (n_pairs,)
        Weights of the losses.
    groups : ndarray of shape (n_pairs,) or None
        What never straddles a fold.
    own : int
        Position of the own model.
    added : bool
        Whether it had to be added.
    kind : dict
        What the loss is, see :func:`evidence_of`.
    """

    contest: Contest
    rows: TaskRows
    y: NDArray[Any]
    weight: Array
    groups: NDArray[Any] | None
    own: int
    added: bool
    kind: dict[str, Any]


def open_guard(
    guard: Any, pace: Pace | None, X: Any, y: Any, *, task: Any, sample_weight: Any, time: Any, groups: Any
) -> Opened:
    """Check the candidates and the rows, deal the folds, and return the fit that stands ready."""
    classification = kind_of(guard.candidates) == "classifier"
    named = check_candidates(guard.candidates, guard.own)
    scoring, q = check_scoring(guard.scoring, classification, guard.mix)
    n_table = table_length(X)
    table, time, groups = guard._pop_fold_columns(X, time, groups, fit=True)
    rows = guard._open_fit(table, y, task, sample_weight)
    named, own, added = with_own(named, guard.own, classification)
    linear = guard.mix == "linear"
    must_have_probabilities(named, linear)
    target, classes = _encode(guard, rows)
    long = rows.long()
    row_of_pair = caller_rows(rows, sample_weight)
    times = pairs_of(time, row_of_pair, n_table, "time")
    groups = pairs_of(groups, row_of_pair, n_table, "groups")
    if groups is None and rows.table_row is not None:
        groups = rows.table_row  # one row of a wide table never straddles a fold
    n = len(rows.codes)
    if n < 2:
        raise ValueError(f"n_samples={n}: nothing can be held out of 1 sample; pass at least two rows.")
    seed = guard._seed()
    n_classes = 0 if classes is None else len(classes)
    maker = FoldMaker(long.X, target, rows.codes, groups, times, n_classes)
    folds = maker.outer(guard.cv, row_of_pair, seed)
    by_class = None if guard.class_weight is None else compute_sample_weight(guard.class_weight, rows.y)
    guard._weight_of_class = None if by_class is None else by_class[np.unique(target, return_index=True)[1]]
    work = Work(long, classes, linear, guard.class_weight, by_class)
    weight = np.ones(n) if rows.sample_weight is None else rows.sample_weight
    weight = weight if by_class is None else weight * by_class
    guard.scoring_ = scoring if scoring != "quantile" else f"quantile {q:g}"
    separate = np.array([shares_nothing(e) for _, e in named])
    kind = {"scoring": scoring, "q": q, "linear": linear, "n_classes": n_classes, "own": own, "separate": separate}
    core = _core(guard, named, own)
    race = _race(guard, named, core, target, rows, weight, groups, kind)
    progress = _progress(guard.verbose)
    contest = Contest(named, work, folds, maker, seed, guard.n_jobs, progress, core, race, pace)
    return Opened(contest, rows, target, weight, groups, own, added, kind)


def _race(
    guard: Any,
    named: Candidates,
    core: frozenset[int],
    y: NDArray[Any],
    rows: TaskRows,
    weight: Array,
    groups: NDArray[Any] | None,
    kind: dict[str, Any],
) -> Race | None:
    if not guard.race:
        return None
    stays = frozenset(c for c, (_, e) in enumerate(named) if never_leaves(e)) | core
    return Race([name for name, _ in named], y, rows.codes, weight, groups, rows.n_tasks, stays, kind)


def _core(guard: Any, named: Candidates, own: int) -> frozenset[int]:
    """Positions of the candidates that neither the race nor the budget may leave out."""
    names = [name for name, _ in named]
    cheap = {c for c, (_, e) in enumerate(named) if is_constant(e)}
    if guard.core is None:
        return frozenset({own} | cheap | {c for c, (_, e) in enumerate(named) if pools(e)})
    strange = [name for name in guard.core if name not in names]
    if strange:
        raise ValueError(f"core={guard.core!r} names {strange[0]!r}, which is none of {', '.join(map(repr, names))}.")
    return frozenset({own} | cheap | {names.index(name) for name in guard.core})


def _encode(guard: Any, rows: TaskRows) -> tuple[NDArray[Any], NDArray[Any] | None]:
    assert rows.y is not None
    if guard.__sklearn_tags__().estimator_type != "classifier":
        guard.__dict__.pop("classes_", None)
        return rows.y, None
    classes, y = np.unique(rows.y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class ({classes[0]!s}) in every task, and at least two classes are needed: "
            "check that the target column is the right one."
        )
    guard.classes_ = classes
    return y.reshape(-1), classes


def _progress(verbose: Any) -> Callable[[int, int, str], object]:
    if callable(verbose):
        return verbose
    if not verbose:
        return lambda done, total, text: None
    return lambda done, total, text: print(f"[guard {done}/{total}] {text}")  # noqa: T201
