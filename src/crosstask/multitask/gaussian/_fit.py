"""Standardised rows, the parameters of largest posterior density, and the rows that stand for many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from crosstask.multitask.gaussian._likelihood import GPRows, Shape
from crosstask.multitask.gaussian._prior import USUAL_VARIANCE, Objective

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

_LOG_OWN, _LOG_NOISE = (-12.0, 4.0), (-12.0, 2.0)
_START_SHARED = 0.7
WHOLE_BLOCKS = 8


@dataclass(frozen=True)
class Scale:
    """Centre and spread of each column of X, and of y in each task."""

    x_mean: Array
    x_scale: Array
    y_mean: Array
    y_scale: Array

    @classmethod
    def learn(cls, rows: GPRows, n_tasks: int) -> Scale:
        r"""Read the scales; a task of few rows borrows its spread, for that of two rows says next to nothing.

        .. math:: \log s_t = \frac{(n_t - 1) \log \hat s_t + \log s}{n_t}

        with :math:`\hat s_t` the standard deviation of task t and s that inside all tasks, which a task with one row,
        or with one value of y, takes as it is.
        """
        share = rows.weight / rows.weight.sum()
        x_mean = share @ rows.X
        x_scale = np.sqrt(share @ (rows.X - x_mean) ** 2)
        x_scale[x_scale <= 1e-12 * (1.0 + np.abs(x_mean))] = 1.0
        total = np.bincount(rows.codes, rows.weight, n_tasks)
        y_mean = np.bincount(rows.codes, rows.weight * rows.y, n_tasks) / total
        squares = np.bincount(rows.codes, rows.weight * (rows.y - y_mean[rows.codes]) ** 2, n_tasks)
        inside = float(np.sqrt(squares.sum() / total.sum()))
        crowd = float(share @ rows.y)
        y_mean = np.where(total > 1.0, y_mean, crowd)
        floor = 1e-12 * (1.0 + float(np.abs(rows.y).max()))
        if inside <= floor:
            inside = max(float(np.sqrt(share @ (rows.y - crowd) ** 2)), 0.0)
        spread = np.sqrt(squares / total)
        common = inside if inside > floor else 1.0
        own = np.where((total > 1.0) & (spread > floor), spread, common)
        y_scale = own * (common / own) ** (1.0 / np.maximum(total, 1.0))
        return cls(x_mean, x_scale, y_mean, y_scale)

    def rows(self, rows: GPRows) -> GPRows:
        """Return the rows standardised."""
        y = (rows.y - self.y_mean[rows.codes]) / self.y_scale[rows.codes]
        return replace(rows, X=self.matrix(rows.X), y=y)

    def matrix(self, X: Array) -> Array:
        """Return X standardised."""
        return (X - self.x_mean) / self.x_scale


@dataclass(frozen=True)
class Optimum:
    """Parameters of the largest posterior density found, and the likelihood there."""

    vector: Array
    log_density: float
    log_likelihood: float
    n_iter: int
    converged: bool


def maximise(objective: Objective, n_restarts: int, max_iter: int, tol: float, seed: int) -> Optimum:
    """Run L-BFGS from the default start and from random ones, and return the best end."""
    rng = np.random.default_rng(seed)
    ends: list[Optimum] = []
    for attempt in range(n_restarts + 1):
        start = _start(objective.kernel, objective.shape, rng, random=attempt > 0)
        ends.append(maximise_from(start, objective, max_iter, tol))
    return max(ends, key=lambda end: end.log_density)


def maximise_from(start: Array, objective: Objective, max_iter: int, tol: float) -> Optimum:
    """Run L-BFGS from one start."""
    found: Any = minimize(
        objective,
        start,
        method="L-BFGS-B",
        jac=True,
        bounds=bounds_of(objective.kernel, objective.shape),
        options={"maxiter": max_iter, "ftol": tol, "gtol": 100.0 * tol},
    )
    log_likelihood = objective.prior.cost(found.x) - float(found.fun)
    return Optimum(found.x, -float(found.fun), log_likelihood, int(found.nit), int(found.nit) < max_iter)


def bounds_of(kernel: Any, shape: Shape) -> list[Any]:
    """Return the bounds of each parameter, None for no bound."""
    lengths = [tuple(pair) for pair in np.atleast_2d(kernel.bounds)] if shape.n_theta else []
    loadings = [(None, None)] * (shape.n_tasks * shape.rank)
    return [*lengths, *loadings, *[_LOG_OWN] * shape.n_tasks, *[_LOG_NOISE] * shape.n_tasks]


def _start(kernel: Any, shape: Shape, rng: np.random.Generator, *, random: bool) -> Array:
    """Return a start: one direction shared by all tasks, the others small, so that they can part."""
    loadings = 0.1 * rng.normal(size=(shape.n_tasks, shape.rank))
    loadings[:, 0] = np.sqrt(_START_SHARED)
    theta = np.array(kernel.theta, dtype=np.float64)
    if random:
        loadings = rng.normal(size=loadings.shape) / np.sqrt(shape.rank)
        if shape.n_theta:
            low, high = np.atleast_2d(kernel.bounds).T
            theta = np.clip(theta + rng.normal(size=len(theta)), low, high)
    return np.concatenate([theta, loadings.ravel(), np.full(2 * shape.n_tasks, np.log(USUAL_VARIANCE))])


def sample_blocks(rows: GPRows, n_tasks: int, n_wanted: int, seed: int) -> list[GPRows]:
    """Return blocks of at most n_wanted rows whose likelihoods add up: one over all tasks, then one of each task.

    The first says what tasks have in common; what is a task's own shows only where its rows are close. More than
    ``WHOLE_BLOCKS`` tasks have smaller blocks, so that together they cost no more than so many of n_wanted rows.
    """
    mixed = _take(rows, spread_rows(rows.codes, n_wanted, seed))
    each = round(n_wanted * min(1.0, (WHOLE_BLOCKS / n_tasks) ** (1.0 / 3.0)))
    rng = np.random.default_rng(seed)
    own = [rng.permutation(np.flatnonzero(rows.codes == t))[:each] for t in range(n_tasks)]
    return [mixed, *(_take(rows, np.sort(chosen)) for chosen in own if len(chosen))]


def _take(rows: GPRows, chosen: Ints) -> GPRows:
    return GPRows(rows.X[chosen], rows.codes[chosen], rows.y[chosen], rows.weight[chosen])


def spread_rows(codes: Ints, n_wanted: int, seed: int) -> Ints:
    """Return the positions of n_wanted rows, the same share of each task but at least one."""
    rng = np.random.default_rng(seed)
    chosen = [
        rng.permutation(own)[: max(1, round(n_wanted * len(own) / len(codes)))]
        for own in (np.flatnonzero(codes == t) for t in np.unique(codes))
    ]
    return np.sort(np.concatenate(chosen))
