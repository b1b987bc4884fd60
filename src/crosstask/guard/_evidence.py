"""Out-of-fold evidence of every candidate in every task, and its loss as a function of the weights."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crosstask.guard._losses import MixtureLoss

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]
Model = tuple[Array, Array, Array]


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
        null = np.zeros(self.n_tasks)
        for t in range(self.n_tasks):
            part = slice(self.offsets[t], self.offsets[t + 1])
            if self.total[t] > 0:
                best = self.loss.constant(self.y[part], self.weight[part])
                losses = self._null(self.y[part], best)
                null[t] = np.average(losses, weights=self.weight[part])
        scale = np.fmax(own, 0.01 * null)
        return np.where(scale > 0, scale, 1.0)

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
        for t in range(self.n_tasks):
            part = slice(self.offsets[t], self.offsets[t + 1])
            P = self.predictions[part]
            gradient[t] = np.tensordot(P, slope[part], ([0, 2], [0, 1]))
            bent = P @ curvature[part] if P.shape[2] > 1 else P * curvature[part]
            hessian[t] = np.tensordot(P, bent, ([0, 2], [0, 2]))
        return value, gradient, hessian
