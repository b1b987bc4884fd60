from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from tests.solvers.zoo import long_form, wide

from crosstask.couplings import Independent, Pooled
from crosstask.losses import Logistic, Multinomial, Squared
from crosstask.solvers import Problem, solve
from crosstask.tasks import TaskData, TaskRows, column_scale, open_fit


class Reader:
    """Stands where an estimator stands when a door is opened."""

    task_column = None

    def __sklearn_tags__(self):
        from sklearn.utils import Tags, TargetTags

        return Tags(estimator_type="regressor", target_tags=TargetTags(required=True))


def random_data(T=4, n=30, d=3, seed=0, dtype=np.float64, csr=False):
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.6)).astype(dtype)
    task = rng.integers(0, T, n)
    return TaskData.from_arrays(
        sparse.csr_matrix(X) if csr else X, rng.normal(size=n), task, sample_weight=rng.uniform(0.5, 2, n)
    ), (X, task)


def test_rows_are_sorted_by_task_and_stay_in_order_within_it():
    data, (X, task) = random_data()
    assert_array_equal(data.codes, np.sort(task))
    assert_array_equal(data.order, np.argsort(task, kind="stable"))
    assert_array_equal(data.X, X[data.order])
    for t in range(4):
        assert_array_equal(data.X[data.offsets[t] : data.offsets[t + 1]], X[task == t])


def test_what_comes_through_a_door_goes_in():
    rng = np.random.default_rng(0)
    X, task, y = rng.normal(size=(8, 2)), np.array(list("babaccab")), rng.normal(size=8)
    rows = open_fit(Reader(), X, y, task=task, sample_weight=np.arange(1.0, 9.0))
    data = TaskData.from_rows(rows, X, rows.y)
    assert list(data.tasks) == ["a", "b", "c"]
    assert_array_equal(data.y, y[data.order])
    assert_array_equal(data.sample_weight, data.order + 1.0)
    assert_array_equal(data.totals, [2 + 4 + 7, 1 + 3 + 8, 5 + 6])


def test_wide_target_shares_x_and_means_the_same_as_long_rows():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(10, 3)), rng.normal(size=(10, 4))
    Y[rng.random(Y.shape) < 0.4] = np.nan
    data = wide(X, Y)
    assert data.X is X
    assert data.n_pairs == np.isfinite(Y).sum()
    V, b = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 2))
    assert_allclose(data.decision(V, b), long_form(data).decision(V, b))
    assert_allclose(column_scale(data), column_scale(long_form(data)))


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("make", ["sparse", "wide", "wide sparse", "wide large"])
def test_every_layout_gives_the_same_products(make, centre, monkeypatch):
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(12, 3)) * (rng.random((12, 3)) < 0.6), rng.normal(size=(12, 4))
    Y[rng.random(Y.shape) < 0.4] = np.nan
    dense = long_form(wide(X, Y))
    if make == "sparse":
        data = TaskData.from_arrays(sparse.csr_matrix(dense.X), dense.y, dense.codes)
    else:
        if make == "wide large":
            monkeypatch.setattr("crosstask.tasks._operators.SMALL_COPY", 0)
        data = wide(sparse.csr_matrix(X) if make == "wide sparse" else X, Y)
    ours, plain = (d.centred if centre else d.plain for d in (data, dense))
    V, R, h = rng.normal(size=(4, 2, 3)), rng.normal(size=(data.n_pairs, 2)), rng.random(data.n_pairs)
    shifted = dense.X - plain.shift[dense.codes]
    assert_allclose(plain.decision(V), np.einsum("nd,nkd->nk", shifted, V[dense.codes]), atol=1e-13)
    assert_allclose(ours.decision(V), plain.decision(V), atol=1e-13)
    assert_allclose(ours.adjoint(R), plain.adjoint(R), atol=1e-13)
    for left, right in zip(ours.second(h), plain.second(h), strict=True):
        assert_allclose(left, right, atol=1e-13)
    assert_allclose(ours.squares(h), np.einsum("tjj->tj", plain.second(h)[2]), atol=1e-13)
    assert float(np.vdot(ours.decision(V), R)) == pytest.approx(float(np.vdot(V, ours.adjoint(R))))


