"""The smoothed pinball loss, for conditional quantiles."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from crosstask.losses._base import Array, Loss, spread_within_tasks

SMOOTHING = 0.1  # of the spread of y inside the tasks


class Quantile(Loss):
    r"""Smoothed pinball loss: the line of each row's :math:`q`-quantile.

    With :math:`r = y - z` and the pinball loss :math:`\rho(r) = \max(q r, (q - 1) r)`, the mean of :math:`\rho` over
    residuals within h of r:

    .. math::
        L(y, z) = \frac{r^2}{4h} + (q - \tfrac12) r + \frac h4 \quad (|r| \le h), \qquad \rho(r) \text{ beyond.}

    :math:`\rho \le L \le \rho + h / 4`, so the pinball loss of the optimum is at most h / 4 above the best.
    Conjugate: :math:`L^*(y, u) = u y + h (u + q - \tfrac12)^2 - h / 4` for u in [-q, 1 - q].

    Parameters
    ----------
    quantile : float, default=0.5
        q, between 0 and 1; 0.5 is the median.
    smoothing : float, optional
        h, in units of y. None: a tenth of the robust spread of y inside the tasks, found once on the training rows.

    References
    ----------
    M. Fernandes, E. Guerre and E. Horta (2021). Smoothing quantile regressions. Journal of Business and Economic
    Statistics 39, 338-357.

    Notes
    -----
    For the middle that far values do not move, and for ends of ranges. Quantiles fitted one by one may cross. Not
    for extreme quantiles of small tasks: 20 rows say nothing about the 99 % quantile. As h goes to zero the optimum
    becomes that of scikit-learn's ``QuantileRegressor`` (whose penalty is an L1 norm), and iterations become many.

    Examples
    --------
    >>> import numpy as np
    >>> Quantile(0.9, smoothing=0.1).value(np.array([2.0, 0.0]), np.array([1.0, 1.0]), np.ones(2))
    1.0
    """

    def __init__(self, quantile: float = 0.5, smoothing: float | None = None) -> None:
        self.quantile = quantile
        self.smoothing = smoothing

    @property
    def smoothness(self) -> float:
        """Upper bound of the second derivative, 1 / (2h)."""
        return 0.5 / self._h

    def bound_to(self, y: Array, codes: NDArray[np.intp], sample_weight: Array) -> Self:
        """Return the loss with ``smoothing`` in units of this y."""
        if not 0.0 < self.quantile < 1.0:
            raise ValueError(
                f"Quantile(quantile={self.quantile!r}): give a number between 0 and 1, 0.5 for the median."
            )
        if self.smoothing is not None:
            if not self.smoothing > 0:
                raise ValueError(
                    f"Quantile(smoothing={self.smoothing!r}): smoothing must be positive, or None for a tenth of the "
                    "spread of y."
                )
            return self
        h = SMOOTHING * spread_within_tasks(y, codes, sample_weight)
        return type(self)(quantile=self.quantile, smoothing=h)

    @property
    def _h(self) -> float:
        if self.smoothing is None:
            raise ValueError(
                "Quantile(smoothing=None) follows the spread of y: call bound_to(y, codes, weight), or give smoothing."
            )
        return self.smoothing

    def row_value(self, y: Array, z: Array) -> Array:
        """Return the loss of each row."""
        r, h = y - z, self._h
        beyond = np.abs(r)
        smooth = beyond if h == 0.0 else np.where(beyond <= h, 0.5 * (r * r / h + h), beyond)
        return 0.5 * smooth + (self.quantile - 0.5) * r

    def gradient(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return -s_i (q - 1/2 + r_i / (2h)), r cut off at h."""
        r, h = y - z, self._h
        side = np.sign(r) if h == 0.0 else np.clip(r / h, -1.0, 1.0)
        return -sample_weight * (self.quantile - 0.5 + 0.5 * side)

    def curvature(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i / (2h) where the residual is within h, else 0."""
        h = self._h
        return np.zeros_like(z) if h == 0.0 else sample_weight * (np.abs(y - z) <= h) * (0.5 / h)

    def majoriser(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i / (2 max(|r_i|, h))."""
        far = np.abs(y - z)
        return sample_weight * 0.5 / np.maximum(far, self._h or max(1e-3 * far.max(initial=0.0), 1e-300))

    def conjugate(self, y: Array, u: Array, sample_weight: Array) -> float:
        """Return sum_i s_i (u_i y_i + h (u_i + q - 1/2)^2 - h / 4); infinite outside [-q, 1 - q]."""
        if (u < -self.quantile - 1e-12).any() or (u > 1.0 - self.quantile + 1e-12).any():
            return float("inf")
        return float(sample_weight @ (u * y + self._h * ((u + self.quantile - 0.5) ** 2 - 0.25)))

    def scored(self) -> Loss:
        """Return the pinball loss itself, without smoothing."""
        return type(self)(quantile=self.quantile, smoothing=0.0)
