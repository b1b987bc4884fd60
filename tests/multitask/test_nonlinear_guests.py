"""Boosting, machines and processes as candidates of the guard, and a covariance learnt elsewhere as a task kernel."""

from __future__ import annotations

import numpy as np
from sklearn.calibration import CalibratedClassifierCV

from crosstask import TransferGuard
from crosstask.datasets import make_related_tasks
from crosstask.multitask import (
    MultiTaskBoostingRegressor,
    MultiTaskGPRegressor,
    MultiTaskRegressor,
    MultiTaskSVC,
    MultiTaskSVR,
)


def test_the_guard_mixes_them():
    data = make_related_tasks(n_tasks=3, n_rows=30, random_state=0)
    candidates = [
        ("own", MultiTaskRegressor("independent", alpha=0.1)),
        ("boosting", MultiTaskBoostingRegressor(max_iter=10, unseen_task="pooled")),
        ("machine", MultiTaskSVR("linear", sharing=0.9, unseen_task="pooled")),
        ("process", MultiTaskGPRegressor(rank=1, n_restarts=0, max_iter=300)),
    ]
    guard = TransferGuard(candidates, random_state=0).fit(data.X, data.y, task=data.task)
    weights = np.asarray(guard.weights_.to_numpy() if hasattr(guard.weights_, "to_numpy") else guard.weights_)
    assert weights.size
    assert np.isfinite(guard.predict(data.X, task=data.task)).all()


def test_a_learnt_covariance_is_a_task_kernel():
    data = make_related_tasks(n_tasks=4, n_rows=30, random_state=1)
    learnt = MultiTaskRegressor("task_covariance", alpha=0.1).fit(data.X, data.y, task=data.task)
    kernel = learnt.task_covariance_ / np.mean(np.diag(learnt.task_covariance_)) + 0.05 * np.eye(4)
    model = MultiTaskSVR("linear", task_kernel=kernel, sharing=1.0).fit(data.X, data.y, task=data.task)
    np.testing.assert_allclose(model.task_kernel_, kernel)
    assert model.score(data.X, data.y, task=data.task) > 0.5


def test_calibration_adds_probabilities_by_the_column_door():
    data = make_related_tasks(n_tasks=3, n_rows=40, random_state=2)
    table = np.column_stack([data.task, data.X])
    label = np.where(data.y > np.median(data.y), "ill", "well")
    model = CalibratedClassifierCV(MultiTaskSVC(sharing=0.5, task_column=0), cv=3).fit(table, label)
    np.testing.assert_allclose(model.predict_proba(table).sum(axis=1), 1.0)
    assert (model.predict(table) == label).mean() > 0.8
