"""The rows of a squared-loss problem as working sets need them: all correlations, and a few columns.

Rows are less their task's mean and times the root of their weight h, so that the problem reads
min_V |X V - y|^2 / 2 + alpha R(V), and intercepts drop out.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosstask.solvers._problem import Problem

Array = NDArray[np.float64]
Features = NDArray[np.intp]


class Design(Protocol):
    """Slopes are (d, T), features first."""

    target: Array
    n_features: int
    n_tasks: int

    def correlate(self, residual: Array) -> Array:
        """Return X'r of each feature and task, shape (d, T)."""
        ...

    def columns(self, features: Features) -> Array:
        """Return some columns of X as rows, shape (m, n)."""
        ...

    def predict(self, columns: Array, V: Array) -> Array:
        """Return X V for some columns and their slopes (m, T)."""
        ...


class OwnRows:
    """Each task has its own rows, dense or sparse: columns are (m, n_pairs), residuals (n_pairs,)."""

    def __init__(self, problem: Problem) -> None:
        self.data, self.rows = problem.data, problem.rows
        self.n_tasks, self.n_features = self.rows.shift.shape
        self.root = np.sqrt(problem.row_weight)
        self.starts = self.data.offsets
        self.segments = [slice(a, b) for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]
        self.target = self.root * (problem.data.y - problem.fixed[:, 0] - problem.null_intercept[self.data.codes, 0])

    def correlate(self, residual: Array) -> Array:
        """Return X'r of each feature and task, shape (d, T)."""
        return np.ascontiguousarray(self.rows.adjoint((self.root * residual)[:, None])[:, 0].T)

    def columns(self, features: Features) -> Array:
        """Return some columns of X as rows, shape (m, n_pairs)."""
        table: Any = self.data.X
        kept: Any = slice(None) if np.array_equal(features, np.arange(self.n_features)) else features
        if sparse.issparse(table):
            table, kept = table[:, features].toarray(), slice(None)
        picked = np.empty((len(features), len(self.target)))
        for t, own in enumerate(self.segments):  # a task at a time stays in the processor's cache
            rows = table[own] if self.data.table_row is None else table[self.data.table_row[own]]
            np.subtract(rows[:, kept], self.rows.shift[t, features], out=picked[:, own].T)
        picked *= self.root
        return picked

    def predict(self, columns: Array, V: Array) -> Array:
        """Return X V for some columns and their slopes (m, T)."""
        z = np.empty(columns.shape[1])
        for t, rows in enumerate(self.segments):
            z[rows] = V[:, t] @ columns[:, rows]
        return z


class SharedRows:
    """All tasks have the same rows with the same weights: columns are (m, N), residuals (N, T), and X is kept once."""

    def __init__(self, problem: Problem) -> None:
        data, shift = problem.data, problem.rows.shift
        self.n_tasks, self.n_features = shift.shape
        N = data.n_pairs // self.n_tasks
        root = np.sqrt(problem.row_weight[:N])
        table = data.table_row
        assert table is not None
        X: Any = data.X[table[:N]]
        dense = X.toarray() if sparse.issparse(X) else X
        self.rows = np.subtract(dense.T, shift[0][:, None], dtype=np.float64, order="C")
        self.rows *= root
        y = data.y - problem.fixed[:, 0] - problem.null_intercept[data.codes, 0]
        self.target = np.ascontiguousarray(y.reshape(self.n_tasks, N).T * root[:, None])

    def correlate(self, residual: Array) -> Array:
        """Return X'r of each feature and task, shape (d, T)."""
        return self.rows @ residual

    def columns(self, features: Features) -> Array:
        """Return some columns of X as rows, shape (m, N)."""
        return self.rows[features]

    def predict(self, columns: Array, V: Array) -> Array:
        """Return X V for some columns and their slopes (m, T)."""
        return columns.T @ V


def rows_are_shared(problem: Problem) -> bool:
    """Tell whether every task has every row, with the same weights: the wide door without gaps."""
    if not problem.data.is_complete:
        return False
    weight = problem.row_weight.reshape(problem.data.n_tasks, -1)
    return bool((weight == weight[0]).all())
