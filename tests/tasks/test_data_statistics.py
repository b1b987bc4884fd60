from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from crosstask.tasks import TaskData, TaskMoments

FIELDS = ("weight", "mean_x", "mean_y", "gram", "xy", "yy")


def sample(shift=0.0, seed=0, n=40):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)) + shift
    return TaskData.from_arrays(X, rng.normal(size=n) + shift, np.arange(n) % 4, sample_weight=rng.uniform(0.5, 2, n))


def assert_same(left, right, tol=1e-10):
    for field in FIELDS:
        assert_allclose(getattr(left, field), getattr(right, field), rtol=tol, atol=tol, err_msg=field)


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_moments_are_numpys_covariances(shift):
    data = sample(shift)
    moments = TaskMoments.of(data)
    for t in range(4):
        rows = data.codes == t
        weight = data.sample_weight[rows]
        both = np.column_stack([data.X[rows], data.y[rows]])
        cov = np.cov(both.T, aweights=weight, ddof=0) * weight.sum()
        assert_allclose(moments.gram[t], cov[:3, :3], rtol=1e-7, atol=1e-7)
        assert_allclose(moments.xy[t], cov[:3, 3], rtol=1e-7, atol=1e-7)
        assert_allclose(moments.yy[t], cov[3, 3], rtol=1e-7)
        assert_allclose(moments.mean_x[t], np.average(data.X[rows], axis=0, weights=weight))


@pytest.mark.parametrize("shift", [0.0, 1e5])
def test_moments_add_and_subtract(shift):
    data = sample(shift)
    part = np.random.default_rng(1).random(data.n_pairs) < 0.3
    one, other = TaskMoments.of(data.take(part)), TaskMoments.of(data.take(~part))
    whole = TaskMoments.of(data)
    tol = 1e-10 if shift == 0 else 1e-6
    assert_same(one + other, whole, tol)
    assert_same(whole - one, other, tol)
    assert_same(whole.subset(data, part), one, tol)
    assert_same(whole.subset(data, np.flatnonzero(~part)), other, tol)


def test_a_task_that_loses_all_its_rows_has_zero_moments():
    data = sample()
    left = TaskMoments.of(data) - TaskMoments.of(data.take(data.codes == 2))
    assert left.weight[2] == 0.0
    assert not left.gram[2].any()
    assert not left.xy[2].any()


def test_another_target_takes_the_place_of_y():
    data = sample()
    assert_allclose(TaskMoments.of(data, target=data.X[:, 0]).xy, TaskMoments.of(data).gram[:, 0])
