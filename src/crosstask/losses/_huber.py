"""Huber's loss: square near zero, absolute far away."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from crosstask.losses._base import Array, Loss, spread_within_tasks

EFFICIENT = 1.345  # of sigma: 95 % efficient where the noise is normal


class Huber(Loss):
    r"""Huber loss :math:`L(y, z) = r^2 / 2` where :math:`|r| \le \delta`, else :math:`\delta |r| - \delta^2 / 2`.

    Here :math:`r = z - y`. Conjugate: :math:`L^*(y, u) = u^2 / 2 + u y` for :math:`|u| \le \delta`, infinite beyond.

    Parameters
    ----------
    delta : float, optional
        Where a residual starts to count as far, in units of y. None: 1.345 times the robust spread of y inside the
        tasks (1.4826 times the median distance to the task's median), found once on the training rows.

    References
    ----------
    P. J. Huber (1964). Robust estimation of a location parameter. Annals of Mathematical Statistics 35, 73-101.

    Notes
    -----
    For far values of y. Far rows of X still pull: robustness is in the residual only. scikit-learn's
    ``HuberRegressor`` estimates its scale together with the slopes, so equal optima need a given ``delta``. With
    ``None`` the unit is the spread of y and not of the residuals: where X explains most of y, give a smaller number.

    Examples
    --------
    >>> import numpy as np
    >>> Huber(delta=1.0).value(np.array([0.0, 0.0]), np.array([0.5, 10.0]), np.ones(2))
    9.625
    """

    def __init__(self, delta: float | None = None) -> None:
        self.delta = delta

    @property
    def smoothness(self) -> float:
        """Upper bound of the second derivative."""
        return 1.0

    def bound_to(self, y: Array, codes: NDArray[np.intp], sample_weight: Array) -> Self:
        """Return the loss with ``delta`` in units of this y."""
        if self.delta is not None:
            if not self.delta > 0:
                raise ValueError(f"Huber(delta={self.delta!r}): give a positive delta, or None for 1.345 spreads of y.")
            return self
        return type(self)(delta=EFFICIENT * spread_within_tasks(y, codes, sample_weight))

    @property
    def _delta(self) -> float:
        if self.delta is None:
            raise ValueError(
                "Huber(delta=None) follows the spread of y: call bound_to(y, codes, weight), or give delta."
            )
        return self.delta

    def row_value(self, y: Array, z: Array) -> Array:
        """Return the loss of each row."""
        r, delta = np.abs(z - y), self._delta
        near = np.minimum(r, delta)
        return near * (r - 0.5 * near)

    def gradient(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i (z_i - y_i), cut off at delta."""
        return sample_weight * np.clip(z - y, -self._delta, self._delta)

    def curvature(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i where the residual is near, else 0."""
        return sample_weight * (np.abs(z - y) <= self._delta)

    def majoriser(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i min(1, delta / |r_i|)."""
        return sample_weight * self._delta / np.maximum(np.abs(z - y), self._delta)

    def conjugate(self, y: Array, u: Array, sample_weight: Array) -> float:
        """Return sum_i s_i (u_i^2 / 2 + u_i y_i); infinite for |u| above delta."""
        if (np.abs(u) > self._delta * (1.0 + 1e-12)).any():
            return float("inf")
        return float(sample_weight @ (u * (0.5 * u + y)))
