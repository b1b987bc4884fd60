"""A target with one row a class: no fold can judge it, and the guard must not take the one that ignores it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from crosstask import IndependentTasks, PooledTasks, TransferGuard
from crosstask.auto._baseline import BaseRateClassifier
from crosstask.guard._blind import blind_tasks, even_weights


def rows(n_each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A source of 360 rows, and a target with so many rows of each of six classes."""
    rng = np.random.default_rng(seed)
    centre = 2.0 * rng.standard_normal((6, 8))
    y = np.concatenate([np.repeat(np.arange(6), 60), np.repeat(np.arange(6), n_each)])
    task = np.repeat(["source", "target"], [360, 6 * n_each])
    X = centre[y] + 0.5 * (task == "target")[:, None] + rng.standard_normal((len(y), 8))
    return X, y, task


def guard(**options) -> TransferGuard:
    logistic = LogisticRegression(C=0.1, max_iter=1000)
    candidates = [
        ("rate", BaseRateClassifier()),
        ("own", IndependentTasks(logistic)),
        ("pooled", PooledTasks(logistic)),
        ("equal", PooledTasks(logistic, task_weight="equal")),
    ]
    return TransferGuard(candidates, cv=3, random_state=0, **options)


def test_one_row_a_class_takes_all_candidates_that_look_at_the_columns():
    X, y, task = rows(1)
    model = guard().fit(X, y, task=task)
    np.testing.assert_allclose(model.weights_.loc["target"], [0.0, 1 / 3, 1 / 3, 1 / 3])
    line = model.verdict_.set_index("task").loc["target"]
    assert line["code"] == "borrowed"
    assert "leaves no row of its class there, and all candidates weigh the same" in line["reason"]
    assert np.isnan(model.gain_.set_index("task").loc["target", "gain"])
    parts = [model.candidates_[name].predict_proba(X, task=task) for name in ("own", "pooled", "equal")]
    mean = np.mean(parts, axis=0)
    here = task == "target"
    np.testing.assert_allclose(model.predict_proba(X, task=task)[here], mean[here], atol=1e-5)


def test_what_the_blind_rows_say_moves_nobody_elses_weights():
    X, y, task = rows(1)
    turned = np.where(task == "target", np.roll(y, 1), y)
    turned[task == "target"] = np.random.default_rng(3).permutation(6)
    weights = [guard().fit(X, labels, task=task).weights_.loc["source"] for labels in (y, turned)]
    assert np.abs(weights[0] - weights[1]).max() < 0.1


def test_two_rows_a_class_are_judged():
    X, y, task = rows(2)
    model = guard().fit(X, y, task=task)
    assert model.verdict_.set_index("task").loc["target", "code"] != "borrowed"
    assert np.isfinite(model.gain_["gain"]).all()


@pytest.mark.parametrize(
    ("y", "fold", "blind"),
    [
        ([0, 1, 2, 3, 4, 5], [0, 0, 1, 1, 2, 2], True),  # one row each
        ([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1], False),
        ([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2], True),  # both rows of a class leave together
        ([0, 0, 0, 0, 0, 1], [0, 1, 2, 0, 1, 2], False),  # one rare class of two
        ([0, 1, 2, 3, 0, 0], [-1, -1, -1, -1, 0, 1], False),  # too few were held out
    ],
)
def test_blind_is_a_task_whose_classes_leave_with_the_row(y, fold, blind):
    codes = np.repeat([0, 1], [6, 12])  # beside a task that is judged
    labels, folds = np.r_[y, np.tile([0, 1], 6)], np.r_[fold, np.repeat([0, 1], 6)]
    found = blind_tasks(codes, labels, folds, 2, 6, 5)
    assert found.tolist() == [blind, False]
    assert not blind_tasks(codes, labels, folds, 2, 0, 5).any()  # numbers have no classes
    assert not blind_tasks(codes[:6], labels[:6], folds[:6], 1, 6, 5).any()  # nobody else to go by


def test_constants_alone_weigh_the_same():
    np.testing.assert_array_equal(even_weights([BaseRateClassifier(), BaseRateClassifier()]), [0.5, 0.5])


@pytest.mark.parametrize("kind", ["flipped", "shuffled", "constant"])
def test_sources_that_cannot_help_weigh_a_tenth_at_most_behind_the_guard(kind):
    weights = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, task = rng.standard_normal((180, 6)), np.repeat([0, 1, 2], 60)
        z, source = X[:, :3].sum(axis=1), task > 0
        y = z + rng.standard_normal(180)
        spoiled = {"flipped": y - 2.0 * z, "shuffled": rng.permutation(y), "constant": np.ones(180)}[kind]
        candidates = [("own", IndependentTasks(Ridge())), ("pooled", PooledTasks(Ridge()))]
        model = TransferGuard(candidates, cv=3, random_state=0).fit(X, np.where(source, spoiled, y), task=task)
        weights.append(model.weights_.loc[0, "pooled"])
    assert np.mean(weights) <= 0.1
