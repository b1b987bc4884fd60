"""The covariance of the tasks' functions: a part that tasks share, and a part of each task's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Covariance:
    r"""cov(f(x, s), f(z, t)) = S_st k(x, z) + [s = t] own_t k_t(x, z).

    Parameters
    ----------
    kernel : kernel
        k.
    shared : ndarray of shape (n_tasks, n_tasks)
        S = L L'.
    own : ndarray of shape (n_tasks,)
        Variances of the own parts.
    own_kernels : list of kernels, or None
        k_t; None where each is k.
    mixes : ndarray of shape (n_mixes, n_tasks)
        What a code of the methods' first rows stands for: a weighted sum of the tasks' functions.
    """

    kernel: Any
    shared: Array
    own: Array
    own_kernels: list[Any] | None
    mixes: Array

    @classmethod
    def plain(cls, kernel: Any, shared: Array, own: Array, own_kernels: list[Any] | None = None) -> Covariance:
        """Return the covariance whose codes stand for the tasks themselves."""
        return cls(kernel, shared, own, own_kernels, np.eye(len(own)))

    def in_units(self, y_scale: Array) -> Covariance:
        """Return the one whose codes are the tasks in units of y, and -1 the average of the tasks' functions."""
        return replace(self, mixes=np.vstack([np.diag(y_scale), y_scale / len(y_scale)]))

    @property
    def between_tasks(self) -> Array:
        """B, the covariance of the tasks where k and k_t are 1."""
        return self.shared + np.diag(self.own)

    def of_rows(self, X: Array, codes: Ints) -> Array:
        """Return the covariance of rows of the tasks, of shape (n_rows, n_rows)."""
        if self.own_kernels is None:
            return np.asarray(self.kernel(X), dtype=np.float64) * self.between_tasks[codes[:, None], codes]
        sigma = np.asarray(self.kernel(X), dtype=np.float64) * self.shared[codes[:, None], codes]
        for t in np.unique(codes):
            here = np.flatnonzero(codes == t)
            sigma[np.ix_(here, here)] += self.own[t] * np.asarray(self.own_kernels[t](X[here]))
        return sigma

    def across(self, X: Array, codes: Ints, Z: Array, tasks: Ints) -> Array:
        """Return the covariance of rows (their codes refer to ``mixes``) with rows of the tasks."""
        if self.own_kernels is None:
            return np.asarray(self.kernel(X, Z)) * (self.mixes @ self.between_tasks)[codes[:, None], tasks]
        found = np.asarray(self.kernel(X, Z)) * (self.mixes @ self.shared)[codes[:, None], tasks]
        for t in np.unique(tasks):
            there, share = np.flatnonzero(tasks == t), self.mixes[codes, t] * self.own[t]
            here = np.flatnonzero(share)
            if len(here):
                own = np.asarray(self.own_kernels[t](X[here], Z[there]))
                found[np.ix_(here, there)] += share[here, None] * own
        return found

    def variance(self, X: Array, codes: Ints) -> Array:
        """Return the variance at each row, its codes referring to ``mixes``."""
        if self.own_kernels is None:
            size = np.sum((self.mixes @ self.between_tasks) * self.mixes, axis=1)
            return size[codes] * self.kernel.diag(X)
        total = np.sum((self.mixes @ self.shared) * self.mixes, axis=1)[codes] * self.kernel.diag(X)
        for t, kernel in enumerate(self.own_kernels):
            share = self.mixes[codes, t] ** 2 * self.own[t]
            here = np.flatnonzero(share)
            total[here] += share[here] * kernel.diag(X[here])
        return total
