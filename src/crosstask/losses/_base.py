"""What a loss must know."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

Array = NDArray[np.float64]


class Loss(BaseEstimator):
    """Base of the losses L(y, z), where z = x'w + b has shape (n,), or (n, K) for several outputs.

    A loss has parameters like any scikit-learn object, and no state. Sums run over rows, each multiplied by its
    sample weight. ``conjugate`` is the Fenchel conjugate L*(y, u) = sup_z u z - L(y, z), needed for the duality gap.
    """

    #: Upper bound of the second derivative (largest eigenvalue of the Hessian in z).
    smoothness: ClassVar[float]
    #: Whether the loss is for class positions rather than numbers.
    classifies: ClassVar[bool] = False
    #: Whether adding one number to all K predictors of a row changes nothing.
    shift_invariant: ClassVar[bool] = False

    def n_outputs(self, n_classes: int | None) -> int:
        """Return K, the number of linear predictors of a row."""
        return 1

    def value(self, y: Array, z: Array, sample_weight: Array) -> float:
        """Return sum_i s_i L(y_i, z_i)."""
        raise NotImplementedError

    def gradient(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i dL/dz at z_i, in the shape of z."""
        raise NotImplementedError

    def curvature(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i d2L/dz2, in the shape of z, or (n, K, K) for several outputs that interact."""
        raise NotImplementedError

    def conjugate(self, y: Array, u: Array, sample_weight: Array) -> float:
        """Return sum_i s_i L*(y_i, u_i)."""
        raise NotImplementedError
