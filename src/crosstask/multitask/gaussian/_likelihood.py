"""The parameters of the coregionalisation model, its marginal likelihood, and the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cholesky, get_lapack_funcs

from crosstask.multitask.gaussian._covariance import Covariance
from crosstask.multitask.gaussian._kernel import pull_on_theta

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


class Parameters(NamedTuple):
    """What a vector of parameters holds."""

    theta: Array  # (n_theta,)
    apart: Array  # (n_tasks, n_theta), or (0, n_theta) without kernels of the tasks' own: theta_t = theta + apart_t
    loadings: Array  # (n_tasks, rank)
    own: Array  # (n_tasks,)
    noise: Array  # (n_tasks,)


@dataclass(frozen=True)
class Shape:
    """How the vector of parameters is cut; own parts and noises are kept as logarithms."""

    n_theta: int
    n_tasks: int
    rank: int
    own_kernels: bool = False

    @property
    def sizes(self) -> list[int]:
        """Lengths of the pieces."""
        apart = self.n_tasks * self.n_theta * self.own_kernels
        return [self.n_theta, apart, self.n_tasks * self.rank, self.n_tasks, self.n_tasks]

    def cut(self, vector: Array) -> Parameters:
        """Return the pieces."""
        theta, apart, loadings, own, noise = np.split(vector, np.cumsum(self.sizes)[:-1].tolist())
        return Parameters(
            theta,
            apart.reshape(self.n_tasks * self.own_kernels, self.n_theta),
            loadings.reshape(self.n_tasks, self.rank),
            np.exp(own),
            np.exp(noise),
        )

    def covariance(self, vector: Array, kernel: Any) -> Covariance:
        """Return the covariance of f under the parameters."""
        found = self.cut(vector)
        own = [kernel.clone_with_theta(found.theta + apart) for apart in found.apart] if self.own_kernels else None
        shared = found.loadings @ found.loadings.T
        return Covariance.plain(kernel.clone_with_theta(found.theta), shared, found.own, own)


@dataclass(frozen=True)
class GPRows:
    """Standardised rows; a weight of k stands for k rows with the same x and y."""

    X: Array
    codes: Ints
    y: Array
    weight: Array


def negative_log_likelihood(vector: Array, rows: GPRows, kernel: Any, shape: Shape) -> tuple[float, Array]:
    r"""Return :math:`-\log p(y)` and its gradient.

    :math:`\Sigma_{ij} = \operatorname{cov}(f_i, f_j) + \delta_{ij} \sigma^2_{t_i} / s_i`; with
    :math:`a = \Sigma^{-1} y`, the derivative of the log likelihood along :math:`d\Sigma` is
    :math:`\tfrac12 tr((a a' - \Sigma^{-1}) d\Sigma)`.
    Copies of a row (s > 1) add :math:`-(s - 1) / 2 \log \sigma^2`, which makes a weight the same as a repetition.
    """
    found, prior = shape.cut(vector), shape.covariance(vector, kernel)
    codes, weight, noise = rows.codes, rows.weight, found.noise
    gram = np.asarray(prior.kernel(rows.X), dtype=np.float64)
    between = prior.between_tasks if prior.own_kernels is None else prior.shared
    between = between[codes[:, None], codes]
    sigma = between * gram
    blocks = _own_blocks(prior, rows)
    for t, here, own in blocks:
        sigma[np.ix_(here, here)] += prior.own[t] * own
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
    on_theta = pull_on_theta(prior.kernel, rows.X, pull * between, gram)
    indicator = np.eye(shape.n_tasks)[codes]
    on_tasks = indicator.T @ (pull * gram) @ indicator
    on_own = np.diag(on_tasks) * found.own if prior.own_kernels is None else np.zeros(shape.n_tasks)
    on_apart = np.zeros_like(found.apart)
    for t, here, own in blocks:
        inside = prior.own[t] * pull[np.ix_(here, here)]
        on_own[t] = np.vdot(inside, own)
        on_apart[t] = pull_on_theta(prior.own_kernels[t], rows.X[here], inside, own)  # type: ignore[index]
    slope = [
        on_theta + on_apart.sum(axis=0),
        on_apart.ravel(),
        2.0 * (on_tasks @ found.loadings).ravel(),
        on_own,
        on_noise,
    ]
    return float(value), -0.5 * np.concatenate(slope)


def _own_blocks(prior: Covariance, rows: GPRows) -> list[tuple[int, Ints, Array]]:
    """Return (task, its rows, the Gram matrix of its own kernel) where tasks have kernels of their own."""
    if prior.own_kernels is None:
        return []
    placed = [(int(t), np.flatnonzero(rows.codes == t)) for t in np.unique(rows.codes)]
    return [(t, here, np.asarray(prior.own_kernels[t](rows.X[here]), dtype=np.float64)) for t, here in placed]
