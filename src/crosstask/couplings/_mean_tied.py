"""Slopes tied to their common mean."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, ridge_range
from crosstask.couplings._frozen import Frozen, as_outputs, ridge_around


class MeanTied(Coupling):
    r"""Slopes tied to a common centre, each task as near to it as alpha says.

    .. math::
        R(W) = \min_{w_0} \frac12 \sum_t \|w_t - w_0\|_2^2 + \frac{c}{2} \|w_0\|_2^2

    The centre is :math:`w_0 = \sum_t w_t / (T + c)`. As alpha goes to infinity the tasks are pooled, as it goes to zero
    they are independent; with c = 0 the centre itself is not penalised.

    Parameters
    ----------
    centre_weight : float, default=0.0
        c. A small positive value gives a finite optimum to classes that a common line separates.
    weight : float, default=1.0
        Multiplies R.

    References
    ----------
    Evgeniou and Pontil, Regularized multi-task learning, KDD 2004.

    Notes
    -----
    Not when a few tasks are far from all others: the square lets them drag the centre, and be dragged.

    Examples
    --------
    >>> import numpy as np
    >>> MeanTied().value(np.array([[1.0, 0.0], [3.0, 0.0]]))
    1.0
    """

    by_feature = True
    rotation_invariant: ClassVar[bool] = True

    def __init__(self, centre_weight: float = 0.0, weight: float = 1.0) -> None:
        self.centre_weight = centre_weight
        self.weight = weight

    def centre(self, V: Array) -> Array | None:
        """Return w_0."""
        return V.sum(axis=0) / (len(V) + self.centre_weight)

    def value(self, V: Array) -> float:
        """Return R(V)."""
        w0 = V.sum(axis=0) / (len(V) + self.centre_weight)
        apart = V - w0
        return 0.5 * self.weight * float(np.vdot(apart, apart) + self.centre_weight * np.vdot(w0, w0))

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return (v_t + step w_0) / (1 + step), with w_0 = sum_t v_t / (T + c (1 + step))."""
        length = self.weight * np.asarray(step)
        w0 = V.sum(axis=0) / (len(V) + self.centre_weight * (1.0 + length))
        return (V + length * w0) / (1.0 + length)

    def conjugate(self, G: Array) -> float:
        """Return sum_t |g_t|^2 / 2 + |sum_t g_t|^2 / (2 c); with c = 0 the sum must be zero (see ``free_groups``)."""
        value = 0.5 * float(np.vdot(G, G))
        if self.centre_weight > 0:
            total = G.sum(axis=0)
            value += 0.5 * float(np.vdot(total, total)) / self.centre_weight
        return value / self.weight

    def free_groups(self, n_tasks: int) -> Array | None:
        """Return all tasks as one group, which moves the centre, where c = 0."""
        return None if self.centre_weight > 0 else np.ones((1, n_tasks))

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the norm of gradient + V - w_0."""
        w0 = V.sum(axis=0) / (len(V) + self.centre_weight)
        return float(np.linalg.norm(gradient + self.weight * (V - w0)))

    def frozen(self, V: Array) -> Frozen:
        """Return half the squared distance from w_0."""
        return ridge_around(as_outputs(V).sum(axis=0) / (len(V) + self.centre_weight), self.weight)

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return the alphas that keep 1 % and 99 % of the degrees of freedom of the tasks' own parts."""
        return ridge_range(problem.null_eigenvalues(), self.weight)
