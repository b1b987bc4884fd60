"""The rules of the guard: evidence in, one point of the simplex for each task out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosstask.guard._crowd import LEVELS, Gains, harm, membership, posterior
from crosstask.guard._evidence import Evidence
from crosstask.guard._simplex import minimise_convex, minimise_quadratic

Array = NDArray[np.float64]
CAUTIOUS_KAPPA = 1.4
ONE_TASK_KAPPA = 1.0
PASSES = 3


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
    belief : ndarray of shape (n_tasks, n_levels)
        Probability of each level of ``LEVELS``; the first is "apart".
    """

    task: Array
    crowd: Array
    shared: Array
    belief: Array


@dataclass(frozen=True)
class Expansion:
    """Losses of all tasks, v'Hv / 2 + c'v summed over rows, around the stack of all; exact for squared errors."""

    bend: Array
    linear: Array
    rows: Array

    @classmethod
    def at(cls, evidence: Evidence, scale: Array, stack: Array) -> Expansion:
        """Expand around one stack; the rows of a task count up to a cap."""
        _, slope, bend = evidence.model(np.tile(stack, (evidence.n_tasks, 1)), scale)
        rows = np.maximum(evidence.total, 1e-300)
        return cls(bend / rows[:, None, None], (slope - bend @ stack) / rows[:, None], evidence.n_effective)

    def of_others(self, speaks: Array, even: float, centre: Array) -> tuple[Array, Array] | None:
        """Mean loss of the other tasks, for each task, where task u speaks with so many rows; None without others.

        ``even`` is added to the sum for each unit of squared distance from equal weights.
        """
        rest = speaks.sum() - speaks
        if (rest <= 1e-9 * max(speaks.sum(), 1e-300)).any():
            return None
        bend = np.tensordot(speaks, self.bend, 1) - speaks[:, None, None] * self.bend
        linear = speaks @ self.linear - speaks[:, None] * self.linear
        bend = bend + 2.0 * even * np.eye(linear.shape[1])
        linear = linear - 2.0 * even * centre
        return bend / rest[:, None, None], linear / rest[:, None]


def guard_weights(evidence: Evidence, mode: str = "balanced", borrowed: NDArray[np.bool_] | None = None) -> Weights:
    """Return the weights of every task under a rule: "balanced", "cautious" or "bold".

    ``borrowed`` tasks, and those without evidence, get the stack of all tasks.
    """
    n_tasks = evidence.n_tasks
    borrowed = np.zeros(n_tasks, dtype=bool) if borrowed is None else borrowed
    borrowed = borrowed | (evidence.total <= 0)
    apart = np.eye(len(LEVELS))[np.zeros(n_tasks, dtype=np.intp)]
    if evidence.n_candidates == 1:  # the own model alone: nothing to weigh
        return Weights(np.ones((n_tasks, 1)), np.ones((n_tasks, 1)), np.ones(1), apart)
    scale = evidence.scale()
    shared = shared_stack(evidence, scale)
    expansion = Expansion.at(evidence, scale, shared)
    speaks = np.minimum(evidence.n_effective, 100.0)
    even = evidence.loss.even
    others = expansion.of_others(speaks, even, evidence.centre)
    crowd = np.tile(shared, (n_tasks, 1)) if others is None else minimise_quadratic(*others)
    if mode == "bold":
        return Weights(np.tile(shared, (n_tasks, 1)), crowd, shared, apart)
    if mode == "cautious" or others is None:
        task = solve_at(evidence, scale, expansion, None, 0.0, CAUTIOUS_KAPPA if mode == "cautious" else ONE_TASK_KAPPA)
        belief = apart
    else:
        belief, others, crowd = _believe(evidence, scale, expansion, speaks, crowd)
        task = np.zeros((n_tasks, evidence.n_candidates))
        for k, level in enumerate(LEVELS):
            task += belief[:, [k]] * solve_at(evidence, scale, expansion, others, level.prior_rows, level.kappa)
    task[borrowed] = shared
    return Weights(task, crowd, shared, belief)


