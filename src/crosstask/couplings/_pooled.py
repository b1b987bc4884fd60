"""Full coupling: the same slopes for every task."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, ridge_range
from crosstask.couplings._frozen import Frozen, as_outputs


class Pooled(Coupling):
    r"""One vector of slopes for all tasks: :math:`R(W) = \frac12 \|w\|_2^2` if all :math:`w_t = w`, else infinite.

    The intercepts stay free, one for each task.

    Parameters
    ----------
    weight : float, default=1.0
        Multiplies R. With 0 the common slopes cost nothing: the free centre of a :class:`Decomposed`.

    Notes
    -----
    Not when the slopes of some tasks differ: no amount of data lets such a task leave the others.

    Examples
    --------
    >>> import numpy as np
    >>> Pooled().value(np.array([[3.0, 4.0], [3.0, 4.0]]))
    12.5
    """

    by_feature = True
    may_be_free: ClassVar[bool] = True
    rotation_invariant: ClassVar[bool] = True

    def value(self, V: Array) -> float:
        """Return R(V), infinite where the tasks differ by more than rounding."""
        if np.abs(V - V[:1]).max(initial=0.0) > 1e-10 * np.abs(V).max(initial=0.0):
            return float("inf")
        return 0.5 * self.weight * float(np.vdot(V[0], V[0]))

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return sum_t v_t / (T + step) for every task."""
        shared = V.sum(axis=0) / (len(V) + self.weight * np.asarray(step))
        return np.repeat(shared[None], len(V), axis=0)

    def conjugate(self, G: Array) -> float:
        """Return |sum_t g_t|^2 / 2; with weight 0 the sum is taken to be zero."""
        if self.weight == 0:
            return 0.0
        total = G.sum(axis=0)
        return 0.5 * float(np.vdot(total, total)) / self.weight

    def free_groups(self, n_tasks: int) -> Array | None:
        """Return all tasks as one group where the weight is 0."""
        return None if self.weight > 0 else np.ones((1, n_tasks))

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the norm of sum_t gradient_t + w, and the spread of the tasks' slopes."""
        spread = float(np.linalg.norm(V - V[:1]))
        return float(np.linalg.norm(gradient.sum(axis=0) + self.weight * V[0])) + spread

    def centre(self, V: Array) -> Array | None:
        """Return the common slopes."""
        return V[0].copy()

    def frozen(self, V: Array) -> Frozen:
        """Return the shared slopes, from which no task departs."""
        shared = as_outputs(V)[0]
        return Frozen(shared, np.zeros(shared.shape[-1]))

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return the alphas that keep 1 % and 99 % of the pooled model's degrees of freedom."""
        return ridge_range(problem.null_eigenvalues(pooled=True), self.weight if self.weight > 0 else 1.0)
