"""Rows and settings of one support vector machine, and LIBSVM as its solver on a Gram matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC, SVR

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Rows:
    """Rows of one problem: targets are -1 and 1, or numbers."""

    X: Any  # an array, or CSR
    codes: Ints
    y: Array
    weight: Array

    def take(self, rows: Any) -> Rows:
        """Return some of the rows."""
        return Rows(self.X[rows], self.codes[rows], self.y[rows], self.weight[rows])


@dataclass(frozen=True)
class Settings:
    """What the solvers need beside the rows.

    Parameters
    ----------
    C : float
        Weight of the loss.
    epsilon : float or None
        Width of the tube; None for classification, whose targets are -1 and 1.
    tol : float
        Largest violation of the optimality conditions, as in LIBSVM.
    max_iter : int
        -1 for no limit.
    cache_size : float
        Megabytes for LIBSVM.
    """

    C: float
    epsilon: float | None
    tol: float
    max_iter: int
    cache_size: float

    def bounds(self, y: Array, weight: Array) -> tuple[Array, Array]:
        """Return the bounds of the dual variables: [0, C] in the direction of y, or [-C, C]."""
        reach = self.C * weight
        if self.epsilon is not None:
            return -reach, reach
        return np.where(y > 0, 0.0, -reach), np.where(y > 0, reach, 0.0)

    def loss(self, y: Array, z: Array) -> Array:
        """Return the hinge or the epsilon-insensitive loss of each row; z may have further columns."""
        target = y.reshape(-1, *[1] * (z.ndim - 1))
        if self.epsilon is not None:
            return np.maximum(np.abs(target - z) - self.epsilon, 0.0)
        return np.maximum(1.0 - target * z, 0.0)


def solve_by_libsvm(gram: Array, y: Array, weight: Array, settings: Settings) -> tuple[Array, float, int]:
    """Return the dual variables (signed, one for each row) the intercept and the iterations."""
    options: dict[str, Any] = {
        "kernel": "precomputed",
        "C": settings.C,
        "tol": settings.tol,
        "max_iter": settings.max_iter,
        "cache_size": settings.cache_size,
    }
    machine: Any = SVC(**options) if settings.epsilon is None else SVR(epsilon=settings.epsilon, **options)
    machine.fit(gram, y, sample_weight=weight)
    beta = np.zeros(len(y))
    beta[machine.support_] = machine.dual_coef_[0]
    return beta, float(machine.intercept_[0]), int(np.max(machine.n_iter_))
