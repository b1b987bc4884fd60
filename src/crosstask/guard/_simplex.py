"""Convex minimisation over the simplex, for many small problems at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Model = tuple[Array, Array, Array]


def minimise_quadratic(bend: Array, c: Array, *, n_iter: int = 60, tol: float = 1e-11) -> Array:
    """Minimise v'Qv / 2 + c'v over v >= 0, sum(v) = 1, Q the ``bend`` of each of a stack of problems.

    A primal-dual interior point method (predictor and corrector in one step) whose every iteration is one batched
    solve; problems that have converged stay as they are.

    Parameters
    ----------
    bend : ndarray of shape (n_problems, n, n)
        Q, symmetric and positive semi-definite.
    c : ndarray of shape (n_problems, n)
        Linear part.
    n_iter : int
        Largest number of iterations.
    tol : float
        A problem is solved once v'z / n is below this, relative to its largest coefficient.

    Returns
    -------
    ndarray of shape (n_problems, n)
        Weights; those below 1e-7 are exactly zero.
    """
    n_problems, n = c.shape
    if n == 1:
        return np.ones((n_problems, 1))
    size = np.maximum(np.abs(bend).max(axis=(1, 2)), np.abs(c).max(axis=1))
    size = np.where(size > 0, size, 1.0)
    problem = (bend / size[:, None, None], c / size[:, None])
    state = (np.full((n_problems, n), 1.0 / n), np.ones((n_problems, n)), np.zeros(n_problems))
    answer = np.empty((n_problems, n))
    left = np.arange(n_problems)
    for _ in range(n_iter):
        state, solved = _advance(*problem, *state, tol)
        if solved.any():
            answer[left[solved]] = state[0][solved]
            rest = ~solved
            left, problem = left[rest], (problem[0][rest], problem[1][rest])
            state = (state[0][rest], state[1][rest], state[2][rest])
            if len(left) == 0:
                break
    answer[left] = state[0]
    answer[answer < 1e-7] = 0.0
    return answer / answer.sum(axis=1, keepdims=True)


def _advance(
    Q: Array, c: Array, v: Array, z: Array, dual: Array, tol: float
) -> tuple[tuple[Array, Array, Array], NDArray[np.bool_]]:
    """Take one step on v >= 0, z >= 0, Qv + c = dual + z, v z = 0; return the new point and which are solved."""
    diagonal = np.arange(v.shape[1])
    slack = (v * z).mean(axis=1)
    system = Q.copy()
    system[:, diagonal, diagonal] += z / v
    target = 0.1 * slack[:, None]
    residual = np.einsum("bij,bj->bi", Q, v) + c - dual[:, None] - target / v
    solved = np.linalg.solve(system, np.stack([-residual, np.ones_like(v)], axis=-1))
    d_dual = (1.0 - v.sum(axis=1) - solved[..., 0].sum(axis=1)) / solved[..., 1].sum(axis=1)
    dv = solved[..., 0] + d_dual[:, None] * solved[..., 1]
    dz = target / v - z - z * dv / v
    step = np.minimum(_step(v, dv), _step(z, dz))
    v, z = v + step[:, None] * dv, z + step[:, None] * dz
    done = ((v * z).mean(axis=1) < tol) & (step > 0.9)
    return (v, z, dual + step * d_dual), done


def _step(value: Array, change: Array) -> Array:
    ratio = np.where(change < 0, -value / np.where(change < 0, change, -1.0), np.inf)
    return np.minimum(1.0, 0.995 * ratio.min(axis=1))


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
        new, too_far = model(v), moving
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
