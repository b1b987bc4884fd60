"""TaskStatistics against exact arithmetic and against fits on rows."""

from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from crosstask import MultiTaskRegressor, TaskStatistics, task_affinity
from crosstask.multitask import MultiTaskClassifier
from crosstask.summaries import stand_in_rows
from crosstask.tasks import TaskData, TaskMoments, column_scale

COUPLINGS = [
    *("mean_tied", "independent", "pooled", "feature_norm", "task_norm", "element_norm", "trace_norm", "dirty"),
    *("task_covariance", "clustered", "shared_subspace", "fused_in_time", "low_rank_sparse", "outlier_robust"),
    *("robust_features", "robust_centre"),
]


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    task = rng.permutation(np.repeat(["a", "b", "c", "d", "e"], [40, 35, 30, 50, 3]))
    place = np.unique(task, return_inverse=True)[1]
    X = rng.normal(size=(len(task), 4)) * [1.0, 5.0, 0.1, 1.0] + rng.normal(size=(5, 4))[place]
    slopes = rng.normal(size=4) + 0.3 * rng.normal(size=(5, 4))
    y = (X * slopes[place]).sum(axis=1) + place + 0.5 * rng.normal(size=len(task))
    return X, y, task


def gathered(X, y, task, cuts=(50, 51, 90), **options):
    out = TaskStatistics(**options)
    for part in np.split(np.arange(len(y)), cuts):
        out.partial_fit(X[part], y[part], task[part])
    return out


def exact(values):
    """Central second moments and means of the columns, in exact arithmetic."""
    columns = [[Fraction(v) for v in column] for column in values.T.tolist()]
    means = [sum(column) / len(column) for column in columns]
    apart = [[v - m for v in column] for column, m in zip(columns, means, strict=True)]
    second = [[float(sum(a * b for a, b in zip(one, two, strict=True))) for two in apart] for one in apart]
    return np.array(second), np.array([float(m) for m in means])


@pytest.mark.parametrize("far", [0.0, 1e8])
def test_a_mean_far_from_zero_costs_no_digits(far):
    rng = np.random.default_rng(1)
    X, y = far + rng.normal(size=(300, 3)), rng.normal(size=300) - far
    moments = gathered(X, y, np.zeros(300, dtype=int), cuts=range(1, 300, 37)).moments()
    second, means = exact(np.column_stack([X, y]))
    scale = np.sqrt(np.outer(np.diag(second), np.diag(second)))
    assert_allclose(moments.gram[0] / scale[:3, :3], second[:3, :3] / scale[:3, :3], rtol=0, atol=1e-14)
    assert_allclose(moments.xy[0] / scale[:3, 3], second[:3, 3] / scale[:3, 3], rtol=0, atol=1e-14)
    assert_allclose(moments.yy[0], second[3, 3], rtol=1e-14)
    assert_allclose(np.append(moments.mean_x[0], moments.mean_y[0]), means, rtol=1e-15, atol=1e-15)


def test_batches_and_weights_and_order_do_not_matter(rows):
    X, y, task = rows
    once, parts = TaskStatistics().partial_fit(X, y, task), gathered(X, y, task)
    back = TaskStatistics().partial_fit(X[::-1], y[::-1], task[::-1])
    twice = TaskStatistics().partial_fit(X, y, task, sample_weight=np.full(len(y), 2.0))
    for other in (parts, back, twice):
        assert_allclose(other.moments().gram * (0.5 if other is twice else 1.0), once.moments().gram, rtol=1e-12)
        assert_allclose(other.moments().mean_y, once.moments().mean_y, rtol=1e-12)
        assert_array_equal(other.n_rows_, [40, 35, 30, 50, 3])
    weight = np.arange(len(y)) % 3.0
    some = TaskStatistics().partial_fit(X, y, task, sample_weight=weight)
    data = TaskData.from_arrays(X[weight > 0], y[weight > 0], task[weight > 0], sample_weight=weight[weight > 0])
    assert_allclose(some.moments().gram, TaskMoments.of(data).gram, rtol=1e-11, atol=1e-12)
    assert some.n_rows_.sum() == (weight > 0).sum()


