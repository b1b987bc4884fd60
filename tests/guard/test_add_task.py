"""A task that comes after fit, in the guard; and new rows under old weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

import crosstask as ct
from crosstask.couplings import NoSharedPartError
from crosstask.guard._assess import evidence_of
from crosstask.guard._newcomer import Crowd, newcomer_weights
from crosstask.guard._rules import guard_weights

D = 3


def _rows(slopes: Any, n: int, seed: int, kind: str = "numbers") -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, D))
    z = X @ np.asarray(slopes) + rng.normal(size=n)
    return X, z if kind == "numbers" else np.where(z > 0, "yes", "no")


def _tasks(names: str, n: int = 30, kind: str = "numbers", seed: int = 0) -> tuple[Any, Any, Any]:
    parts = [_rows([1.0, -0.5, 0.3], n, seed + i, kind) for i in range(len(names))]
    return np.vstack([X for X, _ in parts]), np.concatenate([y for _, y in parts]), np.repeat(list(names), n)


def _guard(kind: str = "numbers", **options: Any) -> Any:
    model: Any = ct.MultiTaskRegressor if kind == "numbers" else ct.MultiTaskClassifier
    plain: Any = Ridge() if kind == "numbers" else LogisticRegression()
    candidates = [
        ("own", model("independent", alpha=0.05)),
        ("tied", model("mean_tied", alpha=0.05)),
        ("pooled", ct.PooledTasks(plain, unseen_task="pooled")),
    ]
    return ct.TransferGuard(candidates, random_state=0, **options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("numbers", {}),
        ("numbers", {"scoring": "absolute"}),
        ("numbers", {"mode": "cautious"}),
        ("classes", {"mode": "bold"}),
        ("classes", {"mix": "linear"}),
        ("classes", {"scoring": "brier"}),
    ],
    ids=str,
)
def test_the_others_stay_to_the_last_bit(kind: str, options: dict[str, Any]) -> None:
    X, y, task = _tasks("abcde", kind=kind)
    guard = _guard(kind, **options).fit(X, y, task=task)
    ask = guard.predict if kind == "numbers" else guard.predict_proba
    spread = guard.predict_interval if kind == "numbers" else guard.predict_set
    before = [ask(X, task=task), spread(X, task=task), ask(X, task=["?"] * len(X)), spread(X, task=["?"] * len(X))]
    shown = [guard.gain_, guard.weights_, guard.candidate_losses_, guard.coverage_]
    new, target = _rows([1.0, -0.5, 0.3], 25, 99, kind)
    assert guard.add_task(new, target, task="bb") is guard
    after = [ask(X, task=task), spread(X, task=task), ask(X, task=["?"] * len(X)), spread(X, task=["?"] * len(X))]
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(shown, (guard.gain_, guard.weights_, guard.candidate_losses_, guard.coverage_), strict=True):
        rest = other[other["task"] != "bb"].reset_index(drop=True) if "task" in other else other.drop("bb")
        pd.testing.assert_frame_equal(rest, one)
    assert guard.tasks_.tolist() == ["a", "b", "bb", "c", "d", "e"]
    assert abs(float(guard.weights_.loc["bb"].sum()) - 1.0) < 1e-9
    assert np.isfinite(ask(new, task=["bb"] * 25)).all()
    assert guard.findings_[-1][0] == "task_added"
    assert "pooled cannot learn a task later" in guard.findings_[-1][1]
    assert len(guard.verdict_) == 6


def test_a_task_like_the_others_shares_and_a_turned_one_is_left_alone() -> None:
    X, y, task = _tasks("abcdefgh")
    guard = _guard().fit(X, y, task=task)
    guard.add_task(*_rows([1.0, -0.5, 0.3], 25, 50), task="like").add_task(
        *_rows([-1.0, 0.5, -0.3], 25, 51), task="odd"
    )
    verdict = guard.verdict_.set_index("task")
    assert verdict.loc["like", "code"] in ("share", "blend")
    assert verdict.loc["odd", "code"] == "alone"
    assert guard.weights_.loc["odd", "own"] > 0.9
    coverage = guard.coverage_.set_index("task")["coverage"]
    assert coverage[["like", "odd"]].between(0.7, 1.0).all()


@pytest.mark.parametrize("scoring", ["squared", "log_loss"])
def test_weights_are_those_of_a_guard_that_had_known_the_task_from_the_start(scoring: str) -> None:
    rng = np.random.default_rng(0)
    n_tasks, n = 12, 25
    codes = np.repeat(np.arange(n_tasks), n)
    y = rng.normal(size=n_tasks * n)
    noise = rng.normal(size=(len(y), 3))
    harm = np.where(codes == n_tasks - 1, 1.5, 0.0)
    found = np.stack([y + 0.9 * noise[:, 0], y + 0.5 * noise[:, 1] + harm, 0.1 * noise[:, 2]], axis=1)[:, :, None]
    kind = {
        "scoring": scoring,
        "q": 0.5,
        "linear": False,
        "n_classes": 0,
        "own": 0,
        "separate": np.array([True, False, True]),
    }
    if scoring == "log_loss":
        p = 1.0 / (1.0 + np.exp(-found[:, :, 0]))
        found, y, kind["n_classes"] = np.stack([1.0 - p, p], axis=2), (y > 0).astype(int), 2
    fold = np.tile(np.arange(n) % 5, n_tasks)
    for late in (3, n_tasks - 1):
        together = guard_weights(evidence_of(found, y, codes, np.ones(len(y)), fold, n_tasks, **kind))
        early = codes != late
        others = evidence_of(found[early], y[early], codes[early], np.ones(early.sum()), fold[early], n_tasks, **kind)
        known = guard_weights(others)
        one = evidence_of(found[~early], y[~early], np.zeros(n, dtype=int), np.ones(n), fold[~early], 1, **kind)
        weights = newcomer_weights(Crowd.of(others, known), one, "balanced", known.shared)
        np.testing.assert_allclose(weights[0], together.task[late], atol=0.02)


def test_a_task_of_two_rows_or_one_class_borrows() -> None:
    X, y, task = _tasks("abcd", kind="classes")
    guard = _guard("classes", class_weight="balanced").fit(X, y, task=task)
    guard.add_task(X[:2], ["yes", "no"], task="few").add_task(X[:9], ["yes"] * 9, task="one")
    verdict = guard.verdict_.set_index("task")
    assert verdict.loc[["few", "one"], "code"].tolist() == ["borrowed", "borrowed"]
    assert "it has one class (yes)" in verdict.loc["one", "reason"]
    assert guard.predict_set(X[:3], task=["few"] * 3).shape == (3, 2)
    assert guard.predict_proba(X[:3], task=["one"] * 3).shape == (3, 2)


def test_candidates_that_cannot_serve_get_no_weight_and_an_own_model_that_cannot_learn_is_refused() -> None:
    X, y, task = _tasks("abcd")
    candidates = [
        ("own", ct.IndependentTasks(Ridge())),
        ("path", ct.MultiTaskRegressor("fused_in_time", alpha=0.1, tol=1e-3)),
    ]
    guard = ct.TransferGuard(candidates, random_state=0, unseen_task="error").fit(X, y, task=task)
    guard.candidates_["path"].unseen_task = "error"
    guard.add_task(*_rows([1.0, -0.5, 0.3], 20, 7), task="z")
    assert guard.weights_.loc["z"].tolist() == [1.0, 0.0]
    assert np.isnan(guard.candidate_losses_.loc["z", "path"])
    own = [("own", ct.TransferToEach(ct.PriorRegressor(), Ridge())), ("tied", ct.MultiTaskRegressor(alpha=0.1))]
    other = ct.TransferGuard(own, own="own", random_state=0).fit(X, y, task=task)
    with pytest.raises(NoSharedPartError, match="the own model 'own' cannot learn a task later"):
        other.add_task(*_rows([1.0, -0.5, 0.3], 20, 7), task="z")


def test_groups_and_times_come_along() -> None:
    X, y, task = _tasks("abc", n=40)
    frame = pd.DataFrame(X, columns=list("uvw")).assign(site=task, day=np.tile(np.arange(40), 3))
    guard = _guard(task_column="site", time_column="day").fit(frame, y)
    new, target = _rows([1.0, -0.5, 0.3], 40, 5)
    late = pd.DataFrame(new, columns=list("uvw")).assign(site="new", day=np.arange(40))
    before = guard.predict(frame)
    guard.add_task(late, target)
    np.testing.assert_array_equal(guard.predict(frame), before)
    assert guard.coverage_.set_index("task").loc["new", "n"] < 40


def test_refit_keeps_the_weights_and_learns_the_rows() -> None:
    X, y, task = _tasks("abcd")
    guard = _guard().fit(X, y, task=task)
    kept, verdict = guard.weights_, str(guard.verdict_)
    more, target, names = _tasks("abcd", n=60, seed=20)
    guard.refit(more, target, task=names).refit(more, target, task=names)
    pd.testing.assert_frame_equal(guard.weights_, kept)
    assert str(guard.verdict_) == verdict
    assert [code for code, _ in guard.findings_].count("refitted") == 1
    fresh = _guard().fit(more, target, task=names)
    for name, model in guard.candidates_.items():
        np.testing.assert_array_equal(model.predict(X, task=task), fresh.candidates_[name].predict(X, task=task))
    guard.refit(more, target, task=names, keep_weights=False)
    np.testing.assert_array_equal(guard.weights_, fresh.weights_)
    with pytest.raises(ValueError, match="have no rows of 'd': give rows of every task"):
        guard.refit(more[:180], target[:180], task=names[:180])
    with pytest.raises(ValueError, match="does not know: 'q': add them with add_task"):
        guard.refit(more, target, task=[*np.where(names == "d", "q", names)[:-1], "d"])
