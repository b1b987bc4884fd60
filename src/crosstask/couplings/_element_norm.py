"""Every slope by itself is used or not."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, norm_range
from crosstask.couplings._frozen import Frozen, as_outputs


class ElementNorm(Coupling):
    r"""Sum of absolute slopes (L1): :math:`R(W) = \sum_{tj} |w_{tj}|`.

    The lasso of each task, with one alpha for all. With several outputs every entry of (T, K, d) counts by itself.

    Parameters
    ----------
    weight : float, default=1.0
        Multiplies R.

    References
    ----------
    R. Tibshirani (1996). Regression shrinkage and selection via the lasso. Journal of the Royal Statistical Society B
    58, 267-288.

    Notes
    -----
    Cost: O(Td) a prox. Dual norm: the largest absolute entry.

    When not to use it: alone it ties the tasks by nothing but alpha; it is of use as a part of a sum, for what a few
    tasks do differently in a few features (:func:`crosstask.couplings.dirty`).

    Examples
    --------
    >>> import numpy as np
    >>> ElementNorm().prox(np.array([[3.0, -0.5]]), 1.0)
    array([[ 2., -0.]])
    """

    is_norm: ClassVar[bool] = True
    by_feature = True

    def value(self, V: Array) -> float:
        """Return R(V)."""
        return self.weight * float(np.abs(V).sum())

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return V with each entry moved towards zero by its step, at most to zero."""
        cut = self.weight * np.asarray(step)
        return np.sign(V) * np.maximum(np.abs(V) - cut, 0.0)

    def dual_norm(self, G: Array) -> float:
        """Return the largest absolute entry, divided by the weight."""
        return float(np.abs(G).max(initial=0.0)) / self.weight

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the distance of -gradient to the subdifferential."""
        active = np.abs(gradient + self.weight * np.sign(V))
        idle = np.maximum(np.abs(gradient) - self.weight, 0.0)
        return float(np.linalg.norm(np.where(V != 0, active, idle)))

    def frozen(self, V: Array) -> Frozen:
        """Return the norm itself, which ties no task to another."""
        outputs = as_outputs(V)
        return Frozen(np.zeros(outputs.shape[1:]), np.ones(outputs.shape[-1]), self)

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return the smallest alpha at which all slopes are zero, and 1e-3 of it."""
        return norm_range(self.dual_norm(problem.null_gradient()))
