"""The rules of the guard on many simulated tables at once; the same weights as guard_weights gives one by one.

A table has T tasks of n held-out rows. Arrays carry a leading axis of R tables; every minimisation is one batch. What
it may not do is change the result, which tests/guard/test_batch.py checks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosstask.guard._crowd import LEVELS, MOST_HARM, ROWS_CAP, STUDENT
from crosstask.guard._losses import LogMixture, MixtureLoss, SquaredMixture
from crosstask.guard._rules import CAUTIOUS_KAPPA, ONE_TASK_KAPPA, PASSES
from crosstask.guard._simplex import minimise_convex, minimise_quadratic

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
BETWEEN = np.array([level.between_rows for level in LEVELS])


@dataclass(frozen=True)
class Tables:
    """Held-out predictions of R tables.

    Parameters
    ----------
    predictions : ndarray of shape (R, T, n, C)
        Of each candidate, the own model first; for classes the probability of the class observed.
    y : ndarray of shape (R, T, n)
        Observed values; zeros for classes.
    loss : MixtureLoss
        Squared or log loss.
    separate : ndarray of shape (C,)
        Which candidates share nothing.
    """

    predictions: Array
    y: Array
    loss: MixtureLoss
    separate: Mask

    @property
    def n(self) -> int:
        """Held-out rows of a task."""
        return self.y.shape[2]

    def of_rows(self, z: Array) -> Array:
        """Loss of each row at mixed predictions z, both (.., R, T, n)."""
        y = np.broadcast_to(self.y, z.shape)
        return self.loss.exact(y.reshape(-1, 1), z.reshape(-1, 1)).reshape(z.shape)

    def at(self, weights: Array) -> Array:
        """Loss of each row at weights (R, T, C)."""
        return self.of_rows(np.matmul(self.predictions, weights[..., None])[..., 0])

    def scale(self) -> Array:
        """What a task's losses are divided by, (R, T)."""
        if self.loss.in_nats:
            return np.ones(self.y.shape[:2])
        own = self.of_rows(self.predictions[..., 0]).mean(axis=2)
        return np.maximum(
            own, 0.01 * self.of_rows(np.broadcast_to(self.y.mean(2, keepdims=True), self.y.shape)).mean(2)
        )

    def model(self, weights: Array, divisor: Array) -> tuple[Array, Array, Array]:
        """Sum of losses / divisor, gradient and Hessian in the weights (R, T, C)."""
        P = self.predictions
        y, z = self.y.reshape(-1, 1), np.matmul(P, weights[..., None]).reshape(-1, 1)
        shape, by = self.y.shape, 1.0 / divisor[..., None]
        value = (by * self.loss.value(y, z).reshape(shape)).sum(axis=2)
        slope = by * self.loss.slope(y, z).reshape(shape)
        bend = by * self.loss.curvature(y, z).reshape(shape)
        turned = P.swapaxes(2, 3)
        return value, np.matmul(turned, slope[..., None])[..., 0], np.matmul(turned * bend[:, :, None], P)


def batch_weights(tables: Tables, mode: str, borrowed: Mask | None = None, *, kappa: float = CAUTIOUS_KAPPA) -> Array:
    """Return the weights under "balanced", "cautious" (at a charge of ``kappa``) or "bold", (R, T, C)."""
    _, T, n = tables.y.shape
    C = tables.predictions.shape[-1]
    scale, capped = tables.scale(), min(float(n), ROWS_CAP)
    compared = np.flatnonzero(~tables.separate) if tables.loss.in_nats else np.arange(1, C)
    centre = np.zeros(C)
    centre[[0, *np.flatnonzero(~tables.separate)]] = 1.0
    centre /= centre.sum()
    shared = _shared(tables, scale * n / capped, centre)
    everyone = np.repeat(shared[:, None], T, axis=1)
    if mode == "bold":
        return everyone
    _, slope, bend = tables.model(everyone, scale)
    H, c = bend / n, (slope - np.matmul(bend, shared[:, None, :, None])[..., 0]) / n
    if mode == "cautious" or T == 1:
        task = _solve(tables, scale, (H, c), None, 0.0, kappa if mode == "cautious" else ONE_TASK_KAPPA)
    else:
        task = _balanced(tables, scale, (H, c), capped, centre, compared)
    return task if borrowed is None else np.where(borrowed[..., None], everyone, task)


def _balanced(
    tables: Tables,
    scale: Array,
    expansion: tuple[Array, Array],
    capped: float,
    centre: Array,
    compared: NDArray[np.intp],
) -> Array:
    R, T, n = tables.y.shape
    H, c = expansion
    losses = tables.of_rows(np.moveaxis(tables.predictions, -1, 0)) / scale[..., None]
    d = losses[0] - losses[compared]
    gains = np.moveaxis(d.mean(axis=3), 0, -1)
    deviation = np.moveaxis(d, 0, -1) - gains[:, :, None]
    scatter = np.matmul(deviation.swapaxes(2, 3), deviation)
    own = tables.at(np.broadcast_to(np.eye(H.shape[-1])[0], c.shape))
    member = np.ones((R, T))
    others = _others(np.full((R, T), capped), H, c, tables.loss.even, centre)
    crowd = _quadratic(*others)
    belief = np.zeros((R, T, len(LEVELS)))
    for step in range(PASSES):
        fit = _log_likelihood(gains, scatter, member, n, capped, first=step == 0)
        gain = ((own - tables.at(crowd)) / scale[..., None]).mean(axis=2)
        insurance = min(MOST_HARM, 1.0 + 20.0 / T)
        harm = insurance * (np.minimum(gain, 0.0) * n / tables.loss.unit)[..., None] * BETWEEN / (BETWEEN + n)
        belief = _posterior(fit + harm)
        member = np.maximum(belief @ (BETWEEN / (BETWEEN + 20.0)), 1e-3)
        others = _others(capped * member, H, c, tables.loss.even, centre)
        crowd = _quadratic(*others)
    task = np.zeros_like(c)
    for k, level in enumerate(LEVELS):
        task += belief[..., [k]] * _solve(tables, scale, expansion, others, level.prior_rows, level.kappa)
    return task


