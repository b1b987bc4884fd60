"""The posterior given the parameters: exact, or through inducing rows (FITC)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from crosstask.multitask.gaussian._likelihood import GPRows

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

_JITTER = 1e-8  # of B_tt k(x, x): inducing rows may be alike


@dataclass(frozen=True)
class Posterior:
    """f at (x, t) is N(q'coef, k - |v|^2 + |solve(inner, v)|^2), with v = solve(outer, q).

    q is B[t, .] k(x, .) at the rows kept. ``inner`` is None for the exact posterior, whose last term is absent.
    """

    kernel: Any
    X_train_: Array
    codes: Ints
    coef: Array
    outer: Array
    inner: Array | None

    def at(self, X: Array, lines: Array, variance: Array, *, spread: bool) -> tuple[Array, Array | None]:
        """Return mean and variance of f; ``lines`` holds B[t, .] of each row, ``variance`` its B[t, t]."""
        q = np.asarray(self.kernel(X, self.X_train_), dtype=np.float64) * lines[:, self.codes]
        mean = q @ self.coef
        if not spread:
            return mean, None
        seen = solve_triangular(self.outer, q.T, lower=True, check_finite=False)
        left = variance * self.kernel.diag(X) - np.sum(seen**2, axis=0)
        if self.inner is not None:
            left += np.sum(solve_triangular(self.inner, seen, lower=True, check_finite=False) ** 2, axis=0)
        return mean, np.maximum(left, 0.0)


def exact_posterior(rows: GPRows, kernel: Any, B: Array, noise: Array) -> Posterior:
    """Return the posterior of all rows."""
    sigma = np.asarray(kernel(rows.X), dtype=np.float64)
    sigma *= B[rows.codes[:, None], rows.codes]
    sigma[np.diag_indices_from(sigma)] += noise[rows.codes] / rows.weight
    factor = cholesky(sigma, lower=True, overwrite_a=True, check_finite=False)
    half = solve_triangular(factor, rows.y, lower=True, check_finite=False)
    coef = solve_triangular(factor, half, lower=True, trans=1, check_finite=False)
    return Posterior(kernel, rows.X, rows.codes, coef, factor, None)


def inducing_posterior(rows: GPRows, kernel: Any, B: Array, noise: Array, chosen: Ints) -> Posterior:
    """Return the posterior of all rows, in which f at two rows is tied only through the chosen rows (FITC)."""
    X, codes = rows.X[chosen], rows.codes[chosen]
    inside = B[codes[:, None], codes] * np.asarray(kernel(X), dtype=np.float64)
    inside[np.diag_indices_from(inside)] += _JITTER * np.diag(inside)
    outer = cholesky(inside, lower=True, check_finite=False)
    across = B[codes[:, None], rows.codes] * np.asarray(kernel(X, rows.X), dtype=np.float64)
    seen = solve_triangular(outer, across, lower=True, check_finite=False)
    missed = np.maximum(np.diag(B)[rows.codes] * kernel.diag(rows.X) - np.sum(seen**2, axis=0), 0.0)
    precision = 1.0 / (missed + noise[rows.codes] / rows.weight)
    # With v = solve(outer, across) the matrix is at least the identity: no noise is too small for it.
    inner = cholesky(np.eye(len(chosen)) + (seen * precision) @ seen.T, lower=True, check_finite=False)
    half = solve_triangular(inner, seen @ (precision * rows.y), lower=True, check_finite=False)
    half = solve_triangular(inner, half, lower=True, trans=1, check_finite=False)
    coef = solve_triangular(outer, half, lower=True, trans=1, check_finite=False)
    return Posterior(kernel, X, codes, coef, outer, inner)
