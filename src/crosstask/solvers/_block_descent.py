"""Block coordinate descent on moments for FeatureNorm: one feature of all tasks at a time, solved exactly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from crosstask.solvers._moments import Moments
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State, cold_start
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]
SWEEPS = 10  # between two looks at the gap


def block_descent(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers for the squared loss, each certified by its duality gap."""
    from crosstask.solvers._kernels import group_sweeps

    with one_blas_thread():
        held = Moments(problem)
        G = held.G[:, None, :, None, :]
        size = block_bound(G)
        V = np.array((init or cold_start(problem)).V)
        for alpha in alphas:
            n_iter = 0
            while True:
                gradient = held.gradient(V)
                objective, gap = held.certify(V, gradient, float(alpha))
                if gap <= options.tol or n_iter >= options.max_iter:
                    break
                sweeps = min(SWEEPS, options.max_iter - n_iter)
                n_iter += group_sweeps(G, gradient, V, size, alpha * problem.coupling.weight, 0.0, sweeps)
            yield State(V.copy(), held.intercept, objective, gap, n_iter)


def block_bound(G: Array) -> Array:
    """Return a diagonal (T, K, d) above each feature's own (K, K) block of G (T, K, d, K, d): its absolute row sums."""
    return np.abs(np.einsum("tkjmj->tkmj", G)).sum(axis=2)
