"""The exact posterior given the parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from crosstask.multitask.gaussian._likelihood import GPRows

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Posterior:
    """f at (x, t) is N(q'coef, k - |solve(factor, q)|^2), with q = B[t, .] k(x, .) at all rows."""

    kernel: Any
    X_train_: Array
    codes: Ints
    coef: Array
    factor: Array

    def at(self, X: Array, codes: Ints, lines: Array, variance: Array, *, spread: bool) -> tuple[Array, Array | None]:
        """Return mean and variance of f; ``lines`` holds B[t, .] of each row, ``variance`` its B[t, t]."""
        q = np.asarray(self.kernel(X, self.X_train_), dtype=np.float64) * lines[:, self.codes]
        mean = q @ self.coef
        if not spread:
            return mean, None
        seen = solve_triangular(self.factor, q.T, lower=True, check_finite=False)
        return mean, np.maximum(variance * self.kernel.diag(X) - np.sum(seen**2, axis=0), 0.0)


def exact_posterior(rows: GPRows, kernel: Any, B: Array, noise: Array) -> Posterior:
    """Return the posterior of all rows."""
    sigma = np.asarray(kernel(rows.X), dtype=np.float64)
    sigma *= B[rows.codes[:, None], rows.codes]
    sigma[np.diag_indices_from(sigma)] += noise[rows.codes] / rows.weight
    factor = cholesky(sigma, lower=True, overwrite_a=True, check_finite=False)
    half = solve_triangular(factor, rows.y, lower=True, check_finite=False)
    coef = solve_triangular(factor, half, lower=True, trans=1, check_finite=False)
    return Posterior(kernel, rows.X, rows.codes, coef, factor)
