"""What a coupling must know."""

from __future__ import annotations

import numbers
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from crosstask.couplings._frozen import Frozen, NoSharedPartError

Array = NDArray[np.float64]


class AlphaProblem(Protocol):
    """What ``alpha_range`` may ask of a problem."""

    def null_gradient(self) -> Array:
        """Gradient of the smooth part in the slopes at the null model, shape (T, K, d)."""
        ...

    def null_eigenvalues(self, *, pooled: bool = False) -> Array:
        """Eigenvalues of the smooth part's second derivative at the null model, per task or of their sum."""
        ...

    def pooled_gradient(self) -> Array:
        """Gradient of the smooth part at the best slopes that all tasks share, shape (T, K, d)."""
        ...


class Free(NamedTuple):
    """Directions that a coupling does not penalise: C groups of tasks, each moved as one."""

    at: Array  # (C, K, d) or (C, d): where the slopes are along them
    gradient: Array  # the same shape: the gradient there
    groups: Array  # (C, T): 1 for the tasks of a group


class Coupling(BaseEstimator):
    """Base of the couplings R(W), the penalty that ties the slopes of the tasks.

    W has shape (T, d), or (T, K, d) where a task has K outputs. A coupling is a scikit-learn parameter object with
    ``weight`` (R is multiplied by it), has no state and is never changed by a solver. To write one, give ``value``,
    ``prox``, ``violation``, ``alpha_range`` and either ``dual_norm`` (``is_norm = True``) or ``conjugate``; every loss
    then works with it by proximal gradient.

    Parameters
    ----------
    weight : float, default=1.0
        Multiplies R.
    """

    #: R is a norm: the certificate scales the dual point by ``dual_norm``; otherwise it uses ``conjugate``.
    is_norm: ClassVar[bool] = False
    #: ``prox`` also takes one step for each feature, shape (d,).
    by_feature: bool = False
    #: A weight of zero has a meaning: the slopes cost nothing.
    may_be_free: ClassVar[bool] = False
    #: R(W Q) = R(W) for orthogonal Q over the features, so that a problem may be solved in the span of its rows.
    rotation_invariant: ClassVar[bool] = False

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def check(self) -> None:
        """Raise a ValueError where a parameter that is a weight is not a number above zero (or zero, where it may)."""
        for name, given in self.get_params(deep=False).items():
            zero_too = name in ("centre_weight", "ridge") or (name == "weight" and self.may_be_free)
            if name != "weight" and not zero_too:
                continue
            number = isinstance(given, numbers.Real) and np.isfinite(float(given))
            if not number or given < 0 or (given == 0 and not zero_too):
                least = "zero or positive" if zero_too else "positive"
                raise ValueError(
                    f"{type(self).__name__}: {name}={given!r} must be a number, {least}: give 1.0, and let alpha say "
                    "how strong the coupling is."
                )

    def value(self, V: Array) -> float:
        """Return R(V)."""
        raise NotImplementedError

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return argmin_W |W - V|^2 / 2 + step R(W)."""
        raise NotImplementedError

    def dual_norm(self, G: Array) -> float:
        """Return max <G, V> over R(V) <= 1, for a norm."""
        raise NotImplementedError(f"{type(self).__name__} is not a norm: use conjugate.")

    def conjugate(self, G: Array) -> float:
        """Return R*(G) = sup_V <G, V> - R(V)."""
        if self.is_norm:
            return 0.0 if self.dual_norm(G) <= 1.0 + 1e-12 else float("inf")
        raise NotImplementedError

    def dual_scale(self, G: Array) -> float:
        """Return the least number, 1 or more, by which G must be divided so that ``conjugate`` is finite."""
        return max(1.0, self.dual_norm(G)) if self.is_norm else 1.0

    def free_groups(self, n_tasks: int) -> Array | None:
        """Return groups of tasks whose slopes may all move by the same at no cost, shape (C, T); None without such.

        ``dual_norm`` and ``conjugate`` take the sum of G over each group to be zero.
        """
        return None

    def free(self, V: Array, gradient: Array) -> Free | None:
        """Return the part of V that R does not penalise and the gradient there."""
        groups = self.free_groups(len(V))
        if groups is None:
            return None
        size = groups.sum(axis=1).reshape(-1, *[1] * (V.ndim - 1))
        return Free(np.tensordot(groups, V, 1) / size, np.tensordot(groups, gradient, 1), groups)

    def for_tasks(self, tasks: Any) -> Self:
        """Return this coupling with task ids replaced by their positions in ``tasks``; itself where it names none."""
        return self

    def attributes(self, V: Array) -> dict[str, Any]:
        """Return what the coupling has learnt beside the slopes V, under the names of an estimator's attributes."""
        return {}

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the distance of -gradient to the subdifferential of R at V."""
        raise NotImplementedError

    def centre(self, V: Array) -> Array | None:
        """Return the slopes the tasks share, shape (K, d) or (d,), where the coupling has such a thing."""
        return None

    def frozen(self, V: Array) -> Frozen:
        """Return the penalty on one more task, what the tasks with slopes V share held fixed.

        Raises
        ------
        NoSharedPartError
            Where there is no such thing.
        """
        raise NoSharedPartError(
            f"{type(self).__name__} has no shared part that could be held fixed, so no task can be added: fit again "
            "with the rows of all tasks."
        )

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return the largest and the smallest useful alpha."""
        raise NotImplementedError


def ridge_range(eigenvalues: Array, weight: float) -> tuple[float, float]:
    """Return alphas at which a ridge keeps 1 % and 99 % of its degrees of freedom, sum l / (l + alpha).

    The smaller one is at least 1e-6 of the larger, for eigenvalues near zero would send it to zero.
    """
    values = eigenvalues[eigenvalues > 1e-12 * eigenvalues.max(initial=0.0)]
    if not len(values):
        return 1.0, 1e-4

    def alpha_at(share: float) -> float:
        low, high = np.log(values.min()) - 8.0, np.log(values.max()) + 8.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            kept = np.mean(1.0 / (1.0 + np.exp(middle) / values))
            low, high = (middle, high) if kept > share else (low, middle)
        return float(np.exp(low))

    largest = alpha_at(0.01) / weight
    return largest, max(alpha_at(0.99) / weight, 1e-6 * largest)


def norm_range(largest: float, share: float = 1e-3) -> tuple[float, float]:
    """Return the smallest alpha at which a norm leaves nothing, and a share of it."""
    return (largest, share * largest) if largest > 0 else (1.0, share)


def floored(largest: float, smallest: float) -> tuple[float, float]:
    """Return a range whose end is not below 1e-4 of its beginning, where steps along ill-conditioned data crawl."""
    return largest, max(smallest, 1e-4 * largest)
