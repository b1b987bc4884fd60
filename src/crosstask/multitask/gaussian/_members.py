"""Predictions that know how little the parameters are known: one process for each of a few plausible values of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from crosstask.multitask.gaussian._covariance import Covariance
from crosstask.multitask.gaussian._inducing import InducingPosterior
from crosstask.multitask.gaussian._likelihood import Shape
from crosstask.multitask.gaussian._posterior import Posterior
from crosstask.multitask.gaussian._prior import Objective

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

MOST_DIRECTIONS = 12
LEAST_PRECISION = 0.25  # of the prior of own parts and noises: farther out the likelihood is no parabola
_STEP = 1e-4
_STIFF = 1e6


@dataclass(frozen=True)
class Member:
    """One process: the prior and the noise variances, of y standardised in each task, and the posterior."""

    prior: Covariance
    noise: Array
    posterior: Posterior | InducingPosterior

    def at(self, X: Array, codes: Ints, y_scale: Array, *, spread: bool) -> tuple[Array, Array]:
        """Return mean and variance of an observation, in units of y; code -1 is the average of the tasks' functions."""
        noise = self.noise * y_scale**2
        mean, left = self.posterior.at(X, codes, self.prior.in_units(y_scale), spread=spread)
        return mean, np.append(noise, noise.mean())[codes] + (0.0 if left is None else left)


def mixture(members: list[Member], X: Array, codes: Ints, y_scale: Array, *, spread: bool) -> tuple[Array, Array]:
    """Return mean and variance of the mixture of all members: within them, and between their means."""
    found = [member.at(X, codes, y_scale, spread=spread) for member in members]
    means, variances = (np.array(values) for values in zip(*found, strict=True))
    return means.mean(axis=0), variances.mean(axis=0) + means.var(axis=0)


def plausible_parameters(best: Array, objective: Objective, bounds: list[Any]) -> Array:
    r"""Return points of shape (2 k, n_parameters) with mean and covariance of Laplace's approximation.

    .. math:: \hat\vartheta \pm \sqrt{k} \, \lambda_j^{-1/2} u_j, \qquad j = 1 .. k

    along the k eigenvectors of the second derivatives with the smallest eigenvalues: the directions that the rows
    say least about. No eigenvalue counts as less than 1/4, the precision
    of the prior of the variances. Turning the loadings,
    :math:`L \to LQ`, changes nothing, and is no direction.
    """
    shape = objective.shape
    curvature = np.array([_slope_change(objective, best, step) for step in _STEP * np.eye(len(best))])
    curvature = (curvature + curvature.T) / 2.0
    for turn in _turns(best, shape):
        curvature += _STIFF * np.outer(turn, turn)
    k = min(MOST_DIRECTIONS, len(best))
    values, vectors = eigh(curvature, subset_by_index=[0, k - 1])
    steps = np.sqrt(k) * vectors.T / np.sqrt(np.maximum(values, LEAST_PRECISION))[:, None]
    low, high = np.array([(-np.inf if a is None else a, np.inf if b is None else b) for a, b in bounds]).T
    return np.clip(np.concatenate([best + steps, best - steps]), low, high)


def _slope_change(objective: Objective, best: Array, step: Array) -> Array:
    return (objective(best + step)[1] - objective(best - step)[1]) / (2.0 * _STEP)


def _turns(best: Array, shape: Shape) -> list[Array]:
    """Return the unit vectors along which turning the loadings moves the parameters."""
    loadings = shape.cut(best).loadings
    found: list[Array] = []
    for i in range(shape.rank):
        for j in range(i):
            turned = np.zeros_like(loadings)
            turned[:, i], turned[:, j] = loadings[:, j], -loadings[:, i]
            whole = np.zeros(len(best))
            first = sum(shape.sizes[:2])
            whole[first : first + turned.size] = turned.ravel()
            found.append(whole / max(float(np.linalg.norm(whole)), 1e-12))
    return found
