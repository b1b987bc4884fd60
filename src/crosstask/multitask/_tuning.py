"""alpha by task-aware cross-validation, along a warm-started path."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from crosstask.couplings import Coupling
from crosstask.losses import Loss
from crosstask.multitask._support import Folds, IntVector, caller_rows, explicit_folds, local_folds
from crosstask.solvers import Problem, leave_one_out, path_decisions
from crosstask.tasks import TaskData, TaskRows, take_rows
from crosstask.tasks._cluster import sent_once

Array = NDArray[np.float64]
SECONDS = 1.0  # between two lines about one long fit


@dataclass(frozen=True)
class Objective:
    """Everything of the joint objective but the rows, the coupling and alpha."""

    loss: Loss
    fit_intercept: bool
    task_weight: Literal["rows", "equal"]
    max_iter: int

    def problem(self, data: TaskData, coupling: Coupling) -> Problem:
        """Bind to rows; tasks that miss a class, or whose counts are all zero, get their prior rows."""
        rows = data if data.n_classes is None else data.with_prior_rows()
        rows = rows.with_prior_counts() if self.loss.log_link else rows
        return Problem(rows, self.loss, coupling, self.fit_intercept, self.task_weight)


@dataclass(frozen=True)
class Curve:
    """Held-out loss of each alpha, summed over folds; sums carry the rows' weights."""

    alphas: Array  # (A,)
    loss: Array  # (A, T): sum of weight * loss
    weight: Array  # (T,): sum of weight
    moments: Array  # (3, A): sums of weight * c * (1, loss, loss^2), for the standard error

    def __add__(self, other: Curve) -> Curve:
        return Curve(self.alphas, self.loss + other.loss, self.weight + other.weight, self.moments + other.moments)

    @property
    def mean(self) -> Array:
        """Mean loss over all held-out rows, shape (A,)."""
        return self.loss.sum(axis=1) / self.weight.sum()

    @property
    def task_mean(self) -> Array:
        """Mean loss of each task's held-out rows, shape (A, T), NaN for a task that never was held out."""
        return np.divide(self.loss, self.weight, out=np.full(self.loss.shape, np.nan), where=self.weight > 0)

    @property
    def standard_error(self) -> Array:
        """Standard error of that mean, rows taken as independent, shape (A,)."""
        mean, (ones, first, second) = self.mean, self.moments
        return np.sqrt(np.maximum(second - 2 * mean * first + mean**2 * ones, 0.0)) / self.weight.sum()


