"""Compiled inner loops; they take arrays and numbers only."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@njit(cache=True)
def group_length(a: Array, c: Array, cut: float) -> float:
    """Return |w| for w = argmin sum_q a_q w_q^2 / 2 - c_q w_q + cut |w|, zero if |c| <= cut.

    It is the root of phi(v) = |c / (a v + cut)| - 1, found by Newton's method on 1 / |.|, which is concave there, so
    that the steps from zero never overshoot.
    """
    square = 0.0
    for q in range(len(c)):
        square += c[q] * c[q]
    if square <= cut * cut:
        return 0.0
    length = 0.0
    for _ in range(100):
        total, slope = 0.0, 0.0
        for q in range(len(c)):
            inverse = 1.0 / (a[q] * length + cut)
            part = c[q] * inverse
            total += part * part
            slope += part * part * a[q] * inverse
        if slope <= 0.0:
            break
        step = (np.sqrt(total) - 1.0) * total / slope
        length += step
        if step <= 1e-14 * length:
            break
    return length


@njit(cache=True)
def move_group(G: Array, gradient: Array, W: Array, j: int, a: Array, c: Array, cut: float) -> None:
    """Give feature j its best slopes by its own problem (a, c), and keep the gradient up to date."""
    T, K, d = W.shape
    length = group_length(a, c, cut)
    for t in range(T):
        for k in range(K):
            q = t * K + k
            new = length * c[q] / (a[q] * length + cut) if length > 0.0 else 0.0
            change = new - W[t, k, j]
            if change == 0.0:
                continue
            W[t, k, j] = new
            for m in range(K):
                for i in range(d):
                    gradient[t, m, i] += G[t, k, j, m, i] * change


@njit(cache=True)
def group_sweep(G: Array, gradient: Array, W: Array, size: Array, cut: float) -> None:
    """Go once over the features of a quadratic plus ``cut`` times their group norm, in place.

    Parameters
    ----------
    G : ndarray of shape (T, K, d, K, d)
        Second derivative of each task.
    gradient : ndarray of shape (T, K, d)
        Gradient at W; kept up to date.
    W : ndarray of shape (T, K, d)
        Slopes.
    size : ndarray of shape (T, K, d)
        Diagonal that bounds each feature's own block of G from above, exact for K = 1.
    cut : float
        alpha times the coupling's weight.
    """
    T, K, d = W.shape
    a, c = np.empty(T * K), np.empty(T * K)
    for j in range(d):
        for t in range(T):
            for k in range(K):
                q = t * K + k
                a[q] = size[t, k, j]
                c[q] = a[q] * W[t, k, j] - gradient[t, k, j]
        move_group(G, gradient, W, j, a, c, cut)
