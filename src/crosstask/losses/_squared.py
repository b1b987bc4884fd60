"""The squared loss."""

from __future__ import annotations

import numpy as np

from crosstask.losses._base import Array, Loss


class Squared(Loss):
    r"""Squared loss :math:`L(y, z) = (y - z)^2 / 2`, for regression.

    Conjugate: :math:`L^*(y, u) = u^2 / 2 + u y`.

    Notes
    -----
    Not for targets with outliers or a skewed scale: one far row moves the whole model.

    Examples
    --------
    >>> import numpy as np
    >>> Squared().value(np.array([1.0, 3.0]), np.array([0.0, 1.0]), np.ones(2))
    2.5
    """

    @property
    def smoothness(self) -> float:
        """Upper bound of the second derivative."""
        return 1.0

    def row_value(self, y: Array, z: Array) -> Array:
        """Return (y_i - z_i)^2 / 2 of each row."""
        residual = z - y
        return 0.5 * residual * residual

    def gradient(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i (z_i - y_i)."""
        return sample_weight * (z - y)

    def curvature(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i."""
        return np.array(sample_weight, dtype=np.float64)

    def conjugate(self, y: Array, u: Array, sample_weight: Array) -> float:
        """Return sum_i s_i (u_i^2 / 2 + u_i y_i)."""
        return float(sample_weight @ (u * (0.5 * u + y)))
