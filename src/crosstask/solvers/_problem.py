"""The joint objective, bound to data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosstask.couplings import Coupling
from crosstask.losses import Loss
from crosstask.solvers._threads import one_blas_thread
from crosstask.tasks import TaskData
from crosstask.tasks._operators import RowOperator

Array = NDArray[np.float64]
WIDEST_SPECTRUM = 1500  # order of a matrix that is decomposed only to choose alphas
LARGEST_TASK = 20_000_000  # entries of a task that is made dense for it


@dataclass(frozen=True)
class Problem:
    r"""Joint objective of the tasks.

    .. math::
        \min_{W, b} \frac1n \sum_t c_t \sum_i s_{ti} L(y_{ti}, x_{ti}'w_t + b_t + o_{ti}) + \alpha R(W)

    with n the sum of the weights s of the real rows, :math:`c_t = 1` (``task_weight="rows"``) or
    :math:`n / (T n_t)` (``"equal"``), and b never penalised.

    Parameters
    ----------
    data : TaskData
        Rows sorted by task.
    loss : Loss
        L.
    coupling : Coupling
        R.
    fit_intercept : bool, default=True
        Whether each task has a free intercept; otherwise all are zero.
    task_weight : {"rows", "equal"}, default="rows"
        Whether a row or a task counts the same.
    offset : ndarray of shape (n_pairs,) or (n_pairs, K), optional
        o, a known part of the prediction, in the order of ``data`` (sorted by task); added to ``data.known``.
    """

    data: TaskData
    loss: Loss
    coupling: Coupling
    fit_intercept: bool = True
    task_weight: Literal["rows", "equal"] = "rows"
    offset: Array | None = None

    @cached_property
    def n_outputs(self) -> int:
        """K, the number of linear predictors of a row."""
        return self.loss.n_outputs(self.data.n_classes)

    @cached_property
    def rows(self) -> RowOperator:
        """Rows of X, less their task's mean where there is an intercept to take it up."""
        return self.data.centred if self.fit_intercept else self.data.plain

    @cached_property
    def row_weight(self) -> Array:
        """c_t s_ti / n of each pair."""
        totals = self.data.totals
        if self.task_weight == "equal":
            filled = totals > 0
            share = np.divide(1.0 / max(int(filled.sum()), 1), totals, out=np.zeros_like(totals), where=filled)
            return share[self.data.codes] * self.data.sample_weight
        if self.task_weight != "rows":
            raise ValueError(f"unknown task_weight {self.task_weight!r}: give 'rows' or 'equal'.")
        return self.data.sample_weight / totals.sum()

    @cached_property
    def fixed(self) -> Array:
        """The offset in shape (n_pairs, K)."""
        total = np.zeros((self.data.n_pairs, self.n_outputs))
        for part in (self.offset, self.data.known):
            if part is not None:
                given = np.asarray(part, dtype=np.float64)
                total += given[:, None] if given.ndim == 1 else given
        return total

    def decision(self, V: Array, b: Array) -> Array:
        """Predictor z of each pair, shape (n_pairs, K), for slopes V and intercepts b at the task means."""
        return self.rows.decision(V) + b[self.data.codes] + self.fixed

    def value(self, z: Array) -> float:
        """Smooth part of the objective."""
        return self.loss.value(self.data.y, self._shape(z), self.row_weight)

    def gradient(self, z: Array) -> Array:
        """Derivative of the smooth part in z, shape (n_pairs, K)."""
        return self.loss.gradient(self.data.y, self._shape(z), self.row_weight).reshape(z.shape)

    def curvature(self, z: Array) -> Array:
        """Second derivative of the smooth part in z, shape (n_pairs, K, K)."""
        k = self.n_outputs
        return self.loss.curvature(self.data.y, self._shape(z), self.row_weight).reshape(-1, k, k)

    def majoriser(self, z: Array) -> Array:
        """Curvature of a quadratic above the smooth part that touches it at z, shape (n_pairs, K, K)."""
        k = self.n_outputs
        return self.loss.majoriser(self.data.y, self._shape(z), self.row_weight).reshape(-1, k, k)

    def conjugate(self, u: Array) -> float:
        """Conjugate of the smooth part at u (per unit of weight), the offset included."""
        linear = float(self.row_weight @ np.einsum("ik,ik->i", u, self.fixed))
        return self.loss.conjugate(self.data.y, self._shape(u), self.row_weight) - linear

    def task_sums(self, R: Array) -> Array:
        """Sum of each task's rows of R, zeros for an empty task."""
        offsets = self.data.offsets
        filled = np.flatnonzero(offsets[1:] > offsets[:-1])
        out = np.zeros((self.data.n_tasks, *R.shape[1:]))
        if len(filled):
            out[filled] = np.add.reduceat(R, offsets[filled], axis=0)
        return out

    @cached_property
    def null_decision(self) -> Array:
        """Predictor of the null model, shape (n_pairs, K)."""
        return self.null_intercept[self.data.codes] + self.fixed

    @cached_property
    def bound(self) -> Array:
        """Bound of the second derivative of each pair's loss in an output, shape (n_pairs,).

        Where the loss has none, the curvature of its majoriser at the null model stands in.
        """
        return self.loss.smoothness * self.row_weight if np.isfinite(self.loss.smoothness) else self.typical_bound

    @cached_property
    def typical_bound(self) -> Array:
        """Mean curvature over the outputs of the majoriser at the null model, shape (n_pairs,).

        That of a loss with straight pieces is far below its bound, so that steps from zero are as long as they must be.
        """
        return np.trace(self.majoriser(self.null_decision), axis1=1, axis2=2) / self.n_outputs

    @cached_property
    def intercept_curvature(self) -> Array:
        """Typical second derivative in each task's intercept, shape (T,)."""
        return np.asarray(np.bincount(self.data.codes, self.typical_bound, self.data.n_tasks), dtype=np.float64)

    @cached_property
    def column_curvature(self) -> Array:
        """Typical second derivative in each slope, shape (T, d)."""
        return self.rows.squares(self.typical_bound)

    @cached_property
    def null_intercept(self) -> Array:
        """Best intercepts when all slopes are zero, shape (T, K)."""
        from crosstask.solvers._intercepts import best_intercepts

        start = np.zeros((self.data.n_tasks, self.n_outputs))
        return best_intercepts(self, self.fixed, start) if self.fit_intercept else start

    @cached_property
    def null_objective(self) -> float:
        """Objective of the null model: slopes zero, best intercepts."""
        return self.value(self.null_decision)

    def null_gradient(self) -> Array:
        """Gradient of the smooth part in the slopes at the null model, shape (T, K, d)."""
        return self.rows.adjoint(self.gradient(self.null_decision))

    def pooled_gradient(self) -> Array:
        """Gradient of the smooth part in the slopes at the best slopes that all tasks share, shape (T, K, d).

        They are held by next to no ridge, or by a weak one where classes may be separable.
        """
        from crosstask.couplings import Pooled
        from crosstask.solvers._path import alpha_grid, path_coefficients

        pooled = replace(self, coupling=Pooled())
        alpha = alpha_grid(pooled, 2)[1] * (1.0 if self.loss.classifies else 1e-6)
        slopes, intercepts = path_coefficients(pooled, [alpha], tol=1e-9)
        at_means = intercepts[0] + np.einsum("tkd,td->tk", slopes[0], self.rows.shift)
        return self.rows.adjoint(self.gradient(self.decision(slopes[0], at_means)))

    def null_eigenvalues(self, *, pooled: bool = False) -> Array:
        """Eigenvalues of the smooth part's second derivative in the slopes at the null model.

        Of each task, or of the sum over tasks; with several outputs the mean curvature of an output is used. Where a
        decomposition would be large, the second derivatives of the single slopes stand in for them.
        """
        hessian = self.curvature(self.null_decision)
        if not hessian.any(axis=(1, 2)).all():  # rows on a straight piece of the loss say nothing by their curvature
            hessian = self.majoriser(self.null_decision)
        mean = np.trace(hessian, axis1=1, axis2=2) / self.n_outputs
        d, longest = self.data.n_features, int(np.diff(self.data.offsets).max(initial=1))
        with one_blas_thread():
            if (d if pooled else min(d, longest)) > WIDEST_SPECTRUM or longest * d > LARGEST_TASK:
                squares = self.rows.squares(mean)
                return squares.sum(axis=0) if pooled else squares.ravel()
            return _pooled_eigenvalues(self.rows, mean, d) if pooled else _own_eigenvalues(self.rows, mean, d)

    def rotated(self) -> tuple[Problem, Array]:
        """Return the same problem in the span of the rows, and the orthonormal columns Q of that span.

        For couplings that do not see a rotation of the features; slopes come back as V Q'.
        """
        given = self.data.X
        dense = np.asarray(given.toarray() if sparse.issparse(given) else given, dtype=np.float64)
        Q = np.linalg.qr(dense.T)[0]
        return replace(self, data=replace(self.data, X=dense @ Q)), Q

    def _shape(self, z: Array) -> Array:
        return z[:, 0] if z.ndim == 2 and z.shape[1] == 1 else z


def _own_eigenvalues(rows: RowOperator, weight: Array, d: int) -> Array:
    values: list[Array] = []
    for _, X, pairs, mask in rows.batches():
        root = np.sqrt(weight[pairs] if mask is None else np.where(mask, weight[pairs], 0.0))
        B = X * root[..., None]
        swapped = B.transpose(0, 2, 1)
        square = swapped @ B if d <= B.shape[1] else B @ swapped
        values.append(np.asarray(np.linalg.eigvalsh(square), dtype=np.float64).ravel())
    return np.maximum(np.concatenate(values), 0.0)


def _pooled_eigenvalues(rows: RowOperator, weight: Array, d: int) -> Array:
    gram = np.zeros((d, d))
    for _, X, pairs, _ in rows.batches():
        flat = (X * np.sqrt(weight[pairs])[..., None]).reshape(-1, d)
        gram += flat.T @ flat
    return np.maximum(np.linalg.eigvalsh(gram), 0.0)
