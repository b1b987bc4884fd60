"""The duality gap: how far an answer can be from the best one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crosstask.solvers._intercepts import damped
from crosstask.solvers._problem import Problem

Array = NDArray[np.float64]


class Certificate(NamedTuple):
    """Objective and relative gap at a point, and the gradients they came from."""

    objective: float
    gap: float
    row_gradient: Array  # (n_pairs, K)
    gradient: Array  # (T, K, d)
    intercept_gradient: Array  # (T, K)


def certify(problem: Problem, V: Array, b: Array, z: Array, alpha: float) -> Certificate:
    """Return (primal - dual) / primal at the null model.

    The dual point is u = L'(z): by Fenchel's inequality every u bounds the optimum from below by
    -(1/n) sum c s L*(u) - alpha R*(-X'u / alpha). Where R is a norm or holds one, u is divided by ``dual_scale`` to be
    feasible. What is not penalised (intercepts, a free centre) makes u feasible only where its gradient vanishes: the
    part that such a gradient puts into primal - dual, with its sign, is replaced by what it may still be worth.
    """
    coupling = problem.coupling
    row_gradient = problem.gradient(z)
    gradient = problem.rows.adjoint(row_gradient)
    primal = problem.value(z) + alpha * coupling.value(V)
    u = row_gradient / problem.row_weight[:, None]
    toward = gradient / -alpha
    scale = coupling.dual_scale(toward)
    gap = primal + problem.conjugate(u / scale) + free_charge(problem, V, gradient)
    if not coupling.is_norm:
        gap += alpha * coupling.conjugate(toward / scale)
    drift = np.zeros_like(b)
    if problem.fit_intercept:
        drift = problem.task_sums(row_gradient)
        gap += intercept_charge(problem, z, drift) - float(np.vdot(b, drift)) / scale
    return Certificate(primal, relative(problem, gap), row_gradient, gradient, drift)


def intercept_charge(problem: Problem, z: Array, drift: Array) -> float:
    """Return twice what Newton's step foretells of moving the intercepts alone: 2 g'H^-1 g of each task.

    Also honest where classes are separable: there gradient, curvature and what is left of the loss fall together.
    """
    moving = np.abs(drift) > 1e-16 * problem.intercept_curvature[:, None]
    if not moving.any():
        return 0.0
    K = problem.n_outputs
    own = damped(problem.task_sums(problem.curvature(z)), problem.intercept_curvature)
    step = np.linalg.solve(own, drift[..., None])[..., 0] if K > 1 else drift / own[:, 0]
    return 2.0 * float(np.vdot(drift, step))


def free_charge(problem: Problem, V: Array, gradient: Array) -> float:
    """Return what the gradient in slopes without a penalty may be worth, less what primal - dual holds of it.

    By convexity the objective can fall by <gradient, at - best>, at most sum |gradient| (|at| + |best|). The best
    coordinates are taken to be as large as the present ones, or as one step of the diagonal model from zero.
    """
    free = problem.coupling.free(V, gradient)
    if free is None:
        return 0.0
    size = np.abs(free.gradient)
    curvature = np.broadcast_to((free.groups @ problem.column_curvature)[:, None], size.shape)
    step = np.divide(size, curvature, out=np.zeros_like(size), where=curvature > 0)
    return float(np.sum(size * (2.0 * np.abs(free.at) + step))) - float(np.vdot(free.at, free.gradient))


def relative(problem: Problem, gap: float) -> float:
    """Divide a gap by the objective of the null model, which is zero only where there is nothing to explain."""
    scale = problem.null_objective
    return max(gap, 0.0) / scale if scale > 1e-30 else max(gap, 0.0)
