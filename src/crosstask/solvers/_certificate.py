"""The duality gap: how far an answer can be from the best one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
    -(1/n) sum c s L*(u) - alpha R*(-X'u / alpha). For a norm R, u is divided by max(1, dual norm) to be feasible. What
    is not penalised (intercepts, a free centre) makes u feasible only where its gradient vanishes: its inner product
    with that gradient is added to the gap.
    """
    coupling = problem.coupling
    row_gradient = problem.gradient(z)
    gradient = problem.rows.adjoint(row_gradient)
    drift = problem.task_sums(row_gradient) if problem.fit_intercept else np.zeros_like(b)
    primal = problem.value(z) + alpha * coupling.value(V)
    u = row_gradient / problem.row_weight[:, None]
    toward = gradient / -alpha
    slack = float(np.abs(np.vdot(b, drift)))
    if coupling.is_norm:
        scale = max(1.0, coupling.dual_norm(toward))
        dual = -problem.conjugate(u / scale)
    else:
        dual = -problem.conjugate(u) - alpha * coupling.conjugate(toward)
    slack += alpha * coupling.slack(V, toward)
    return Certificate(primal, relative(problem, primal - dual + slack), row_gradient, gradient, drift)


def relative(problem: Problem, gap: float) -> float:
    """Divide a gap by the objective of the null model, which is zero only where there is nothing to explain."""
    scale = problem.null_objective
    return max(gap, 0.0) / scale if scale > 1e-30 else max(gap, 0.0)
