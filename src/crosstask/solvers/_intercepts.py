"""Exact minimisation over the free intercepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from crosstask.solvers._problem import Problem

Array = NDArray[np.float64]


def best_intercepts(problem: Problem, z: Array, start: Array, *, max_iter: int = 100) -> Array:
    """Return the intercepts that minimise the loss at predictors z + b, by Newton's method for all tasks at once.

    Steps are kept below a length that is halved for a task whose gradient turns around, so that a far start cannot
    overshoot for ever. One step is exact for the squared loss.
    """
    b = start.copy()
    codes, k = problem.data.codes, problem.n_outputs
    mass = problem.task_sums(problem.row_weight[:, None])[:, 0]
    quadratic = problem.loss.smoothness == 1.0 and not problem.loss.classifies
    longest = np.full(len(b), np.inf if quadratic else 4.0)
    before = np.zeros_like(b)
    for _ in range(2 if quadratic else max_iter):
        moved = z + b[codes]
        gradient = problem.task_sums(problem.gradient(moved))
        if np.all(np.abs(gradient) <= 1e-15 * mass[:, None]):
            break
        turned = np.einsum("tk,tk->t", gradient, before) < 0
        longest[turned] *= 0.5
        hessian = damped(problem.task_sums(problem.curvature(moved)), mass)
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0] if k > 1 else gradient / hessian[:, 0]
        size = np.abs(step).max(axis=1)
        step *= np.minimum(1.0, longest / np.where(size > 0, size, 1.0))[:, None]
        b -= step
        before = gradient
        if np.abs(step).max() <= 1e-14 * (1.0 + np.abs(b).max()):
            break
    return b - b.mean(axis=1, keepdims=True) if k > 1 else b


def damped(hessian: Array, mass: Array) -> Array:
    """Make (T, K, K) curvatures of intercepts invertible without changing the step.

    Adding one constant to all K intercepts changes nothing, so that direction gets a curvature of its own; empty tasks
    and those with all probabilities at 0 or 1 get a tiny one.
    """
    k = hessian.shape[1]
    floor = np.where(mass > 0, 1e-12 * mass, 1.0)[:, None, None] * np.eye(k)
    if k == 1:
        return np.maximum(hessian, floor)
    common = np.trace(hessian, axis1=1, axis2=2) / k + np.where(mass > 0, 0.0, 1.0)
    return hessian + floor + common[:, None, None] / k
