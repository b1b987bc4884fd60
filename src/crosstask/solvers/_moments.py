"""Squared loss with any coupling, on per-task moments: no row is read twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from crosstask.solvers._accelerated import feature_steps, minimise_quadratic
from crosstask.solvers._certificate import relative
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State, cold_start
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]


def moments(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers by accelerated proximal gradient on G_t, g_t, each certified by its duality gap."""
    with one_blas_thread():
        coupling, b = problem.coupling, problem.null_intercept
        target = problem.data.y - problem.fixed[:, 0]
        residual = target - b[problem.data.codes, 0]
        weighted = problem.row_weight * residual
        G = problem.rows.second(problem.row_weight)[2]
        g = problem.rows.adjoint(weighted[:, None])
        rss_null = float(weighted @ residual)
        step = feature_steps(G, coupling)
        latest: list[tuple[float, float]] = []

        def gradient(V: Array) -> Array:
            return (G @ V.transpose(0, 2, 1)).transpose(0, 2, 1) - g

        def evaluate(V: Array, alpha: float) -> tuple[float, float]:
            slope = gradient(V)
            fitted = float(np.vdot(V, slope - g))  # w'Gw - 2 w'g
            rss = rss_null + fitted
            cross = float(np.vdot(V, g)) - rss_null  # sum h (z - y) y; intercepts drop out of centred rows
            toward = slope / -alpha
            primal = 0.5 * rss + alpha * coupling.value(V)
            scale = max(1.0, coupling.dual_norm(toward)) if coupling.is_norm else 1.0
            dual = -0.5 * rss / scale**2 - cross / scale
            if not coupling.is_norm:
                dual -= alpha * coupling.conjugate(toward)
            return primal, relative(problem, primal - dual + alpha * coupling.slack(V, toward))

        V = (init or cold_start(problem)).V
        for alpha in alphas:

            def stop(V: Array, alpha: float = float(alpha)) -> bool:
                latest[:] = [evaluate(V, alpha)]
                return latest[0][1] <= options.tol

            V, n_iter = minimise_quadratic(gradient, coupling, float(alpha), step, V, stop, options.max_iter)
            objective, gap = latest[0]
            yield State(V, b, objective, gap, n_iter)