def read_folds(cv: Any, X: Any, rows: TaskRows, sample_weight: Any, random_state: Any, *, strata: bool) -> Folds:
    """Return folds as (training pairs, held-out pairs).

    Rows of the wide door are split as rows: a row's targets are held out together. A seed of None means 0, so that
    the same call gives the same alpha. Where rows are few, the default five folds are dealt out several times.
    """
    from crosstask.model_selection import task_folds

    kept = caller_rows(rows, sample_weight)
    n = len(np.unique(kept))
    if n < 2:
        raise ValueError("alpha='auto' holds rows out, and X has 1 sample: give at least two, or a number as alpha.")
    if explicit_folds(cv):
        return local_folds(cv, kept)
    wide = rows.door == "wide" and rows.n_tasks > 1
    target = rows.y if strata and not wide else None
    table = rows.X if wide else take_rows(X, kept)
    task = None if wide else rows.task
    repeats = int(np.clip(200 // n, 1, 5)) if cv is None else 1
    seeds = check_random_state(0 if random_state is None else random_state).randint(2**31, size=repeats)
    folds = [f for seed in seeds for f in task_folds(cv, table, target, task=task, random_state=int(seed))]
    return local_folds(folds, kept) if wide else folds


def held_out_curve(
    data: TaskData,
    folds: Folds,
    objective: Objective,
    coupling: Coupling,
    alphas: Array,
    *,
    n_jobs: int | None = None,
    verbose: Any = 0,
) -> Curve:
    """Fit the path on each fold's other rows, and add up the losses on the rows held out."""
    sorted_position = np.argsort(data.order)
    jobs = (
        delayed(_one_fold)(data, (sorted_position[train], sorted_position[test]), objective, coupling, alphas)
        for train, test in folds
    )
    total: Curve | None = None
    done = 0
    try:
        with sent_once(data):
            parts: Any = Parallel(n_jobs=n_jobs, return_as="generator")(jobs)
            for done, part in enumerate(parts, start=1):
                total = part if total is None else total + part
                report_progress(verbose, done, len(folds), f"{coupling}: fold")
    except KeyboardInterrupt:
        if total is None:
            raise
        warnings.warn(
            f"the choice of alpha was interrupted after {done} of {len(folds)} folds, and rests on those: the model is "
            "fitted at that alpha. Fit again to finish, or give a number as alpha.",
            ConvergenceWarning,
            stacklevel=2,
        )
    assert total is not None
    if not total.weight.any():
        raise ValueError(
            f"alpha='auto' holds rows out, and in each of the {done} folds no task with held-out rows has rows left to "
            "train on: give a number as alpha, or folds that leave each task a row."
        )
    return total


def _one_fold(
    data: TaskData, fold: tuple[IntVector, IntVector], objective: Objective, coupling: Coupling, alphas: Array
) -> Curve:
    train, held = fold
    known = np.bincount(data.codes[train], minlength=data.n_tasks) > 0  # another task has no model to judge
    test, z = held_out_decisions(data, (train, held[known[data.codes[held]]]), objective, coupling, alphas)
    return _curve(data, test, z, objective, alphas)


def held_out_decisions(
    data: TaskData, fold: tuple[IntVector, IntVector], objective: Objective, coupling: Coupling, alphas: Array
) -> tuple[TaskData, Array]:
    """Return the rows that a fold (positions in ``data``) holds out, and their predictors (A, n, K) from the others."""
    trained, held = fold
    test = data.take(held)
    problem = objective.problem(data.take(trained), coupling)
    return test, path_decisions(problem, alphas, test, max_iter=objective.max_iter)


def closed_form_curve(data: TaskData, objective: Objective, coupling: Coupling, alphas: Array, cv: str) -> Curve:
    """Add up the losses of rows each of which is predicted by all others; the only row of a task is left out.

    With "gcv" every row is predicted as if it had the mean leverage, so that n sum (y - z)^2 / (n - trace)^2 results.
    """
    z = leave_one_out(objective.problem(data, coupling), alphas, evenly=cv == "gcv")
    held = np.flatnonzero(np.isfinite(z).all(axis=0))
    if not len(held):
        raise ValueError(
            f"cv={cv!r} with {coupling} predicts no row from the others: every task has one row, or the unpenalised "
            "centre fits all rows. Use cv=5, or MeanTied(centre_weight=1.0)."
        )
    return _curve(data, data.take(held), z[:, held, None], objective, alphas)


def _curve(data: TaskData, test: TaskData, z: Array, objective: Objective, alphas: Array) -> Curve:
    """Sums over held-out rows, whose predictors are z of shape (A, n, K)."""
    loss = row_losses(objective.loss, test.y, z.transpose(1, 0, 2))  # (n, A)
    n_tasks = data.n_tasks
    share = np.ones(n_tasks)
    if objective.task_weight == "equal":
        share = data.totals.sum() / (n_tasks * data.totals)
    c = share[test.codes]
    weight = test.sample_weight * c
    sums = np.zeros((n_tasks, len(alphas)))
    np.add.at(sums, test.codes, weight[:, None] * loss)
    spread = (weight * c)[:, None]
    moments = np.stack([np.sum(spread * loss**power, axis=0) for power in range(3)])
    return Curve(alphas, sums.T, np.bincount(test.codes, weight, n_tasks).astype(np.float64), moments)


def row_losses(loss: Loss, y: Array, z: Array) -> Array:
    """Return L(y_i, z_ia) of shape (n, A) for z of shape (n, A, K), as predictions are judged."""
    n, A, K = z.shape
    flat = z.reshape(n * A) if K == 1 else z.reshape(n * A, K)
    return loss.scored().row_value(np.repeat(y, A), flat).reshape(n, A)


def as_one_task(data: TaskData) -> TaskData:
    """Return the same rows as rows of a single task."""
    offsets = np.array([0, data.n_pairs], dtype=np.intp)
    return replace(data, offsets=offsets, tasks=np.zeros(1, dtype=np.int64))


def report_progress(verbose: Any, done: int, total: int, text: str) -> None:
    """Say how far the work is: to a callable, or in a line where ``verbose`` is not 0."""
    if callable(verbose):
        verbose(done, total, text)
    elif verbose:
        sys.stdout.write(f"[{done}/{total}] {text}\n")


def tell_iterates(verbose: Any) -> Callable[[int, int, str], object] | None:
    """Return what hears of a solver's iterates: the callable itself, or a line every second where it is not 0."""
    if callable(verbose):
        return verbose
    if not verbose:
        return None
    said = time.monotonic()

    def tell(done: int, total: int, text: str) -> None:
        nonlocal said
        if time.monotonic() - said >= SECONDS:
            said = time.monotonic()
            report_progress(1, done, total, f"iterations, {text}")

    return tell
