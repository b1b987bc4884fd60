"""k, the kernel between rows, and what its parameters contribute to the gradient of the marginal likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF

Array = NDArray[np.float64]

_LENGTHS = (0.05, 500.0)  # in standard deviations of a column


def make_kernel(kernel: Any, n_features: int) -> Any:
    """Return an unfitted kernel: the default is RBF with a length for each column."""
    if kernel is None:
        lengths: Any = np.full(n_features, np.sqrt(n_features))
        return RBF(lengths, _LENGTHS)
    if not (callable(kernel) and hasattr(kernel, "theta") and hasattr(kernel, "diag")):
        raise ValueError(
            f"kernel={kernel!r} is no kernel of sklearn.gaussian_process.kernels: give one, such as Matern(nu=1.5), or "
            "None for RBF with a length for each column."
        )
    return clone(kernel)


def pull_on_theta(kernel: Any, X: Array, pull: Array, gram: Array) -> Array:
    """Return sum_ij pull_ij dk_ij / dtheta for each parameter of the kernel, theta in logarithms.

    For RBF this needs no array of shape (n_rows, n_rows, n_theta): with V = pull * k,
    sum_ij V_ij (x_i - x_j)^2 = 2 (sum_i V_i. x_i^2 - x'Vx).
    """
    if type(kernel) is RBF and len(kernel.theta):
        V = pull * gram
        inside = V.sum(axis=1) @ X**2 - np.einsum("ij,ij->j", X, V @ X)
        each = 2.0 * inside / np.broadcast_to(kernel.length_scale, X.shape[1]) ** 2
        return each if np.ndim(kernel.length_scale) and len(kernel.theta) > 1 else np.array([each.sum()])
    if not len(kernel.theta):
        return np.zeros(0)
    both: Any = kernel(X, eval_gradient=True)
    slopes = both[1]
    return np.einsum("ij,ijk->k", pull, slopes)
