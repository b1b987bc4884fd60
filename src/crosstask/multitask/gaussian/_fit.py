"""Standardised rows, the parameters of largest marginal likelihood, and the rows that stand for many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from crosstask.multitask.gaussian._likelihood import GPRows, Shape, negative_log_likelihood

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

_LOG_OWN, _LOG_NOISE = (-12.0, 4.0), (-12.0, 2.0)
_START_OWN, _START_NOISE, _START_SHARED = 0.3, 0.3, 0.7


@dataclass(frozen=True)
class Scale:
    """Centre and spread of each column of X, and of y in each task."""

    x_mean: Array
    x_scale: Array
    y_mean: Array
    y_scale: Array

    @classmethod
    def learn(cls, rows: GPRows, n_tasks: int) -> Scale:
        """Read the scales; a task with one row, or with one value of y, takes the spread inside the other tasks."""
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
        y_scale = np.where((total > 1.0) & (spread > floor), spread, inside if inside > floor else 1.0)
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
    """Parameters of the largest marginal likelihood found."""

    vector: Array
    value: float
    n_iter: int
    converged: bool


def maximise(rows: GPRows, kernel: Any, shape: Shape, n_restarts: int, max_iter: int, tol: float, seed: int) -> Optimum:
    """Run L-BFGS from the default start and from random ones, and return the best end."""
    rng = np.random.default_rng(seed)
    lengths = [tuple(pair) for pair in np.atleast_2d(kernel.bounds)] if shape.n_theta else []
    bounds = [*lengths, *[(None, None)] * (shape.n_tasks * shape.rank)]
    bounds += [_LOG_OWN] * shape.n_tasks + [_LOG_NOISE] * shape.n_tasks
    best: Optimum | None = None
    for attempt in range(n_restarts + 1):
        start = _start(kernel, shape, rng, random=attempt > 0)
        found: Any = minimize(
            negative_log_likelihood,
            start,
            args=(rows, kernel, shape),
            method="L-BFGS-B",
            jac=True,
            bounds=bounds,
            options={"maxiter": max_iter, "ftol": tol, "gtol": 100.0 * tol},
        )
        if best is None or found.fun < best.value:
            best = Optimum(found.x, float(found.fun), int(found.nit), int(found.nit) < max_iter)
    assert best is not None
    return best


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
    own, noise = np.full(shape.n_tasks, np.log(_START_OWN)), np.full(shape.n_tasks, np.log(_START_NOISE))
    return np.concatenate([theta, loadings.ravel(), own, noise])


def spread_rows(codes: Ints, n_wanted: int, seed: int) -> Ints:
    """Return the positions of n_wanted rows, the same share of each task but at least one."""
    rng = np.random.default_rng(seed)
    chosen = [
        rng.permutation(own)[: max(1, round(n_wanted * len(own) / len(codes)))]
        for own in (np.flatnonzero(codes == t) for t in np.unique(codes))
    ]
    return np.sort(np.concatenate(chosen))
