"""Slopes of tasks that are each held by the norm of all of them: one equation in one unknown a task."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def held_by_length(values: Array, h: Array, cut: float) -> Array:
    """Return argmin sum_j l_j v_j^2 / 2 - h_j v_j + cut |v| of each task, for l and h of shape (T, r).

    It is v = L h / (l L + cut), zero if |h| <= cut, where the length L solves |h / (l L + cut)| = 1. That is Newton's
    method on 1 / |.|, which is concave in L: from zero, no step overshoots.
    """
    length = np.zeros(len(h))
    active = np.linalg.norm(h, axis=1) > cut
    for _ in range(100):
        if not active.any():
            break
        a, c = values[active], h[active]
        inverse = 1.0 / (a * length[active, None] + cut)
        part = (c * inverse) ** 2
        total, slope = part.sum(axis=1), np.sum(part * a * inverse, axis=1)
        step = np.divide((np.sqrt(total) - 1.0) * total, slope, out=np.zeros_like(total), where=slope > 0)
        length[active] += step
        active[active] = np.abs(step) > 1e-14 * length[active]
    return length[:, None] * h / (values * length[:, None] + cut)
