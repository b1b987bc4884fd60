"""The quadratic programme of kernel mean matching, by a primal-dual interior point method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MAX_ITER = 100
BACK_OFF = 0.995
"""Share of the way to the boundary that a step may take."""


@dataclass
class _Point:
    """w with the multipliers of w >= 0, w <= B, 1'w >= lowest and 1'w <= highest."""

    w: Floats
    z: Floats
    v: Floats
    p: float
    q: float


def solve_kmm(K: Floats, kappa: Floats, bound: float, slack: float, tol: float = 1e-9) -> Floats:
    r"""Minimise w'Kw / 2 - kappa'w over 0 <= w <= B and \|1'w - n\| <= n slack.

    Each step solves (K + D + c 11') dw = r with a positive diagonal D, twice with one factor (Mehrotra's predictor and
    corrector); w stays strictly inside, and the duality gap relative to the objective ends below ``tol``.

    Parameters
    ----------
    K : ndarray of shape (n, n)
        Positive semidefinite.
    kappa : ndarray of shape (n,)
    bound : float
        B > 1.
    slack : float
        Positive.
    tol : float
        On the gap and on the stationarity, relative.

    Returns
    -------
    ndarray of shape (n,)
    """
    n = len(kappa)
    lowest, highest = n * (1.0 - slack), n * (1.0 + slack)
    start = np.ones(n)
    size = max(float(np.abs(K @ start - kappa).max()), 1e-8)
    at = _Point(start, np.full(n, size), np.full(n, size), size, size)
    for _ in range(MAX_ITER):
        u, s, h = bound - at.w, at.w.sum() - lowest, highest - at.w.sum()
        Kw = K @ at.w
        dual = Kw - kappa - at.z + at.v - at.p + at.q
        gap = float(at.w @ at.z + u @ at.v + s * at.p + h * at.q)
        objective = abs(0.5 * float(at.w @ Kw) - float(kappa @ at.w))
        if gap <= tol * (1.0 + objective) and np.abs(dual).max() <= tol * (1.0 + np.abs(kappa).max()):
            break
        at = _step(K, at, (u, s, h), dual, gap / (2 * n + 2))
    return at.w


def _step(K: Floats, at: _Point, slacks: tuple[Floats, float, float], dual: Floats, mean_gap: float) -> _Point:
    from scipy.linalg import cho_factor, cho_solve

    u, s, h = slacks
    curved = K + (at.p / s + at.q / h)
    curved[np.diag_indices_from(curved)] += at.z / at.w + at.v / u
    factor = cho_factor(curved, lower=True, overwrite_a=True, check_finite=False)

    def direction(aim: float, cross: _Point | None) -> _Point:
        """Solve for complementarity products equal to ``aim``, less the second-order terms of ``cross``."""
        goal = _Point(at.w, np.full_like(at.w, aim), np.full_like(at.w, aim), aim, aim)
        if cross is not None:
            total = float(cross.w.sum())
            goal.z, goal.v = goal.z - cross.w * cross.z, goal.v + cross.w * cross.v
            goal.p, goal.q = goal.p - total * cross.p, goal.q + total * cross.q
        z, v, p, q = goal.z / at.w - at.z, goal.v / u - at.v, goal.p / s - at.p, goal.q / h - at.q
        dw = cho_solve(factor, -dual + z - v + (p - q), check_finite=False)
        total = float(dw.sum())
        return _Point(dw, z - at.z / at.w * dw, v + at.v / u * dw, p - at.p / s * total, q + at.q / h * total)

    predicted = direction(0.0, None)
    primal, multiplier = _lengths(at, predicted, slacks)
    total = float(predicted.w.sum())
    reached = float(
        (at.w + primal * predicted.w) @ (at.z + multiplier * predicted.z)
        + (u - primal * predicted.w) @ (at.v + multiplier * predicted.v)
        + (s + primal * total) * (at.p + multiplier * predicted.p)
        + (h - primal * total) * (at.q + multiplier * predicted.q)
    )
    centring = (max(reached, 0.0) / (mean_gap * (2 * len(at.w) + 2))) ** 3
    move = direction(centring * mean_gap, predicted)
    primal, multiplier = (BACK_OFF * length for length in _lengths(at, move, slacks))
    length = min(primal, multiplier)  # of a quadratic programme, one length for both
    return _Point(
        at.w + length * move.w,
        at.z + length * move.z,
        at.v + length * move.v,
        at.p + length * move.p,
        at.q + length * move.q,
    )


def _lengths(at: _Point, move: _Point, slacks: tuple[Floats, float, float]) -> tuple[float, float]:
    """Longest steps that leave the slacks, and the multipliers, non-negative."""
    u, s, h = slacks
    total = float(move.w.sum())
    ends = [_reach(at.w, move.w), _reach(u, -move.w), _reach(np.array([s, h]), np.array([total, -total]))]
    bounds = [_reach(at.z, move.z), _reach(at.v, move.v)]
    bounds.append(_reach(np.array([at.p, at.q]), np.array([move.p, move.q])))
    return min(1.0, *ends), min(1.0, *bounds)


def _reach(value: Floats, change: Floats) -> float:
    falling = change < 0
    return float(np.min(-value[falling] / change[falling])) if falling.any() else 1.0
