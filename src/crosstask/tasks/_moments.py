"""Per-task moments that can be added and subtracted, for losses that are quadratic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks._data import TaskData

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TaskMoments:
    """Weighted moments of each task about its own means, in float64.

    Parameters
    ----------
    weight : ndarray of shape (n_tasks,)
        Sum of the sample weights.
    mean_x : ndarray of shape (n_tasks, n_features)
        Weighted means of the rows.
    mean_y : ndarray of shape (n_tasks,)
        Weighted means of y.
    gram : ndarray of shape (n_tasks, n_features, n_features)
        sum s (x - mean_x)(x - mean_x)'.
    xy : ndarray of shape (n_tasks, n_features)
        sum s (x - mean_x)(y - mean_y).
    yy : ndarray of shape (n_tasks,)
        sum s (y - mean_y)^2.

    Notes
    -----
    Moments of disjoint sets of rows add (Chan, Golub, LeVeque 1983), so the moments of "all but one fold" are a
    subtraction. Memory is n_tasks * n_features^2 numbers; with more features than rows use the rows instead.

    Examples
    --------
    >>> import numpy as np
    >>> data = TaskData.from_arrays([[1.0], [3.0], [5.0]], [1.0, 2.0, 6.0], [0, 0, 1])
    >>> TaskMoments.of(data).gram.ravel()
    array([2., 0.])
    """

    weight: Array
    mean_x: Array
    mean_y: Array
    gram: Array
    xy: Array
    yy: Array

    @classmethod
    def of(cls, data: TaskData, *, target: Array | None = None) -> TaskMoments:
        """Compute the moments of some data, with ``target`` in the place of y where it is given."""
        y = data.y if target is None else target
        rows = data.centred
        weight, first, gram = rows.second(data.sample_weight)
        safe = np.where(weight > 0, weight, 1.0)
        mean_y = np.bincount(data.codes, data.sample_weight * y, data.n_tasks) / safe
        residual = y - mean_y[data.codes]
        weighted = data.sample_weight * residual
        drift = first / safe[:, None]  # what rounding left of the task mean
        return cls(
            weight=weight,
            mean_x=rows.shift + drift,
            mean_y=mean_y,
            gram=gram - weight[:, None, None] * drift[:, :, None] * drift[:, None, :],
            xy=rows.adjoint(weighted[:, None])[:, 0],
            yy=np.array(np.bincount(data.codes, weighted * residual, data.n_tasks), dtype=np.float64),
        )

    def subset(self, data: TaskData, pairs: NDArray[np.intp] | NDArray[np.bool_]) -> TaskMoments:
        """Return the moments of some sorted pairs of the data these moments were computed from.

        The smaller part is summed and, where that is the part left out, subtracted.
        """
        mask = np.zeros(data.n_pairs, dtype=bool)
        mask[pairs] = True
        if mask.sum() * 2 <= data.n_pairs:
            return TaskMoments.of(data.take(mask))
        return self - TaskMoments.of(data.take(~mask))

    def __add__(self, other: TaskMoments) -> TaskMoments:
        """Moments of the union of two disjoint sets of rows."""
        return self._combine(other, 1.0)

    def __sub__(self, other: TaskMoments) -> TaskMoments:
        """Moments of what is left when the other's rows are taken away."""
        return self._combine(other, -1.0)

    def _combine(self, other: TaskMoments, sign: float) -> TaskMoments:
        weight = self.weight + sign * other.weight
        weight[weight < 1e-12 * self.weight] = 0.0
        share = np.divide(sign * other.weight, weight, out=np.zeros_like(weight), where=weight > 0)
        dx, dy = other.mean_x - self.mean_x, other.mean_y - self.mean_y
        # weight of the between-part: w_a w_b / (w_a + w_b), negative when rows are taken away
        between = np.divide(sign * self.weight * other.weight, weight, out=np.zeros_like(weight), where=weight > 0)
        there = (weight > 0).astype(np.float64)
        gram = other.gram * (sign * there[:, None, None])  # in place from here: with many columns memory is the cost
        gram += self.gram if there.all() else self.gram * there[:, None, None]
        gram += (dx * (there * between)[:, None])[:, :, None] * dx[:, None, :]
        return TaskMoments(
            weight=weight,
            mean_x=self.mean_x + share[:, None] * dx,
            mean_y=self.mean_y + share * dy,
            gram=gram,
            xy=there[:, None] * (self.xy + sign * other.xy + between[:, None] * dx * dy[:, None]),
            yy=there * (self.yy + sign * other.yy + between * dy * dy),
        )
