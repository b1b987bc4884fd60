"""A start for the trace norm where columns are nearly dependent: ridges whose penalty follows the singular values."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from crosstask.solvers._block_descent import mixture
from crosstask.solvers._moments import Moments

Array = NDArray[np.float64]
ROUNDS = 10
RIDGES = 5  # a round, before their mixture is tried
SHRINK = 0.85  # of the smoothing, from ridge to ridge
LEAST = 1e-6  # smoothing, of the largest singular value


def reweighted_slopes(held: Moments, alpha: float) -> Array:
    r"""Return slopes (T, 1, d) near the minimum for ``TraceNorm``, with alpha times its weight given.

    :math:`\|W\|_* = \min_D \tfrac12 \mathrm{tr}(W D W') + \tfrac12 \mathrm{tr}(D^{-1})`, with
    :math:`D = (W'W)^{-1/2}` at the minimum (Argyriou, Evgeniou and Pontil 2008). With D held every task is a ridge of
    its own, whatever the condition of its moments; D = (W'W + e^2)^{-1/2} with e falling, since a direction that is
    once lost does not come back. What is left at the end is a bias of e, so this is a start and no answer.
    """
    slopes = _ridges(held, alpha * np.eye(held.G.shape[1]))
    smoothing = 1.0
    for _ in range(ROUNDS):
        seen = [slopes]
        for _ in range(RIDGES):
            values, U = np.linalg.eigh(seen[-1].T @ seen[-1])
            smooth = max(smoothing, LEAST) ** 2 * max(float(values[-1]), 1e-300)
            seen.append(_ridges(held, alpha * (U / np.sqrt(np.maximum(values, 0.0) + smooth)) @ U.T))
            smoothing *= SHRINK
        slopes = seen[-1]
        mix = mixture(np.diff(seen, axis=0).reshape(RIDGES, -1))
        if mix is not None:
            ahead = np.tensordot(mix, np.stack(seen[1:]), axes=1)
            slopes = ahead if _objective(held, ahead, alpha) < _objective(held, slopes, alpha) else slopes
    return slopes[:, None]


def _ridges(held: Moments, penalty: Array) -> Array:
    return cast("Array", np.linalg.solve(held.G + penalty, held.g[:, 0, :, None]))[..., 0]


def _objective(held: Moments, slopes: Array, alpha: float) -> float:
    """Objective less what does not depend on the slopes."""
    V = slopes[:, None]
    smooth = 0.5 * float(np.vdot(V, held.gradient(V) - held.g))
    return smooth + alpha * float(np.linalg.svd(slopes, compute_uv=False).sum())
