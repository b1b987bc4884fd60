"""Advice end to end: what is recommended is compared, and every candidate has a reason."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from crosstask import advise


@pytest.fixture(scope="module")
def shops():
    rng = np.random.default_rng(0)
    shop = np.repeat(["a", "b", "c", "d", "odd"], 40)
    frame = pd.DataFrame(rng.standard_normal((200, 3)), columns=["price", "rain", "wind"])
    frame["day"] = np.where(rng.random(200) < 0.5, "sunday", "weekday")
    turned = np.where(shop == "odd", -1.0, 1.0)
    y = turned * (2 * frame["price"] + frame["rain"]) + (frame["day"] == "sunday") + 2 * rng.standard_normal(200)
    return frame.assign(shop=shop), y.rename("sold")


@pytest.fixture(scope="module")
def advice(shops):
    return advise(*shops, task_column="shop", random_state=0)


def test_the_answer_names_whom_to_leave_alone(advice):
    assert advice.first_line.startswith("4 of 5 shops ")
    assert advice.first_line.endswith("; odd is best left alone.")
    assert advice.verdict.set_index("task")["code"]["odd"] == "alone"
    assert any(one.code == "CT007" and "odd" in one.text for one in advice.findings)
    assert str(advice).split("\n")[0] == advice.first_line


def test_what_can_be_told_from_luck_follows_the_measured_intervals(advice):
    gains = advice.estimator.gain_
    half = 0.5 * (gains["high"] - gains["low"]).median()
    (power,) = (one for one in advice.findings if one.code == "CT004")
    assert f"gains under {100 * 2.8 / 1.96 * half:.0f} % in a single task" in power.text


def test_every_candidate_has_a_reason_and_the_yardstick_stays(advice):
    table = advice.frame()
    assert (table["reason"].str.len() > 10).all()
    kept = table[table["kept"]]
    assert {"own", "pooled"} <= set(kept["candidate"])
    assert kept["mean_loss"].notna().all()
    assert table[~table["kept"]]["mean_loss"].isna().all()


def test_it_predicts_draws_and_writes(advice, shops, tmp_path):
    frame, y = shops
    assert advice.estimator.score(frame, y) > 0.4
    assert advice.affinity.gain.shape == (5, 5)
    assert json.loads(advice.to_json())["answer"] == advice.first_line
    assert advice.to_markdown().startswith(f"**{advice.first_line}**")
    assert "<strong>" in advice._repr_html_()
    advice.plot().figure.canvas.draw()
    assert advice.report(tmp_path / "page.html").stat().st_size > 10_000


def test_one_target_and_speed(shops):
    frame, y = shops
    advice = advise(frame, y, task_column="shop", target_task="b", priority="speed", random_state=0)
    assert advice.verdict["task"].tolist() == ["b"]
    reasons = advice.frame().set_index("candidate")["reason"]
    assert "boosting" in reasons
    assert not advice.frame().set_index("candidate")["kept"]["boosting"]


def test_a_budget_that_is_too_short_drops_candidates_and_says_so(shops):
    frame, y = shops
    table = advise(frame, y, task_column="shop", time_budget=0.01, random_state=0).frame()
    assert table["reason"].str.contains("left out after 0 folds|left out before the first fold|no time left").any()
    assert {"own", "pooled"} <= set(table[table["kept"]]["candidate"])


def test_classes_are_recognised(shops):
    frame, y = shops
    advice = advise(
        frame, np.where(y > 0, "many", "few"), task_column="shop", random_state=0, priority="speed", time_budget=2
    )
    assert advice.estimator.classes_.tolist() == ["few", "many"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"priority": "fast"}, "priority='fast' is not known"),
        ({"target_task": "z"}, "is no task of the table; its tasks are a, b"),
        ({"task": np.zeros(200)}, "at once"),
        ({"time_column": "hour"}, "has no column 'hour'"),
        ({"time_budget": "60s"}, "time_budget='60s' must be a number of seconds above 0"),
        ({"time_budget": 0}, "time_budget=0 must be a number of seconds above 0"),
    ],
)
def test_bad_input_gets_one_line(shops, options, message):
    frame, y = shops
    with pytest.raises(ValueError, match=message) as raised:
        advise(frame, y, task_column="shop", **options)
    assert "\n" not in str(raised.value)


def test_numbers_among_objects_are_numbers(shops):
    frame, y = shops
    counts = y.round().astype(int).astype(object)
    advice = advise(frame, counts, task_column="shop", priority="speed", random_state=0)
    assert not hasattr(advice.estimator, "classes_")


def test_one_task_is_not_said_to_differ_from_others(shops):
    frame, y = shops
    advice = advise(frame.drop(columns="shop"), y, priority="speed", random_state=0)
    assert [one.code for one in advice.findings if one.code in ("CT001", "CT004", "CT005")] == ["CT001"]


@pytest.mark.parametrize("level", [np.zeros(200), np.repeat(np.arange(5.0), 40) + 1e6])
def test_a_target_without_anything_to_explain_gets_one_line(shops, level):
    with pytest.raises(ValueError, match="y does not vary inside any task, so there is nothing"):
        advise(shops[0], level, task_column="shop", random_state=0)
