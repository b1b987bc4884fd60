"""The flagship after fit: a task that comes later, new rows under old weights, and what is shown of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import crosstask as ct
from crosstask.auto import _linear


def _table(sites: str, n: int, seed: int, classification: bool, slope: float = 1.0) -> tuple[pd.DataFrame, Any]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({"site": np.repeat(list(sites), n), "age": rng.normal(50, 9, n * len(sites)).round(1)})
    X["colour"] = rng.choice(["red", "green", None], len(X))
    X["dose"] = np.where(rng.random(len(X)) < 0.1, np.nan, rng.normal(size=len(X)))
    z = slope * (X["age"] - 50) / 9 + (X["colour"] == "red") + rng.normal(size=len(X))
    return X, np.where(z > 0.3, "ill", "well") if classification else z.to_numpy()


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_linear, "MIN_DRAWS", 3)
    monkeypatch.setattr(_linear, "MAX_DRAWS", 3)


@pytest.mark.parametrize("classification", [False, True])
def test_one_more_site(classification: bool, tmp_path: Path) -> None:
    kind: Any = ct.CrossTaskClassifier if classification else ct.CrossTaskRegressor
    X, y = _table("abc", 20, 0, classification)
    model = kind("linear", task_column="site", cv=3, random_state=0).fit(X, y)
    ask = model.predict_proba if classification else model.predict
    before, shown = ask(X), model.coefficients()
    new, target = _table("B", 20, 1, classification)
    new = new.assign(colour=np.where(new.index == 3, "purple", new["colour"]))
    assert model.add_task(new, target) is model
    np.testing.assert_array_equal(ask(X), before)
    after = model.coefficients()
    pd.testing.assert_frame_equal(after[after["task"] != "B"].reset_index(drop=True), shown)
    mine = after[after["task"] == "B"]
    assert (mine["low"] < mine["value"]).sum() > 2
    assert model.tasks_.tolist() == ["B", *"abc"]
    # the coefficients are the guarded mixture, for the new task as well
    z = model._predictor(*_encoded(model, new))
    np.testing.assert_allclose(z[:, 0], _mixture(model, new, classification), atol=1e-8)
    assert model.training_summary_["rows_per_task"]["B"] == 20
    assert model.findings_[-1][0] == "task_added"
    again = ct.load(model.save(tmp_path / "model.skops"))
    np.testing.assert_array_equal(again.predict(new), model.predict(new))
    model.report(tmp_path / "report.html")
    again.add_task(*_table("z", 12, 2, classification, slope=-1.0))
    np.testing.assert_array_equal(again.predict(new), model.predict(new))
    if classification:
        more, target = _table("Babc", 20, 3, classification)
        weights = model.weights_
        model.refit(more, target)
        pd.testing.assert_frame_equal(model.weights_, weights)
        z = model._predictor(*_encoded(model, new))
        np.testing.assert_allclose(z[:, 0], _mixture(model, new, True), atol=1e-8)


def _encoded(model: Any, X: pd.DataFrame) -> tuple[Any, Any]:
    return model._rows_to_serve(X, None)


def _mixture(model: Any, X: pd.DataFrame, classification: bool) -> Any:
    rows, matrix = _encoded(model, X)
    method = "decision_function" if classification else "predict"
    return model._ask_guard(rows, matrix, method)


def test_the_default_candidates_and_new_rows() -> None:
    X, y = _table("abcd", 30, 0, classification=False)
    model = ct.CrossTaskRegressor(["pooled", "mean tied"], task_column="site", random_state=0).fit(X, y)
    weights, before = model.weights_, model.predict(X)
    model.add_task(*_table("e", 15, 5, classification=False))
    np.testing.assert_array_equal(model.predict(X), before)
    more, target = _table("abcde", 40, 9, classification=False)
    model.refit(more, target)
    pd.testing.assert_frame_equal(model.weights_.drop("e"), weights)
    assert model.training_summary_["n_rows"] == 200
    assert model.findings_[-1][0] == "refitted"
    assert np.abs(model.predict(X) - before).max() > 1e-3
    with pytest.raises(ValueError, match="have no rows of 'e'"):
        model.refit(*_table("abcd", 30, 0, classification=False))
    fresh = ct.CrossTaskRegressor(["pooled", "mean tied"], task_column="site", random_state=0).fit(more, target)
    np.testing.assert_array_equal(model.refit(more, target, keep_weights=False).predict(X), fresh.predict(X))
