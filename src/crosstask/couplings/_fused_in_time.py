"""Slopes that stay as they are from one time to the next, or jump."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, norm_range
from crosstask.couplings._frozen import Frozen, NoSharedPartError


class FusedInTime(Coupling):
    r"""Total variation over tasks in the order of time: :math:`R(W) = \sum_j \sum_t |w_{t+1,j} - w_{tj}|`.

    The absolute value makes slopes constant over stretches of time, with jumps where the data insist. For slopes that
    drift smoothly the square is right, which is :class:`GraphTied` on the path of the times. With several outputs
    each output has its own course.

    Parameters
    ----------
    order : sequence of task ids, optional
        All tasks from the first to the last; None means their sorted order. In an estimator the ids are translated;
        on plain arrays they are positions.
    weight : float, default=1.0
        Multiplies R.

    Raises
    ------
    ValueError
        On use: ``order`` does not name each task once.

    References
    ----------
    J. Zhou, J. Liu, V. A. Narayan and J. Ye (2012). Modeling disease progression via fused sparse group lasso.
    Proceedings of KDD, 1095-1103.

    Notes
    -----
    Cost: O(Td) a prox, by a taut string. Dual norm: the largest absolute partial sum over time, of what has no sum.
    A level that all times share costs nothing: as alpha goes to infinity the tasks are pooled.

    When not to use it: when tasks have no order; and when time steps are very unequal, for a step is a step.

    Examples
    --------
    >>> import numpy as np
    >>> V = np.array([[0.0], [0.4], [5.0], [7.0]])
    >>> FusedInTime().prox(V, 0.1).ravel()
    array([0.1, 0.4, 5. , 6.9])
    """

    is_norm: ClassVar[bool] = True
    by_feature = True

    def __init__(self, order: Sequence[Any] | None = None, weight: float = 1.0) -> None:
        self.order = order
        self.weight = weight

    def for_tasks(self, tasks: Any) -> Self:
        """Return the same coupling with positions instead of ids."""
        if self.order is None:
            return self
        known = np.asarray(tasks).tolist()
        given = np.asarray(self.order).tolist()
        if sorted(map(repr, given)) != sorted(map(repr, known)):
            raise ValueError(
                f"FusedInTime: order must name each of the {len(known)} tasks once, and these are "
                f"{', '.join(map(repr, known[:8]))}{', ..' if len(known) > 8 else ''}."
            )
        return type(self)([known.index(task) for task in given], self.weight)

    def free_groups(self, n_tasks: int) -> Array | None:
        """Return all tasks as one group."""
        return np.ones((1, n_tasks))

    def value(self, V: Array) -> float:
        """Return R(V)."""
        return self.weight * float(np.abs(np.diff(self._in_time(V), axis=0)).sum())

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return the taut string through a tube of radius ``step`` around the cumulated slopes of each feature."""
        from crosstask.couplings._kernels import taut_strings

        cut = np.broadcast_to(self.weight * np.asarray(step, dtype=np.float64), V.shape[1:])
        flat = np.ascontiguousarray(self._in_time(V).reshape(len(V), -1).T)
        strings = taut_strings(flat, np.ascontiguousarray(cut.reshape(-1)))
        return self._out_of_time(strings.T.reshape(V.shape))

    def dual_norm(self, G: Array) -> float:
        """Return the largest absolute partial sum over time, divided by the weight."""
        return float(np.abs(self._partial_sums(G)).max(initial=0.0)) / self.weight

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the distance of -gradient to the subdifferential {D'u: u = weight sign(DV), free in between}.

        Along a stretch where V is constant the best u leaves of the gradient its own taut string.
        """
        from crosstask.couplings._kernels import taut_strings

        values, slope = self._in_time(V).reshape(len(V), -1), self._in_time(gradient).reshape(len(V), -1)
        total = 0.0
        for v, g in zip(values.T, slope.T, strict=True):
            jump = self.weight * np.sign(np.diff(v))
            left = g + np.concatenate([[0.0], jump]) - np.concatenate([jump, [0.0]])
            for stretch in np.split(left, np.flatnonzero(jump) + 1):
                string = taut_strings(stretch[None].copy(), np.array([self.weight], dtype=np.float64))
                total += float(np.vdot(string, string))
        return float(np.sqrt(total))

    def frozen(self, V: Array) -> Frozen:
        """Refuse: where a new task stands in time nobody knows."""
        raise NoSharedPartError(
            "FusedInTime ties a task to those before and after it, so no task can be added: fit again with the rows of "
            "all tasks and order= with the new one."
        )

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return the smallest alpha at which nothing changes in time, and 1e-3 of it."""
        return norm_range(self.dual_norm(problem.pooled_gradient()))

    def _partial_sums(self, G: Array) -> Array:
        ordered = self._in_time(G)
        return np.cumsum(ordered - ordered.mean(axis=0), axis=0)[:-1]

    def _in_time(self, V: Array) -> Array:
        return V if self.order is None else V[self._positions(len(V))]

    def _out_of_time(self, V: Array) -> Array:
        return V if self.order is None else V[np.argsort(self._positions(len(V)))]

    def _positions(self, n_tasks: int) -> Any:
        positions = np.asarray(self.order)
        if positions.dtype.kind not in "iu" or not np.array_equal(np.sort(positions), np.arange(n_tasks)):
            raise ValueError(
                f"FusedInTime: on plain arrays order must hold the positions 0 to {n_tasks - 1}, each once; "
                "task ids need an estimator."
            )
        return positions
