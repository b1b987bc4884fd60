"""The rules of the guard: evidence in, one point of the simplex for each task out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosstask.guard._evidence import Evidence
from crosstask.guard._simplex import minimise_convex, minimise_quadratic

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Weights:
    """What a rule found.

    Parameters
    ----------
    task : ndarray of shape (n_tasks, n_candidates)
        Weights of each task.
    crowd : ndarray of shape (n_tasks, n_candidates)
        The stack that suits the other tasks best.
    shared : ndarray of shape (n_candidates,)
        The stack that suits all tasks best; serves unseen tasks.
    prior_rows : ndarray of shape (n_tasks,)
        How many rows of its own the evidence of the other tasks is worth to a task.
    """

    task: Array
    crowd: Array
    shared: Array
    prior_rows: Array


def guard_weights(evidence: Evidence, mode: str = "balanced", borrowed: NDArray[np.bool_] | None = None) -> Weights:
    """Return the weights of every task under a rule: "balanced", "cautious" or "bold".

    ``borrowed`` tasks, and those without evidence, get the crowd's weights.
    """
    n_tasks = evidence.n_tasks
    borrowed = np.zeros(n_tasks, dtype=bool) if borrowed is None else borrowed
    borrowed = borrowed | (evidence.total <= 0)
    scale = evidence.scale()
    shared, crowd, others = crowd_stack(evidence, scale)
    if mode == "bold" or not (evidence.total > 0).any():
        task = np.tile(shared, (n_tasks, 1))
        return Weights(task, crowd, shared, np.full(n_tasks, np.inf))
    if mode == "cautious" or others is None:
        prior_rows, kappa = np.zeros(n_tasks), np.full(n_tasks, 2.0 if mode == "cautious" else 0.25)
    else:
        prior_rows, kappa = _random_effects(evidence, scale, crowd)
    task = _solve(evidence, scale, others, prior_rows, kappa)
    task[borrowed] = crowd[borrowed]
    return Weights(task, crowd, shared, prior_rows)


def crowd_stack(
    evidence: Evidence, scale: Array, allowed: NDArray[np.bool_] | None = None
) -> tuple[Array, Array, tuple[Array, Array] | None]:
    """Return the stack of all tasks, that of all but one for each task, and the others' mean loss.

    The loss of the others enters by its second-order expansion at the stack of all tasks, exact for squared errors:
    (Hessian, linear part), per row; None where there are no others. ``allowed`` candidates only get weight.
    """
    n_tasks, n_candidates = evidence.n_tasks, evidence.n_candidates
    allowed = np.ones(n_candidates, dtype=bool) if allowed is None else allowed
    shared = _shared(evidence, scale, allowed)
    _, slope, bend = evidence.model(np.tile(shared, (n_tasks, 1)), scale)
    linear = slope - bend @ shared
    rows = evidence.total.sum() - evidence.total
    crowd = np.tile(shared, (n_tasks, 1))
    if (rows <= 1e-12 * evidence.total.sum()).any():
        return shared, crowd, None
    others_bend = (bend.sum(axis=0) - bend) / rows[:, None, None]
    others_linear = (linear.sum(axis=0) - linear) / rows[:, None]
    part = np.flatnonzero(allowed)
    crowd = np.zeros((n_tasks, n_candidates))
    crowd[:, part] = minimise_quadratic(others_bend[:, part[:, None], part], others_linear[:, part])
    return shared, crowd, (others_bend, others_linear)


def _shared(evidence: Evidence, scale: Array, allowed: NDArray[np.bool_]) -> Array:
    """Minimise the sum of all tasks' scaled losses with one point of the simplex."""
    part = np.flatnonzero(allowed)
    full = np.zeros(evidence.n_candidates)

    def total(v: Array) -> tuple[Array, Array, Array]:
        full[part] = v[0]
        value, slope, bend = evidence.model(np.tile(full, (evidence.n_tasks, 1)), scale)
        return value.sum(keepdims=True), slope.sum(axis=0)[None, part], bend.sum(axis=0)[None, part[:, None], part]

    found = minimise_convex(total, np.full((1, len(part)), 1.0 / len(part)))[0]
    full[:] = 0.0
    full[part] = found
    return full


def _random_effects(evidence: Evidence, scale: Array, crowd: Array) -> tuple[Array, Array]:
    n = np.maximum(evidence.n_effective, 1.0)
    own = np.zeros_like(crowd)
    own[:, evidence.own] = 1.0
    difference = (evidence.row_losses(own) - evidence.row_losses(crowd)) / scale[evidence.codes]
    known = evidence.total > 0
    gain = np.where(known, np.nan_to_num(evidence.mean(difference)), 0.0)
    spread = np.nan_to_num(evidence.mean(np.square(difference - gain[evidence.codes])))
    variance = (spread / 2 + np.median(spread[known]) / 2 + 1e-9) / n
    a = known / variance
    mean = (a * gain).sum() / a.sum()
    excess = (a * (gain - mean) ** 2).sum() - (known.sum() - 1)
    between = max(excess / max(a.sum() - (a**2).sum() / a.sum(), 1e-12), 1e-4)
    posterior = (gain / variance + mean / between) / (1 / variance + 1 / between)
    released = posterior < 0
    prior_rows = np.where(released, 0.0, np.minimum(400.0, n * variance / between))
    return prior_rows, np.where(released, 1.0, 0.25)


def _solve(
    evidence: Evidence, scale: Array, others: tuple[Array, Array] | None, prior_rows: Array, kappa: Array
) -> Array:
    """Minimise n_t own(v) + m_t others(v) + kappa unit log C (1 - v_own), task by task."""
    n_tasks, n_candidates = evidence.n_tasks, evidence.n_candidates
    per_row = evidence.n_effective / np.where(evidence.total > 0, evidence.total, 1.0)
    penalty = np.tile(kappa[:, None] * evidence.loss.unit * np.log(max(n_candidates, 2)), (1, n_candidates))
    penalty[:, evidence.own] = 0.0
    bend_prior, linear_prior = np.zeros((n_tasks, n_candidates, n_candidates)), penalty
    if others is not None:
        bend_prior = prior_rows[:, None, None] * others[0]
        linear_prior = prior_rows[:, None] * others[1] + penalty

    def objective(v: Array) -> tuple[Array, Array, Array]:
        value, slope, bend = evidence.model(v, scale / np.where(per_row > 0, per_row, 1.0))
        pulled = np.einsum("tij,tj->ti", bend_prior, v)
        prior = (v * (0.5 * pulled + linear_prior)).sum(axis=1)
        return value + prior, slope + pulled + linear_prior, bend + bend_prior

    return minimise_convex(objective, np.full((n_tasks, n_candidates), 1.0 / n_candidates))
