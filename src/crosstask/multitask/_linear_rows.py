"""Predictions of linear models, each row by the coefficients of its task."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]
FEW_ROWS = 100  # of a task, on average, below which predictions are taken row by row
AT_ONCE = 8192  # rows


def predict_rows(matrix: Any, codes: NDArray[np.intp], coef: Array) -> Array:
    """Return x_i'w of each row and output, w of the row's task, shape (n_rows, K)."""
    z = np.empty((len(codes), coef.shape[1]))
    order = np.argsort(codes, kind="stable")  # one sort, where a search for each task would be quadratic
    groups = np.flatnonzero(np.diff(codes[order])) + 1
    if sparse.issparse(matrix) or len(codes) > FEW_ROWS * (len(groups) + 1):
        for pairs in np.split(order, groups):
            z[pairs] = matrix[pairs] @ coef[codes[pairs[0]]].T
        return z
    for first in range(0, len(codes), AT_ONCE):  # a row at a time, where a task has too few for a product of matrices
        some = order[first : first + AT_ONCE]
        z[some] = np.einsum("id,ikd->ik", matrix[some], coef[codes[some]])
    return z
