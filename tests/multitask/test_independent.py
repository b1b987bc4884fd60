"""IndependentTasks against models fitted by hand, one a task."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMRegressor
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from crosstask.multitask import IndependentTasks


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    n = 90
    X = pd.DataFrame({"age": rng.normal(50, 9, n), "kind": rng.choice(["x", "y"], n), "dose": rng.normal(size=n)})
    site = np.repeat(["a", "b", "c"], 30)
    y = 0.1 * X["age"] * (site == "a") + 3.0 * (X["kind"] == "x") * (site != "b") + rng.normal(size=n)
    return X, y.to_numpy(), site


def test_one_ridge_a_task(table):
    X, y, site = table
    X = X[["age", "dose"]]
    model = IndependentTasks(Ridge()).fit(X, y, task=site)
    by_hand = np.concatenate([Ridge().fit(X[site == s], y[site == s]).predict(X[site == s]) for s in "abc"])
    assert_allclose(model.predict(X, task=site), by_hand)


def test_a_pipeline_on_strings_gets_data_frames(table):
    X, y, site = table
    columns = make_column_transformer((StandardScaler(), ["age", "dose"]), (OneHotEncoder(), ["kind"]))
    pipeline = make_pipeline(columns, Ridge())
    model = IndependentTasks(pipeline, task_column="site").fit(X.assign(site=site), y)
    for s in "abc":
        rows = site == s
        by_hand = make_pipeline(columns, Ridge()).fit(X[rows], y[rows]).predict(X[rows])
        assert_allclose(model.predict(X.assign(site=site)[rows]), by_hand)


def test_doors_agree():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    Y[3, 0] = Y[7, 1] = np.nan
    wide = IndependentTasks(Ridge()).fit(X, Y)
    task = np.repeat([0, 1], 20)
    seen = ~np.isnan(Y.T.ravel())
    long = IndependentTasks(Ridge()).fit(np.tile(X, (2, 1))[seen], Y.T.ravel()[seen], task=task[seen])
    assert wide.predict(X).shape == (20, 2)
    for t in (0, 1):
        assert_allclose(wide.predict(X)[:, t], long.predict(X, task=np.full(20, t)))
    sparse_model = IndependentTasks(Ridge(solver="lsqr", tol=1e-12)).fit(sparse.csr_array(X), Y)
    assert_allclose(sparse_model.predict(sparse.csr_array(X)), wide.predict(X), rtol=1e-6)


def test_one_class_becomes_the_smoothed_prior_of_the_union():
    X = np.arange(12.0).reshape(-1, 1)
    y = np.array(["ill"] * 4 + ["ill", "well"] * 4)
    task = np.array(["swiss"] * 4 + ["other"] * 8)
    model = IndependentTasks(LogisticRegression()).fit(X, y, task=task)
    expected = np.array([4.5 / 5, 0.5 / 5])
    assert_allclose(model.predict_proba(X[:1], task=["swiss"])[0], expected)
    assert_allclose(model.decision_function(X[:1], task=["swiss"]), np.log(expected[1] / expected[0]))
    assert model.predict(X[:1], task=["swiss"])[0] == "ill"
    assert model.fallbacks_ == {"swiss": "smoothed prior, because it has one class (ill)"}
    own = LogisticRegression().fit(X[4:], y[4:])
    assert_allclose(model.predict_proba(X[4:], task=task[4:]), own.predict_proba(X[4:]))


def test_a_missing_class_of_three_keeps_a_chance():
    rng = np.random.default_rng(2)
    X, task = rng.normal(size=(60, 2)), np.repeat([0, 1], 30)
    y = np.where(task == 0, rng.integers(0, 2, 60), rng.integers(0, 3, 60))
    model = IndependentTasks(LogisticRegression()).fit(X, y, task=task)
    inner = LogisticRegression().fit(X[:30], y[:30]).predict_proba(X[:30])
    proba = model.predict_proba(X[:30], task=task[:30])
    assert_allclose(proba[:, :2], (30 * inner + 0.5) / 31.5)
    assert_allclose(proba[:, 2], 0.5 / 31.5)
    assert_allclose(proba.sum(axis=1), 1.0)
    decision = model.decision_function(X, task=task)
    assert decision.shape == (60, 3)
    assert_array_equal(decision.argmax(axis=1), model.predict(X, task=task))


def test_one_row_becomes_its_mean():
    model = IndependentTasks(Ridge()).fit([[1.0], [2.0], [3.0]], [5.0, 1.0, 2.0], task=["lone", "b", "b"])
    assert model.predict([[100.0]], task=["lone"])[0] == 5.0
    assert "one row" in model.fallbacks_["lone"]


def test_weights_are_repetitions_and_reach_pipelines_and_searches():
    rng = np.random.default_rng(3)
    X, y, task = rng.normal(size=(24, 2)), rng.normal(size=24), np.repeat([0, 1], 12)
    weight = rng.integers(0, 3, 24)
    repeated = np.repeat(np.arange(24), weight)
    pipeline = make_pipeline(make_column_transformer(("passthrough", [0, 1])), Ridge())
    for inner in (Ridge(), pipeline):
        weighted = IndependentTasks(inner).fit(X, y, task=task, sample_weight=weight)
        longer = IndependentTasks(inner).fit(X[repeated], y[repeated], task=task[repeated])
        assert_allclose(weighted.predict(X, task=task), longer.predict(X, task=task))
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=2)
    assert_allclose(
        IndependentTasks(search).fit(X, y, task=task, sample_weight=weight).predict(X, task=task),
        IndependentTasks(Ridge()).fit(X, y, task=task, sample_weight=weight).predict(X, task=task),
    )


def test_weights_are_refused_where_the_estimator_takes_none():
    X, y = np.ones((4, 1)), np.arange(4.0)
    inner = KNeighborsRegressor(1)
    with pytest.raises(ValueError, match=r"KNeighborsRegressor takes none: drop sample_weight"):
        IndependentTasks(inner).fit(X, y, sample_weight=[1, 2, 1, 1])
    IndependentTasks(inner).fit(X, y, sample_weight=[2, 2, 2, 2])


def test_explicit_folds_are_cut_down_to_each_task():
    rng = np.random.default_rng(4)
    X, y, task = rng.normal(size=(40, 3)), rng.normal(size=40), np.tile([0, 1], 20)
    rows = np.arange(40)
    folds = [(rows[rows % 5 != k], rows[rows % 5 == k]) for k in range(5)]
    model = IndependentTasks(RidgeCV([0.1, 1.0, 10.0], cv=folds)).fit(X, y, task=task)
    for t in (0, 1):
        own = np.flatnonzero(task == t)
        local = [(np.flatnonzero(np.isin(own, a)), np.flatnonzero(np.isin(own, b))) for a, b in folds]
        by_hand = RidgeCV([0.1, 1.0, 10.0], cv=local).fit(X[own], y[own])
        assert model.estimators_[t].alpha_ == by_hand.alpha_
        assert_allclose(model.estimators_[t].coef_, by_hand.coef_)


def test_folds_over_rows_of_weight_zero_still_point_to_the_callers_rows():
    rng = np.random.default_rng(5)
    X, y, task = rng.normal(size=(30, 2)), rng.normal(size=30), np.tile([0, 1], 15)
    weight = (np.arange(30) % 3 > 0).astype(float)
    rows = np.arange(30)
    folds = [(rows[:15], rows[15:]), (rows[15:], rows[:15])]
    alphas = [0.01, 1.0, 100.0]
    model = IndependentTasks(RidgeCV(alphas, cv=folds)).fit(X, y, task=task, sample_weight=weight)
    own = np.flatnonzero((task == 1) & (weight > 0))
    local = [
        (np.flatnonzero(own < 15), np.flatnonzero(own >= 15)),
        (np.flatnonzero(own >= 15), np.flatnonzero(own < 15)),
    ]
    by_hand = RidgeCV(alphas, cv=local).fit(X[own], y[own], sample_weight=np.ones(len(own)))
    assert_allclose(model.estimators_[1].coef_, by_hand.coef_)


def test_a_task_that_the_folds_leave_nothing_becomes_constant():
    X, y = np.arange(8.0)[:, None], np.array([0, 1, 0, 1, 0, 1, 0, 1])
    task = np.array([0] * 6 + [1, 1])
    folds = [(np.array([0, 1, 4, 5, 6]), np.array([2, 3, 7])), (np.array([2, 3, 4, 5, 7]), np.array([0, 1, 6]))]
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=folds)
    model = IndependentTasks(search).fit(X, y, task=task)
    assert_allclose(model.predict_proba(X[6:], task=[1, 1]), 0.5)
    assert list(model.fallbacks_) == [1]


def test_unseen_tasks_by_policy(table):
    X, y, site = table
    X = X[["age", "dose"]]
    new = np.full(len(X), "new")
    mean = IndependentTasks(Ridge(), unseen_task="mean").fit(X, y, task=site).predict(X, task=new)
    assert_allclose(mean, np.mean([Ridge().fit(X[site == s], y[site == s]).predict(X) for s in "abc"], axis=0))
    pooled = IndependentTasks(Ridge(), unseen_task="pooled").fit(X, y, task=site).predict(X, task=new)
    assert_allclose(pooled, Ridge().fit(X, y).predict(X))
    with pytest.raises(ValueError, match="has not seen"):
        IndependentTasks(Ridge()).fit(X, y, task=site).predict(X, task=new)
    with pytest.raises(ValueError, match=r"unseen_task='guess' is not known: use 'error', 'mean', 'pooled'"):
        IndependentTasks(Ridge(), unseen_task="guess").fit(X, y, task=site)


@pytest.mark.parametrize("inner", [LogisticRegression(), LinearSVC(), GridSearchCV(LinearSVC(), {"C": [1.0]}, cv=2)])
def test_unseen_classes_by_mean(inner):
    rng = np.random.default_rng(6)
    X, task = rng.normal(size=(80, 2)), np.repeat([0, 1], 40)
    y = np.where(X[:, 0] + 0.3 * rng.normal(size=80) > 0, "up", "down")
    model = IndependentTasks(inner, unseen_task="mean").fit(X, y, task=task)
    assert hasattr(model, "predict_proba") == hasattr(inner, "predict_proba")
    assert (model.predict(X, task=np.full(80, 7)) == y).mean() > 0.9


def test_same_at_any_n_jobs_and_lightgbm(table):
    X, y, site = table
    X = X[["age", "dose"]]
    inner = LGBMRegressor(n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1)
    one, two = (IndependentTasks(inner, n_jobs=jobs).fit(X, y, task=site).predict(X, task=site) for jobs in (1, 2))
    assert_array_equal(one, two)


def test_order_of_rows_and_names_of_tasks_do_not_matter(table):
    X, y, site = table
    X = X[["age", "dose"]]
    answer = IndependentTasks(Ridge()).fit(X, y, task=site).predict(X, task=site)
    shuffled = np.random.default_rng(7).permutation(len(X))
    again = IndependentTasks(Ridge()).fit(X.iloc[shuffled], y[shuffled], task=site[shuffled])
    assert_allclose(again.predict(X, task=site), answer)
    renamed = np.select([site == "a", site == "b"], [9, 5], 1)
    assert_allclose(IndependentTasks(Ridge()).fit(X, y, task=renamed).predict(X, task=renamed), answer)


def test_one_class_everywhere_is_refused():
    with pytest.raises(ValueError, match=r"y holds one class \(yes\) in every task"):
        IndependentTasks(LogisticRegression()).fit([[0.0], [1.0]], ["yes", "yes"], task=["a", "b"])


def test_failing_task_is_named():
    with pytest.raises(ValueError, match="NaN") as caught:
        IndependentTasks(Ridge()).fit([[0.0], [1.0], [np.nan], [1.0]], [0.0, 1.0, 2.0, 3.0], task=["a", "a", "b", "b"])
    assert "task 'b' (2 rows)" in caught.value.__notes__[0]
