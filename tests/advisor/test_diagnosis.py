"""The numbers of the diagnosis against textbook formulas and tasks of known truth, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crosstask.advisor._diagnose import diagnose
from crosstask.advisor._findings import findings_of
from crosstask.tasks import TaskData


def _tasks(slopes, n=60, noise=1.0, level=0.0, seed=0):
    rng = np.random.default_rng(seed)
    slopes = np.asarray(slopes, dtype=float)
    T, d = slopes.shape
    task = np.repeat(np.arange(T), n)
    X = rng.standard_normal((T * n, d))
    y = (X * slopes[task]).sum(axis=1) + level * rng.standard_normal(T)[task] + noise * rng.standard_normal(T * n)
    return X, y, task


def _found(X, y, task, **more):
    data = TaskData.from_arrays(X, y, task, **more)
    diagnosis = diagnose(data)
    names = [f"x{j}" for j in range(X.shape[1])]
    return diagnosis, {one.code: one for one in findings_of(diagnosis, np.unique(task), names, [])}


def test_levels_are_the_analysis_of_variance():
    X, y, task = _tasks(np.zeros((6, 2)), level=1.0)
    diagnosis, found = _found(X, y, task)
    parts = [y[task == t] for t in range(6)]
    statistic, p = stats.f_oneway(*parts)
    assert diagnosis.level_p == pytest.approx(p)
    between = (statistic - 1.0) / 60  # (MSB - MSW) / (n MSW)
    assert diagnosis.level_share == pytest.approx(between / (between + 1.0))
    assert "CT005" in found


def test_equal_slopes_are_rejected_as_often_as_the_level_says():
    p_values = [diagnose(TaskData.from_arrays(*_tasks(np.ones((3, 3)), seed=seed))).slope_p for seed in range(100)]
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=0.08)


def test_a_turned_task_is_named_with_the_column_that_turns():
    slopes = np.tile([2.0, 0.5, 0.0], (8, 1))
    slopes[3, 0] = -2.0
    diagnosis, found = _found(*_tasks(slopes))
    assert [one.task for one in diagnosis.outliers] == [3]
    assert "3 is unlike the others" in found["CT007"].text
    assert "its predictions run against theirs: its slope on x0 has the opposite sign" in found["CT007"].text


def test_no_task_is_called_unlike_where_all_differ_alike():
    named = 0
    for seed in range(20):
        slopes = np.random.default_rng(seed).standard_normal((8, 4))
        named += len(diagnose(TaskData.from_arrays(*_tasks(slopes, seed=seed))).outliers)
    assert named <= 8  # of 160


def test_groups_and_slopes_speak():
    slopes = np.repeat([[2.0, 0.0], [0.0, 2.0]], 4, axis=0)
    diagnosis, found = _found(*_tasks(slopes))
    assert diagnosis.groups is not None
    assert diagnosis.groups.n_groups == 2
    assert "2 groups" in found["CT008"].text
    alike, said = _found(*_tasks(np.ones((4, 2)), n=30))
    assert alike.slope_p > 0.01
    assert "common slopes are worth trying" in said["CT006"].text


def test_classes_and_one_task():
    X, y, task = _tasks(np.ones((4, 3)))
    diagnosis, _ = _found(X, (y > 0).astype(float), task, n_classes=2)
    assert np.isnan(diagnosis.explained)
    _, found = _found(X[:60], y[:60], task[:60])
    assert "nobody to learn from" in found["CT001"].text
