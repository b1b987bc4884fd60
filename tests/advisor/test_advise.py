"""Advice end to end: what is recommended is compared, and every candidate has a reason."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge

from crosstask import CrossTaskRegressor, advise
from crosstask.advisor import Advice
from crosstask.auto._open import open_table


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


def test_one_target_is_answered_in_the_first_line(shops):
    frame, y = shops
    advice = advise(frame, y, task_column="shop", target_task="odd", priority="speed", random_state=0)
    assert advice.first_line.startswith("Leave odd alone")


def test_what_is_worse_than_one_model_each_is_said_in_the_first_line(advice):
    worse = advice.estimator.guard_.__class__.__new__(type(advice.estimator.guard_))
    worse.__dict__.update(advice.estimator.guard_.__dict__)
    gain = {name: values.copy() for name, values in worse._gain.items()}
    gain["guarded_loss"] = 1.1 * gain["own_loss"]
    gain["gain"], gain["low"], gain["high"] = np.full(5, -0.1), np.full(5, -0.2), np.full(5, -0.05)
    worse._gain = gain
    model = type(advice.estimator).__new__(type(advice.estimator))
    model.__dict__.update({**advice.estimator.__dict__, "guard_": worse})
    said = replace(advice, estimator=model).first_line
    assert "10.0 % above that of one model each: the candidate 'own' is the safer choice" in said
    assert "clearly worse than a model of its own for" in said
    assert "10.0 % above that of its own model" in replace(advice, estimator=model, target="a").first_line


def test_a_fitted_model_gives_advice_from_what_it_knows(shops):
    frame, y = shops
    model = CrossTaskRegressor([Ridge()], task_column="shop", random_state=0).fit(frame, y)
    advice = model.advice_
    assert isinstance(advice, Advice)
    assert " of 5 shops " in advice.first_line
    assert advice.frame()["candidate"].tolist() == list(model.candidates_)
    assert "CT004" in {one.code for one in advice.findings}
    assert "<h1>" in advice.to_html()


class Stopped(RegressorMixin, BaseEstimator):
    """Behaves as if Ctrl-C was pressed in its n-th fit."""

    fits = 0

    def fit(self, X, y):
        Stopped.fits += 1
        if Stopped.fits == 9:
            raise KeyboardInterrupt
        self.mean_ = y.mean()
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


def test_an_interrupted_comparison_leaves_what_was_known(shops, monkeypatch, tmp_path):
    frame, y = shops

    def open_with_it(model, *rest):
        model.candidates = ["own", "pooled", ("stopped", Stopped())]
        return open_table(model, *rest)

    monkeypatch.setattr("crosstask.advisor._advise.open_table", open_with_it)
    advice = advise(frame, y, task_column="shop", random_state=0)
    assert advice.interrupted
    assert advice.first_line.startswith("Interrupted after 1 fold: nothing is recommended; so far ")
    assert {"CT006", "CT007"} <= {one.code for one in advice.findings}
    assert len(advice.verdict) == 0
    assert json.loads(advice.to_json())["interrupted"] is True
    assert advice.frame().set_index("candidate")["mean_loss"]["own"] == 1.0
    page = advice.report(tmp_path / "partial.html").read_text(encoding="utf-8")
    assert "Interrupted after 1 fold" in page
    assert "CT007" in page
    assert "Who helps whom" in page
    with pytest.raises(ValueError, match="was interrupted: ask advise again"):
        advice.plot()


SIGINT = """
import os, signal, sys
from crosstask.cli import main
from crosstask.guard import _contest

def fit_one(*parts):
    os.kill(os.getpid(), signal.SIGINT)

_contest.fit_one = fit_one
main(sys.argv[1:])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or sys.platform == "win32", reason="needs signals")
def test_sigint_leaves_a_valid_report_and_ends_with_130(shops, tmp_path):
    frame, y = shops
    table, page, answer = tmp_path / "shops.csv", tmp_path / "page.html", tmp_path / "advice.json"
    frame.assign(sold=y).to_csv(table, index=False)
    options = ["--target", "sold", "--task", "shop", "--report", str(page), "--json", str(answer)]
    run = [sys.executable, "-c", SIGINT, "advise", str(table), *options]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 130
    assert "interrupted" in done.stderr
    assert page.read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert json.loads(answer.read_text(encoding="utf-8"))["answer"].startswith("Interrupted before anything")
