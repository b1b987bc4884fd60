"""The scale that columns are divided by: of constants, of many rows, of sparse and of short floats."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from crosstask.tasks import TaskData
from crosstask.tasks._data import column_scale


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [50, 11_522])
def test_constants_count_as_one_and_sparse_equals_dense(n, dtype):
    rng = np.random.default_rng(0)
    mostly_zero = rng.normal(size=n) * (rng.random(n) < 0.1)
    constants = [np.ones(n), np.full(n, 0.1), np.full(n, 1e6 / 3), np.zeros(n)]
    X = np.column_stack([*constants, rng.normal(5.0, 2.0, n), mostly_zero]).astype(dtype)
    task, weight = rng.integers(0, 5, n), rng.random(n) + 0.1
    dense = column_scale(TaskData.from_arrays(X, np.zeros(n), task, sample_weight=weight))
    assert_allclose(dense[:4], 1.0)
    wide = X[:, 4:].astype(np.float64)
    variance = np.average((wide - np.average(wide, axis=0, weights=weight)) ** 2, axis=0, weights=weight)
    assert_allclose(dense[4:], np.sqrt(variance))
    csr = column_scale(TaskData.from_arrays(sparse.csr_array(X), np.zeros(n), task, sample_weight=weight))
    assert_allclose(csr, dense)
