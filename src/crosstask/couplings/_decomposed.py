"""Slopes that are a sum of parts, each with a coupling of its own."""

from __future__ import annotations

import re
from typing import Any, Self

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, norm_range
from crosstask.couplings._frozen import Frozen, NoSharedPartError
from crosstask.couplings._independent import Independent
from crosstask.couplings._stacked import Stacked, decompose


class Decomposed(Coupling):
    r"""Slopes as a sum of parts, each with its own coupling.

    .. math::
        R(W) = \min_{V_1 + \dots + V_m = W} \sum_k R_k(V_k)

    What tasks share goes into one part and what they do not into another: a free centre and deviations from it,
    features for all and exceptions, few profiles and outliers. The parts' ``weight`` say how dear each is; of two norms
    the dearer may never be used (see Notes).

    Parameters
    ----------
    first, second : Coupling
        R_1, R_2.
    third, fourth : Coupling, optional
        R_3, R_4.
    weight : float, default=1.0
        Multiplies R.

    Raises
    ------
    ValueError
        On use: a part that is itself a sum, or no coupling object.

    See Also
    --------
    dirty, low_rank_sparse, outlier_robust, robust_features, robust_centre : ready-made sums.

    References
    ----------
    A. Jalali, P. Ravikumar, S. Sanghavi and C. Ruan (2010). A dirty model for multi-task learning. Advances in Neural
    Information Processing Systems 23.

    Notes
    -----
    An estimator's ``components_`` holds the parts, by name. ``Pooled(weight=0.0)`` is a part that all tasks share and
    that costs nothing.

    Cost: that of the parts' proxes and of a problem with m times the features. Conjugate: the sum of the parts'
    conjugates; so if all are norms, so is R, and its dual norm is the largest of theirs. ``value``, ``prox`` and
    ``violation`` themselves solve a problem, and are not what solvers use: those carry the parts along.

    When not to use it: two penalties on the *same* slopes are not a sum of slopes. And a part is idle where its dual
    norm is never the largest: with T tasks ``FeatureNorm(1)`` beside ``ElementNorm(a)`` needs
    :math:`T^{-1/2} < a < 1`, for a feature's norm lies between its largest entry and :math:`T^{1/2}` times that.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.couplings import ElementNorm, FeatureNorm
    >>> shared = Decomposed(FeatureNorm(), ElementNorm(0.8))
    >>> shared.value(np.array([[1.0, 0.0], [1.0, 2.0]]))  # sqrt(2) for the first column, 0.8 * 2 for the second
    3.014
    """

    def __init__(
        self,
        first: Coupling,
        second: Coupling,
        third: Coupling | None = None,
        fourth: Coupling | None = None,
        *,
        weight: float = 1.0,
    ) -> None:
        self.first = first
        self.second = second
        self.third = third
        self.fourth = fourth
        self.weight = weight

    @property
    def parts(self) -> list[Coupling]:
        """The couplings of the parts."""
        given = [part for part in (self.first, self.second, self.third, self.fourth) if part is not None]
        for part in given:
            if isinstance(part, Decomposed) or not isinstance(part, Coupling):  # type: ignore[reportUnnecessaryIsInstance]
                raise ValueError(
                    f"Decomposed: a part is a plain Coupling object, and {part!r} is not: put all parts side by side, "
                    "such as Decomposed(FeatureNorm(), ElementNorm(0.6))."
                )
        return given

    @property
    def names(self) -> list[str]:
        """Names of the parts: their classes in small letters, numbered from the second of one kind."""
        kinds = [re.sub(r"(?<!^)(?=[A-Z])", "_", type(part).__name__).lower() for part in self.parts]
        return [k + (f"_{kinds[: i + 1].count(k)}" if k in kinds[:i] else "") for i, k in enumerate(kinds)]

    def check(self) -> None:
        """Raise a ValueError where a weight of the sum or of a part is wrong, or a part is none."""
        super().check()
        for part in self.parts:
            part.check()

    def side_by_side(self) -> Stacked:
        """Return the penalty of the parts laid side by side, which solvers use."""
        return Stacked(self.parts, self.weight)

    def for_tasks(self, tasks: Any) -> Self:
        """Return the sum of the parts for these tasks."""
        bound = [part.for_tasks(tasks) for part in self.parts]
        return type(self)(*bound, weight=self.weight)

    def value(self, V: Array) -> float:
        """Return R(V), from a decomposition that is certified to 1e-10."""
        return self.weight * decompose(self.parts, V)[0]

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return what is left of V without its part that costs |.|^2 / (2 step), of all decompositions the cheapest."""
        square = Independent(weight=1.0 / (self.weight * float(np.max(step))))
        return V - decompose([square, *self.parts], V)[1][0]

    def dual_norm(self, G: Array) -> float:
        """Return the largest of the parts' dual norms, where all are norms."""
        return max(part.dual_norm(G) for part in self.parts) / self.weight

    def dual_scale(self, G: Array) -> float:
        """Return the largest scale that a part asks for."""
        return max(part.dual_scale(G / self.weight) for part in self.parts)

    def conjugate(self, G: Array) -> float:
        """Return the sum of the parts' conjugates."""
        return self.weight * sum(part.conjugate(G / self.weight) for part in self.parts)

    def free_groups(self, n_tasks: int) -> Array | None:
        """Return the groups of the part that has most of them."""
        found = [groups for part in self.parts if (groups := part.free_groups(n_tasks)) is not None]
        return max(found, key=len) if found else None

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the largest distance of -gradient to a part's subdifferential, at a decomposition of V."""
        held = decompose(self.parts, V)[1]
        slope = gradient / self.weight
        return self.weight * max(part.violation(own, slope) for part, own in zip(self.parts, held, strict=True))

    def frozen_of(self, blocks: Array) -> Frozen:
        """Return the sum of the parts' own: Gaussian priors add up, and a norm can be added to what is fixed.

        Raises
        ------
        NoSharedPartError
            Where a norm of the task's own meets a part that is learnt as well.
        """
        parts = [part.frozen(block) for part, block in zip(self.parts, blocks, strict=True)]
        centre = np.sum([part.centre for part in parts], axis=0)
        loose = [part for part in parts if not part.is_fixed]
        if any(part.own is not None for part in loose):
            if len(loose) > 1:
                names = " + ".join(type(part).__name__ for part in self.parts)
                raise NoSharedPartError(
                    f"no task can be added to {names}, whose norm of each task has no form that could be held fixed: "
                    "fit again with the rows of all tasks."
                )
            own = loose[0].own
            return Frozen(centre, loose[0].root, own.__class__(weight=own.weight * self.weight))
        roots = [np.diag(part.root) if part.root.ndim == 1 else part.root for part in loose]
        root = np.hstack(roots) / np.sqrt(self.weight) if roots else np.zeros(centre.shape[-1])
        return Frozen(centre, root)

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return the range in which the norms leave something; without a norm, from the widest to the narrowest."""
        norms = [part for part in self.parts if part.is_norm]
        if not norms:
            ends = np.array([part.alpha_range(problem) for part in self.parts]) / self.weight
            return float(ends[:, 0].max()), float(ends[:, 1].min())
        free = any(part.free_groups(len(problem.null_gradient())) is not None for part in self.parts)
        gradient = problem.pooled_gradient() if free else problem.null_gradient()
        largest = max(part.dual_norm(gradient) for part in norms) / self.weight
        return norm_range(largest)

    def components(self, blocks: Array) -> dict[str, Array]:
        """Return the parts (m, ...) by name."""
        return dict(zip(self.names, blocks, strict=True))

    def centre_of(self, blocks: Array) -> Array | None:
        """Return the sum of the parts' centres, None where no part has one."""
        centres = [c for part, own in zip(self.parts, blocks, strict=True) if (c := part.centre(own)) is not None]
        return sum(centres[1:], centres[0]) if centres else None

    def attributes_of(self, blocks: Array) -> dict[str, Any]:
        """Return what the parts have learnt, and which tasks have a part of their own under a ``TaskNorm``."""
        from crosstask.couplings._task_norm import TaskNorm

        learnt: dict[str, Any] = {}
        for part, own in zip(self.parts, blocks, strict=True):
            learnt |= part.attributes(own)
            if isinstance(part, TaskNorm):
                learnt["outlier_tasks_"] = np.abs(own).reshape(len(own), -1).max(axis=1, initial=0.0) > 0
        return learnt
