"""Rows of all tasks as numbers, sorted by task: what every solver reads."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosstask.tasks._doors import TaskRows
from crosstask.tasks._operators import RowOperator, make_operator

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TaskData:
    """Rows of all tasks as numbers, sorted by task.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_table_rows, n_features)
        float64 or float32. With ``table_row=None`` its rows are sorted by task, one for each pair; otherwise it is
        shared by all tasks and pair i reads row ``table_row[i]`` (the wide door).
    y : ndarray of shape (n_pairs,)
        Target as a number, or the position of its class (0, 1, ..), in sorted order.
    sample_weight : ndarray of shape (n_pairs,)
        Positive weights, in sorted order.
    offsets : ndarray of shape (n_tasks + 1,)
        Pairs ``offsets[t]:offsets[t + 1]`` belong to task t. A task may be empty (a fold can leave it out).
    order : ndarray of shape (n_pairs,)
        Sorted pair i was pair ``order[i]`` of the rows it came from; -1 for a prior row.
    tasks : ndarray of shape (n_tasks,)
        Task ids.
    table_row : ndarray of shape (n_pairs,), optional
        See X.
    n_classes : int, optional
        Number of classes; None for regression.
    is_prior : ndarray of bool of shape (n_pairs,), optional
        Marks the rows that ``with_prior_rows`` added: they count in the loss, not in n.
    known : ndarray of shape (n_pairs,), optional
        Part of each pair's predictor that is known beforehand (an offset, the logarithm of an exposure).

    Examples
    --------
    >>> import numpy as np
    >>> data = TaskData.from_arrays(np.eye(3), [1.0, 2.0, 3.0], ["b", "a", "b"])
    >>> data.y, data.order, data.offsets
    (array([2., 1., 3.]), array([1, 0, 2]), array([0, 1, 3]))
    """

    X: Any
    y: Array
    sample_weight: Array
    offsets: NDArray[np.intp]
    order: NDArray[np.intp]
    tasks: NDArray[Any]
    table_row: NDArray[np.intp] | None = None
    n_classes: int | None = None
    is_prior: NDArray[np.bool_] | None = None
    known: Array | None = None

    @classmethod
    def from_rows(cls, rows: TaskRows, X: Any, y: Any, *, n_classes: int | None = None) -> TaskData:
        """Sort what came through a door by task.

        Parameters
        ----------
        rows : TaskRows
            From ``open_fit``; its codes, tasks, weights and ``table_row`` are read.
        X : ndarray or CSR of shape (n_table_rows, n_features)
            The numeric matrix of ``rows.X``.
        y : ndarray of shape (n_pairs,)
            Numbers, or class positions 0 .. n_classes - 1.
        n_classes : int, optional
            Number of classes.
        """
        return _sorted(X, y, rows.codes, rows.tasks, rows.sample_weight, rows.table_row, n_classes)

    @classmethod
    def from_arrays(
        cls, X: Any, y: Any, task: Any, *, sample_weight: Any = None, n_classes: int | None = None
    ) -> TaskData:
        """Sort plain arrays by task; for tests, benchmarks and use without an estimator."""
        tasks, codes = np.unique(np.asarray(task), return_inverse=True)
        matrix = X.tocsr() if sparse.issparse(X) else np.asarray(X)
        if matrix.dtype not in (np.float64, np.float32):
            matrix = matrix.astype(np.float64)
        return _sorted(matrix, np.asarray(y), codes.reshape(-1), tasks, sample_weight, None, n_classes)

    @property
    def n_tasks(self) -> int:
        """Number of tasks, empty ones included."""
        return len(self.tasks)

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    @property
    def n_pairs(self) -> int:
        """Number of observed (row, task) pairs, prior rows included."""
        return len(self.y)

    @cached_property
    def codes(self) -> NDArray[np.intp]:
        """Task of each sorted pair."""
        return np.repeat(np.arange(self.n_tasks), np.diff(self.offsets))

    @cached_property
    def totals(self) -> Array:
        """Sum of the weights of each task's real rows (n_t of the objective)."""
        weight = self.sample_weight if self.is_prior is None else np.where(self.is_prior, 0.0, self.sample_weight)
        return np.array(np.bincount(self.codes, weight, self.n_tasks), dtype=np.float64)

    @cached_property
    def is_complete(self) -> bool:
        """Whether all tasks share one X and each has the same rows of it, once: a wide target without gaps."""
        if (
            self.table_row is None
            or not self.n_tasks
            or not (np.diff(self.offsets) * self.n_tasks == self.n_pairs).all()
        ):
            return False
        each = self.table_row.reshape(self.n_tasks, -1)
        return bool((each == each[0]).all()) and int(np.bincount(each[0]).max(initial=0)) == 1

    @cached_property
    def centred(self) -> RowOperator:
        """Rows less the weighted mean of their task."""
        return make_operator(self, centre=True)

    @cached_property
    def plain(self) -> RowOperator:
        """Rows as they are."""
        return make_operator(self, centre=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave what is cheap to recompute out of pickles."""
        return {
            k: v for k, v in self.__dict__.items() if k not in {"codes", "totals", "is_complete", "centred", "plain"}
        }

    def pair_rows(self, pairs: Any = slice(None)) -> Any:
        """Return the rows of X that belong to some sorted pairs."""
        return self.X[pairs] if self.table_row is None else self.X[self.table_row[pairs]]

    def decision(self, coef: Array, intercept: Array) -> Array:
        """Return x'w + b (and what is known beforehand) of each pair, for coef (T, K, d) and intercept (T, K)."""
        z = self.plain.decision(coef) + intercept[self.codes]
        return z if self.known is None else z + self.known[:, None]

    def take(self, pairs: NDArray[Any]) -> TaskData:
        """Return some of the sorted pairs (positions or mask); all tasks stay, empty where nothing was taken."""
        kept = np.flatnonzero(pairs) if np.asarray(pairs).dtype == bool else np.sort(pairs)
        sizes = np.bincount(self.codes[kept], minlength=self.n_tasks)
        return replace(
            self,
            X=self.X[kept] if self.table_row is None else self.X,
            y=self.y[kept],
            sample_weight=self.sample_weight[kept],
            offsets=np.concatenate([[0], np.cumsum(sizes)]),
            order=self.order[kept],
            table_row=None if self.table_row is None else self.table_row[kept],
            is_prior=None if self.is_prior is None else self.is_prior[kept],
            known=None if self.known is None else self.known[kept],
        )

    def scaled(self, scale: Array) -> TaskData:
        """Return the same data with each column divided by its scale."""
        if sparse.issparse(self.X):
            scaled = self.X.copy()
            scaled.data = scaled.data / scale.astype(scaled.dtype)[scaled.indices]
            return replace(self, X=scaled)
        return replace(self, X=self.X / scale.astype(self.X.dtype))

    def with_known(self, known: Array) -> TaskData:
        """Return the same data with the known part of the predictor of each row of the table they came from."""
        return replace(self, known=known[self.order if self.table_row is None else self.table_row])

    def with_prior_rows(self) -> TaskData:
        """Give each task that misses a class weak prior rows.

        Such a task gets one row per class at its weighted mean x, with weight .5 each. The objective's n stays the
        sum of the real weights, so the loss of these rows is added as (1/n) c_t sum_k .5 L(k, m_t'w_t + b_t). A task
        whose k real rows are all of one class is then, on its own, the smoothed prior (k + .5) / (n_t + K / 2).
        """
        if self.n_classes is None:
            raise ValueError("prior rows are for classification: these data have no classes (n_classes=None).")
        k = self.n_classes
        cell = self.codes * k + self.y.astype(np.intp)
        present = np.bincount(cell, self.sample_weight, self.n_tasks * k).reshape(self.n_tasks, k) > 0
        lacking = np.flatnonzero(~present.all(axis=1) & (np.diff(self.offsets) > 0))
        return self._with_rows_at_means(lacking, np.tile(np.arange(k, dtype=self.y.dtype), (len(lacking), 1)))

    def with_prior_counts(self) -> TaskData:
        """Give each task whose y are all zero one weak prior row, since its log rate would be minus infinity.

        The row is at the task's weighted mean x, with weight .5 and the mean y of all rows (their rate, where rows have
        exposures); n stays as it is. Alone, such a task of weight n_t predicts .5 m / (n_t + .5) for the mean m.
        """
        total = np.bincount(self.codes, self.sample_weight * self.y, self.n_tasks)
        lacking = np.flatnonzero((total == 0) & (np.diff(self.offsets) > 0))
        known = np.zeros(self.n_pairs) if self.known is None else self.known
        rate = total.sum() / float(self.sample_weight @ np.exp(known))
        return self if rate == 0 else self.with_count_rows(lacking, rate)

    def with_count_rows(self, tasks: NDArray[np.intp], rate: float) -> TaskData:
        """Give some tasks the prior row of ``with_prior_counts``, at a rate that is known."""
        return self._with_rows_at_means(tasks, rate * np.exp(self._mean_known(tasks))[:, None])

    def _with_rows_at_means(self, tasks: NDArray[np.intp], targets: Array) -> TaskData:
        """Add rows of weight .5 at the mean row of some tasks, one for each of their targets (len(tasks), k)."""
        if not len(tasks):
            return self
        k = targets.shape[1]
        means = np.vstack([self._mean_row(int(t)) for t in tasks]).astype(self.X.dtype)
        codes = np.concatenate([self.codes, np.repeat(tasks, k)])
        order = np.argsort(codes, kind="stable")
        table_row = np.arange(self.n_pairs) if self.table_row is None else self.table_row
        rows = np.concatenate([table_row, self.X.shape[0] + np.repeat(np.arange(len(tasks)), k)])[order]
        X = sparse.vstack([self.X, means]).tocsr() if sparse.issparse(self.X) else np.vstack([self.X, means])
        n_new = len(tasks) * k
        was_prior = np.zeros(self.n_pairs, dtype=bool) if self.is_prior is None else self.is_prior
        known = None
        if self.known is not None:
            known = np.concatenate([self.known, np.repeat(self._mean_known(tasks), k)])[order]
        return replace(
            self,
            X=X[rows] if self.table_row is None else X,
            y=np.concatenate([self.y, targets.ravel()])[order],
            sample_weight=np.concatenate([self.sample_weight, np.full(n_new, 0.5)])[order],
            offsets=np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=self.n_tasks))]),
            order=np.concatenate([self.order, np.full(n_new, -1)])[order],
            table_row=None if self.table_row is None else rows,
            is_prior=np.concatenate([was_prior, np.ones(n_new, dtype=bool)])[order],
            known=known,
        )

    def _mean_known(self, tasks: NDArray[np.intp]) -> Array:
        if self.known is None:
            return np.zeros(len(tasks))
        weight = np.bincount(self.codes, self.sample_weight, self.n_tasks)
        return np.bincount(self.codes, self.sample_weight * self.known, self.n_tasks)[tasks] / weight[tasks]

    def _mean_row(self, t: int) -> Array:
        pairs = slice(self.offsets[t], self.offsets[t + 1])
        weight = self.sample_weight[pairs]
        return np.asarray(self.pair_rows(pairs).T @ (weight / weight.sum())).reshape(1, -1)


