"""Squared loss on per-task moments: no row is read twice."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import TraceNorm
from crosstask.solvers._accelerated import feature_steps, minimise_quadratic
from crosstask.solvers._certificate import free_charge, relative
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State, cold_start
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]
STEPS = 20  # of gradient, which are cheap here, count as one iteration
LATE = 10  # iterations after which the trace norm looks for a better start
FEW_COLUMNS = 64  # up to which that is worth its systems


class Moments:
    """Objective and duality gap of a squared-loss problem from G_t = sum h x x' and g_t = sum h x r.

    x is less its task's mean and r is the target less its task's mean, so the intercepts drop out.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.intercept = problem.null_intercept
        residual = problem.data.y - problem.fixed[:, 0] - self.intercept[problem.data.codes, 0]
        weighted = problem.row_weight * residual
        self.G = problem.rows.second(problem.row_weight)[2]
        self.g = problem.rows.adjoint(weighted[:, None])
        self.energy = problem.task_sums((weighted * residual)[:, None])[:, 0]
        self.rss_null = float(self.energy.sum())

    def gradient(self, V: Array) -> Array:
        """Gradient of the smooth part, shape (T, 1, d)."""
        return (self.G @ V.transpose(0, 2, 1)).transpose(0, 2, 1) - self.g

    def certify(self, V: Array, gradient: Array, alpha: float, penalty: float | None = None) -> tuple[float, float]:
        """Return objective and relative duality gap; the algebra of ``certify`` on sums that are already taken.

        ``penalty`` is R(V) where that is known.
        """
        coupling = self.problem.coupling
        rss = self.rss_null + float(np.vdot(V, gradient - self.g))
        cross = float(np.vdot(V, self.g)) - self.rss_null  # sum h (z - y) y
        toward = gradient / -alpha
        primal = 0.5 * rss + alpha * (coupling.value(V) if penalty is None else penalty)
        scale = coupling.dual_scale(toward)
        dual = -0.5 * rss / scale**2 - cross / scale
        if not coupling.is_norm:
            dual -= alpha * coupling.conjugate(toward / scale)
        return primal, relative(self.problem, primal - dual + free_charge(self.problem, V, gradient))


def moments(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers by accelerated proximal gradient on the moments, for any coupling.

    Where that takes long for ``TraceNorm`` and the columns are few, it goes on from slopes that ridges have found.
    """
    from crosstask.solvers._reweighted import reweighted_slopes

    with one_blas_thread():
        held = Moments(problem)
        coupling = problem.coupling
        step = feature_steps(held.G, coupling)
        restarts = isinstance(coupling, TraceNorm) and problem.data.n_features <= FEW_COLUMNS
        first = STEPS * min(LATE if restarts else options.max_iter, options.max_iter)
        slopes, latest = (init or cold_start(problem)).V, list[State]()
        for alpha in alphas:

            def stop(V: Array, steps: int, last: float, before: int = 0, alpha: float = float(alpha)) -> bool:
                found = held.certify(V, held.gradient(V), alpha)
                latest[:] = [State(V, held.intercept, *found, -(-(before + steps) // STEPS))]
                return options.done(alpha, latest[0])

            slopes, n_steps = minimise_quadratic(held.gradient, coupling, float(alpha), step, slopes, stop, first)
            left = STEPS * options.max_iter - n_steps
            if n_steps == first and left and latest[0].gap > options.tol:
                near = reweighted_slopes(held, float(alpha) * coupling.weight)
                if held.certify(near, held.gradient(near), float(alpha))[0] < latest[0].objective:
                    slopes = near
                again = partial(stop, before=n_steps)
                slopes, _ = minimise_quadratic(held.gradient, coupling, float(alpha), step, slopes, again, left)
            yield latest[0]
