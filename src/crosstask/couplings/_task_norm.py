"""A task has slopes of its own, or none."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, norm_range
from crosstask.couplings._frozen import Frozen, as_outputs


class TaskNorm(Coupling):
    r"""Unsquared norm of each task's slopes: :math:`R(W) = \sum_t \|w_t\|_2`.

    A task whose rows do not insist gets no slopes at all; one that does is shrunk by a constant length, however long
    its slopes are. With several outputs :math:`w_t` is all of the task's (K, d) entries.

    Parameters
    ----------
    weight : float, default=1.0
        Multiplies R.

    References
    ----------
    Y. Duan and K. Wang (2023). Adaptive and robust multi-task learning. Annals of Statistics 51, 2015-2039.

    Notes
    -----
    Cost: O(Td) a prox. Dual norm: the longest task.

    When not to use it: alone it ties the tasks by nothing but alpha, and prefers no slopes. Its place is in a sum,
    where it holds what a task does differently from what the others share: tasks that follow the crowd follow it
    exactly, outliers leave it for a bounded price (:func:`crosstask.couplings.robust_centre`,
    :func:`crosstask.couplings.outlier_robust`).

    Examples
    --------
    >>> import numpy as np
    >>> TaskNorm().prox(np.array([[3.0, 4.0], [0.3, 0.4]]), 1.0)
    array([[2.4, 3.2],
           [0. , 0. ]])
    """

    is_norm: ClassVar[bool] = True
    rotation_invariant: ClassVar[bool] = True

    def value(self, V: Array) -> float:
        """Return R(V)."""
        return self.weight * float(_lengths(V).sum())

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return V with each task's length shortened by the step, zero where it is shorter."""
        length = _lengths(V)
        kept = np.maximum(length - self.weight * float(np.max(step)), 0.0) / np.where(length > 0, length, 1.0)
        return V * kept.reshape(-1, *[1] * (V.ndim - 1))

    def dual_norm(self, G: Array) -> float:
        """Return the longest task of G, divided by the weight."""
        return float(_lengths(G).max(initial=0.0)) / self.weight

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the distance of -gradient to the subdifferential."""
        length = _lengths(V)
        unit = V / np.where(length > 0, length, 1.0).reshape(-1, *[1] * (V.ndim - 1))
        active = _lengths(gradient + self.weight * unit)
        idle = np.maximum(_lengths(gradient) - self.weight, 0.0)
        return float(np.linalg.norm(np.where(length > 0, active, idle)))

    def frozen(self, V: Array) -> Frozen:
        """Return the norm itself, which ties no task to another."""
        outputs = as_outputs(V)
        return Frozen(np.zeros(outputs.shape[1:]), np.ones(outputs.shape[-1]), self)

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return the smallest alpha at which all slopes are zero, and 1e-3 of it."""
        return norm_range(self.dual_norm(problem.null_gradient()))


def _lengths(V: Array) -> Array:
    """Norm of each task over its outputs and features."""
    return np.linalg.norm(V.reshape(len(V), -1), axis=1)
