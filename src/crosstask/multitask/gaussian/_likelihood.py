"""The marginal likelihood of the intrinsic coregionalisation model, and its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, get_lapack_funcs

from crosstask.multitask.gaussian._kernel import pull_on_theta

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Shape:
    """How the vector of parameters is cut: theta of k, the loadings, and the logarithms of own parts and of noises."""

    n_theta: int
    n_tasks: int
    rank: int

    @property
    def n_parameters(self) -> int:
        """Length of the vector."""
        return self.n_theta + self.n_tasks * (self.rank + 2)

    def cut(self, vector: Array) -> tuple[Array, Array, Array, Array]:
        """Return (theta, loadings of shape (n_tasks, rank), own parts, noises)."""
        theta, loadings, own, noise = np.split(
            vector, np.cumsum([self.n_theta, self.n_tasks * self.rank, self.n_tasks]).tolist()
        )
        return theta, loadings.reshape(self.n_tasks, self.rank), np.exp(own), np.exp(noise)


@dataclass(frozen=True)
class GPRows:
    """Standardised rows; a weight of k stands for k rows with the same x and y."""

    X: Array
    codes: Ints
    y: Array
    weight: Array


def task_covariance(loadings: Array, own: Array) -> Array:
    """Return B = L L' + diag(own)."""
    return loadings @ loadings.T + np.diag(own)


def negative_log_likelihood(vector: Array, rows: GPRows, kernel: Any, shape: Shape) -> tuple[float, Array]:
    r"""Return :math:`-\log p(y)` and its gradient.

    :math:`\Sigma_{ij} = B_{t_i t_j} k(x_i, x_j) + \delta_{ij} \sigma^2_{t_i} / s_i`; with :math:`a = \Sigma^{-1} y`,
    the derivative of the log likelihood along :math:`d\Sigma` is :math:`\tfrac12 tr((a a' - \Sigma^{-1}) d\Sigma)`.
    Copies of a row (s > 1) add :math:`-(s - 1) / 2 \log \sigma^2`, which makes a weight the same as a repetition.
    """
    theta, loadings, own, noise = shape.cut(vector)
    fitted = kernel.clone_with_theta(theta)
    gram = np.asarray(fitted(rows.X), dtype=np.float64)
    codes, weight = rows.codes, rows.weight
    between = task_covariance(loadings, own)[codes[:, None], codes]
    sigma = between * gram
    sigma[np.diag_indices_from(sigma)] += noise[codes] / weight
    try:
        factor = cholesky(sigma, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:
        return 1e25, np.zeros_like(vector)
    potri: Any = get_lapack_funcs("potri", (factor,))
    inverse = potri(factor, lower=1)[0]
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    a = inverse @ rows.y
    copies = np.bincount(codes, weight - 1.0, shape.n_tasks)
    value = 0.5 * rows.y @ a + np.log(np.diag(factor)).sum() + 0.5 * len(a) * np.log(2.0 * np.pi)
    value += 0.5 * copies @ np.log(2.0 * np.pi * noise) + 0.5 * np.log(weight).sum()
    pull = np.outer(a, a) - inverse
    on_noise = np.bincount(codes, np.diag(pull) / weight, shape.n_tasks) * noise - copies
    on_theta = pull_on_theta(fitted, rows.X, pull * between, gram)
    indicator = np.eye(shape.n_tasks)[codes]
    on_tasks = indicator.T @ (pull * gram) @ indicator
    slope = [on_theta / 2.0, (on_tasks @ loadings).ravel(), np.diag(on_tasks) * own / 2.0, on_noise / 2.0]
    return float(value), -np.concatenate(slope)
