"""The slopes of all tasks lie in a space of few dimensions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, norm_range
from crosstask.couplings._frozen import Frozen, as_outputs, with_levels
from crosstask.couplings._spectral import largest_singular_value, rescale, singular_values


class TraceNorm(Coupling):
    r"""Trace norm (nuclear norm): :math:`R(W) = \sum_i \sigma_i(W)`, the sum of the singular values.

    Tasks are mixtures of a few profiles, which are learnt together with them. With several outputs W is the
    (T K, d) matrix, one row for each task and output: they all share the same profiles of features.

    Parameters
    ----------
    weight : float, default=1.0
        Multiplies R.

    References
    ----------
    T. K. Pong, P. Tseng, S. Ji and J. Ye (2010). Trace norm regularization: reformulations, algorithms, and multi-task
    learning. SIAM Journal on Optimization 20, 3465-3489.

    Notes
    -----
    Cost: an eigendecomposition of order min(TK, d) a prox, O(TKd min(TK, d)). Dual norm: the largest singular value.

    When not to use it: when what the tasks share is one centre that is far from zero, which it shrinks together with
    all else; let the centre be free with ``Decomposed(Pooled(weight=0.0), TraceNorm())``. And when there are hardly
    more tasks than dimensions: three tasks have no low rank to find.

    Examples
    --------
    >>> import numpy as np
    >>> TraceNorm().value(np.diag([3.0, 4.0]))
    7.0
    """

    is_norm: ClassVar[bool] = True
    rotation_invariant: ClassVar[bool] = True

    def value(self, V: Array) -> float:
        """Return R(V)."""
        return self.weight * float(singular_values(_matrix(V)).sum())

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return V with each singular value lowered by the step, zero where it is smaller."""
        cut = self.weight * float(np.max(step))

        def kept(s: Array) -> Array:
            return np.maximum(s - cut, 0.0) / np.where(s > 0, s, 1.0)

        return rescale(_matrix(V), kept).reshape(V.shape)

    def dual_norm(self, G: Array) -> float:
        """Return the largest singular value, divided by the weight."""
        return largest_singular_value(_matrix(G)) / self.weight

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the distance of -gradient to {weight (U V' + Z): U'Z = 0, Z V = 0, largest singular value <= 1}."""
        return trace_violation(_matrix(V), _matrix(gradient), self.weight)

    def frozen(self, V: Array) -> Frozen:
        """Return w' Theta^-1 w / 2 with Theta = (V'V)^1/2, the minimiser of tr(V Theta^-1 V' + Theta) / 2."""
        _, s, profiles = np.linalg.svd(_matrix(V), full_matrices=False)
        return with_levels(np.zeros(as_outputs(V).shape[1:]), profiles, s, self.weight)

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return the smallest alpha at which all slopes are zero, and 1e-3 of it."""
        return norm_range(self.dual_norm(problem.null_gradient()))


def trace_violation(M: Array, gradient: Array, weight: float) -> float:
    """Return the distance of -gradient to weight times the subdifferential of the trace norm at M."""
    left, s, right = np.linalg.svd(M, full_matrices=False)
    rank = int(np.sum(s > 1e-9 * s.max(initial=0.0)))
    left, right = left[:, :rank], right[:rank]
    outside = gradient - left @ (left.T @ gradient)
    outside -= outside @ right.T @ right
    inside = gradient - outside + weight * (left @ right)
    beyond = np.maximum(singular_values(outside) - weight, 0.0)
    return float(np.hypot(np.linalg.norm(inside), np.linalg.norm(beyond)))


def _matrix(V: Array) -> Array:
    return V.reshape(-1, V.shape[-1])