def test_sites_with_the_same_task_are_joined(rows):
    X, y, task = rows
    sites = [
        TaskStatistics().partial_fit(X[part], y[part], task[part]) for part in np.array_split(np.arange(len(y)), 3)
    ]
    joined, whole = sites[0].merge(sites[1]).merge(sites[2]), TaskStatistics().partial_fit(X, y, task)
    assert_array_equal(joined.tasks_, whole.tasks_)
    for name in ("weight", "mean_x", "mean_y", "gram", "xy", "yy"):
        assert_allclose(getattr(joined.moments(), name), getattr(whole.moments(), name), rtol=1e-12, atol=1e-12)
    assert_array_equal(joined.cells().count, whole.cells().count)
    assert sites[0].n_rows_.sum() < joined.n_rows_.sum(), "merge leaves its parts alone"
    assert_array_equal(TaskStatistics().merge(joined).n_rows_, joined.n_rows_)


@pytest.mark.parametrize(
    ("coupling", "weighting"), [*((c, "rows") for c in COUPLINGS), ("mean_tied", "equal"), ("feature_norm", "equal")]
)
def test_fits_equal_those_on_rows(rows, coupling, weighting):
    X, y, task = rows
    found = gathered(X, y, task).folds(X, y)
    cv = [(np.flatnonzero(found != k), np.flatnonzero(found == k)) for k in range(5)]
    options = {"n_alphas": 3, "task_weight": weighting, "tol": 1e-8, "max_iter": 5000}
    unseen = "pooled" if coupling == "mean_tied" else "mean"
    model = MultiTaskRegressor(coupling, cv=cv, unseen_task=unseen, **options).fit(X, y, task=task)
    other = MultiTaskRegressor(coupling, unseen_task=unseen, **options).fit_statistics(gathered(X, y, task))
    assert_allclose(other.coef_, model.coef_, rtol=0, atol=1e-10)
    assert_allclose(other.intercept_, model.intercept_, rtol=0, atol=1e-10)
    assert_allclose(other.alpha_, model.alpha_, rtol=1e-10)
    assert_allclose(other.path_["cv_loss"], model.path_["cv_loss"], rtol=1e-8)
    assert_allclose(other.objective_, model.objective_, rtol=1e-10)
    assert np.isnan(other.path_["cv_se"]).all()
    given = [*task[:5].tolist(), "new"]
    assert_allclose(other.predict(X[:6], task=given), model.predict(X[:6], task=given), rtol=0, atol=1e-10)


@pytest.mark.parametrize("options", [{"fit_intercept": False}, {"standardize": False}, {"alpha": 0.3}])
def test_options_mean_what_they_mean_on_rows(rows, options):
    X, y, task = rows
    options = {"alpha": 0.1} | options
    model = MultiTaskRegressor(unseen_task="pooled", **options).fit(X, y, task=task)
    other = MultiTaskRegressor(unseen_task="pooled", **options).fit_statistics(gathered(X, y, task, n_folds=0))
    assert_allclose(other.coef_, model.coef_, rtol=0, atol=1e-10)
    assert_allclose(other.intercept_, model.intercept_, rtol=0, atol=1e-10)
    assert_allclose(other.unseen_coef_, model.unseen_coef_, rtol=0, atol=1e-10)


def test_a_far_mean_and_uneven_scales_keep_the_digits_of_a_fit(rows):
    X, y, task = rows
    model = MultiTaskRegressor(alpha=0.1).fit_statistics(gathered(X, y, task))
    moved = gathered(np.round(X * 2**10) / 2**10 * [1.0, 2.0**20, 2.0**-20, 1.0] + [2.0**20, 0, 0, 0], y, task)
    near = MultiTaskRegressor(alpha=0.1).fit_statistics(gathered(np.round(X * 2**10) / 2**10, y, task))
    far = MultiTaskRegressor(alpha=0.1).fit_statistics(moved)
    assert_allclose(far.coef_ * [1.0, 2.0**20, 2.0**-20, 1.0], near.coef_, rtol=1e-10)
    assert abs(near.coef_ - model.coef_).max() < 0.1


