"""What a loss must know."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

Array = NDArray[np.float64]


class Loss(BaseEstimator):
    """Base of the losses L(y, z), where z = x'w + b has shape (n,), or (n, K) for several outputs.

    A loss has parameters like any scikit-learn object, and no state. Sums run over rows, each multiplied by its
    sample weight. ``conjugate`` is the Fenchel conjugate L*(y, u) = sup_z u z - L(y, z), needed for the duality gap.
    """

    #: Whether the loss is for class positions rather than numbers.
    classifies: ClassVar[bool] = False
    #: Whether it is for two classes only.
    two_classes: ClassVar[bool] = False
    #: Whether the predictors of classes are log odds, so that there are probabilities.
    probabilistic: ClassVar[bool] = False
    #: Whether adding one number to all K predictors of a row changes nothing.
    shift_invariant: ClassVar[bool] = False
    #: Whether z is the logarithm of what ``predict`` returns, so that rows may have an exposure.
    log_link: ClassVar[bool] = False

    @property
    def smoothness(self) -> float:
        """Upper bound of the second derivative (largest eigenvalue of the Hessian in z); infinite without one."""
        raise NotImplementedError

    def n_outputs(self, n_classes: int | None) -> int:
        """Return K, the number of linear predictors of a row."""
        return 1

    def check_target(self, y: Array) -> None:
        """Raise a ValueError where the loss is not defined for some y."""

    def bound_to(self, y: Array, codes: NDArray[np.intp], sample_weight: Array) -> Self:
        """Return the loss with every parameter that follows the spread of y set for this y (``codes``: tasks)."""
        return self

    def row_value(self, y: Array, z: Array) -> Array:
        """Return L(y_i, z_i) of each row, shape (n,)."""
        raise NotImplementedError

    def value(self, y: Array, z: Array, sample_weight: Array) -> float:
        """Return sum_i s_i L(y_i, z_i)."""
        return float(sample_weight @ self.row_value(y, z))

    def gradient(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i dL/dz at z_i, in the shape of z."""
        raise NotImplementedError

    def curvature(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i d2L/dz2, in the shape of z, or (n, K, K) for several outputs that interact."""
        raise NotImplementedError

    def majoriser(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i times the curvature of a quadratic that touches L at z_i and lies above it, as ``curvature``.

        The bound of the second derivative is one; a loss with straight pieces has a better one.
        """
        if z.ndim == 1:
            return self.smoothness * sample_weight
        return self.smoothness * sample_weight[:, None, None] * np.eye(z.shape[1])

    def conjugate(self, y: Array, u: Array, sample_weight: Array) -> float:
        """Return sum_i s_i L*(y_i, u_i)."""
        raise NotImplementedError

    def prediction(self, z: Array) -> Array:
        """Return what ``predict`` answers for predictors z."""
        return z

    def predictor(self, answer: Array) -> Array:
        """Return z for what ``predict`` answered."""
        return answer

    def scored(self) -> Loss:
        """Return the loss by which predictions are judged, where it is another than the one that is minimised."""
        return self


def spread_within_tasks(y: Array, codes: NDArray[Any], sample_weight: Array) -> float:
    """Return 1.4826 times the median distance of y from its task's median, which is sigma for normal noise.

    Where that is zero (more than half of the rows at their task's median), the standard deviation over all rows, and 1
    where that is zero as well.
    """
    centre = np.zeros(int(codes.max(initial=0)) + 1)
    for t in np.unique(codes):
        rows = codes == t
        centre[t] = weighted_quantile(y[rows], sample_weight[rows], 0.5)
    spread = 1.4826 * weighted_quantile(np.abs(y - centre[codes]), sample_weight, 0.5)
    if spread > 0.0:
        return spread
    mean = np.average(y, weights=sample_weight)
    deviation = float(np.sqrt(np.average((y - mean) ** 2, weights=sample_weight)))
    return deviation if deviation > 1e-12 * abs(mean) else 1.0


def weighted_quantile(values: Array, sample_weight: Array, share: float) -> float:
    """Return the smallest value with at least ``share`` of the weight at or below it."""
    order = np.argsort(values)
    below = np.cumsum(sample_weight[order])
    return float(values[order][np.searchsorted(below, share * below[-1] * (1.0 - 1e-12))])
