"""k, the kernel between rows: a name of scikit-learn's, a kernel object or any callable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.metrics.pairwise import pairwise_kernels

from crosstask.multitask.svm._dual import Rows
from crosstask.multitask.svm._task_kernel import refuse_indefinite

Array = NDArray[np.float64]

NAMES = ("linear", "rbf", "poly", "sigmoid", "laplacian", "cosine", "chi2")
_ALWAYS_DEFINITE = ("linear", "rbf", "laplacian", "cosine", "chi2")
_ROWS_TESTED = 300


@dataclass(frozen=True)
class InputKernel:
    """k(x, z) + offset, ready to be called on two sets of rows.

    Parameters
    ----------
    kernel : str, kernel object of scikit-learn, or callable
        A callable takes two arrays of rows and returns their Gram matrix.
    options : dict
        What scikit-learn's kernel of that name takes of gamma, degree and coef0.
    offset : float
        Added to k: the squared size of each task's own intercept, as the task kernel shares it.
    """

    kernel: Any
    options: dict[str, float]
    offset: float

    def __call__(self, X: Any, Z: Any) -> Array:
        """Return the Gram matrix of shape (len(X), len(Z))."""
        if callable(self.kernel):
            gram = np.asarray(self.kernel(X, Z), dtype=np.float64)
            if gram.shape != (len(X), len(Z)):
                raise ValueError(
                    f"kernel returned an array of shape {gram.shape} for {len(X)} and {len(Z)} rows: a callable takes "
                    "two arrays of rows, and returns one value for each pair."
                )
        else:
            options: dict[str, Any] = self.options
            gram = np.asarray(
                pairwise_kernels(X, Z, metric=self.kernel, filter_params=True, **options), dtype=np.float64
            )
        return gram + self.offset if self.offset else gram

    def check(self, X: Any) -> None:
        """Refuse a kernel that is not symmetric and positive semidefinite on some of the rows."""
        if isinstance(self.kernel, str) and self.kernel in _ALWAYS_DEFINITE:
            return
        n = X.shape[0]
        some = X[np.linspace(0, n - 1, min(n, _ROWS_TESTED)).astype(np.intp)]
        gram = self(some, some) - self.offset
        if not np.allclose(gram, gram.T):
            raise ValueError("kernel is not symmetric: kernel(X, Z) must be the transpose of kernel(Z, X).")
        name = f"kernel={self.kernel!r} on {some.shape[0]} rows" if isinstance(self.kernel, str) else "kernel"
        refuse_indefinite(gram, name, "use another kernel, such as 'rbf'")


def takes_sparse(kernel: Any) -> bool:
    """Tell whether scikit-learn computes this kernel on sparse rows."""
    return isinstance(kernel, str) and kernel != "chi2"


def make_input_kernel(kernel: Any, gamma: Any, degree: float, coef0: float, offset: float, rows: Rows) -> InputKernel:
    """Return the kernel, gamma as a number: for "scale" and "auto" read from X as scikit-learn does, weights as copies.

    Raises
    ------
    ValueError
        If the kernel or gamma is not known, or the kernel is not positive semidefinite.
    """
    X = rows.X
    if not callable(kernel) and kernel not in NAMES:
        raise ValueError(
            f"kernel={kernel!r} is not known: use {', '.join(map(repr, NAMES))}, a kernel of "
            "sklearn.gaussian_process.kernels, or a callable of two arrays of rows."
        )
    if not (np.isfinite(offset) and offset >= 0):
        raise ValueError(f"task_offset={offset!r} must be a number that is not negative.")
    if gamma == "scale":
        variance = _variance(rows)
        gamma = 1.0 / (X.shape[1] * variance) if variance > 0 else 1.0
    elif gamma == "auto":
        gamma = 1.0 / X.shape[1]
    elif isinstance(gamma, str) or not (np.isfinite(gamma) and gamma >= 0):
        raise ValueError(f"gamma={gamma!r} is not known: use 'scale', 'auto', or a number that is not negative.")
    if sparse.issparse(X) and not takes_sparse(kernel):
        raise TypeError(
            f"Sparse data was passed, and kernel={kernel!r} takes dense rows: use X.toarray(), or a kernel that takes "
            "it as it is, such as 'linear' or 'rbf'."
        )
    made = InputKernel(kernel, {"gamma": float(gamma), "degree": degree, "coef0": coef0}, float(offset))
    made.check(X)
    return made


def _variance(rows: Rows) -> float:
    """Return the variance of all entries of X, a weight of k counted as k rows."""
    if sparse.issparse(rows.X):
        share = rows.weight / rows.weight.sum()
        return float(np.mean(share @ rows.X.power(2)) - np.mean(share @ rows.X) ** 2)
    if (rows.weight == rows.weight[0]).all():
        return float(rows.X.var())  # bit by bit that of scikit-learn
    share = rows.weight / rows.weight.sum()
    return float(np.mean(share @ (rows.X - np.mean(share @ rows.X)) ** 2))
