"""GroupedTasks: a model for each group, by any task-aware estimator."""

from __future__ import annotations

import numpy as np
import pytest

from crosstask import GroupedTasks, MultiTaskClassifier, MultiTaskRegressor, TransferGuard
from crosstask.couplings import MeanTied


def _two_crowds(n=40, T=6, seed=0):
    rng = np.random.default_rng(seed)
    X, task = rng.standard_normal((T * n, 3)), np.repeat(np.arange(T), n)
    return X, np.where(task % 2, -1.0, 1.0) * X.sum(axis=1) + rng.standard_normal(T * n), task


def test_each_group_is_fitted_apart():
    X, y, task = _two_crowds()
    model = GroupedTasks(MultiTaskRegressor("pooled", alpha=0.1)).fit(X, y, task=task)
    assert model.groups_.tolist() == [0, 1, 0, 1, 0, 1]
    for group in (0, 1):
        rows = task % 2 == group
        alone = MultiTaskRegressor("pooled", alpha=0.1).fit(X[rows], y[rows], task=task[rows])
        np.testing.assert_array_equal(model.coef_[group::2], alone.coef_)
        np.testing.assert_array_equal(model.predict(X[rows], task=task[rows]), alone.predict(X[rows], task=task[rows]))


def test_one_group_is_the_estimator_itself():
    X, y, task = _two_crowds()
    inner = MultiTaskRegressor("mean_tied", alpha=0.1)
    model = GroupedTasks(inner, n_groups=1).fit(X, y, task=task)
    np.testing.assert_array_equal(model.coef_, inner.fit(X, y, task=task).coef_)


def test_unseen_tasks_are_served_by_the_largest_group():
    X, y, task = _two_crowds(T=7)
    inner = MultiTaskRegressor("pooled", alpha=0.1)
    model = GroupedTasks(inner, unseen_task="pooled").fit(X, y, task=task)
    largest = model.estimators_[0]
    np.testing.assert_array_equal(
        model.predict(X[:3], task=[99] * 3), X[:3] @ largest.unseen_coef_ + largest.unseen_intercept_
    )
    with pytest.raises(ValueError, match="fit has not seen"):
        GroupedTasks(inner).fit(X, y, task=task).predict(X[:1], task=[99])


def test_classes_that_a_group_lacks():
    X, y, task = _two_crowds(n=30, T=4)
    label = (y > 0).astype(int)
    label[task == 3] = 1  # one class in this task
    model = GroupedTasks(MultiTaskClassifier("pooled", alpha=0.1)).fit(X, label, task=task)
    probability = model.predict_proba(X, task=task)
    np.testing.assert_allclose(probability.sum(axis=1), 1.0)
    assert model.score(X, label, task=task) > 0.7


def test_the_guard_gains_by_it_where_there_are_two_crowds():
    own, pooled = MultiTaskRegressor("independent"), MultiTaskRegressor("pooled")
    tied = MultiTaskRegressor(MeanTied(centre_weight=0.1))
    error = {True: [], False: []}
    for seed in range(3):
        rng = np.random.default_rng(100 + seed)
        slopes = np.repeat(rng.standard_normal((2, 8)), 4, axis=0)
        task = np.repeat(np.arange(8), 25)
        X = rng.standard_normal((200, 8))
        y = (X * slopes[task]).sum(axis=1) + 2 * rng.standard_normal(200)
        for grouped in (True, False):
            candidates = [("own", own), ("pooled", pooled)] + [("groups", GroupedTasks(tied))] * grouped
            guard = TransferGuard(candidates, random_state=0).fit(X, y, task=task)
            new = rng.standard_normal((800, 8))
            where = np.repeat(np.arange(8), 100)
            error[grouped].append(np.mean((guard.predict(new, task=where) - (new * slopes[where]).sum(axis=1)) ** 2))
    assert np.mean(error[True]) < 0.75 * np.mean(error[False])
