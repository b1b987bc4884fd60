"""Functions of the singular values of a matrix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from crosstask.couplings._base import Array


def singular_values(M: Array) -> Array:
    """Return the singular values of M, largest first."""
    return np.asarray(np.linalg.svd(M, compute_uv=False), dtype=np.float64)


def rescale(M: Array, kept: Callable[[Array], Array]) -> Array:
    """Return U diag(s kept(s)) V' for M = U diag(s) V'.

    Computed from the smaller of M M' and M'M, in O(mn min(m, n)): singular values below 1e-8 of the largest are not
    exact, and must not matter to s kept(s).
    """
    wide = M.shape[0] <= M.shape[1]
    values, vectors = np.linalg.eigh(M @ M.T if wide else M.T @ M)
    factor = kept(np.sqrt(np.maximum(values[::-1], 0.0)))[::-1]
    square = (vectors * factor) @ vectors.T
    return square @ M if wide else M @ square
