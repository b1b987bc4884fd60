"""Accelerated proximal gradient with restart, on moments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import Coupling

Array = NDArray[np.float64]


def feature_steps(G: Array, coupling: Coupling, n_outputs: int = 1) -> Array:
    """Return a safe step for each feature, shape (d,), for the second derivatives G (T, K d, K d).

    Features are first brought to the same largest curvature over the tasks, then one Lipschitz constant holds for all;
    a coupling whose prox mixes features gets the same step everywhere.
    """
    d = G.shape[1] // n_outputs
    size = np.ones(d)
    if coupling.by_feature:
        size = np.einsum("tjj->tj", G).reshape(-1, d).max(axis=0)
        size = np.where(size > 0, size, 1.0)
    root = np.sqrt(np.tile(size, n_outputs))
    largest = largest_eigenvalue(G / (root[:, None] * root))
    return 1.0 / (size * max(largest, 1e-300))


def largest_eigenvalue(G: Array) -> float:
    """Return the largest eigenvalue over a stack of symmetric matrices; for other than small ones a guess near it.

    The guess is 5 % above what some power iterations find, which is all that ``minimise_quadratic`` needs.
    """
    if G.shape[1] <= 16:
        return float(np.linalg.eigvalsh(G)[:, -1].max(initial=0.0))
    v = np.random.default_rng(0).standard_normal((*G.shape[:2], 1))
    size = np.linalg.norm(v, axis=(1, 2))
    for _ in range(20):
        v = G @ (v / np.where(size > 0, size, 1.0)[:, None, None])
        size = np.linalg.norm(v, axis=(1, 2))
    return 1.05 * float(size.max(initial=0.0))


def minimise_quadratic(
    gradient: Callable[[Array], Array],
    coupling: Coupling,
    alpha: float,
    step: Array,
    start: Array,
    stop: Callable[[Array, int, float], bool],
    max_iter: int,
) -> tuple[Array, int]:
    """Minimise q(V) + alpha R(V) for a quadratic q with the given gradient.

    Momentum restarts whenever it points uphill (O'Donoghue and Candes 2015). Where the gradient changes faster than
    ``step`` allows for, the step is shortened. ``stop(V, steps, last)`` is asked every five steps, ``last`` the squared
    length of the last step before momentum, divided by its size.

    Returns
    -------
    tuple of (ndarray, int)
        The answer and the number of steps.
    """
    here, ahead, t = start, start, 1.0
    if stop(here, 0, float("inf")):
        return here, 0
    slope = gradient(ahead)
    for iteration in range(1, max_iter + 1):
        new = coupling.prox(ahead - step * slope, alpha * step)
        moved = new - here
        last, before, mapped = ahead, slope, (ahead - new) / step
        size = float(np.vdot(mapped, ahead - new))
        if np.vdot(mapped, moved) > 0.0:
            t, ahead = 1.0, new
        else:
            following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
            ahead = new + ((t - 1.0) / following) * moved
            t = following
        here = new
        if (iteration % 5 == 0 or iteration == max_iter) and stop(here, iteration, size):
            return here, iteration
        slope = gradient(ahead)
        gone = ahead - last
        allowed, curved = float(np.vdot(gone / step, gone)), float(np.vdot(slope - before, gone))
        if curved > 1.001 * allowed > 0.0:
            step, t = step * (allowed / curved), 1.0
    return here, max_iter
