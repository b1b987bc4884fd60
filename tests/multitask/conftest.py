from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def regression_rows():
    """Rows of four tasks of unequal size, related slopes, different intercepts."""
    rng = np.random.default_rng(0)
    task = np.repeat(["a", "b", "c", "d"], [30, 12, 45, 20])
    codes = np.unique(task, return_inverse=True)[1]
    X = rng.normal(size=(len(task), 5)) * [1.0, 3.0, 0.5, 1.0, 1.0]
    slopes = rng.normal(size=5) + 0.4 * rng.normal(size=(4, 5))
    y = np.einsum("ij,ij->i", X, slopes[codes]) + np.array([0.0, 5.0, -3.0, 1.0])[codes] + rng.normal(size=len(task))
    return X, y, task


@pytest.fixture
def binary_rows(regression_rows):
    X, y, task = regression_rows
    rng = np.random.default_rng(1)
    return X, np.where(y + 2 * rng.logistic(size=len(y)) > 1, "ill", "well"), task


@pytest.fixture
def three_class_rows(regression_rows):
    X, y, task = regression_rows
    noisy = y + np.random.default_rng(2).normal(size=len(y))
    return X, np.select([noisy < -2, noisy < 2], ["low", "mid"], "top"), task
