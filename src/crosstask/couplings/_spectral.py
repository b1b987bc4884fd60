"""Functions of the singular values of a matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from crosstask.couplings._base import Array


def singular_values(M: Array) -> Array:
    """Return the singular values of M, largest first."""
    return np.asarray(np.linalg.svd(M, compute_uv=False), dtype=np.float64)


def largest_singular_value(M: Array) -> float:
    """Return the largest singular value, from the smaller of M M' and M'M: there no digits are lost."""
    square = M @ M.T if M.shape[0] <= M.shape[1] else M.T @ M
    return float(np.sqrt(max(np.linalg.eigvalsh(square).max(initial=0.0), 0.0)))


def rescale(M: Array, kept: Callable[[Array], Array]) -> Array:
    """Return U diag(s kept(s)) V' for M = U diag(s) V'.

    Computed from the smaller of M M' and M'M, in O(mn min(m, n)): singular values below 1e-8 of the largest are not
    exact, and must not matter to s kept(s).
    """
    wide = M.shape[0] <= M.shape[1]
    values, vectors = np.linalg.eigh(M @ M.T if wide else M.T @ M)
    factor = kept(np.sqrt(np.maximum(values[::-1], 0.0)))[::-1]
    square = (vectors * factor) @ vectors.T
    return square @ M if wide else M @ square


def box_levels(s: Array, low: float, high: float, budget: float) -> Array:
    """Return argmin sum_i s_i^2 / theta_i, low <= theta_i <= high with sum_i (theta_i - low) <= budget (high - low).

    The answer is clip(level * s_i, low, high); the level is found among the places where an entry leaves one of its
    bounds, O(r log r) for r entries (McDonald, Pontil and Stamos 2016). s is sorted, the largest first.
    """
    theta = np.full(len(s), low)
    r = int(np.sum(s > 1e-14 * s.max(initial=0.0)))
    if r <= budget:
        theta[:r] = high
        return theta
    used = s[:r]
    below, above = low / used, high / used  # where an entry starts to rise, and where it stops; both ascending
    cumulated = np.concatenate([[0.0], np.cumsum(used)])
    points = np.sort(np.concatenate([below, above]))

    def counts(level: Any) -> tuple[Any, Any]:
        return np.searchsorted(above, level, side="right"), np.searchsorted(below, level, side="right")

    full, risen = counts(points)
    spent = full * (high - low) + points * (cumulated[risen] - cumulated[full]) - low * (risen - full)
    target = budget * (high - low)
    at = min(max(int(np.searchsorted(spent, target)), 1), len(points) - 1)
    full, risen = counts(points[at - 1])
    rising = cumulated[risen] - cumulated[full]
    level = (target - full * (high - low) + low * (risen - full)) / rising if rising > 0 else points[at]
    theta[:r] = np.clip(level * used, low, high)
    return theta


def box_value(s: Array, low: float, high: float, budget: float) -> float:
    """Return sum_i s_i^2 / (2 theta_i) at the best levels: half the squared box norm of s."""
    theta = box_levels(s, low, high, budget)
    return 0.5 * float(np.sum(np.divide(s * s, theta, out=np.zeros_like(s), where=theta > 0)))


def box_conjugate(g: Array, low: float, high: float, budget: float) -> float:
    """Return sum_i theta_i g_i^2 / 2 at the dearest levels: the largest g_i get ``high`` as far as the budget goes."""
    share = np.clip(budget - np.arange(len(g)), 0.0, 1.0)
    return 0.5 * float((low + share * (high - low)) @ (g * g))


def box_kept(s: Array, step: float, low: float, high: float, budget: float) -> Array:
    """Return the factors theta / (theta + step) of the prox of half the squared box norm.

    With theta given, entry i becomes s_i theta_i / (theta_i + step) and costs s_i^2 / (theta_i + step): the same
    problem as that of the levels, with bounds moved by the step.
    """
    moved = box_levels(s, low + step, high + step, budget)
    return (moved - step) / moved
