"""PooledTasks against designs made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from lightgbm import LGBMClassifier, LGBMRegressor
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from crosstask.multitask import PooledTasks


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X, codes = rng.normal(size=(120, 3)), rng.integers(0, 4, 120)
    y = X[:, 0] + np.array([0.0, 5.0, -3.0, 8.0])[codes] + 0.1 * rng.normal(size=120)
    return X, y, np.array(["a", "b", "c", "d"])[codes], codes


def test_onehot_equals_indicators_by_hand(rows):
    X, y, task, codes = rows
    by_hand = Ridge().fit(np.hstack([X, np.eye(4)[codes]]), y).predict(np.hstack([X, np.eye(4)[codes]]))
    assert_allclose(PooledTasks(Ridge()).fit(X, y, task=task).predict(X, task=task), by_hand)
    frame = pd.DataFrame(X, columns=["u", "v", "w"]).assign(site=task)
    assert_allclose(PooledTasks(Ridge(), task_column="site").fit(frame, y).predict(frame), by_hand)
    polar = pl.from_pandas(frame)
    assert_allclose(PooledTasks(Ridge(), task_column="site").fit(polar, y).predict(polar), by_hand)
    tight = Ridge(solver="lsqr", tol=1e-12)
    csr = sparse.csr_array(X)
    assert_allclose(PooledTasks(tight).fit(csr, y, task=task).predict(csr, task=task), by_hand, rtol=1e-6)


def test_none_equals_the_estimator_itself(rows):
    X, y, task, _ = rows
    answer = PooledTasks(Ridge(), "none").fit(X, y, task=task).predict(X, task=task)
    assert_allclose(answer, Ridge().fit(X, y).predict(X))


def test_wide_door_equals_long_rows(rows):
    X = rows[0][:20]
    Y = np.random.default_rng(1).normal(size=(20, 3))
    Y[2, 1] = np.nan
    wide = PooledTasks(Ridge()).fit(X, Y)
    task, seen = np.repeat([0, 1, 2], 20), ~np.isnan(Y.T.ravel())
    long = PooledTasks(Ridge()).fit(np.tile(X, (3, 1))[seen], Y.T.ravel()[seen], task=task[seen])
    assert_allclose(wide.predict(X).T.ravel(), long.predict(np.tile(X, (3, 1)), task=task))


def test_the_task_survives_a_column_transformer_that_drops_the_rest(rows):
    X, y, task, _ = rows
    frame = pd.DataFrame(X, columns=["u", "v", "w"]).assign(kind=np.where(X[:, 1] > 0, "x", "y"), site=task)
    columns = make_column_transformer((StandardScaler(), ["u", "v"]), (OneHotEncoder(), ["kind"]))
    for encode in ("onehot", "category"):
        last = Ridge() if encode == "onehot" else HistGradientBoostingRegressor(min_samples_leaf=2)
        model = PooledTasks(make_pipeline(columns, last), encode, task_column="site").fit(frame, y)
        assert model.score(frame, y) > 0.8
        assert np.mean((model.predict(frame) - y) ** 2) < 0.5  # the tasks' means differ by up to 11
        assert model.head_ is not None


@pytest.mark.parametrize("make", ["array", "pandas", "polars"])
@pytest.mark.parametrize("marked", ["from_dtype", None, [1], [False, True, False]])
def test_hist_gradient_boosting_treats_the_task_as_a_category(rows, make, marked):
    X, y, task, codes = rows
    X = np.column_stack([X[:, 0], np.round(X[:, 1]) % 3, X[:, 2]])
    names = ["u", "v", "w"]
    table = {"array": X, "pandas": pd.DataFrame(X, columns=names), "polars": pl.DataFrame(X, schema=names)}[make]
    inner = HistGradientBoostingRegressor(max_iter=10, categorical_features=marked)
    model = PooledTasks(inner, "category").fit(table, y, task=task)
    expected = [isinstance(marked, list)] * 3 + [True]
    expected[0] = expected[2] = False
    assert_array_equal(model.estimator_.is_categorical_, expected)
    by_hand = HistGradientBoostingRegressor(max_iter=10, categorical_features=expected)
    design = np.column_stack([X, codes])
    assert_allclose(model.predict(table, task=task), by_hand.fit(design, y).predict(design))


def test_named_categories_and_searches_keep_theirs(rows):
    X, y, task, _ = rows
    frame = pd.DataFrame({"u": X[:, 0], "kind": (X[:, 1] > 0).astype(int)})
    named = HistGradientBoostingRegressor(max_iter=5, categorical_features=["kind"])
    model = PooledTasks(named, "category").fit(frame, y, task=task)
    assert_array_equal(model.estimator_.is_categorical_, [False, True, True])
    search = GridSearchCV(HistGradientBoostingRegressor(max_iter=5), {"max_leaf_nodes": [4, 8]}, cv=2)
    found = PooledTasks(search, "category").fit(X, y, task=task)
    assert_array_equal(found.estimator_.best_estimator_.is_categorical_, [False, False, False, True])


def test_more_tasks_than_boosting_can_take_get_their_mean_target():
    rng = np.random.default_rng(2)
    codes = rng.integers(0, 300, 3000)
    codes[:300] = np.arange(300)
    effect = rng.normal(size=300)
    X, y = rng.normal(size=(3000, 1)), effect[codes] + 0.1 * rng.normal(size=3000)
    model = PooledTasks(HistGradientBoostingRegressor(), "category", unseen_task="pooled").fit(X, y, task=codes)
    assert np.corrcoef(model.predict(X, task=codes), effect[codes])[0, 1] > 0.95
    assert np.isfinite(model.predict(X[:1], task=[999])).all()
    labels = np.select([y < -0.5, y < 0.5], ["low", "mid"], "high")
    classifier = PooledTasks(HistGradientBoostingClassifier(max_iter=20), "category").fit(X, labels, task=codes)
    assert classifier.score(X, labels, task=codes) > 0.8


@pytest.mark.parametrize("make", ["array", "pandas"])
def test_lightgbm_sees_a_category(rows, make):
    X, y, task, codes = rows
    table = X if make == "array" else pd.DataFrame(X, columns=["u", "v", "w"])
    inner = LGBMRegressor(n_estimators=20, min_child_samples=5, verbose=-1, n_jobs=1)
    model = PooledTasks(inner, "category").fit(table, y, task=task)
    by_hand = LGBMRegressor(n_estimators=20, min_child_samples=5, verbose=-1, n_jobs=1)
    design = np.column_stack([X, codes])
    by_hand.fit(design, y, categorical_feature=[3])
    assert_allclose(
        model.predict(table, task=task), by_hand.predict(pd.DataFrame(design, columns=by_hand.feature_name_))
    )
    assert PooledTasks(LGBMClassifier(n_estimators=2, verbose=-1)).fit(table, y > 2, task=task).classes_.tolist() == [
        False,
        True,
    ]


def test_unseen_tasks_by_policy(rows):
    X, y, task, codes = rows
    new = np.full(len(X), "new")
    pooled = PooledTasks(Ridge(), unseen_task="pooled").fit(X, y, task=task)
    design = np.hstack([X, np.eye(4)[codes]])
    by_hand = Ridge().fit(design, y)
    assert_allclose(pooled.predict(X, task=new), by_hand.predict(np.hstack([X, np.zeros((len(X), 4))])))
    mean = PooledTasks(Ridge(), unseen_task="mean").fit(X, y, task=task)
    each = [by_hand.predict(np.hstack([X, np.tile(np.eye(4)[t], (len(X), 1))])) for t in range(4)]
    assert_allclose(mean.predict(X, task=new), np.mean(each, axis=0))
    mixed = np.where(np.arange(len(X)) % 2, task, "new")
    assert_allclose(
        mean.predict(X, task=mixed), np.where(mixed == "new", np.mean(each, axis=0), by_hand.predict(design))
    )
    forest = PooledTasks(HistGradientBoostingRegressor(max_iter=3), "category", unseen_task="pooled")
    assert np.isfinite(forest.fit(X, y, task=task).predict(X, task=new)).all()
    with pytest.raises(ValueError, match=r"takes no missing category.*unseen_task='mean'"):
        PooledTasks(Ridge(), "category", unseen_task="pooled").fit(X, y, task=task).predict(X, task=new)


def test_classes_probabilities_and_weights(rows):
    X, y, task, codes = rows
    label = np.where(y > 2, "high", "low")
    weight = np.random.default_rng(3).integers(0, 3, len(y)).astype(float)
    model = PooledTasks(LogisticRegression()).fit(X, label, task=task, sample_weight=weight)
    design = np.hstack([X, np.eye(4)[codes]])
    by_hand = LogisticRegression().fit(design[weight > 0], label[weight > 0], sample_weight=weight[weight > 0])
    assert_allclose(model.predict_proba(X, task=task), by_hand.predict_proba(design))
    assert_allclose(model.decision_function(X, task=task), by_hand.decision_function(design))
    assert_array_equal(model.classes_, ["high", "low"])
    assert not hasattr(PooledTasks(Ridge()), "predict_proba")


def test_explicit_folds_follow_the_wide_door():
    rng = np.random.default_rng(4)
    X, Y = rng.normal(size=(12, 2)), rng.normal(size=(12, 2))
    folds = [(np.arange(6), np.arange(6, 12)), (np.arange(6, 12), np.arange(6))]
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 10.0]}, cv=folds)
    model = PooledTasks(search).fit(X, Y)
    train, test = model.estimator_.cv[0]
    assert_array_equal(train, [0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17])
    assert len(test) == 12


def test_column_names_never_clash_and_need_not_be_strings(rows):
    X, y, task, _ = rows
    taken = pd.DataFrame(X, columns=["task_is_a", "task", "w"])
    assert len(PooledTasks(Ridge()).fit(taken, y, task=task).estimator_.coef_) == 7
    PooledTasks(HistGradientBoostingRegressor(max_iter=2), "category").fit(taken, y, task=task)
    numbered = pd.DataFrame(X)
    PooledTasks(Ridge()).fit(numbered, y, task=task).predict(numbered, task=task)
    odd = np.char.add(task, "?!")
    names = PooledTasks(Ridge()).fit(taken.rename(columns=str.upper), y, task=odd).estimator_.feature_names_in_
    assert names[3] == "task_is_a__"


def test_works_inside_cross_validation_and_refuses_unknown_encodings(rows):
    X, y, task, _ = rows
    frame = pd.DataFrame(X, columns=["u", "v", "w"]).assign(site=task)
    scores = cross_val_score(PooledTasks(Ridge(), task_column="site"), frame, y, cv=3)
    assert scores.min() > 0.5
    with pytest.raises(ValueError, match=r"encode_task='binary' is not known: use 'onehot', 'category', 'none'"):
        PooledTasks(Ridge(), "binary").fit(X, y, task=task)


def test_equal_task_weight_is_a_weighted_fit_by_hand():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((60, 3)), np.repeat(["few", "many"], [10, 50])
    y, given = X[:, 0] + (task == "few") * X[:, 1] + rng.standard_normal(60), rng.uniform(0.5, 2.0, 60)
    plain = Ridge().fit(X, y, sample_weight=np.where(task == "few", 60 / 20, 60 / 100))
    model = PooledTasks(Ridge(), "none", task_weight="equal").fit(X, y, task=task)
    np.testing.assert_allclose(model.estimator_.coef_, plain.coef_)
    model.fit(X, y, task=task, sample_weight=given)
    share = np.where(task == "few", given / given[:10].sum(), given / given[10:].sum()) * given.sum() / 2.0
    np.testing.assert_allclose(model.estimator_.coef_, Ridge().fit(X, y, sample_weight=share).coef_)
    with pytest.raises(ValueError, match="task_weight='same' is not known: use 'rows', 'equal'"):
        model.set_params(task_weight="same").fit(X, y, task=task)
