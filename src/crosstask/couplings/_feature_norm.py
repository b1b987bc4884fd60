"""A feature is used by all tasks, or by none."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, norm_range
from crosstask.couplings._frozen import Frozen, as_outputs


class FeatureNorm(Coupling):
    r"""Group norm over the tasks (L2,1): :math:`R(W) = \sum_j \|(w_{tj})_t\|_2`.

    With several outputs a group is all tasks and outputs of a feature. With the wide target, T tasks and the squared
    loss, scikit-learn's ``MultiTaskLasso(alpha=a)`` is ``alpha = a / T``.

    Parameters
    ----------
    weight : float, default=1.0
        Multiplies R.

    References
    ----------
    Obozinski, Taskar and Jordan, Joint covariate selection and joint subspace selection, Statistics and Computing 2010.

    Notes
    -----
    Not when tasks use different features, or when all features matter a little: then it only shrinks.

    Examples
    --------
    >>> import numpy as np
    >>> FeatureNorm().value(np.array([[3.0, 0.0], [4.0, 0.0]]))
    5.0
    """

    is_norm: ClassVar[bool] = True
    by_feature = True

    def value(self, V: Array) -> float:
        """Return R(V)."""
        return self.weight * float(_lengths(V).sum())

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return V with each feature's length shortened by its step, zero where it is shorter."""
        length = _lengths(V)
        cut = self.weight * np.asarray(step)
        return V * (np.maximum(length - cut, 0.0) / np.where(length > 0, length, 1.0))

    def dual_norm(self, G: Array) -> float:
        """Return the longest feature of G, divided by the weight."""
        return float(_lengths(G).max(initial=0.0)) / self.weight

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the distance of -gradient to the subdifferential, feature by feature, as one Euclidean norm."""
        length = _lengths(V)
        unit = V / np.where(length > 0, length, 1.0)
        active = _lengths(gradient + self.weight * unit)
        idle = np.maximum(_lengths(gradient) - self.weight, 0.0)
        return float(np.linalg.norm(np.where(length > 0, active, idle)))

    def frozen(self, V: Array) -> Frozen:
        """Return sum_j w_j^2 / (2 |V_j|), since a length |V_j| is the least (|V_j|^2 / e + e) / 2 over e."""
        return Frozen(np.zeros(as_outputs(V).shape[1:]), np.sqrt(_lengths(V) / self.weight))

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return the smallest alpha at which all slopes are zero, and 1e-4 of it."""
        return norm_range(self.dual_norm(problem.null_gradient()), 1e-4)


def _lengths(V: Array) -> Array:
    """Norm of each feature over all tasks and outputs."""
    flat = V.reshape(-1, V.shape[-1])
    return np.sqrt(np.einsum("ij,ij->j", flat, flat))
