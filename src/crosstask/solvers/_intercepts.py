"""Exact minimisation over the free intercepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crosstask.losses import Logistic

if TYPE_CHECKING:
    from crosstask.solvers._problem import Problem

Array = NDArray[np.float64]


def best_intercepts(problem: Problem, z: Array, start: Array) -> Array:
    """Return the intercepts that minimise the loss at predictors z + b, exactly and for all tasks at once."""
    if problem.n_outputs > 1:
        return _by_newton(problem, z, start)
    return _compiled(problem, z, start) if type(problem.loss) is Logistic else _by_brackets(problem, z, start)


def _compiled(problem: Problem, z: Array, start: Array) -> Array:
    """Return what ``_by_brackets`` does, for the logistic loss; its hundreds of small calls are half of a small fit."""
    from crosstask.solvers._kernels import logistic_intercepts

    b = start[:, 0].copy()
    logistic_intercepts(problem.data.y, z[:, 0].copy(), problem.row_weight, problem.data.offsets, b)
    return b[:, None]


def _by_brackets(problem: Problem, z: Array, start: Array, *, max_iter: int = 200) -> Array:
    """Newton's method on one number a task, between points where the gradient has opposite signs.

    Until both are known, steps are those of the majoriser, doubled each time; inside, a step that leaves the bracket
    or shortens it too little gives way to its middle. So straight pieces of a loss and far starts do no harm.
    """
    b, codes = start[:, 0].copy(), problem.data.codes
    low, high = np.full_like(b, -np.inf), np.full_like(b, np.inf)
    stretch, before = 1.0, np.full_like(b, np.inf)
    for _ in range(max_iter):
        moved = z + b[codes][:, None]
        rows = problem.gradient(moved)[:, 0]
        gradient, size = problem.task_sums(rows), problem.task_sums(np.abs(rows))
        low, high = np.where(gradient < 0, b, low), np.where(gradient > 0, b, high)
        width = high - low
        closed = np.isfinite(width)
        done = (np.abs(gradient) <= 1e-15 * size) | (closed & (width <= 4e-16 * (np.abs(low) + np.abs(high))))
        if done.all():
            break
        hessian = problem.task_sums(problem.curvature(moved)[:, 0, 0])
        safe = stretch * _over(gradient, problem.task_sums(problem.majoriser(moved)[:, 0, 0]))
        newton = _over(gradient, hessian)
        step = np.where((newton != 0) & (closed | (np.abs(newton) <= 4.0 * np.abs(safe))), newton, safe)
        slow = closed & (width > 0.5 * before)
        outside = (b - step <= low) | (b - step >= high) | (newton == 0) | (slow & (np.abs(step) > 1e-3 * width))
        middle = 0.5 * (np.where(closed, low, 0.0) + np.where(closed, high, 0.0))
        following = np.where(closed & outside, middle, b - step)
        unchanged = following == b
        b = np.where(done, b, following)
        if (done | unchanged).all():
            break
        stretch, before = 2.0 * stretch, width
    return b[:, None]


def _over(gradient: Array, curvature: Array) -> Array:
    return np.divide(gradient, curvature, out=np.zeros_like(gradient), where=curvature > 1e-300)


def _by_newton(problem: Problem, z: Array, start: Array, *, max_iter: int = 100) -> Array:
    """Newton's method on K numbers a task.

    Steps are kept below a length that is halved for a task whose gradient turns around, so that a far start cannot
    overshoot for ever.
    """
    b = start.copy()
    codes = problem.data.codes
    mass = problem.task_sums(problem.row_weight[:, None])[:, 0]
    longest = np.full(len(b), 4.0)
    before = np.zeros_like(b)
    for _ in range(max_iter):
        moved = z + b[codes]
        gradient = problem.task_sums(problem.gradient(moved))
        if np.all(np.abs(gradient) <= 1e-15 * mass[:, None]):
            break
        turned = np.einsum("tk,tk->t", gradient, before) < 0
        longest[turned] *= 0.5
        hessian = damped(problem.task_sums(problem.curvature(moved)), mass)
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        size = np.abs(step).max(axis=1)
        step *= np.minimum(1.0, longest / np.where(size > 0, size, 1.0))[:, None]
        b -= step
        before = gradient
        if np.abs(step).max() <= 1e-14 * (1.0 + np.abs(b).max()):
            break
    return b - b.mean(axis=1, keepdims=True)


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