def test_more_columns_than_rows(rows):
    rng = np.random.default_rng(3)
    X, task = rng.normal(size=(24, 30)), np.repeat(["a", "b", "c"], [12, 11, 1])
    y = X[:, 0] + rng.normal(size=24)
    for coupling in ("mean_tied", "feature_norm"):
        model = MultiTaskRegressor(coupling, alpha=0.1, tol=1e-12).fit(X, y, task=task)
        other = MultiTaskRegressor(coupling, alpha=0.1, tol=1e-12).fit_statistics(gathered(X, y, task, cuts=(9,)))
        assert_allclose(other.coef_, model.coef_, rtol=0, atol=1e-7 if coupling == "feature_norm" else 1e-10)


def test_stand_in_rows_have_the_moments(rows):
    X, y, task = rows
    found = stand_in_rows(gathered(X, y, task))
    assert_allclose(found.scale, column_scale(TaskData.from_arrays(X, y, task)), rtol=1e-12)
    assert_allclose(TaskMoments.of(found.data).gram, gathered(X, y, task).moments().gram, rtol=1e-10, atol=1e-12)
    assert found.data.n_pairs <= 5 * 5 * 6


def test_affinity_from_moments(rows):
    X, y, task = rows
    own, other = task_affinity(X, y, task=task), task_affinity(gathered(X, y, task))
    assert_allclose(other.gain, own.gain, rtol=0, atol=1e-9)
    assert_allclose(other.error, own.error, rtol=1e-8)
    assert_allclose(other.own_loss, own.own_loss, rtol=1e-9)
    assert len(other.groups().frame())
    assert len(other.cross_validated(3)) == 3
    with pytest.raises(ValueError, match="n_folds=5"):
        task_affinity(gathered(X, y, task, n_folds=0)).groups()
    with pytest.raises(ValueError, match="y= was given as well"):
        task_affinity(gathered(X, y, task), y)


def test_frames_columns_and_predictions(rows):
    X, y, task = rows
    frame = pd.DataFrame(X, columns=list("pqrs"))
    frame.insert(2, "site", task)
    given = [frame, pl.from_pandas(frame)]
    expected = MultiTaskRegressor(task_column="site", alpha=0.1).fit(frame, y).predict(frame)
    for table in given:
        statistics = TaskStatistics(task_column="site").partial_fit(table, y)
        model = MultiTaskRegressor(task_column="site", alpha=0.1).fit_statistics(statistics)
        assert_allclose(model.predict(frame), expected, rtol=1e-10)
        assert_array_equal(statistics.folds(table, y), TaskStatistics().folds(X, y))
        with pytest.raises(ValueError, match="feature names should match"):
            model.predict(frame[["site", *"pqrs"]])
        array_door = MultiTaskRegressor(alpha=0.1).fit_statistics(statistics)
        assert_allclose(array_door.predict(frame[list("pqrs")], task=task), expected, rtol=1e-10)
    sparse_rows = TaskStatistics().partial_fit(sparse.csr_matrix(X), y, task)
    assert_allclose(sparse_rows.moments().gram, gathered(X, y, task).moments().gram, rtol=1e-11, atol=1e-12)
    one = TaskStatistics().partial_fit(X, y)
    alone = MultiTaskRegressor(alpha=0.1).fit_statistics(one)
    assert_allclose(alone.predict(X), MultiTaskRegressor(alpha=0.1).fit(X, y).predict(X), rtol=1e-10)


def test_nothing_of_the_callers_is_changed(rows):
    X, y, task = (values.copy() for values in rows)
    for values in (X, y, task):
        values.setflags(write=False)
    gathered(X, y, task)


