"""A fitted machine, in kernel or linear form, and the fit of one of either form part by part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosstask.multitask.svm._dual import Rows, Settings, solve_by_libsvm
from crosstask.multitask.svm._input_kernel import InputKernel
from crosstask.multitask.svm._interior import solve_linear
from crosstask.multitask.svm._task_kernel import parts

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

SMALL_ENOUGH_FOR_DENSE = 10_000_000  # numbers


@dataclass(frozen=True)
class KernelMachine:
    """sum_j coef_j B[t, s_j] k(x, x_j) + intercept_t, for several outputs that share their support vectors."""

    kernel: InputKernel
    support_vectors_: Any  # an array, or CSR
    support_codes: Ints
    coef: Array  # (n_outputs, n_support)
    intercept: Array  # (n_outputs, n_lines)
    n_iter: int
    task_kernel: Array  # (n_lines, n_tasks): a line of B for each task, and one for unseen tasks last

    def decision(self, X: Any, codes: Ints) -> Array:
        """Return the decision values, of shape (n_rows, n_outputs); code -1 means an unseen task."""
        z = self.intercept[:, codes].T.copy()
        if not len(self.support_codes):
            return z
        for start in range(0, len(codes), 2000):  # bounds the memory of one Gram matrix
            chunk = slice(start, start + 2000)
            gram = self.kernel(X[chunk], self.support_vectors_)
            z[chunk] += (gram * self.task_kernel[codes[chunk]][:, self.support_codes]) @ self.coef.T
        return z


@dataclass(frozen=True)
class LinearMachine:
    """x'w_t + intercept_t, for several outputs; ``features`` maps x first, where it is given."""

    coef: Array  # (n_outputs, n_lines, n_features)
    intercept: Array  # (n_outputs, n_lines)
    n_iter: int
    features: Any = None

    def decision(self, X: Any, codes: Ints) -> Array:
        """Return the decision values, of shape (n_rows, n_outputs); code -1 means an unseen task."""
        mapped = X if self.features is None else self.features.transform(X)
        z = self.intercept[:, codes].T.copy()
        for code in np.unique(codes):
            rows = codes == code
            z[rows] += mapped[rows] @ self.coef[:, code].T
        return z


def fit_kernel(rows: Rows, kernel: InputKernel, task_kernel: Array, settings: Settings) -> tuple[Array, Array, int]:
    """Return the dual variables of all rows, the intercept of each task, and the most iterations.

    Parts that share nothing are solved apart.
    """
    beta, intercept = np.zeros(len(rows.y)), np.zeros(len(task_kernel))
    most = 0
    for tasks, own in _parts(rows, task_kernel):
        constant = _constant(rows.y[own], settings)
        if constant is not None:
            intercept[tasks] = constant
            continue
        codes = rows.codes[own]
        inside = task_kernel[np.ix_(tasks, tasks)]
        plain = kernel if _shares_unevenly(inside) else replace(kernel, offset=0.0)
        gram = plain(rows.X[own], rows.X[own])
        gram *= task_kernel[codes[:, None], codes]
        beta[own], intercept[tasks], n_iter = solve_by_libsvm(gram, rows.y[own], rows.weight[own], settings)
        most = max(most, n_iter)
    return beta, intercept, most


def fit_linear(rows: Rows, offset: float, task_kernel: Array, settings: Settings) -> tuple[Array, Array, int]:
    """Return the slopes of shape (n_tasks, n_features), the intercept of each task, and the most steps."""
    coef, intercept = np.zeros((len(task_kernel), rows.X.shape[1])), np.zeros(len(task_kernel))
    most = 0
    for tasks, own in _parts(rows, task_kernel):
        constant = _constant(rows.y[own], settings)
        if constant is not None:
            intercept[tasks] = constant
            continue
        inside = task_kernel[np.ix_(tasks, tasks)]
        size = np.sqrt(offset) if _shares_unevenly(inside) else 0.0
        X = with_constant(rows.X[own], size)
        codes = np.searchsorted(tasks, rows.codes[own])
        slopes, shared, steps = solve_linear(X, codes, rows.y[own], rows.weight[own], inside, settings)
        most = max(most, steps)
        coef[tasks] = slopes[:, :-1]
        intercept[tasks] = shared + size * slopes[:, -1]
    return coef, intercept, most


def with_constant(X: Any, value: float) -> Any:
    """Return X with a last column that holds one value; small sparse ones become dense, which is faster."""
    column = np.full((X.shape[0], 1), value)
    if not sparse.issparse(X):
        return np.hstack([X, column])
    small = np.prod(X.shape, dtype=np.float64) <= SMALL_ENOUGH_FOR_DENSE
    return np.hstack([X.toarray(), column]) if small else sparse.hstack([X, column], format="csr")


def _parts(rows: Rows, task_kernel: Array) -> list[tuple[Ints, Ints]]:
    """Return (tasks, rows) of each part of the task kernel that has rows; parts without rows answer zero."""
    part = parts(task_kernel)
    found = [(np.flatnonzero(part == k), np.flatnonzero(part[rows.codes] == k)) for k in range(part.max() + 1)]
    return [(tasks, own) for tasks, own in found if len(own)]


def _shares_unevenly(task_kernel: Array) -> bool:
    """Tell whether an offset to k changes the answer: where all rows share alike, the free intercept takes it up."""
    return not (task_kernel == task_kernel[0, 0]).all()


def _constant(y: Array, settings: Settings) -> float | None:
    """Return what a part without any variety in y answers everywhere: its class, or its value."""
    if settings.epsilon is None:
        return float(y[0]) if (y == y[0]).all() else None
    return float(y[0]) if len(y) == 1 else None
