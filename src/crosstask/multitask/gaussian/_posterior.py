"""The exact posterior given the parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from crosstask.multitask.gaussian._covariance import Covariance
from crosstask.multitask.gaussian._likelihood import GPRows

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Posterior:
    """f at (x, t) is N(q'coef, c - |solve(factor, q)|^2), q its covariance with all rows and c its variance."""

    X_train_: Array
    codes: Ints
    coef: Array
    factor: Array

    def at(self, X: Array, codes: Ints, prior: Covariance, *, spread: bool) -> tuple[Array, Array | None]:
        """Return mean and variance of f; ``prior`` is that of the fit, its codes perhaps in other units."""
        q = prior.across(X, codes, self.X_train_, self.codes)
        mean = q @ self.coef
        if not spread:
            return mean, None
        seen = solve_triangular(self.factor, q.T, lower=True, check_finite=False)
        return mean, np.maximum(prior.variance(X, codes) - np.sum(seen**2, axis=0), 0.0)


def exact_posterior(rows: GPRows, prior: Covariance, noise: Array) -> Posterior:
    """Return the posterior of all rows."""
    sigma = prior.of_rows(rows.X, rows.codes)
    sigma[np.diag_indices_from(sigma)] += noise[rows.codes] / rows.weight
    factor = cholesky(sigma, lower=True, overwrite_a=True, check_finite=False)
    half = solve_triangular(factor, rows.y, lower=True, check_finite=False)
    coef = solve_triangular(factor, half, lower=True, trans=1, check_finite=False)
    return Posterior(rows.X, rows.codes, coef, factor)
