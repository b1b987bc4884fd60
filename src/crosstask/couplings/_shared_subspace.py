"""Slopes of all tasks lie near one subspace of few dimensions."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, floored, ridge_range
from crosstask.couplings._frozen import Frozen, as_outputs, with_levels
from crosstask.couplings._spectral import box_conjugate, box_kept, box_levels, box_value, rescale, singular_values


class SharedSubspace(Coupling):
    r"""A subspace of features that tasks share (cASO), with a dearer way out of it.

    .. math::
        R(W) = \min_{\Theta} \frac12 \mathrm{tr}\, W \Theta^{-1} W', \qquad
        a I \preceq \Theta \preceq I, \quad \mathrm{tr}\,(\Theta - a I) \le k (1 - a)

    Inside k directions slopes cost a ridge, outside of them 1 / a times as much. The minimum over :math:`\Theta`
    depends on the singular values of W only: R is half the square of the spectral box norm. With several outputs W is
    the (T K, d) matrix.

    Parameters
    ----------
    n_components : int, default=2
        k.
    outside : float, default=0.1
        a, between 0 and 1: at 1 this is a ridge for each task, towards 0 nothing is left but the subspace.
    weight : float, default=1.0
        Multiplies R.

    References
    ----------
    J. Chen, L. Tang, J. Liu and J. Ye (2009). A convex formulation for learning shared structures from multiple tasks.
    ICML.

    A. M. McDonald, M. Pontil and D. Stamos (2016). New perspectives on k-support and cluster norms. Journal of Machine
    Learning Research 17(155).

    Notes
    -----
    Cost: an eigendecomposition of order min(TK, d) and O(r log r) for the levels a prox. Conjugate: half the sum of the
    squared singular values, the k largest with weight 1 and the others with a.

    When not to use it: when nobody knows k, and a search over it is not worth its time: :class:`TraceNorm` needs none.
    The mean of the tasks is one of the directions, and is shrunk with them.

    Examples
    --------
    >>> import numpy as np
    >>> SharedSubspace(n_components=1, outside=0.5).value(np.diag([2.0, 1.0]))  # 2^2 / 2 + 1^2 / (2 * 0.5)
    3.0
    """

    rotation_invariant: ClassVar[bool] = True

    def __init__(self, n_components: int = 2, outside: float = 0.1, weight: float = 1.0) -> None:
        self.n_components = n_components
        self.outside = outside
        self.weight = weight

    def value(self, V: Array) -> float:
        """Return R(V)."""
        return self.weight * box_value(singular_values(_matrix(V)), *self._box())

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return V with its singular values multiplied by theta / (theta + step)."""
        length = self.weight * float(np.max(step))
        return rescale(_matrix(V), lambda s: box_kept(s, length, *self._box())).reshape(V.shape)

    def conjugate(self, G: Array) -> float:
        """Return half the sum of squared singular values, the k largest with weight 1, the others with a."""
        return box_conjugate(singular_values(_matrix(G)), *self._box()) / self.weight

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the norm of gradient + Theta^-1 W."""
        return float(np.linalg.norm(_matrix(gradient) + self.weight * over_levels(_matrix(V), *self._box())))

    def attributes(self, V: Array) -> dict[str, Array]:
        """Return an orthonormal basis of the subspace, shape (k, d), in the columns that the penalty saw."""
        return {"subspace_": np.linalg.svd(_matrix(V), full_matrices=False)[2][: self.n_components]}

    def frozen(self, V: Array) -> Frozen:
        """Return w' Theta^-1 w / 2 with the Theta of V."""
        low, high, budget = self._box()
        _, s, directions = np.linalg.svd(_matrix(V), full_matrices=False)
        levels = box_levels(s, low, high, budget)
        return with_levels(np.zeros(as_outputs(V).shape[1:]), directions, levels, self.weight, outside=low)

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return where 1 % of the degrees of freedom are left inside the subspace, and 99 % outside."""
        eigenvalues = problem.null_eigenvalues()
        largest = ridge_range(eigenvalues, self.weight)[0]
        return floored(largest, ridge_range(eigenvalues, self.weight / self.outside)[1])

    def _box(self) -> tuple[float, float, float]:
        return checked_box("SharedSubspace", "outside", self.outside, "n_components", self.n_components, 1)


def over_levels(M: Array, low: float, high: float, budget: float) -> Array:
    """Return Theta^-1 M, the gradient of half the squared box norm."""
    left, s, right = np.linalg.svd(M, full_matrices=False)
    return (left * (s / box_levels(s, low, high, budget))) @ right


def checked_box(
    owner: str, name: str, low: float, count_name: str, count: int, least: int
) -> tuple[float, float, float]:
    """Return (low, 1, count + 1 - least) after a look at both."""
    if not 0.0 < low <= 1.0:
        raise ValueError(f"{owner}: {name}={low!r} must lie above 0 and be at most 1.")
    if int(count) != count or count < least:
        raise ValueError(f"{owner}: {count_name}={count!r} must be an integer of at least {least}.")
    return float(low), 1.0, float(count + 1 - least)


def _matrix(V: Array) -> Array:
    return V.reshape(-1, V.shape[-1])
