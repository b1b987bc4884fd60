"""Each task as the target in turn: equal to doing it by hand, and guarded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge

from crosstask import CrossTaskRegressor, TransferGuard
from crosstask.datasets import make_related_tasks
from crosstask.multitask import IndependentTasks, PooledTasks, TransferToEach
from crosstask.transfer import PriorClassifier, PriorRegressor, TransGLMRegressor


@pytest.fixture(scope="module")
def tasks():
    return make_related_tasks(n_tasks=3, n_rows=[40, 20, 15], n_features=5, random_state=0)


@pytest.mark.parametrize("pool", [False, True])
def test_models_of_the_other_tasks_are_the_sources(tasks, pool):
    X, y, task = tasks.X, tasks.y, tasks.task
    model = TransferToEach(PriorRegressor(alpha=0.3, strength=1.0), Ridge(), pool_sources=pool).fit(X, y, task=task)
    for t in range(3):
        others = [task != t] if pool else [task == k for k in range(3) if k != t]
        sources = [FrozenEstimator(Ridge().fit(X[rows], y[rows])) for rows in others]
        by_hand = PriorRegressor(sources, alpha=0.3, strength=1.0).fit(X[task == t], y[task == t])
        np.testing.assert_allclose(model.predict(X[task == t], task=task[task == t]), by_hand.predict(X[task == t]))


def test_rows_of_all_tasks_reach_a_method_that_names_its_target(tasks):
    X, y, task = tasks.X, tasks.y, tasks.task
    method = TransGLMRegressor(n_alphas=10, cv=3)
    model = TransferToEach(method).fit(X, y, task=task)
    by_hand = clone(method).set_params(target_task=2).fit(X, y, task=task)
    np.testing.assert_allclose(model.predict(X[:5], task=np.full(5, 2)), by_hand.predict(X[:5]))


def test_the_guard_turns_a_harmful_transfer_down():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((200, 4)), np.repeat(["new", "old"], 100)
    y = np.where(task == "old", -1.0, 1.0) * X.sum(axis=1) + 0.5 * rng.standard_normal(200)
    harmful = TransferToEach(PriorRegressor(alpha=10.0, strength=1.0), Ridge())
    candidates = [("own", IndependentTasks(Ridge())), ("pooled", PooledTasks(Ridge())), ("transferred", harmful)]
    guard = TransferGuard(candidates, random_state=0).fit(X, y, task=task)
    assert guard.weights_["own"].min() > 0.9
    assert list(guard.candidate_losses_.columns) == ["own", "pooled", "transferred"]


def test_a_task_of_one_class_is_served_and_is_no_source():
    data = make_related_tasks(n_tasks=3, n_rows=30, n_features=4, kind="classification", random_state=1)
    y = np.where(data.task == 0, 1, data.y)
    model = TransferToEach(PriorClassifier(), LogisticRegression()).fit(data.X, y, task=data.task)
    p = model.predict_proba(data.X, task=data.task)
    assert p.shape == (90, 2)
    assert p[data.task == 0, 1].mean() > 0.8
    assert len(model.estimators_[1].source) == 1


@pytest.mark.parametrize(
    ("wrapper", "message"),
    [
        (TransferToEach(Ridge()), "Ridge has neither a parameter target_task nor source"),
        (TransferToEach(PriorRegressor()), "PriorRegressor learns from fitted models: give source_estimator="),
    ],
)
def test_what_is_no_transfer_gets_one_line(tasks, wrapper, message):
    with pytest.raises(ValueError, match=message):
        wrapper.fit(tasks.X, tasks.y, task=tasks.task)


def test_the_flagship_shows_a_transfer_beside_own_and_pooled():
    tasks = make_related_tasks(2, [60, 20], 3, relatedness=0.9, random_state=0)
    table = pd.DataFrame(tasks.X, columns=list("abc")).assign(site=np.where(tasks.task == 0, "old", "new"))
    candidates = [
        ("own", IndependentTasks(Ridge())),
        ("pooled", PooledTasks(Ridge())),
        ("transferred", TransferToEach(PriorRegressor(n_alphas=4, cv=3), Ridge())),
    ]
    flagship = CrossTaskRegressor(task_column="site", candidates=candidates, random_state=0).fit(table, tasks.y)
    losses = flagship.candidate_losses_.loc["new", ["own", "pooled", "transferred"]]
    assert losses.notna().all()
    assert flagship.weights_.loc["new"].sum() == pytest.approx(1.0)
    assert {"new", "old"} == set(flagship.verdict_["task"])
