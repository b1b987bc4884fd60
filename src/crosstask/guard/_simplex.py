"""Convex minimisation over the simplex, for many small problems at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Model = tuple[Array, Array, Array]


def minimise_quadratic(Q: Array, c: Array, *, n_iter: int = 60, tol: float = 1e-12) -> Array:
    """Minimise v'Qv / 2 + c'v over v >= 0, sum(v) = 1, for a stack of problems.

    A primal-dual interior point method (predictor and corrector in one step) whose every iteration is one batched
    solve; problems that have converged stay as they are.

    Parameters
    ----------
    Q : ndarray of shape (n_problems, n, n)
        Symmetric, positive semi-definite.
    c : ndarray of shape (n_problems, n)
        Linear part.
    n_iter : int
        Largest number of iterations.
    tol : float
        Complementarity v'z / n, relative to the size of the problem, at which a problem is solved.

    Returns
    -------
    ndarray of shape (n_problems, n)
        Weights; those below 1e-7 are exactly zero.
    """
    n_problems, n = c.shape
    if n == 1:
        return np.ones((n_problems, 1))
    size = np.maximum(np.abs(Q).max(axis=(1, 2)), np.abs(c).max(axis=1))
    size = np.where(size > 0, size, 1.0)
    Q, c = Q / size[:, None, None], c / size[:, None]
    v = np.full((n_problems, n), 1.0 / n)
    z = np.ones((n_problems, n))
    dual = np.zeros(n_problems)
    diagonal = np.arange(n)
    ones = np.ones((n_problems, n))
    for _ in range(n_iter):
        slack = (v * z).mean(axis=1)
        stationarity = np.einsum("bij,bj->bi", Q, v) + c - dual[:, None] - z
        open_ = (slack > tol) | (np.abs(stationarity).max(axis=1) > 1e-9)
        if not open_.any():
            break
        system = Q.copy()
        system[:, diagonal, diagonal] += z / v
        target = 0.1 * slack[:, None]
        right = np.stack([-stationarity - z + target / v, ones], axis=-1)
        solved = np.linalg.solve(system, right)
        gap = 1.0 - v.sum(axis=1)
        d_dual = (gap - solved[..., 0].sum(axis=1)) / solved[..., 1].sum(axis=1)
        dv = solved[..., 0] + d_dual[:, None] * solved[..., 1]
        dz = target / v - z - z * dv / v
        step_v, step_z = _step(v, dv), _step(z, dz)
        step = np.where(open_, np.minimum(step_v, step_z), 0.0)
        v = v + step[:, None] * dv
        z = z + step[:, None] * dz
        dual = dual + step * d_dual
    v = np.where(v < 1e-7, 0.0, v)
    return v / v.sum(axis=1, keepdims=True)


def _step(value: Array, change: Array) -> Array:
    ratio = np.where(change < 0, -value / np.where(change < 0, change, -1.0), np.inf)
    return np.minimum(1.0, 0.995 * ratio.min(axis=1))


@dataclass(frozen=True)
class Quadratic:
    """v'Qv / 2 + c'v + constant, one for each problem; convex functions of the weights are compared through it."""

    Q: Array
    c: Array

    def value(self, v: Array) -> Array:
        """Value at weights (n_problems, n), without the constant."""
        return 0.5 * np.einsum("bi,bij,bj->b", v, self.Q, v) + (self.c * v).sum(axis=1)


def minimise_convex(model: Callable[[Array], Model], start: Array, *, n_iter: int = 50, tol: float = 1e-10) -> Array:
    """Minimise smooth convex functions over the simplex by damped Newton steps.

    Each step minimises the second-order model over the simplex exactly and halves the way there until the function
    falls by a tenth of what its slope promises.

    Parameters
    ----------
    model : callable
        Maps weights (n_problems, n) to values (n_problems,), gradients (n_problems, n) and Hessians
        (n_problems, n, n).
    start : ndarray of shape (n_problems, n)
        First weights.
    n_iter : int
        Largest number of Newton steps.
    tol : float
        Stop when the slope toward the model's minimiser is above -tol in every problem.

    Returns
    -------
    ndarray of shape (n_problems, n)
    """
    v = start.copy()
    value, gradient, hessian = model(v)
    for _ in range(n_iter):
        direction = minimise_quadratic(hessian, gradient - np.einsum("bij,bj->bi", hessian, v)) - v
        slope = (gradient * direction).sum(axis=1)
        moving = slope < -tol
        if not moving.any():
            break
        step = np.where(moving, 1.0, 0.0)
        for _ in range(30):
            new = model(v + step[:, None] * direction)
            too_far = moving & (new[0] > value + 0.1 * step * slope)
            if not too_far.any():
                break
            step = np.where(too_far, 0.5 * step, step)
        else:
            step = np.where(too_far, 0.0, step)
            new = model(v + step[:, None] * direction)
        v = v + step[:, None] * direction
        stuck = bool((step == 0.0).all())
        value, gradient, hessian = new
        if stuck:
            break
    v = np.where(v < 1e-7, 0.0, v)
    return v / v.sum(axis=1, keepdims=True)
