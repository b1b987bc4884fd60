"""Compiled inner loops of the lasso; they take arrays and numbers only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks._compiled import njit

Array = NDArray[np.float64]


@njit()
def shrink(value: Any, cut: Any) -> float:
    """Return the minimiser of (b - value)^2 / 2 + cut |b|."""
    if value > cut:
        return value - cut
    if value < -cut:
        return value + cut
    return 0.0


@njit()
def gram_path(
    G: Array, c: Array, penalty: Array, alphas: Array, start: Array, tol: float, max_sweeps: int
) -> tuple[Array, int]:
    """Minimise b'Gb / 2 - c'b + alpha sum_j penalty_j |b_j| for a falling path of alphas by coordinate descent.

    Coordinates in use are gone over until no step gains more than ``tol`` / 2, then all are gone over once.

    Parameters
    ----------
    G : ndarray of shape (d, d)
        Second moments.
    c : ndarray of shape (d,)
        Moments with the target.
    penalty : ndarray of shape (d,)
        Factor of each coordinate; infinite keeps it at zero.
    alphas : ndarray of shape (A,)
        From the largest to the smallest.
    start : ndarray of shape (d,)
        Where to begin.
    tol : float
        Largest squared step, times the curvature, at which a sweep counts as still.
    max_sweeps : int
        Most sweeps in all.

    Returns
    -------
    tuple
        Coefficients (A, d), and the sweeps taken; rows that were not reached repeat the last one.
    """
    d = len(c)
    path = np.empty((len(alphas), d))
    b, gradient = start.copy(), c - G @ start
    used, order, n_used = np.zeros(d, np.bool_), np.empty(d, np.int64), 0
    for j in range(d):
        if b[j] != 0.0:
            used[j], order[n_used] = True, j
            n_used += 1
    sweeps = 0
    for a in range(len(alphas)):
        everything = n_used == 0
        while sweeps < max_sweeps:
            sweeps += 1
            largest = 0.0
            for i in range(d if everything else n_used):
                j = i if everything else order[i]
                size = G[j, j]
                cut = alphas[a] * penalty[j]
                if size <= 0.0 or (b[j] == 0.0 and abs(gradient[j]) <= cut):
                    continue
                new = shrink(gradient[j] + size * b[j], cut) / size
                change = new - b[j]
                if change == 0.0:
                    continue
                if not used[j]:
                    used[j], order[n_used] = True, j
                    n_used += 1
                b[j] = new
                for k in range(d):
                    gradient[k] -= G[j, k] * change
                largest = max(largest, size * change * change)
            if largest <= tol:
                if everything:
                    break
                everything = True
            else:
                everything = False
        path[a] = b
    return path, sweeps


@njit()
def newton_sweeps(
    X: Array,
    curvature: Array,
    gradient: Array,
    coef: Array,
    intercept: float,
    columns: NDArray[np.intp],
    cut: Array,
    tol: float,
    max_sweeps: int,
) -> tuple[Array, float]:
    """Minimise the second-order model of a loss plus sum_j cut_j |b_j| over some columns and the intercept.

    The model in the linear predictor's change t is sum_i gradient_i t_i + curvature_i t_i^2 / 2.

    Parameters
    ----------
    X : ndarray of shape (n, d)
        Rows, stored by columns.
    curvature, gradient : ndarray of shape (n,)
        Derivatives of the loss in the linear predictor.
    coef : ndarray of shape (d,)
        Where the model was made; not changed.
    intercept : float
        The same, unpenalised.
    columns : ndarray of int
        Columns that may move.
    cut : ndarray of shape (d,)
        alpha times the penalty's factors.
    tol : float
        Largest squared step, times the curvature, at which the sweeps end.
    max_sweeps : int
        Most sweeps.

    Returns
    -------
    tuple
        New coefficients and intercept.
    """
    n = len(gradient)
    b, b0, slope = coef.copy(), intercept, gradient.copy()
    size = np.zeros(len(columns))
    for q in range(len(columns)):
        for i in range(n):
            size[q] += curvature[i] * X[i, columns[q]] ** 2
    total = curvature.sum()
    for _ in range(max_sweeps):
        change = -slope.sum() / total if total > 0.0 else 0.0
        b0 += change
        slope += curvature * change
        largest = total * change * change
        for q in range(len(columns)):
            j = columns[q]
            if size[q] <= 0.0:
                continue
            toward = size[q] * b[j]
            for i in range(n):
                toward -= slope[i] * X[i, j]
            new = shrink(toward, cut[j]) / size[q]
            change = new - b[j]
            if change != 0.0:
                b[j] = new
                for i in range(n):
                    slope[i] += curvature[i] * X[i, j] * change
                largest = max(largest, size[q] * change * change)
        if largest <= tol:
            break
    return b, b0