def _quadratic(bend: Array, linear: Array) -> Array:
    C = linear.shape[-1]
    return minimise_quadratic(bend.reshape(-1, C, C), linear.reshape(-1, C)).reshape(linear.shape)


def _shared(tables: Tables, divisor: Array, centre: Array) -> Array:
    R, T, _ = tables.y.shape
    C, even = len(centre), tables.loss.even

    def total(v: Array) -> tuple[Array, Array, Array]:
        value, slope, bend = tables.model(np.repeat(v[:, None], T, axis=1), divisor)
        away = v - centre
        charge = even * (away * away).sum(axis=1)
        return value.sum(1) + charge, slope.sum(1) + 2.0 * even * away, bend.sum(1) + 2.0 * even * np.eye(C)

    return minimise_convex(total, np.full((R, C), 1.0 / C))


def _others(speaks: Array, H: Array, c: Array, even: float, centre: Array) -> tuple[Array, Array]:
    rest = speaks.sum(axis=1, keepdims=True) - speaks
    said_H, said_c = speaks[..., None, None] * H, speaks[..., None] * c
    bend = said_H.sum(axis=1, keepdims=True) - said_H + 2.0 * even * np.eye(c.shape[-1])
    linear = said_c.sum(axis=1, keepdims=True) - said_c - 2.0 * even * centre
    return bend / rest[..., None, None], linear / rest[..., None]


def _log_likelihood(gains: Array, scatter: Array, member: Array, n: int, capped: float, *, first: bool) -> Array:
    n_gains = gains.shape[-1]
    damped = member * capped / n
    freedom = np.maximum((damped * (n - 1.0)).sum(axis=1), 1e-12)
    per_row = np.einsum("rt,rtij->rij", damped, scatter) / freedom[:, None, None]
    trace = np.trace(per_row, axis1=1, axis2=2)
    per_row = per_row + (0.01 * trace / n_gains + 1e-12)[:, None, None] * np.eye(n_gains)
    rows = member * capped
    total = rows.sum(axis=1, keepdims=True)
    if first:
        centre, n_others = np.median(gains, axis=1, keepdims=True), np.broadcast_to(0.6 * total, rows.shape)
    else:
        n_others = np.maximum(total - rows, 1e-3)
        said = rows[..., None] * gains
        centre = (said.sum(axis=1, keepdims=True) - said) / n_others[..., None]
    away = gains - centre
    distance = np.einsum("rti,rij,rtj->rt", away, np.linalg.inv(per_row), away)
    variance = (1.0 / n + 1.0 / np.maximum(n_others, 1e-3))[..., None] + 1.0 / BETWEEN
    heavy = np.log1p(distance[..., None] / variance / STUDENT)
    return -0.5 * n_gains * np.log(variance) - 0.5 * (STUDENT + n_gains) * heavy


def _posterior(log_likelihood: Array) -> Array:
    R, T, K = log_likelihood.shape
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=2, keepdims=True))
    prior = np.ones(K)
    prior[0] = np.clip(200.0 / T**2, 0.5, 16.0)
    share = np.broadcast_to(prior / prior.sum(), (R, 1, K))
    belief = np.zeros_like(likelihood)
    for _ in range(100):
        belief = share * likelihood
        belief /= belief.sum(axis=2, keepdims=True)
        share = belief.sum(axis=1, keepdims=True) + prior
        share = share / share.sum(axis=2, keepdims=True)
    belief = (belief.sum(axis=1, keepdims=True) - belief + prior) * likelihood
    return belief / belief.sum(axis=2, keepdims=True)


def _solve(
    tables: Tables,
    scale: Array,
    expansion: tuple[Array, Array],
    others: tuple[Array, Array] | None,
    prior_rows: float,
    kappa: float,
) -> Array:
    (H, c), n, C = expansion, tables.n, expansion[1].shape[-1]
    linear = np.full(c.shape, kappa * tables.loss.unit * np.log(max(C, 2)))
    linear[..., 0] = 0.0
    bend = np.zeros_like(H)
    if others is not None:
        bend, linear = prior_rows * others[0], prior_rows * others[1] + linear
    if tables.loss.quadratic:
        return _quadratic(n * H + bend, n * c + linear)

    def objective(v: Array) -> tuple[Array, Array, Array]:
        weights = v.reshape(c.shape)
        value, slope, hessian = tables.model(weights, scale)
        pulled = np.matmul(bend, weights[..., None])[..., 0]
        value = value + (weights * (0.5 * pulled + linear)).sum(axis=2)
        return value.reshape(-1), (slope + pulled + linear).reshape(-1, C), (hessian + bend).reshape(-1, C, C)

    return minimise_convex(objective, np.full((c.size // C, C), 1.0 / C)).reshape(c.shape)


def squared(predictions: Array, y: Array) -> Tables:
    """Return tables of amounts, whose last candidate is the task mean."""
    return Tables(predictions, y, SquaredMixture(), _separate(predictions.shape[-1]))


def logarithmic(predictions: Array, loss: LogMixture | None = None) -> Tables:
    """Return tables of probabilities of the observed class, whose last candidate is the base rate."""
    zeros = np.zeros(predictions.shape[:3])
    return Tables(predictions, zeros, loss or LogMixture(), _separate(predictions.shape[-1]))


def _separate(n_candidates: int) -> Mask:
    return np.isin(np.arange(n_candidates), (0, n_candidates - 1))
