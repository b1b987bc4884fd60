"""Compiled inner loops; they take arrays and numbers only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks._compiled import njit

Array = NDArray[np.float64]

#: Sums may be taken in any order, so that they use the processor's vectors; NaN and infinity keep their meaning.
REORDER = {"reassoc", "contract"}
RUN = 8  # features of a second derivative that are read together


@njit(fastmath=REORDER)
def group_length(a: Array, c: Array, cut: float, near: float) -> float:
    """Return |w| for w = argmin sum_q a_q w_q^2 / 2 - c_q w_q + cut |w|, zero if |c| <= cut.

    It is the root of phi(v) = |c / (a v + cut)| - 1, found by Newton's method on 1 / |.|, which is concave there: from
    any start the second step is left of the root, and from there on none overshoots. ``near`` is the start.
    """
    square = 0.0
    for q in range(len(c)):
        square += c[q] * c[q]
    if square <= cut * cut:
        return 0.0
    length = near
    for _ in range(100):
        total, slope = 0.0, 0.0
        for q in range(len(c)):
            inverse = 1.0 / (a[q] * length + cut)
            part = c[q] * c[q] * inverse * inverse
            total += part
            slope += part * a[q] * inverse
        if slope <= 0.0:
            break
        step = (np.sqrt(total) - 1.0) * total / slope
        length = max(length + step, 0.0)
        if abs(step) <= 1e-12 * length:
            break
    return length


@njit(fastmath=REORDER)
def group_sweep(G: Array, gradient: Array, W: Array, size: Array, cut: float, features: NDArray[np.intp]) -> None:
    """Go once over some features of a quadratic plus ``cut`` times their group norm, in place.

    A run of features hears of one another's moves at once, and all others after it, so that G is read in long pieces.

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
    features : ndarray of shape (m,)
        The features, in the order in which they have their turn.
    """
    T, K, _ = W.shape
    a, w, g, change = np.empty((RUN, T * K)), np.empty((RUN, T * K)), np.empty((RUN, T * K)), np.empty((RUN, T * K))
    c = np.empty(T * K)
    for first in range(0, len(features), RUN):
        run = features[first : first + RUN]
        for t in range(T):
            for k in range(K):
                q = t * K + k
                for b in range(len(run)):
                    a[b, q], w[b, q], g[b, q] = size[t, k, run[b]], W[t, k, run[b]], gradient[t, k, run[b]]
        moved = False
        for b in range(len(run)):
            if group_step(a[b], w[b], g[b], c, change[b], cut):
                moved = True
                tell_run(G, run, b, change[b], g)
        if moved:
            tell_all(G, run, change, gradient)
            for t in range(T):
                for k in range(K):
                    for b in range(len(run)):
                        W[t, k, run[b]] = w[b, t * K + k]


@njit(fastmath=REORDER)
def tell_run(G: Array, run: NDArray[np.intp], b: int, change: Array, g: Array) -> None:
    """Add to the gradients g (RUN, T K) of the features that come after the b-th of a run what its move does."""
    T, K = G.shape[:2]
    for later in range(b + 1, len(run)):
        for t in range(T):
            for k in range(K):
                for m in range(K):
                    g[later, t * K + m] += G[t, k, run[b], m, run[later]] * change[t * K + k]


@njit(fastmath=REORDER)
def tell_all(G: Array, run: NDArray[np.intp], change: Array, gradient: Array) -> None:
    """Add to the gradient of every feature what the moves (RUN, T K) of a run do."""
    T, K = G.shape[:2]
    for t in range(T):
        for k in range(K):
            for b in range(len(run)):
                moved = change[b, t * K + k]
                if moved != 0.0:
                    for m in range(K):
                        row, out = G[t, k, run[b], m], gradient[t, m]
                        for i in range(len(row)):
                            out[i] += row[i] * moved


@njit(fastmath=REORDER)
def group_step(a: Array, w: Array, g: Array, c: Array, change: Array, cut: float) -> bool:
    """Move w, in place, to the minimum of sum_q a_q (v_q - w_q)^2 / 2 + g_q v_q + cut |v|; say whether it moved.

    ``change`` receives by how much, and ``c`` is overwritten.
    """
    square = 0.0
    for q in range(len(w)):
        c[q] = a[q] * w[q] - g[q]
        square += w[q] * w[q]
    length = group_length(a, c, cut, np.sqrt(square))
    if length == 0.0 and square == 0.0:
        change[:] = 0.0
        return False
    for q in range(len(w)):
        new = length * c[q] / (a[q] * length + cut) if length > 0.0 else 0.0
        change[q] = new - w[q]
        w[q] = new
    return True


@njit(fastmath=REORDER)
def element_sweeps(G: Array, gradient: Array, W: Array, cut: float, alive: NDArray[np.bool_], seen: Array) -> None:
    """Go some times over the slopes of a quadratic of each task plus ``cut`` times their absolute sum, in place.

    A task at a time, so that its G stays in the processor's cache. The first sweep visits what is alive, the others
    only what is not zero.

    Parameters
    ----------
    G : ndarray of shape (T, d, d)
        Second derivative of each task.
    gradient : ndarray of shape (T, d)
        Gradient at W; kept up to date.
    W : ndarray of shape (T, d)
        Slopes.
    cut : float
        alpha times the coupling's weight.
    alive : ndarray of bool of shape (T, d)
        Slopes that may move.
    seen : ndarray of shape (S, 2, T, d)
        Receives slopes and gradients after each of S sweeps.
    """
    T, d = W.shape
    for t in range(T):
        for sweep in range(len(seen)):
            for j in range(d):
                if not alive[t, j] or (sweep > 0 and W[t, j] == 0.0):
                    continue
                a = G[t, j, j]
                c = a * W[t, j] - gradient[t, j]
                new = 0.0
                if a > 0.0 and abs(c) > cut:
                    new = (c - cut if c > 0.0 else c + cut) / a
                change = new - W[t, j]
                if change != 0.0:
                    W[t, j] = new
                    row, out = G[t, j], gradient[t]
                    for i in range(d):
                        out[i] += row[i] * change
            seen[sweep, 0, t], seen[sweep, 1, t] = W[t], gradient[t]


@njit(fastmath=REORDER)
def residual_sweep(
    X: Array, starts: NDArray[np.intp], r: Array, W: Array, size: Array, cut: float, features: NDArray[np.intp]
) -> None:
    """Go once over some features of sum_t |X_t'w_t - y_t|^2 / 2 + cut sum_j |W_j|, in place.

    Parameters
    ----------
    X : ndarray of shape (m, n)
        One row a feature.
    starts : ndarray of shape (T + 1,)
        Entries ``starts[t]:starts[t + 1]`` of a row belong to task t.
    r : ndarray of shape (n,)
        Residual at W; kept up to date.
    W : ndarray of shape (m, T)
        Slopes.
    size : ndarray of shape (m, T)
        Squared lengths of the features in each task.
    cut : float
        alpha times the coupling's weight.
    features : ndarray of shape (k,)
        The features, in the order in which they have their turn.
    """
    T = W.shape[1]
    c = np.empty(T)
    for j in features:
        square = 0.0
        for t in range(T):
            x, own = X[j, starts[t] : starts[t + 1]], r[starts[t] : starts[t + 1]]
            along = 0.0
            for i in range(len(x)):
                along += x[i] * own[i]
            c[t] = size[j, t] * W[j, t] - along
            square += W[j, t] * W[j, t]
        length = group_length(size[j], c, cut, np.sqrt(square))
        if length == 0.0 and square == 0.0:
            continue
        for t in range(T):
            new = length * c[t] / (size[j, t] * length + cut) if length > 0.0 else 0.0
            change = new - W[j, t]
            if change == 0.0:
                continue
            W[j, t] = new
            x, own = X[j, starts[t] : starts[t + 1]], r[starts[t] : starts[t + 1]]
            for i in range(len(x)):
                own[i] += x[i] * change


@njit(fastmath=REORDER)
def shared_sweep(G: Array, gradient: Array, W: Array, cut: float) -> bool:
    """Go once over a block of features that all tasks share, in place; return whether any slope moved.

    Parameters
    ----------
    G : ndarray of shape (m, m)
        Second derivative, the same for every task.
    gradient : ndarray of shape (m, T)
        Gradient at W; kept up to date.
    W : ndarray of shape (m, T)
        Slopes.
    cut : float
        alpha times the coupling's weight.
    """
    m, T = W.shape
    change = np.empty(T)
    moved = False
    for j in range(m):
        a = G[j, j]
        square, before = 0.0, 0.0
        for t in range(T):
            change[t] = a * W[j, t] - gradient[j, t]
            square += change[t] * change[t]
            before += W[j, t] * W[j, t]
        kept = (1.0 - cut / np.sqrt(square)) / a if square > cut * cut and a > 0.0 else 0.0
        if kept == 0.0 and before == 0.0:
            continue
        moved = True
        for t in range(T):
            change[t] = kept * change[t] - W[j, t]
            W[j, t] += change[t]
        for i in range(m):
            for t in range(T):
                gradient[i, t] += G[j, i] * change[t]
    return moved


@njit()
def logistic_intercepts(y: Array, z: Array, weight: Array, offsets: NDArray[np.intp], b: Array) -> None:
    """Move each task's intercept to the minimum of sum_i s_i (log(1 + exp(z_i + b)) - y_i (z_i + b)), in place.

    The steps are those of ``best_intercepts``: Newton's between points where the slope has opposite signs, the
    majoriser's, doubled each time, until both are known.

    Parameters
    ----------
    y, z, weight : ndarray of shape (n,)
        Targets in [0, 1], predictors without intercept, and weights.
    offsets : ndarray of shape (T + 1,)
        Rows ``offsets[t]:offsets[t + 1]`` belong to task t; one without rows keeps its intercept.
    b : ndarray of shape (T,)
        Starts, and the answers.
    """
    for t in range(len(b)):
        low, high, stretch, before, at = -np.inf, np.inf, 1.0, np.inf, b[t]
        for _ in range(200):
            slope, size, curvature, bound = 0.0, 0.0, 0.0, 0.0
            for i in range(offsets[t], offsets[t + 1]):
                tail = np.exp(-abs(z[i] + at))
                larger, smaller = 1.0 / (1.0 + tail), tail / (1.0 + tail)
                apart = smaller - y[i] if z[i] + at < 0.0 else (1.0 - y[i]) - smaller  # p - y, to the last digit
                slope += weight[i] * apart
                size += weight[i] * abs(apart)
                curvature += weight[i] * larger * smaller
                bound += 0.25 * weight[i]
            if slope < 0.0:
                low = at
            if slope > 0.0:
                high = at
            width = high - low
            closed = np.isfinite(width)
            if abs(slope) <= 1e-15 * size or (closed and width <= 4e-16 * (abs(low) + abs(high))):
                break
            newton = slope / curvature if curvature > 1e-300 else 0.0
            safe = stretch * slope / bound if bound > 1e-300 else 0.0
            step = newton if newton != 0.0 and (closed or abs(newton) <= 4.0 * abs(safe)) else safe
            slow = closed and width > 0.5 * before and abs(step) > 1e-3 * width
            following = at - step
            if closed and (following <= low or following >= high or newton == 0.0 or slow):
                following = 0.5 * (low + high)
            if following == at:
                break
            at, stretch, before = following, 2.0 * stretch, width
        b[t] = at