def test_sparse_stays_sparse_and_single_precision_stays_single():
    data, _ = random_data(csr=True)
    assert sparse.issparse(data.scaled(column_scale(data)).X)
    data, (X, _) = random_data(dtype=np.float32)
    assert data.X.dtype == data.scaled(column_scale(data)).X.dtype == np.float32
    assert X.dtype == np.float32


def test_column_scale_is_the_weighted_deviation_and_one_where_constant():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=50) * 1e-8, rng.normal(size=50) * 1e8 + 1e10, np.full(50, 0.1), np.zeros(50)])
    weight = rng.integers(1, 4, 50)
    for matrix in (X, sparse.csr_matrix(X)):
        data = TaskData.from_arrays(matrix, np.zeros(50), np.zeros(50), sample_weight=weight)
        expected = np.std(np.repeat(X, weight, axis=0), axis=0)
        assert_allclose(column_scale(data)[:2], expected[:2], rtol=1e-6)
        assert_array_equal(column_scale(data)[2:], [1.0, 1.0])


def test_take_keeps_every_task():
    data, _ = random_data()
    part = data.take(data.codes != 2)
    assert part.n_tasks == 4
    assert np.diff(part.offsets)[2] == 0
    assert_array_equal(part.order, data.order[data.codes != 2])
    positions = np.array([5, 1, 3])
    assert_array_equal(data.take(positions).y, data.y[[1, 3, 5]])


@pytest.mark.parametrize("csr", [True, False])
@pytest.mark.parametrize("K", [2, 3])
def test_a_one_class_task_is_the_smoothed_prior(csr, K):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    task = np.arange(30) % 3
    y = rng.integers(0, K, 30).astype(float)
    y[task == 1] = 1.0
    given = TaskData.from_arrays(sparse.csr_matrix(X) if csr else X, y, task, n_classes=K)
    data = given.with_prior_rows()
    assert data.n_pairs == 30 + K
    assert (data.codes[data.order < 0] == 1).all()
    assert_allclose(data.totals, given.totals)
    assert_allclose(column_scale(data), column_scale(given))
    answer = solve(Problem(data, Logistic() if K == 2 else Multinomial(), Independent()), 0.1, tol=1e-13)
    z = data.decision(answer.coef, answer.intercept)[data.codes == 1]
    p = 1 / (1 + np.exp(-z[:, 0])) if K == 2 else np.exp(z[:, 1]) / np.exp(z).sum(axis=1)
    assert_allclose(p, (10 + 0.5) / (10 + K / 2), rtol=1e-5)
    assert data.with_prior_rows() is data


def test_prior_rows_of_a_wide_target_are_those_of_long_rows():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(9, 2)), rng.integers(0, 2, (9, 3)).astype(float)
    Y[:, 1], Y[2, 1] = 0.0, np.nan
    data = wide(X, Y, n_classes=2)
    left, right = data.with_prior_rows(), long_form(data).with_prior_rows()
    assert_allclose(left.pair_rows(), right.pair_rows())
    assert_array_equal(left.y, right.y)
    assert data.X is X


def test_prior_rows_need_classes():
    with pytest.raises(ValueError, match="prior rows are for classification"):
        random_data()[0].with_prior_rows()


def test_nothing_of_the_callers_is_changed():
    rng = np.random.default_rng(0)
    X, y, task = rng.normal(size=(20, 3)), rng.integers(0, 2, 20).astype(float), np.arange(20) % 4
    weight = np.ones(20)
    for array in (X, y, task, weight):
        array.setflags(write=False)
    data = TaskData.from_arrays(X, y, task, sample_weight=weight, n_classes=2).with_prior_rows()
    for loss in (Squared(), Logistic()):
        solve(Problem(data.scaled(column_scale(data)), loss, Pooled()), 0.1)


def test_pickles_leave_out_what_is_recomputed():
    data, _ = random_data(n=200)
    size = len(pickle.dumps(data))
    data.centred.second(data.sample_weight)
    assert len(pickle.dumps(data)) == size
    assert_allclose(pickle.loads(pickle.dumps(data)).totals, data.totals)


def test_rows_of_the_array_door_need_no_table_row():
    rows = TaskRows(np.eye(2), np.array([1.0, 2.0]), np.array([1, 0]), np.array(["a", "b"]), None, None, "array")
    assert_array_equal(TaskData.from_rows(rows, np.eye(2), rows.y).y, [2.0, 1.0])