ONE = ([[1.0, 2.0]], [1.0], ["a"])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: TaskStatistics(n_folds=1), "n_folds=1 must be 0"),
        (lambda: TaskStatistics(n_folds=None), "n_folds=None must be 0"),  # type: ignore[arg-type]
        (lambda: TaskStatistics().partial_fit([[1.0], [np.nan]], [1.0, 2.0], ["a", "b"]), "column 0"),
        (lambda: TaskStatistics().partial_fit(pd.DataFrame({"x": ["red"]}), [1.0], ["a"]), "'x'.*takes numbers"),
        (lambda: TaskStatistics().partial_fit([[1.0]], [np.nan], ["a"]), "y"),
        (lambda: TaskStatistics().partial_fit([[1.0]], [[1.0, 2.0]], ["a"]), "one number a row"),
        (lambda: TaskStatistics().partial_fit(*ONE).partial_fit([[1.0]], [1.0], ["a"]), "1 features, and earlier .* 2"),
        (lambda: TaskStatistics().partial_fit(*ONE).partial_fit([[1.0, 2.0]], [1.0], [3]), "all text or all numbers"),
        (lambda: TaskStatistics().partial_fit(*ONE).partial_fit([[1.0, 2.0]], [1.0]), "give task= in each call"),
        (lambda: TaskStatistics().partial_fit(*ONE, fold=[7]), "give 0 to 4"),
        (lambda: TaskStatistics().partial_fit(*ONE, fold=[0.5]), "whole number"),
        (lambda: TaskStatistics().partial_fit([[1.0, 2.0]] * 2, [1.0] * 2, ["01", "1"]).tasks_, "spell one task"),
        (lambda: TaskStatistics().tasks_, "no rows yet"),
        (lambda: TaskStatistics(task_column=0).partial_fit(*ONE), "at once"),
        (lambda: TaskStatistics().partial_fit(*ONE).merge(3), "not int"),
        (
            lambda: TaskStatistics().partial_fit(*ONE).merge(TaskStatistics(n_folds=3).partial_fit(*ONE)),
            r"differ in folds \(5 and 3\)",
        ),
        (
            lambda: (
                TaskStatistics()
                .partial_fit(pd.DataFrame({"x": [1.0]}), [1.0], ["a"])
                .merge(TaskStatistics().partial_fit(pd.DataFrame({"z": [1.0]}), [1.0], ["a"]))
            ),
            r"features \(x, z in one only\)",
        ),
        (lambda: MultiTaskRegressor().fit_statistics([1]), "takes TaskStatistics, not list"),
        (lambda: MultiTaskRegressor(loss="huber").fit_statistics(TaskStatistics()), "loss='huber' needs rows"),
        (lambda: MultiTaskRegressor(measured="x").fit_statistics(TaskStatistics()), "measured='x' needs rows"),
        (lambda: MultiTaskRegressor().fit_statistics(TaskStatistics(n_folds=0)), "these statistics have none"),
        (lambda: MultiTaskRegressor(cv="loo").fit_statistics(TaskStatistics()), "cv='loo' does not go"),
        (lambda: MultiTaskRegressor().fit_statistics(TaskStatistics().partial_fit(*ONE)), "in one fold"),
        (lambda: MultiTaskRegressor(alpha=1.0).fit_statistics(TaskStatistics()), "no rows yet"),
    ],
)
def test_bad_input_is_refused_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_classifiers_have_no_such_door():
    assert not hasattr(MultiTaskClassifier(), "fit_statistics")


def test_a_task_can_be_added_later(rows):
    X, y, task = rows
    old = task != "e"
    model = MultiTaskRegressor(alpha=0.1).fit(X[old], y[old], task=task[old])
    other = MultiTaskRegressor(alpha=0.1).fit_statistics(gathered(X[old], y[old], task[old]))
    for one in (model, other):
        one.add_task(X[~old], y[~old], task="e")
    assert_allclose(other.predict(X, task=task), model.predict(X, task=task), rtol=1e-9, atol=1e-10)
