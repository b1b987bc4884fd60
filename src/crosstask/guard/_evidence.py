"""Out-of-fold evidence of every candidate in every task, and its loss as a function of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crosstask.guard._losses import MixtureLoss, SquaredMixture

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]
Model = tuple[Array, Array, Array]
SMALL_TASK = 400  # rows below which tasks are summed together
AT_ONCE = 4_000_000  # numbers


@dataclass(frozen=True)
class Evidence:
    """Predictions of rows that were held out, sorted by task.

    Parameters
    ----------
    predictions : ndarray of shape (n_rows, n_candidates, K)
        What is mixed.
    y : ndarray of shape (n_rows, K)
        Target in the form that the loss expects.
    codes : ndarray of shape (n_rows,)
        Task of each row, ascending.
    weight : ndarray of shape (n_rows,)
        Positive sample weights.
    fold : ndarray of shape (n_rows,)
        The fold in which a row was held out.
    n_tasks : int
        Number of tasks; some may have no row.
    loss : MixtureLoss
        Convex loss of the mixture.
    own : int
        Position of the candidate that is each task's own model.
    separate : ndarray of shape (n_candidates,), optional
        Which candidates share nothing between tasks; None: the own model.
    """

    predictions: Array
    y: Array
    codes: IntVector
    weight: Array
    fold: IntVector
    n_tasks: int
    loss: MixtureLoss
    own: int = 0
    separate: NDArray[np.bool_] | None = None
    offsets: IntVector = field(init=False)
    total: Array = field(init=False)
    n_effective: Array = field(init=False)

    def __post_init__(self) -> None:
        offsets = np.searchsorted(self.codes, np.arange(self.n_tasks + 1)).astype(np.intp)
        object.__setattr__(self, "offsets", offsets)
        total = np.bincount(self.codes, self.weight, self.n_tasks)
        squares = np.bincount(self.codes, self.weight**2, self.n_tasks)
        object.__setattr__(self, "total", total)
        object.__setattr__(self, "n_effective", np.asarray(total**2 / np.where(squares > 0, squares, 1.0)))

    @property
    def sharing(self) -> IntVector:
        """Positions of the candidates that learn from other tasks; where there are none, of all but the own model."""
        shares = np.arange(self.n_candidates) != self.own
        if self.separate is not None and not self.separate.all():
            shares &= ~self.separate
        return np.flatnonzero(shares)

    @property
    def compared(self) -> IntVector:
        """Positions of the candidates whose gains over the own model tell what a task has in common with others."""
        others = np.flatnonzero(np.arange(self.n_candidates) != self.own)
        return self.sharing if self.loss.in_nats else others

    @property
    def centre(self) -> Array:
        """Equal weights of the own model and of those that share: where the stack of a crowd without rows lies.

        Constants count nothing there; what they are worth is for the rows to show.
        """
        equal = np.zeros(self.n_candidates)
        equal[self.sharing] = equal[self.own] = 1.0
        return equal / equal.sum()

    @property
    def n_candidates(self) -> int:
        """Number of candidates."""
        return self.predictions.shape[1]

    def take(self, rows: IntVector | NDArray[np.bool_]) -> Evidence:
        """Return the evidence of some rows, in ascending order."""
        return Evidence(
            self.predictions[rows],
            self.y[rows],
            self.codes[rows],
            self.weight[rows],
            self.fold[rows],
            self.n_tasks,
            self.loss,
            self.own,
            self.separate,
        )

    def row_losses_at(self, weights: Array) -> Array:
        """Loss of each row under weights of its own, (n_rows, n_candidates)."""
        return self._exact(np.einsum("ncK,nc->nK", self.predictions, weights))

    def mixed(self, weights: Array) -> Array:
        """Mixed prediction of each row, (n_rows, K), for weights (n_tasks, n_candidates)."""
        return np.einsum("ncK,nc->nK", self.predictions, weights[self.codes])

    def row_losses(self, weights: Array) -> Array:
        """Loss of each row under the mixture, (n_rows,); exact where the optimised one is rounded."""
        return self._exact(self.mixed(weights))

    def candidate_rows(self) -> Array:
        """Loss of each row under each candidate alone, (n_rows, n_candidates)."""
        return np.column_stack([self._exact(self.predictions[:, c]) for c in range(self.n_candidates)])

    def _exact(self, z: Array) -> Array:
        return self.loss.exact(self.y, z)

    def mean(self, values: Array) -> Array:
        """Weighted mean of row values in each task, (n_tasks, ..); NaN for a task without rows."""
        columns = values.reshape(len(values), int(np.prod(values.shape[1:])))
        sums = np.column_stack([np.bincount(self.codes, self.weight * v, self.n_tasks) for v in columns.T])
        with np.errstate(invalid="ignore", divide="ignore"):
            return (sums / self.total[:, None]).reshape(self.n_tasks, *values.shape[1:])

    def scale(self, rows: Array | None = None) -> Array:
        """What a task's losses are divided by: 1 for losses in nats, else max(own loss, .01 null loss)."""
        if self.loss.in_nats:
            return np.ones(self.n_tasks)
        rows = self.candidate_rows() if rows is None else rows
        own = self.mean(rows[:, self.own])
        scale = np.fmax(own, 0.01 * self._null_losses())
        return np.where(scale > 0, scale, 1.0)

    def _null_losses(self) -> Array:
        """Mean loss of each task's best constant; 0 for a task without rows."""
        if isinstance(self.loss, SquaredMixture):
            return np.nan_to_num(self.mean(self._null(self.y, self.mean(self.y)[self.codes])))
        null = np.zeros(self.n_tasks)
        for t in np.flatnonzero(self.total > 0):
            part = slice(self.offsets[t], self.offsets[t + 1])
            best = self.loss.constant(self.y[part], self.weight[part])
            null[t] = np.average(self._null(self.y[part], best), weights=self.weight[part])
        return null

    def _null(self, y: Array, best: Array) -> Array:
        return self.loss.exact(y, np.broadcast_to(best, y.shape))

    def model(self, weights: Array, divisor: Array) -> Model:
        """Sum of each task's weighted losses / divisor at the weights, its gradient and its Hessian.

        Returns
        -------
        value : ndarray of shape (n_tasks,)
        gradient : ndarray of shape (n_tasks, n_candidates)
        hessian : ndarray of shape (n_tasks, n_candidates, n_candidates)
        """
        z = self.mixed(weights)
        factor = self.weight / divisor[self.codes]
        value = np.bincount(self.codes, factor * self.loss.value(self.y, z), self.n_tasks).astype(np.float64)
        n_candidates = self.n_candidates
        slope = factor[:, None] * self.loss.slope(self.y, z)
        curvature = factor[:, None, None] * self.loss.curvature(self.y, z)
        gradient = np.zeros((self.n_tasks, n_candidates))
        hessian = np.zeros((self.n_tasks, n_candidates, n_candidates))
        filled = np.flatnonzero(self.offsets[1:] > self.offsets[:-1])
        for some in self._chunks(filled):
            first, last = self.offsets[some[0]], self.offsets[some[-1] + 1]
            P, starts = self.predictions[first:last], self.offsets[some] - first
            bent = P @ curvature[first:last] if P.shape[2] > 1 else P * curvature[first:last]
            if len(some) == 1:  # many rows: a product of matrices beats a sum over rows
                gradient[some[0]] = np.tensordot(P, slope[first:last], ([0, 2], [0, 1]))
                hessian[some[0]] = np.tensordot(P, bent, ([0, 2], [0, 2]))
                continue
            gradient[some] = np.add.reduceat(np.einsum("ncK,nK->nc", P, slope[first:last]), starts)
            hessian[some] = np.add.reduceat(P @ bent.swapaxes(1, 2), starts)
        return value, gradient, hessian

    def _chunks(self, filled: IntVector) -> Iterator[IntVector]:
        """Yield neighbouring tasks that are small enough to be taken row by row, and each large one alone."""
        small = self.offsets[filled + 1] - self.offsets[filled] < SMALL_TASK
        at_once = max(AT_ONCE // (SMALL_TASK * self.n_candidates**2), 1)
        edges = np.flatnonzero(np.diff(small.astype(np.int8)) != 0) + 1
        for run in np.split(filled, edges):
            size = at_once if len(run) and self.offsets[run[0] + 1] - self.offsets[run[0]] < SMALL_TASK else 1
            yield from (run[k : k + size] for k in range(0, len(run), size))
