"""Coordinate descent on moments for ElementNorm: each task is a lasso of its own, all of them in one compiled loop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crosstask.solvers._certificate import relative
from crosstask.solvers._moments import Moments
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State, cold_start
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]
SWEEPS = 5  # between two extrapolations
ROUNDING = 1e-15  # of the objective: a gap below it is not known
PATIENCE = 3  # rounds before Newton's steps follow extrapolation


def element_descent(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers for the squared loss, certified by the sum of the tasks' duality gaps.

    A slope that the gap proves to be zero (gap-safe screening), and a task whose own gap is small, is left alone.
    """
    with one_blas_thread():
        held = Moments(problem)
        V = np.array((init or cold_start(problem)).V)
        share = options.tol * problem.null_objective * held.energy / max(held.rss_null, 1e-300)
        for alpha in alphas:
            cut = float(alpha) * problem.coupling.weight
            descent = ElementDescent(held.G, cut)
            n_iter = 0
            while True:
                W, gradient = V[:, 0], held.gradient(V)[:, 0]
                objective, gap, reach = _task_gaps(held, W, gradient, cut)
                state = State(V, held.intercept, float(objective.sum()), relative(problem, float(gap.sum())), n_iter)
                if options.done(float(alpha), state):
                    break
                descent.round(W, gradient, ((reach >= cut) | (W != 0)) & (gap > share)[:, None])
                n_iter += SWEEPS
            yield replace(state, V=V.copy())


def _task_gaps(held: Moments, W: Array, gradient: Array, cut: float) -> tuple[Array, Array, Array]:
    """Return each task's objective and gap, (T,), and the largest correlation that each slope may have, (T, d).

    The residual u, scaled until no correlation is above ``cut``, is dual feasible. The dual objective is strongly
    concave, so the best one is within sqrt(2 gap) of it: a slope whose correlation stays below ``cut`` on that ball is
    zero (Ndiaye, Fercoq, Gramfort and Salmon 2017).
    """
    rss = held.energy + np.einsum("tj,tj->t", W, gradient - held.g[:, 0])
    cross = np.einsum("tj,tj->t", W, held.g[:, 0]) - held.energy
    pull = np.abs(gradient)
    scale = np.maximum(1.0, pull.max(axis=1, initial=0.0) / cut)
    objective = 0.5 * rss + cut * np.abs(W).sum(axis=1)
    gap = np.maximum(objective + 0.5 * rss / scale**2 + cross / scale, 0.0)
    length = np.sqrt(np.einsum("tjj->tj", held.G))
    known = np.maximum(gap, ROUNDING * objective)
    return objective, gap, pull / scale[:, None] + np.sqrt(2.0 * known)[:, None] * length


class ElementDescent:
    """Descent on q_t(w) + cut |w|_1 of each task, with Anderson extrapolation (Bertrand and Massias 2021).

    After some rounds Newton's steps on the slopes in use follow: with the signs that they have, the minimum is the
    solution of a system.

    Parameters
    ----------
    G : ndarray of shape (T, d, d)
        Second derivatives.
    cut : float
        Weight of the norm.
    """

    def __init__(self, G: Array, cut: float) -> None:
        self.G = np.ascontiguousarray(G)
        self.cut = cut
        self.rounds = 0

    def round(self, W: Array, gradient: Array, alive: NDArray[np.bool_]) -> float:
        """Sweep a few times over the slopes that are ``alive``, extrapolate, in place; return how far it fell."""
        from crosstask.solvers._kernels import element_sweeps

        start, slope = W.copy(), gradient.copy()
        seen = np.empty((SWEEPS, 2, *W.shape))
        element_sweeps(self.G, gradient, W, self.cut, alive, seen)
        self.rounds += 1
        self._extrapolate(start, W, gradient, seen)
        if self.rounds > PATIENCE:
            self._newton(W, gradient, np.flatnonzero(alive.any(axis=1)))
        return float(self._fall(start, slope, W, gradient).sum())

    def _fall(self, start: Array, slope: Array, W: Array, gradient: Array) -> Array:
        """Return how far each task's objective fell from ``start``, whose gradient is ``slope``, to W."""
        smooth = 0.5 * np.einsum("tj,tj->t", slope + gradient, start - W)
        return smooth + self.cut * (np.abs(start) - np.abs(W)).sum(axis=1)

    def _extrapolate(self, start: Array, W: Array, gradient: Array, seen: Array) -> None:
        """Move each task to the mixture of its iterates that would stand still, where its objective falls there."""
        steps = np.diff(np.concatenate([start[None], seen[:, 0]]), axis=0)
        products = np.einsum("stj,utj->tsu", steps, steps)
        size = np.trace(products, axis1=1, axis2=2)
        damping = np.where(size > 0, 1e-14 * size, 1.0)[:, None, None] * np.eye(SWEEPS)
        mix = np.linalg.solve(products + damping, np.ones((len(W), SWEEPS, 1)))[..., 0]
        mix /= mix.sum(axis=1, keepdims=True)
        ahead, slope = np.einsum("ts,svtj->vtj", mix, seen)
        better = self._fall(W, gradient, ahead, slope) > 0.0
        W[better], gradient[better] = ahead[better], slope[better]

    def _newton(self, W: Array, gradient: Array, tasks: NDArray[np.intp]) -> None:
        """Solve each task for the slopes in use, as long as their signs hold, and put the gradient right."""
        for t in tasks:
            settled = settle(self.G[t], gradient[t], W[t], self.cut)
            gradient[t] += (settled - W[t]) @ self.G[t]
            W[t] = settled


def settle(G: Array, gradient: Array, w: Array, cut: float) -> Array:
    """Return slopes with a lower w'Gw / 2 + .. + cut |w|_1, whose gradient at ``w`` is given; zeros stay zeros.

    With the signs held, the minimum over the slopes in use is the solution of a system. The way there ends where the
    first slope turns; without that one the system is solved anew, until no sign stands in the way.
    """
    w, gradient = w.copy(), gradient.copy()
    for _ in range(np.count_nonzero(w)):
        used = np.flatnonzero(w)
        block = G[np.ix_(used, used)]
        ridge = np.diag(1e-12 * np.diag(block))  # where columns are dependent
        delta = np.linalg.solve(block + ridge, -gradient[used] - cut * np.sign(w[used]))
        turning = w[used] * (w[used] + delta) <= 0.0
        if not turning.any():
            w[used] += delta
            break
        reach = np.where(turning, -w[used] / np.where(turning, delta, 1.0), np.inf)
        step = reach.min() * delta
        gradient += step @ G[used]
        w[used] = np.where(reach == reach.min(), 0.0, w[used] + step)
    return w
