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
def read_group(gradient: Array, W: Array, size: Array, j: int, a: Array, c: Array) -> bool:
    """Write feature j's own problem into a and c; return whether the feature is in use."""
    T, K, _ = W.shape
    used = False
    for t in range(T):
        for k in range(K):
            q = t * K + k
            a[q] = size[t, k, j]
            c[q] = a[q] * W[t, k, j] - gradient[t, k, j]
            used = used or W[t, k, j] != 0.0
    return used


@njit(cache=True)
def move_group(G: Array, gradient: Array, W: Array, j: int, a: Array, c: Array, cut: float, length: float) -> float:
    """Give feature j its new slopes, keep the gradient up to date, and return how far it moved."""
    T, K, d = W.shape
    moved = 0.0
    for t in range(T):
        for k in range(K):
            q = t * K + k
            new = length * c[q] / (a[q] * length + cut) if length > 0.0 else 0.0
            change = new - W[t, k, j]
            if change == 0.0:
                continue
            moved += a[q] * change * change
            W[t, k, j] = new
            for m in range(K):
                for i in range(d):
                    gradient[t, m, i] += G[t, k, j, m, i] * change
    return moved


@njit(cache=True)
def group_sweeps(G: Array, gradient: Array, W: Array, size: Array, cut: float, enough: float, max_sweeps: int) -> int:
    """Minimise a quadratic plus ``cut`` times the group norm of the features, one feature of all tasks at a time.

    Parameters
    ----------
    G : ndarray of shape (T, K, d, K, d)
        Second derivative of each task.
    gradient : ndarray of shape (T, K, d)
        Gradient at W; kept up to date in place.
    W : ndarray of shape (T, K, d)
        Start; becomes the answer in place.
    size : ndarray of shape (T, K, d)
        Diagonal that bounds each feature's own block of G from above, exact for K = 1.
    cut : float
        alpha times the coupling's weight.
    enough : float
        Stop when no feature moves by more than this squared length, in the metric of ``size``.
    max_sweeps : int
        Most sweeps.

    Returns
    -------
    int
        Number of sweeps; after a sweep over all features only those in use are swept until they settle.
    """
    T, K, d = W.shape
    a, c = np.empty(T * K), np.empty(T * K)
    everything = True
    for sweep in range(max_sweeps):
        largest = 0.0
        for j in range(d):
            used = read_group(gradient, W, size, j, a, c)
            if not (used or everything):
                continue
            length = group_length(a, c, cut)
            if used or length > 0.0:
                largest = max(largest, move_group(G, gradient, W, j, a, c, cut, length))
        if largest <= enough and everything:
            return sweep + 1
        everything = largest <= enough
    return max_sweeps
