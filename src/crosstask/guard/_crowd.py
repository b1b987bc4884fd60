"""How many rows the evidence of the other tasks is worth to a task: a random-effects model of the gains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosstask.guard._evidence import Evidence

Array = NDArray[np.float64]
ROWS_CAP = 100.0
"""A task speaks to the others with at most this many rows, so that one huge task is no crowd."""
STUDENT = 5.0
"""Degrees of freedom: differences of losses have heavier tails than a normal."""
MOST_HARM = 3.0
"""Largest weight of the harm that the crowd's stack does on the task's own rows, in nats."""


@dataclass(frozen=True)
class Level:
    """One answer to how much a task has in common with the others.

    Parameters
    ----------
    between_rows : float
        The task's gains differ from the crowd's by the sampling variance of a mean of this many rows.
    prior_rows : float
        What the others' evidence then counts, in rows.
    kappa : float
        Charge for leaving the own model, times log(number of candidates) nats.
    """

    between_rows: float
    prior_rows: float
    kappa: float


LEVELS = (Level(1.5, 0.0, 1.0), Level(10.0, 10.0, 0.25), Level(40.0, 80.0, 0.0), Level(160.0, 400.0, 0.0))


@dataclass(frozen=True)
class Gains:
    """Gains of the other candidates over the own model, task by task, with their scatter over rows.

    In nats, which are not divided by the own model's loss, only those of models that share: what a constant gains there
    tells how hard a task is, and nothing of what it has in common with the others.
    """

    mean: Array
    scatter: Array
    n: Array
    capped: Array

    @classmethod
    def of(cls, evidence: Evidence, scale: Array) -> Gains:
        """Gather the gains from the held-out rows."""
        losses = evidence.candidate_rows() / scale[evidence.codes][:, None]
        d = losses[:, [evidence.own]] - losses[:, evidence.compared]
        mean = np.nan_to_num(evidence.mean(d))
        centred = d - mean[evidence.codes]
        weight = evidence.weight * (evidence.n_effective / np.maximum(evidence.total, 1e-300))[evidence.codes]
        scatter = np.zeros((evidence.n_tasks, d.shape[1], d.shape[1]))
        for i in range(d.shape[1]):
            for j in range(i + 1):  # all tasks at once, where there may be very many of them
                products = weight * centred[:, i] * centred[:, j]
                scatter[:, i, j] = scatter[:, j, i] = np.bincount(evidence.codes, products, evidence.n_tasks)
        return cls(mean, scatter, evidence.n_effective, np.minimum(evidence.n_effective, ROWS_CAP))

    def log_likelihood(self, member: Array, *, first: bool) -> Array:
        """Log density of each task's gains at each level, (n_tasks, n_levels).

        With r rows between tasks, the gains g of a task with n rows are around the mean of the others with
        covariance S (1 / n + 1 / r + 1 / n_others), S the covariance of one row's gains, pooled over the crowd.
        """
        known = self.capped > 0
        share = member * known
        rows = share * self.capped
        if first:  # no member is known yet: start from the median task
            centre = np.tile(np.median(self.mean[known], axis=0), (len(self.n), 1))
            n_others = np.full(len(self.n), 0.6 * rows.sum())
        else:
            n_others = np.maximum(rows.sum() - rows, 1e-3)
            centre = ((rows @ self.mean) - rows[:, None] * self.mean) / n_others[:, None]
        return self.density(centre, self.per_row(share), n_others)

    def per_row(self, share: Array) -> Array:
        """Covariance of one row's gains inside tasks, pooled over the tasks by their share in the crowd."""
        n_gains = self.mean.shape[1]
        damped = share * self.capped / np.maximum(self.n, 1e-300)
        freedom = max(float((damped * np.maximum(self.n - 1.0, 0.0)).sum()), 1e-12)
        per_row = np.tensordot(damped, self.scatter, 1) / freedom
        return per_row + (0.01 * np.trace(per_row) / n_gains + 1e-12) * np.eye(n_gains)

    def density(self, centre: Array, per_row: Array, n_others: Array) -> Array:
        """Log density at each level around the centre of the others, which rests on so many of their rows."""
        n_gains = self.mean.shape[1]
        away = self.mean - centre
        distance = np.einsum("ti,ij,tj->t", away, np.linalg.inv(per_row), away)
        between = np.array([1.0 / level.between_rows for level in LEVELS])
        variance = (1.0 / np.maximum(self.n, 1e-3) + 1.0 / np.maximum(n_others, 1e-3))[:, None] + between
        return -0.5 * n_gains * np.log(variance) - 0.5 * (STUDENT + n_gains) * np.log1p(
            distance[:, None] / variance / STUDENT
        )


def posterior(log_likelihood: Array, known: NDArray[np.bool_]) -> Array:
    """Return the probability of each level for each task, the shares of the levels learnt from the other tasks.

    Before any task is seen, the levels count as one task each, and the level "apart" as 200 / n_tasks^2 tasks
    (between .5 and 16): few tasks are no proof that the next one is like them.
    """
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    prior = prior_counts(int(known.sum()))
    share = prior / prior.sum()
    belief = np.zeros_like(likelihood)
    for _ in range(100):
        belief = share * likelihood
        belief /= belief.sum(axis=1, keepdims=True)
        share = belief[known].sum(axis=0) + prior
        share /= share.sum()
    counted = belief * known[:, None]
    belief = (counted.sum(axis=0) - counted + prior) * likelihood
    return belief / belief.sum(axis=1, keepdims=True)


def prior_counts(n_tasks: int) -> Array:
    """Return what each level counts before any task is seen, in tasks."""
    prior = np.ones(len(LEVELS))
    prior[0] = np.clip(200.0 / max(n_tasks, 1) ** 2, 0.5, 16.0)
    return prior


def membership(belief: Array) -> Array:
    """Return how much each task belongs to the crowd, 0 .. 1."""
    between = np.array([level.between_rows for level in LEVELS])
    return belief @ (between / (between + 20.0))


def harm(gain: Array, n: Array, unit: float, n_tasks: int | None = None) -> Array:
    """Log factor for a crowd whose stack does worse on the task's own rows than its own model; none if better.

    The stack is made without the task, so that n gain / unit is a log likelihood ratio in nats; a level that gives
    the others r rows takes the share r / (r + n) of the harm. With few tasks, whose shares of the levels are hardly
    known, harm counts more than its likelihood, as an insurance: 1 + 20 / n_tasks times, 3 times at most. ``n_tasks``
    is the number of tasks with a row held out, unless others are known besides these.
    """
    between = np.array([level.between_rows for level in LEVELS])
    known = int((n >= 1.0).sum()) if n_tasks is None else n_tasks
    insurance = min(MOST_HARM, 1.0 + 20.0 / max(known, 1))
    return insurance * (np.minimum(gain, 0.0) * n / unit)[:, None] * between / (between + n[:, None])
