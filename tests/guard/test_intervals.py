"""Intervals of the guard and of the flagship cover what they say, task by task."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from crosstask import CrossTaskClassifier, CrossTaskRegressor, MultiTaskClassifier, MultiTaskRegressor, TransferGuard


def _draw(n, rng, slopes, noise):
    task = np.repeat(np.arange(len(slopes)), n)
    X = rng.standard_normal((len(task), slopes.shape[1]))
    return X, (X * slopes[task]).sum(axis=1) + noise[task] * rng.standard_normal(len(task)), task


def test_intervals_cover_new_rows_in_every_task():
    rng = np.random.default_rng(0)
    slopes, noise = rng.standard_normal((5, 3)), np.array([0.5, 1.0, 1.0, 2.0, 4.0])
    candidates = [("own", MultiTaskRegressor("independent")), ("shared", MultiTaskRegressor("pooled"))]
    covered = np.zeros(5)
    for seed in range(6):
        X, y, task = _draw(60, rng, slopes, noise)
        guard = TransferGuard(candidates, random_state=seed).fit(X, y, task=task)
        X, y, task = _draw(300, rng, slopes, noise)
        low, high = guard.predict_interval(X, task=task, coverage=0.9).T
        np.testing.assert_allclose((low + high) / 2, guard.predict(X, task=task))
        covered += np.bincount(task, (low <= y) & (y <= high)) / 300 / 6
    assert (np.abs(covered - 0.9) < 0.06).all()
    said = guard.coverage_
    assert said["task"].tolist() == [0, 1, 2, 3, 4]
    assert said["coverage"].mean() == pytest.approx(0.9, abs=0.05)


def test_sets_hold_the_class_and_always_one():
    rng = np.random.default_rng(1)
    slopes = 2.0 * np.ones((3, 2))
    X, z, task = _draw(80, rng, slopes, np.ones(3))
    y = np.digitize(z, [-1.0, 1.0])
    candidates = [
        ("own", MultiTaskClassifier("independent", alpha=0.1)),
        ("shared", MultiTaskClassifier("pooled", alpha=0.1)),
    ]
    guard = TransferGuard(candidates, random_state=0).fit(X, y, task=task)
    X, z, task = _draw(500, rng, slopes, np.ones(3))
    inside = guard.predict_set(X, task=task, coverage=0.9)
    covered = inside[np.arange(1500), np.digitize(z, [-1.0, 1.0])].mean()
    assert 0.87 < covered < 0.97  # the most probable class is always in, so that sets cover a little more
    assert inside.any(axis=1).all()
    assert not hasattr(guard, "predict_interval")
    tight = guard.predict_set(X, task=task, coverage=0.1)
    assert (tight.sum(axis=1) == 1).all()


@pytest.mark.parametrize("classes", [False, True])
def test_the_flagship_gives_them_from_a_raw_table(classes):
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"shop": np.repeat(["a", "b", "c"], 40), "price": rng.standard_normal(120)})
    y = frame["price"] + rng.standard_normal(120)
    kind = CrossTaskClassifier if classes else CrossTaskRegressor
    model = kind(["own", "pooled"], task_column="shop", random_state=0).fit(frame, y > 0 if classes else y)
    new = pd.DataFrame({"shop": ["a", "zoo"], "price": [0.0, 1.0]})
    ask = model.predict_set if classes else model.predict_interval
    with pytest.warns(UserWarning, match="not seen"):
        answer = ask(new)
    assert answer.shape == (2, 2)
    if not classes:
        assert (answer[:, 1] - answer[:, 0] > 2.0).all()
    assert len(model.coverage_) == 3
    with pytest.raises(ValueError, match="coverage=90"):
        ask(new[:1], coverage=90)
