"""The logistic loss of two classes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import expit, xlogy

from crosstask.losses._base import Array, Loss


class Logistic(Loss):
    r"""Logistic loss :math:`L(y, z) = \log(1 + e^z) - y z`, for two classes with y in {0, 1}.

    Conjugate: with :math:`p = y + u` in [0, 1], :math:`L^*(y, u) = p \log p + (1 - p) \log(1 - p)`.

    Notes
    -----
    Classes that a line separates have no finite optimum without a penalty on every slope.

    Examples
    --------
    >>> import numpy as np
    >>> Logistic().value(np.array([0.0, 1.0]), np.array([0.0, 2.0]), np.ones(2))
    0.820
    """

    classifies: ClassVar[bool] = True
    probabilistic: ClassVar[bool] = True

    @property
    def smoothness(self) -> float:
        """Upper bound of the second derivative."""
        return 0.25

    def row_value(self, y: Array, z: Array) -> Array:
        """Return log(1 + exp(z_i)) - y_i z_i of each row."""
        return np.logaddexp(0.0, z) - y * z

    def gradient(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i (expit(z_i) - y_i)."""
        return sample_weight * (expit(z) - y)

    def curvature(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i p_i (1 - p_i)."""
        p = expit(z)
        return sample_weight * p * (1.0 - p)

    def conjugate(self, y: Array, u: Array, sample_weight: Array) -> float:
        """Return sum_i s_i (p log p + (1 - p) log(1 - p)), p = y + u; infinite outside [0, 1]."""
        p = y + u
        if (p < -1e-12).any() or (p > 1 + 1e-12).any():
            return float("inf")
        p = np.clip(p, 0.0, 1.0)
        return float(sample_weight @ (xlogy(p, p) + xlogy(1.0 - p, 1.0 - p)))