def _sorted(
    X: Any, y: Any, codes: NDArray[Any], tasks: NDArray[Any], weight: Any, table_row: Any, n_classes: int | None
) -> TaskData:
    order = np.argsort(codes, kind="stable")
    in_order = bool(np.all(order[1:] > order[:-1])) if len(order) else True
    weights = np.ones(len(codes)) if weight is None else np.asarray(weight, dtype=np.float64)
    shared = table_row is not None
    return TaskData(
        X=X if shared or in_order else X[order],
        y=np.asarray(y, dtype=np.float64)[order],
        sample_weight=weights[order],
        offsets=np.concatenate([[0], np.cumsum(np.bincount(codes, minlength=len(tasks)))]).astype(np.intp),
        order=order.astype(np.intp),
        tasks=tasks,
        table_row=table_row[order] if shared else None,
        n_classes=n_classes,
    )


def column_scale(data: TaskData) -> Array:
    """Return the weighted standard deviation of each column over all pairs, 1 where the column is constant.

    Nothing is centred, so a sparse X stays sparse; with free intercepts centring would change nothing. A column
    counts as constant where its deviation is within rounding of its size.
    """
    weight = data.sample_weight
    if data.is_prior is not None:
        weight = np.where(data.is_prior, 0.0, weight)
    if data.table_row is not None:
        weight = np.bincount(data.table_row, weight, data.X.shape[0])
    share = np.array(weight / weight.sum())
    if sparse.issparse(data.X):
        mean, variance = _sparse_moments(data.X, share)
    else:
        mean = share @ data.X
        mean = mean + share @ (data.X - mean)  # over many rows the mean of ones misses 1 by more than rounding
        variance = share @ (data.X - mean) ** 2
    rounding = 10.0 * float(np.finfo(data.X.dtype).eps) * np.abs(mean)
    deviation = np.sqrt(variance)
    return np.where(deviation > rounding, deviation, 1.0)


def _sparse_moments(X: Any, share: Array) -> tuple[Array, Array]:
    """Weighted mean and variance of the columns, in float64, in two passes over what is stored."""
    d = X.shape[1]
    weight, values = np.repeat(share, np.diff(X.indptr)), X.data.astype(np.float64)
    full = np.bincount(X.indices, minlength=d) >= X.shape[0]
    empty = np.where(full, 0.0, np.maximum(1.0 - np.bincount(X.indices, weight, d), 0.0))
    mean: Any = np.bincount(X.indices, weight * values, d)
    mean = mean + np.bincount(X.indices, weight * (values - mean[X.indices]), d) - empty * mean
    apart = values - mean[X.indices]
    squares: Any = np.bincount(X.indices, weight * apart * apart, d)
    return mean, squares + empty * mean**2
