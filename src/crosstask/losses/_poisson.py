"""The Poisson loss with a logarithmic link, for counts."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import xlogy

from crosstask.losses._base import Array, Loss

LARGEST = 300.0  # predictors are cut off there before exp: such a mean is nobody's answer, and must not overflow


class Poisson(Loss):
    r"""Half the Poisson deviance with mean :math:`e^z`: :math:`L(y, z) = e^z - y z - y + y \log y`, for y >= 0.

    Conjugate: with :math:`p = y + u \ge 0`, :math:`L^*(y, u) = p \log p - p + y - y \log y`.

    Notes
    -----
    For counts and rates; ``predict`` returns the mean :math:`e^z`. The second derivative has no bound: steps are
    Newton's, each held back until the objective falls as foretold. Not for counts with many more zeros or far larger
    values than a Poisson distribution has: their noise is taken for signal, and alpha must hold it.

    Examples
    --------
    >>> import numpy as np
    >>> Poisson().value(np.array([1.0, 0.0]), np.array([0.0, 0.0]), np.ones(2))
    1.0
    """

    log_link: ClassVar[bool] = True

    @property
    def smoothness(self) -> float:
        """Infinity: there is no bound of the second derivative."""
        return float("inf")

    def check_target(self, y: Array) -> None:
        """Refuse negative counts."""
        if (y < 0).any():
            raise ValueError(
                f"loss='poisson' is for counts, and y has {int((y < 0).sum())} negative value(s), the smallest "
                f"{y.min():g}: give y >= 0, or use loss='squared'."
            )

    def row_value(self, y: Array, z: Array) -> Array:
        """Return half the deviance of each row."""
        return _exp(z) - y * z - y + xlogy(y, y)

    def gradient(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i (exp(z_i) - y_i)."""
        return sample_weight * (_exp(z) - y)

    def curvature(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i exp(z_i)."""
        return sample_weight * _exp(z)

    def majoriser(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i max(exp(z_i), y_i): above the loss between z_i and the row's own optimum, not everywhere."""
        return sample_weight * np.maximum(_exp(z), y)

    def conjugate(self, y: Array, u: Array, sample_weight: Array) -> float:
        """Return sum_i s_i (p log p - p + y - y log y), p = y + u; infinite below zero."""
        p = y + u
        if (p < -1e-12 * (1.0 + y)).any():
            return float("inf")
        p = np.maximum(p, 0.0)
        return float(sample_weight @ (xlogy(p, p) - p + y - xlogy(y, y)))

    def prediction(self, z: Array) -> Array:
        """Return the mean exp(z)."""
        return _exp(z)

    def predictor(self, answer: Array) -> Array:
        """Return the logarithm of the mean."""
        return np.log(np.maximum(answer, np.exp(-LARGEST)))


def _exp(z: Array) -> Array:
    return np.exp(np.minimum(z, LARGEST))