def _believe(
    evidence: Evidence, scale: Array, expansion: Expansion, speaks: Array, crowd: Array
) -> tuple[Array, tuple[Array, Array] | None, Array]:
    """Alternate between who belongs to the crowd and what the crowd says; three passes settle it."""
    gains = Gains.of(evidence, scale)
    known = evidence.total > 0
    own = np.zeros_like(crowd)
    own[:, evidence.own] = 1.0
    own_rows = evidence.row_losses(own)
    member = np.ones(evidence.n_tasks)
    others: tuple[Array, Array] | None = None
    belief = np.zeros((evidence.n_tasks, len(LEVELS)))
    for step in range(PASSES):
        fit = gains.log_likelihood(member, first=step == 0)
        gain = np.nan_to_num(evidence.mean((own_rows - evidence.row_losses(crowd)) / scale[evidence.codes]))
        belief = posterior(fit + harm(gain, np.maximum(evidence.n_effective, 1e-3), evidence.loss.unit), known)
        member = np.maximum(membership(belief), 1e-3)
        others = expansion.of_others(speaks * member, evidence.loss.even, evidence.centre)
        assert others is not None
        crowd = minimise_quadratic(*others)
    return belief, others, crowd


def shared_stack(evidence: Evidence, scale: Array, allowed: NDArray[np.bool_] | None = None) -> Array:
    """Minimise the sum of all tasks' scaled losses with one point of the simplex, over the allowed candidates."""
    part = np.arange(evidence.n_candidates) if allowed is None else np.flatnonzero(allowed)
    cap = np.minimum(1.0, 100.0 / np.maximum(evidence.n_effective, 1e-300))
    divisor = scale / np.maximum(cap, 1e-300)
    full = np.zeros(evidence.n_candidates)
    even, centre = evidence.loss.even, evidence.centre[part] / max(evidence.centre[part].sum(), 1e-300)

    def total(v: Array) -> tuple[Array, Array, Array]:
        full[part] = v[0]
        value, slope, bend = evidence.model(np.tile(full, (evidence.n_tasks, 1)), divisor)
        away = v[0] - centre
        return (
            value.sum(keepdims=True) + even * float(away @ away),
            slope.sum(axis=0)[None, part] + 2.0 * even * away,
            bend.sum(axis=0)[None, part[:, None], part] + 2.0 * even * np.eye(len(part)),
        )

    found = minimise_convex(total, np.full((1, len(part)), 1.0 / len(part)))[0]
    full[:] = 0.0
    full[part] = found
    return full


def sharing_stack(evidence: Evidence, allowed: NDArray[np.bool_]) -> Array:
    """Return for each task the stack of the allowed candidates that suits the other tasks best."""
    scale = evidence.scale()
    stack = shared_stack(evidence, scale, allowed)
    others = Expansion.at(evidence, scale, stack).of_others(np.minimum(evidence.n_effective, 100.0), 0.0, stack)
    crowd = np.tile(stack, (evidence.n_tasks, 1))
    if others is not None:
        part = np.flatnonzero(allowed)
        crowd[:, part] = minimise_quadratic(others[0][:, part[:, None], part], others[1][:, part])
    return crowd


def solve_at(
    evidence: Evidence,
    scale: Array,
    expansion: Expansion,
    others: tuple[Array, Array] | None,
    prior_rows: float,
    kappa: float,
) -> Array:
    """Minimise n_t own(v) + m others(v) + kappa unit log C (1 - v_own), task by task."""
    n_tasks, n_candidates = evidence.n_tasks, evidence.n_candidates
    linear_prior = np.full((n_tasks, n_candidates), kappa * evidence.loss.unit * np.log(max(n_candidates, 2)))
    linear_prior[:, evidence.own] = 0.0
    bend_prior = np.zeros((n_tasks, n_candidates, n_candidates))
    if others is not None:
        bend_prior = prior_rows * others[0]
        linear_prior = prior_rows * others[1] + linear_prior
    if evidence.loss.quadratic:
        n = expansion.rows
        return minimise_quadratic(
            n[:, None, None] * expansion.bend + bend_prior, n[:, None] * expansion.linear + linear_prior
        )
    divisor = scale * np.where(evidence.n_effective > 0, evidence.total / np.maximum(evidence.n_effective, 1e-300), 1.0)

    def objective(v: Array) -> tuple[Array, Array, Array]:
        value, slope, bend = evidence.model(v, divisor)
        pulled = np.einsum("tij,tj->ti", bend_prior, v)
        prior = (v * (0.5 * pulled + linear_prior)).sum(axis=1)
        return value + prior, slope + pulled + linear_prior, bend + bend_prior

    return minimise_convex(objective, np.full((n_tasks, n_candidates), 1.0 / n_candidates))
