"""What compare lists: tasks, classes, verdicts and coefficients that changed, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

import crosstask as ct

N, D = 40, 3


def _rows(slopes: dict[str, list[float]], seed: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N * len(slopes), D))
    y = np.einsum("ij,ij->i", X, np.repeat(list(slopes.values()), N, axis=0)) + 0.3 * rng.normal(size=len(X))
    return X, y, np.repeat(list(slopes), N)


SAME = {name: [1.0, -1.0, 0.0] for name in "abcd"}


def _linear(slopes: dict[str, list[float]], seed: int = 0) -> Any:
    X, y, task = _rows(slopes, seed)
    return ct.MultiTaskRegressor(alpha=0.01).fit(X, y, task=task)


def test_one_slope_that_turned_and_one_task_that_came() -> None:
    old, new = _linear(SAME), _linear({**SAME, "b": [-1.0, -1.0, 0.0], "e": [1.0, -1.0, 0.0]})
    notes = ct.compare(old, new, tolerance=0.5)
    assert notes["code"].tolist()[0] == "task_added"
    turned = notes[notes["column"] == "x0"]
    assert turned["task"].tolist() == ["b"]
    assert "the other way round" in turned["sentence"].iloc[0]
    assert turned["before"].iloc[0] == pytest.approx(old.coef_[1, 0])
    assert ct.compare(new, old, tolerance=0.5)["code"].tolist()[0] == "task_lost"
    assert str(ct.compare(old, old)) == "nothing to note."


def test_a_verdict_that_changed() -> None:
    def guard(slopes: dict[str, list[float]]) -> Any:
        candidates = [
            ("own", ct.MultiTaskRegressor("independent", alpha=0.01)),
            ("pooled", ct.MultiTaskRegressor("pooled", alpha=0.01)),
        ]
        X, y, task = _rows(slopes, 0)
        return ct.TransferGuard(candidates, random_state=0).fit(X, y, task=task)

    notes = ct.compare(guard(SAME), guard({**SAME, "c": [-1.0, 1.0, 0.0]}))
    changed = notes[notes["code"] == "verdict"].set_index("task")
    assert changed.loc["c", "after"] == "alone"
    assert changed.loc["c", "sentence"].startswith(f"c: {changed.loc['c', 'before']} before, alone now: leave c alone")


def test_standard_errors_keep_chance_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd

    from crosstask.auto import _linear as linear

    monkeypatch.setattr(linear, "MAX_DRAWS", 20)

    def flagship(seed: int, slopes: dict[str, list[float]]) -> Any:
        X, y, task = _rows(slopes, seed)
        frame = pd.DataFrame(X, columns=list("uvw")).assign(site=task)
        return ct.CrossTaskRegressor("linear", task_column="site", cv=3, random_state=0).fit(frame, y)

    old = flagship(0, SAME)
    chance = ct.compare(old, flagship(1, SAME))
    turned = ct.compare(old, flagship(1, {**SAME, "d": [-1.0, -1.0, 0.0]}))
    assert (chance["code"] == "coefficient").sum() <= 3
    assert turned[(turned["task"] == "d") & (turned["column"] == "u")]["after"].iloc[0] < -0.5


def test_what_cannot_be_compared() -> None:
    model = _linear(SAME)
    X, y, task = _rows(SAME, 0)
    classifier = ct.MultiTaskClassifier(alpha=0.01).fit(X, np.where(y > 0, "up", "down"), task=task)
    with pytest.raises(TypeError, match="one model predicts classes"):
        ct.compare(model, classifier)
    with pytest.raises(TypeError, match="Ridge is no fitted model of tasks"):
        ct.compare(model, Ridge().fit(X, y))
    with pytest.raises(TypeError, match="neither verdicts nor coefficients"):
        ct.compare(model, ct.IndependentTasks(Ridge()).fit(X, y, task=task))
    three = ct.MultiTaskClassifier(alpha=0.01).fit(X, np.digitize(y, [-1, 1]), task=task)
    two = ct.MultiTaskClassifier(alpha=0.01).fit(X, np.digitize(y, [0]), task=task)
    assert "the classes were 0, 1, and are 0, 1, 2." in str(ct.compare(two, three))
