"""Accelerated proximal gradient on the rows: any loss with any coupling."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from crosstask.solvers._certificate import certify
from crosstask.solvers._intercepts import best_intercepts
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State, cold_start
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]


def proximal_gradient(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers by accelerated proximal gradient with restart, steps from power iteration and backtracking."""
    with one_blas_thread():
        state = init or cold_start(problem)
        steps = _steps(problem)
        for alpha in alphas:
            state, steps = _descend(problem, float(alpha), options, state, steps)
            yield state


def _descend(
    problem: Problem, alpha: float, options: Options, start: State, steps: tuple[Array, Array]
) -> tuple[State, tuple[Array, Array]]:
    slopes, b = start.V, start.b
    z = problem.decision(slopes, b)
    now = certify(problem, slopes, b, z, alpha)
    V_ahead, b_ahead, z_ahead, t = slopes, b, z, 1.0
    step, step_b = steps
    n_iter = 0
    state = State(slopes, b, now.objective, now.gap, n_iter)
    while not (options.done(alpha, state) if n_iter % 10 == 0 else n_iter >= options.max_iter):
        n_iter += 1
        u = problem.gradient(z_ahead)
        G, g = problem.rows.adjoint(u), problem.task_sums(u) * float(problem.fit_intercept)
        base = problem.value(z_ahead)
        while True:
            V_new = problem.coupling.prox(V_ahead - step * G, alpha * step)
            b_new = b_ahead - step_b * g
            dV, db = V_new - V_ahead, b_new - b_ahead
            z_new = problem.decision(V_new, b_new)
            bound = base + np.vdot(G, dV) + np.vdot(g, db) + 0.5 * (np.sum(dV**2 / step) + np.sum(db**2 / step_b))
            if problem.value(z_new) <= bound + 1e-13 * abs(base) or step.max() < 1e-300:
                break
            step, step_b = 0.5 * step, 0.5 * step_b
        mV, mb = V_new - slopes, b_new - b
        if np.sum(-dV / step * mV) + np.sum(-db / step_b * mb) > 0.0:
            t, V_ahead, b_ahead, z_ahead = 1.0, V_new, b_new, z_new
        else:
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
            factor = (t - 1.0) / following
            V_ahead, b_ahead, z_ahead, t = (
                V_new + factor * mV,
                b_new + factor * mb,
                z_new + factor * (z_new - z),
                following,
            )
        slopes, b, z = V_new, b_new, z_new
        if n_iter % 10 == 0 or n_iter == options.max_iter:
            if problem.fit_intercept:
                exact = best_intercepts(problem, z - b[problem.data.codes], b)
                checked = certify(problem, slopes, exact, z + (exact - b)[problem.data.codes], alpha)
                if checked.gap <= options.tol:
                    b = exact
                now = checked
            else:
                now = certify(problem, slopes, b, z, alpha)
            state = State(slopes, b, now.objective, now.gap, n_iter)
    return state, (step, step_b)


def _steps(problem: Problem) -> tuple[Array, Array]:
    """Steps for slopes, by feature, and for intercepts, by task; backtracking mends them where L has no bound."""
    rows, h = problem.rows, problem.bound
    d, K = problem.data.n_features, problem.n_outputs
    size = np.ones(d)
    if problem.coupling.by_feature:
        size = rows.squares(h).max(axis=0, initial=0.0)
        size = np.where(size > 0, size, 1.0)
    root = np.sqrt(size)
    v = np.random.default_rng(0).standard_normal((problem.data.n_tasks, 1, d))
    largest = np.ones(len(v))
    for _ in range(25):
        length = np.linalg.norm(v, axis=(1, 2), keepdims=True)
        v = v / np.where(length > 0, length, 1.0)
        v = rows.adjoint(h[:, None] * rows.decision(v / root)) / root
        largest = np.linalg.norm(v, axis=(1, 2))
    mass = problem.task_sums(h[:, None])
    step_b = np.repeat(1.0 / np.where(mass > 0, mass, 1.0), K, axis=1)
    return 1.0 / (size * max(float(largest.max()), 1e-300)), step_b
