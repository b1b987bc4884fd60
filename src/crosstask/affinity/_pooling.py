"""Ridge regressions of sets of tasks, fitted and judged by moments alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosstask.affinity._moments import Moments, Working
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]
AT_ONCE = 4_000_000  # numbers in one batch of matrices


@dataclass(frozen=True)
class Fold:
    """Moments of the training rows, and those of the rows held out, about the training means of their tasks.

    Parameters
    ----------
    train : Moments
        Of the training rows.
    gram, xy, yy : ndarray
        Second moments of the held-out rows about the training means, (T, d, d), (T, d) and (T,).
    weight : ndarray of shape (T,)
        Weight of the held-out rows; zero where a task has no training rows to be judged by.
    """

    train: Moments
    gram: Array
    xy: Array
    yy: Array
    weight: Array

    @classmethod
    def cut(cls, working: Working, train: IntVector, test: IntVector) -> Fold:
        """Split the rows once; positions are those of the sorted pairs."""
        kept, held = working.statistics(train), working.statistics(test)
        dx, dy = held.mean_x - kept.mean_x, held.mean_y - kept.mean_y
        known = (kept.weight > 0) & (held.weight > 0)
        weight = np.where(known, held.weight, 0.0)
        return cls(
            train=working.moments(train),
            gram=known[:, None, None] * held.gram + weight[:, None, None] * dx[:, :, None] * dx[:, None, :],
            xy=known[:, None] * held.xy + (weight * dy)[:, None] * dx,
            yy=known * held.yy + weight * dy**2,
            weight=weight,
        )

    def losses(self, coef: Array, tasks: IntVector) -> Array:
        """Sum of squared errors of slopes (.., d) on the held-out rows of some tasks (..,)."""
        moved = np.einsum("...ab,...b->...a", self.gram[tasks], coef)
        return np.maximum((coef * (moved - 2.0 * self.xy[tasks])).sum(axis=-1) + self.yy[tasks], 0.0)


def pooled_slopes(moments: Moments, members: NDArray[np.bool_], ridge: float) -> Array:
    """Return the ridge slopes of sets of tasks, (n_sets, d), for members (n_sets, T)."""
    d = moments.xy.shape[1]
    share = members.astype(np.float64)
    out = np.empty((len(members), d))
    step = max(1, AT_ONCE // (d * d))
    with one_blas_thread():
        for first in range(0, len(members), step):
            rows = slice(first, first + step)
            gram = np.tensordot(share[rows], moments.gram, 1) + ridge * np.eye(d)
            out[rows] = np.linalg.solve(gram, (share[rows] @ moments.xy)[..., None])[..., 0]
    return out


def predicted_losses(moments: Moments, members: NDArray[np.bool_], ridge: float) -> Array:
    """Return what each set of tasks should lose on new rows, in units of its tasks' noise, (n_sets,).

    sum over the members of |y - X b|^2 / s_t^2 / (1 - h_t)^2, h_t = tr(G_t Q) / n_t: generalised cross-validation,
    task by task, since a task leans on its own rows less in a large group.
    """
    d = moments.xy.shape[1]
    share = members.astype(np.float64)
    out = np.empty(len(members))
    step = max(1, AT_ONCE // (d * d))
    with one_blas_thread():
        for first in range(0, len(members), step):
            rows = slice(first, first + step)
            Q = np.linalg.inv(np.tensordot(share[rows], moments.gram, 1) + ridge * np.eye(d))
            coef = (Q @ (share[rows] @ moments.xy)[..., None])[..., 0]
            leverage = Q.reshape(len(Q), -1) @ moments.gram.reshape(moments.n_tasks, -1).T / np.maximum(moments.n, 1.0)
            moved = np.einsum("tab,sb->sta", moments.gram, coef) - 2.0 * moments.xy
            error = np.maximum(np.einsum("sta,sa->st", moved, coef) + moments.yy, 0.0)
            scaled = error / moments.noise / (1.0 - np.minimum(leverage, 0.99)) ** 2
            out[rows] = (scaled * members[rows]).sum(axis=1)
    return out
