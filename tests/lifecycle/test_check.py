"""What check says of rows that changed in one way, and that it says nothing of rows that did not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import crosstask as ct

SLOPES = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}


def _table(n: int, seed: int, slopes: dict[str, float] = SLOPES) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    site = np.repeat(list(slopes), n)
    X = pd.DataFrame({"site": site, "age": rng.normal(50, 9, len(site)).round(1)})
    X["colour"] = rng.choice(["red", "green", "blue"], len(X))
    X["dose"] = rng.normal(size=len(X))
    z = np.repeat(list(slopes.values()), n) * (X["age"] - 50) / 9 + X["dose"] + 0.5 * rng.normal(size=len(X))
    return X, z.rename("y")


@pytest.fixture(scope="module")
def model() -> Any:
    return ct.CrossTaskRegressor(["pooled", "mean tied"], task_column="site", cv=5, random_state=0).fit(*_table(40, 0))


def _codes(notes: pd.DataFrame) -> list[str]:
    return notes["code"].tolist()


def test_rows_like_those_of_fit_are_nothing_to_note(model: Any) -> None:
    notes = ct.check(model, *_table(40, 1))
    assert _codes(notes) == []
    assert str(notes) == "nothing to note."


def test_each_thing_is_named(model: Any) -> None:
    X, y = _table(40, 2)
    lost = ct.check(model, X.drop(columns="dose").assign(extra=1))
    assert _codes(lost) == ["missing_column", "extra_column"]
    assert "column 'dose' is missing: no row can be predicted." in str(lost)
    strange = ct.check(model, X.assign(site=np.where(X.index < 3, "z", X["site"])))
    assert strange[["code", "task", "after"]].to_numpy().tolist() == [["unseen_task", "z", 3]]
    assert _codes(ct.check(model, X.assign(site=X["site"] + " "))) == ["task_ids"]
    levels = ct.check(model, X.assign(colour=np.where(X.index < 2, "pink", X["colour"])))
    assert _codes(levels) == ["unseen_level"]
    assert "('pink')" in str(levels)
    gaps = ct.check(model, X.assign(dose=X["dose"].where(X.index % 2 == 0)))
    assert str(gaps) == "column 'dose': 50 % of the values are missing, 0 % at fit."
    moved = ct.check(model, X.assign(age=X["age"] + 9), y)
    assert {"shift"} <= set(_codes(moved))
    assert "column 'age' has shifted" in str(moved)
    assert _codes(ct.check(model, X.assign(age=X["age"] * 100)))[0] == "range"
    assert _codes(ct.check(model, X.assign(age="old"))) == ["unreadable"]
    order = list(reversed(X.columns))
    assert _codes(ct.check(model, X[order], y)) == []


def test_a_task_whose_relation_turned_does_worse(model: Any) -> None:
    notes = ct.check(model, *_table(40, 3, {**SLOPES, "b": -1.0}))
    worse = notes[notes["code"] == "worse"]
    assert worse["task"].tolist() == ["b"]
    assert worse["after"].iloc[0] > 2 * worse["before"].iloc[0]


def test_a_task_that_sharing_harms_now(model: Any) -> None:
    """The own model of b knew nothing of the age, and is right now; the others' slope is wrong for it."""
    rng = np.random.default_rng(0)
    X, y = _table(60, 4)
    own = model.guard_.candidates_["own"].estimator_
    place = int(np.searchsorted(own.tasks_, "b"))
    kept = own.coef_[place].copy()
    own.coef_[place] = 0.0
    try:
        mine = X["site"] == "b"
        y = y.where(~mine, own.intercept_[place] + 0.3 * rng.normal(size=len(y)))
        notes = ct.check(model, X, y)
    finally:
        own.coef_[place] = kept
    harmed = notes[notes["code"] == "harmed"]
    assert harmed["task"].tolist() == ["b"]
    assert notes["code"].iloc[0] == "harmed"
    assert "above its own model's" in harmed["sentence"].iloc[0]


def test_harm_is_not_cried_where_there_is_none() -> None:
    """Twenty draws of four tasks: by the level of the interval about two of the 80 tasks are named."""
    data = [_table(25, seed) for seed in range(20)]
    guard = ct.TransferGuard(
        [("own", ct.MultiTaskRegressor("independent", alpha=0.1)), ("tied", ct.MultiTaskRegressor(alpha=0.1))],
        task_column="site",
        random_state=0,
    )
    guard.fit(data[0][0].drop(columns="colour"), data[0][1])
    named = [ct.check(guard, X.drop(columns="colour"), y)["code"].tolist() for X, y in data[1:]]
    assert sum(codes.count("harmed") for codes in named) <= 5


def test_classes_and_a_guard_without_columns() -> None:
    X, y = _table(30, 0)
    labels = np.where(y > 0, "ill", "well")
    numbers, task = X[["age", "dose"]].to_numpy(), X["site"].to_numpy()
    guard = ct.TransferGuard(
        [("own", ct.MultiTaskClassifier("independent", alpha=0.05)), ("tied", ct.MultiTaskClassifier(alpha=0.05))],
        random_state=0,
    ).fit(numbers, labels, task=task)
    assert _codes(ct.check(guard, numbers, labels, task=task)) == []
    notes = ct.check(guard, numbers, np.where(np.arange(len(y)) == 7, "dead", labels), task=task)
    assert _codes(notes) == ["new_class"]
    turned = ct.check(guard, numbers, np.where(y > 0, "well", "ill"), task=task)
    assert _codes(turned).count("worse") == 4
    assert _codes(ct.check(guard, numbers[:, :1], task=task)) == ["missing_column"]
    with pytest.raises(ValueError, match="pass task="):
        ct.check(guard, numbers)
    with pytest.raises(ValueError, match="y has shape"):
        ct.check(guard, numbers, labels[:3], task=task)
    plain = ct.MultiTaskRegressor(alpha=0.1).fit(numbers, y, task=task)
    assert _codes(ct.check(plain, numbers, y, task=["q", *task[1:]])) == ["unseen_task"]


def test_no_row_of_fit_can_be_read_off_the_profile(model: Any) -> None:
    X, _ = _table(40, 0)
    edges = np.concatenate(model._profile.edges)
    assert not np.isin(X["dose"].to_numpy(), edges).any()
    assert [int(counts.sum()) for counts in model._profile.counts] == [160] * len(model._profile.names)
