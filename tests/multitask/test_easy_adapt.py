"""EasyAdapt against replicated columns made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from crosstask.multitask import EasyAdapt


def replicated(X, codes, n_tasks, weight=1.0):
    own = np.zeros((len(X), n_tasks, X.shape[1] + 1))
    for i, t in enumerate(codes):
        if t >= 0:
            own[i, t] = [*X[i], 1.0]
    return np.hstack([weight * X, own.reshape(len(X), -1)])


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X, codes = rng.normal(size=(80, 3)), rng.integers(0, 3, 80)
    slopes = np.array([[1.0, 0, 0], [1.0, 1, 0], [-1.0, 0, 2]])
    y = np.einsum("ij,ij->i", X, slopes[codes]) + np.array([0.0, 3.0, -2.0])[codes] + 0.1 * rng.normal(size=80)
    return X, y, codes


@pytest.mark.parametrize("shared_weight", [1.0, 2.5])
def test_equals_replication_by_hand(rows, shared_weight):
    X, y, codes = rows
    design = replicated(X, codes, 3, shared_weight)
    by_hand = Ridge(0.7).fit(design, y)
    model = EasyAdapt(Ridge(0.7), shared_weight=shared_weight).fit(X, y, task=codes)
    assert_allclose(model.estimator_.coef_, by_hand.coef_, rtol=1e-9)
    assert_allclose(model.predict(X, task=codes), by_hand.predict(design))


def test_sparse_equals_dense(rows, monkeypatch):
    X, y, codes = rows
    tight = Ridge(0.7, solver="lsqr", tol=1e-13)
    dense = EasyAdapt(tight, unseen_task="pooled").fit(X, y, task=codes)
    csr = EasyAdapt(tight, unseen_task="pooled").fit(sparse.csr_array(X), y, task=codes)
    monkeypatch.setattr("crosstask.multitask._easy_adapt._MOST_DENSE", 10)
    many = EasyAdapt(tight, unseen_task="pooled").fit(X, y, task=codes)
    ask = np.where(np.arange(80) % 4, codes, 99)
    expected = dense.predict(X, task=ask)
    assert_allclose(csr.predict(sparse.csr_array(X), task=ask), expected, rtol=1e-6)
    assert_allclose(many.predict(X, task=ask), expected, rtol=1e-6)
    assert many._sparse
    assert not dense._sparse


def test_unseen_tasks_by_policy(rows):
    X, y, codes = rows
    new = np.full(80, 9)
    by_hand = Ridge().fit(replicated(X, codes, 3), y)
    pooled = EasyAdapt(Ridge(), unseen_task="pooled").fit(X, y, task=codes)
    assert_allclose(pooled.predict(X, task=new), by_hand.predict(replicated(X, np.full(80, -1), 3)))
    mean = EasyAdapt(Ridge(), unseen_task="mean").fit(X, y, task=codes)
    each = [by_hand.predict(replicated(X, np.full(80, t), 3)) for t in range(3)]
    assert_allclose(mean.predict(X, task=new), np.mean(each, axis=0))


def test_a_pipeline_is_replicated_before_its_last_step(rows):
    X, y, codes = rows
    frame = pd.DataFrame(X, columns=["u", "v", "w"]).assign(kind=np.where(X[:, 0] > 0, "x", "y"))
    columns = make_column_transformer((StandardScaler(), ["u", "v", "w"]), (OneHotEncoder(), ["kind"]))
    model = EasyAdapt(make_pipeline(columns, Ridge())).fit(frame, y, task=codes)
    design = replicated(np.asarray(columns.fit_transform(frame)), codes, 3)
    assert_allclose(model.predict(frame, task=codes), Ridge().fit(design, y).predict(design))


def test_classifier_and_wide_door(rows):
    X, y, codes = rows
    label = np.where(y > 0, "up", "down")
    model = EasyAdapt(LogisticRegression()).fit(X, label, task=codes)
    assert model.score(X, label, task=codes) > 0.9
    Y = np.column_stack([y, -y, 2 * y])
    wide = EasyAdapt(Ridge()).fit(X, Y)
    assert wide.predict(X).shape == (80, 3)


def test_gaps_pass_where_the_estimator_takes_them(rows):
    X, y, codes = rows
    X = X.copy()
    X[5, 1] = np.nan
    EasyAdapt(HistGradientBoostingRegressor(max_iter=2)).fit(X, y, task=codes).predict(X, task=codes)
    with pytest.raises(ValueError, match=r"contains .* in column 'v'"):
        EasyAdapt(Ridge()).fit(pd.DataFrame(X, columns=["u", "v", "w"]), y, task=codes)


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan])
def test_shared_weight_must_be_positive(rows, weight):
    X, y, codes = rows
    with pytest.raises(ValueError, match=r"shared_weight=.* must be a positive number"):
        EasyAdapt(Ridge(), shared_weight=weight).fit(X, y, task=codes)


def test_float32_stays_float32(rows):
    X, y, codes = rows
    model = EasyAdapt(Ridge()).fit(X.astype(np.float32), y.astype(np.float32), task=codes)
    assert model.estimator_.coef_.dtype == np.float32
