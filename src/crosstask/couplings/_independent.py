"""No coupling: each task alone."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, ridge_range
from crosstask.couplings._frozen import Frozen, as_outputs, ridge_around


class Independent(Coupling):
    r"""Each task on its own: :math:`R(W) = \frac12 \sum_t \|w_t\|_2^2`.

    With one task this is scikit-learn's ``Ridge(alpha=n * alpha)`` and ``LogisticRegression(C=1 / (n * alpha))``.

    Parameters
    ----------
    weight : float, default=1.0
        Multiplies R.

    Notes
    -----
    Not when tasks have few rows and resemble one another: nothing is shared but alpha.

    Examples
    --------
    >>> import numpy as np
    >>> Independent().value(np.array([[3.0, 4.0], [1.0, 0.0]]))
    13.0
    """

    by_feature = True
    rotation_invariant: ClassVar[bool] = True

    def value(self, V: Array) -> float:
        """Return R(V)."""
        return 0.5 * self.weight * float(np.vdot(V, V))

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return V / (1 + step)."""
        return V / (1.0 + self.weight * np.asarray(step))

    def conjugate(self, G: Array) -> float:
        """Return sum_t |g_t|^2 / 2."""
        return 0.5 * float(np.vdot(G, G)) / self.weight

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the norm of gradient + V."""
        return float(np.linalg.norm(gradient + self.weight * V))

    def frozen(self, V: Array) -> Frozen:
        """Return the ridge itself: nothing is shared."""
        return ridge_around(np.zeros(as_outputs(V).shape[1:]), self.weight)

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return the alphas that keep 1 % and 99 % of the degrees of freedom."""
        return ridge_range(problem.null_eigenvalues(), self.weight)
