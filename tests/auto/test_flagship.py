"""The flagship: raw tables in, guarded answers out, and what it shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from crosstask import CrossTaskClassifier, CrossTaskRegressor
from crosstask.multitask import MultiTaskRegressor


def shops(n_rows: int = 90, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Return a raw table with everything in it; sales depend on price, on rain and on the shop."""
    rng = np.random.default_rng(seed)
    shop = np.array(["north", "south", "west"])[np.arange(n_rows) % 3]
    table = pd.DataFrame(
        {
            "shop": shop,
            "price": rng.uniform(1, 9, n_rows),
            "weather": rng.choice(["sun", "rain", None], n_rows),
            "open": rng.choice([True, False], n_rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.permutation(n_rows), unit="D"),
            "receipt": [f"r{i}" for i in range(n_rows)],
        }
    )
    table.loc[rng.random(n_rows) < 0.1, "price"] = np.nan
    sales = 30 - 2 * table["price"].fillna(5) + 3 * (table["weather"] == "rain") + 4 * (shop == "west")
    return table, sales + rng.normal(scale=0.5, size=n_rows)


@pytest.fixture(scope="module")
def fitted() -> CrossTaskRegressor:
    table, sales = shops()
    return CrossTaskRegressor(task_column="shop", random_state=0).fit(table, sales)


@pytest.fixture(scope="module")
def linear() -> CrossTaskRegressor:
    table, sales = shops()
    return CrossTaskRegressor("linear", task_column="shop", cv=3, random_state=0).fit(table, sales)


def as_classes(sales: pd.Series, n_classes: int) -> np.ndarray:
    return np.array(["high", "low", "middle"])[pd.qcut(sales, n_classes, labels=False).to_numpy()]


def test_a_raw_table_goes_in_and_good_predictions_come_out(fitted):
    table, sales = shops(300, seed=1)
    assert fitted.score(table, sales) > 0.9
    assert list(fitted.weights_.index) == ["north", "south", "west"]
    assert set(fitted.gain_["task"]) == {"north", "south", "west"}
    assert fitted.candidate_losses_.shape == (3, len(fitted.candidates_))
    assert len(str(fitted.verdict_)) > 0
    kinds = {schema["name"]: schema["kind"] for schema in fitted.schema_}
    assert kinds == {
        "price": "number",
        "weather": "category",
        "open": "boolean",
        "day": "date",
        "receipt": "identifier",
    }
    codes = {code for code, _ in fitted.findings_}
    assert {"identifier-dropped", "boosting-left-out"} <= codes
    summary = fitted.training_summary_
    assert summary["rows_per_task"] == {"north": 30, "south": 30, "west": 30}
    assert set(summary["candidates"]) <= set(summary["seconds"])


def test_the_names_of_the_default_candidates(fitted):
    assert list(fitted.candidates_) == ["task mean", "own", "pooled", "mean tied", "easy adapt", "feature norm"]
    assert fitted.guard_.own_ == "own"


def test_boosting_joins_where_rows_suffice():
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(600, 2)), np.repeat(["a", "b"], 300)
    model = CrossTaskRegressor(time_budget=1000.0, cv=2).fit(X, np.abs(X[:, 0]) + 0.1 * X[:, 1], task=task)
    assert model.weights_[["small trees", "boosting"]].sum(axis=1).min() > 0.8


def test_values_are_boosted_from_ten_rows_a_task_on_where_lines_cannot_follow():
    rng = np.random.default_rng(0)
    X, task = rng.uniform(-2.0, 2.0, size=(600, 2)), np.repeat(np.arange(40), 15)
    y = np.sin(3.0 * X[:, 0]) + 0.1 * rng.normal(size=600)
    model = CrossTaskRegressor(cv=3, random_state=0).fit(X, y, task=task)
    new = rng.uniform(-2.0, 2.0, size=(2000, 2))
    error = model.predict(new, task=np.arange(2000) % 40) - np.sin(3.0 * new[:, 0])
    assert np.mean(error**2) < 0.1  # without a trained model the variance of y is .5; no line does better than .46
    labels = CrossTaskClassifier(cv=3, random_state=0).fit(X, y > 0, task=task)
    assert "boosting" not in labels.candidates_
    assert "boosting-left-out" in {code for code, _ in labels.findings_}


def test_a_linear_flagship_is_its_coefficients(linear):
    table, _ = shops(50, seed=2)
    frame = linear.coefficients()
    assert list(frame.columns) == ["task", "feature", "value", "shared", "low", "high"]
    matrix = linear.encoder_.transform(linear.reader_.transform(table.drop(columns="shop")))
    for shop, rows in table.groupby("shop").indices.items():
        own = frame[frame["task"] == shop].set_index("feature")["value"]
        by_hand = own["intercept"] + matrix[rows] @ own.drop("intercept").to_numpy()
        assert_allclose(linear.predict(table)[rows], by_hand, atol=1e-8)
    with_guard = linear.guard_.predict(linear.reader_.transform(table.drop(columns="shop")), task=table["shop"])
    assert_allclose(linear.predict(table), with_guard, atol=1e-8)
    assert (frame["low"] < frame["high"]).all()
    price = frame[frame["feature"] == "price"]
    assert_allclose(price["value"], -2.0, atol=0.2)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_linear_classifier_is_its_coefficients(n_classes):
    table, sales = shops(60)
    table = table[["shop", "price", "weather"]]
    model = CrossTaskClassifier("linear", task_column="shop", cv=2, random_state=0)
    model.fit(table, as_classes(sales, n_classes))
    frame = model.coefficients()
    matrix = model.encoder_.transform(model.reader_.transform(table.drop(columns="shop")))
    p = model.predict_proba(table)
    assert_allclose(frame["odds_ratio"], np.exp(frame["value"]))
    for shop, rows in table.groupby("shop").indices.items():
        own = frame[frame["task"] == shop]
        parts = [own] if n_classes == 2 else [own[own["class"] == label] for label in model.classes_]
        z = np.column_stack([matrix[rows] @ part["value"][1:].to_numpy() + part["value"].iloc[0] for part in parts])
        assert_allclose(
            p[rows], softmax(z, axis=1) if n_classes > 2 else np.hstack([1 - expit(z), expit(z)]), atol=1e-8
        )
    raw = model.reader_.transform(table.drop(columns="shop"))
    assert_allclose(p, model.guard_.predict_proba(raw, task=table["shop"]), atol=1e-8)
    assert_array_equal(model.predict(table), model.classes_[p.argmax(axis=1)])
    assert len(model.calibration_) > 0


def test_intervals_cover_as_those_of_least_squares():
    """With one task and a vanishing penalty, the half width is 1.96 times the classical standard error."""
    from crosstask.auto._linear import Refit, bootstrap_errors

    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = X @ [1.0, -1.0] + rng.normal(size=400)
    task = np.zeros(400, dtype=int)
    model = MultiTaskRegressor("independent", alpha=1e-9).fit(X, y, task=task)
    refit = Refit(X, y, task, task, None, np.ones((1, 1)), False)
    errors, _ = bootstrap_errors([model], refit, n_draws=200, seed=0, n_jobs=None, progress=lambda *a: None)
    classical = np.sqrt(np.diag(np.linalg.inv((X - X.mean(0)).T @ (X - X.mean(0)))))
    assert_allclose(errors[0, 0], classical, rtol=0.2)


def test_rows_of_unseen_tasks_are_served_by_the_crowd_and_told(linear):
    table, _ = shops(6, seed=3)
    table.loc[4, "shop"] = "east"
    assert_array_equal(linear.served_by(table), ["task"] * 4 + ["crowd", "task"])
    with pytest.warns(UserWarning, match=r"not seen.*served_by"):
        predicted = linear.predict(table)
    with pytest.warns(UserWarning, match="not seen"):
        assert_allclose(predicted, linear.set_params(verbose=0).predict(table))
    raw = linear.reader_.transform(table.drop(columns="shop"))
    assert_allclose(predicted, linear.guard_.predict(raw, task=table["shop"]), atol=1e-8)
    strict = clone(linear).set_params(candidates=[("ridge", Ridge())], unseen_task="error").fit(*shops())
    with pytest.raises(ValueError, match="east"):
        strict.predict(table)


def test_any_estimator_comes_in_both_forms():
    table, sales = shops()
    model = CrossTaskRegressor(
        [("ridge", Ridge()), ("boosting", HistGradientBoostingRegressor(max_iter=5))],
        task_column="shop",
        random_state=0,
    ).fit(table, sales)
    assert list(model.candidates_) == ["ridge, own", "ridge, pooled", "boosting, own", "boosting, pooled"]
    assert model.guard_.own_ == "ridge, own"
    forms = [candidate.form for candidate in model.candidates_.values()]
    assert forms == ["encoded", "encoded", "frame", "frame"]
    with pytest.raises(ValueError, match="candidates='linear'"):
        model.coefficients()


def test_lightgbm_gets_the_table_with_its_gaps_and_categories():
    lightgbm = pytest.importorskip("lightgbm")
    table, sales = shops(150)
    booster = lightgbm.LGBMRegressor(n_estimators=10, min_child_samples=5, verbose=-1, n_jobs=1)
    model = CrossTaskRegressor([booster], task_column="shop", cv=2, random_state=0).fit(table, sales)
    pooled = model.candidates_["LGBMRegressor, pooled"]
    assert pooled.form == "frame"
    assert np.isfinite(model.predict(table)).all()
    numbers = table[["shop", "price"]]
    raw = CrossTaskRegressor([booster], task_column="shop", cv=2, random_state=0).fit(numbers, sales)
    assert raw.candidates_["LGBMRegressor, pooled"].form == "raw"


def test_a_multitask_estimator_is_tried_as_it_is_beside_an_own_model():
    table, sales = shops()
    model = CrossTaskRegressor([("tied", MultiTaskRegressor(alpha=0.1))], task_column="shop", cv=2).fit(table, sales)
    assert list(model.candidates_) == ["own", "tied"]


def test_a_task_of_one_class_works_in_every_draw():
    table, sales = shops(60)
    ill = np.array(sales > sales.median(), dtype=int)
    ill[table["shop"] == "west"] = 1
    for seed in range(3):
        model = CrossTaskClassifier([LogisticRegression(max_iter=5000)], task_column="shop", random_state=seed)
        model.fit(table, ill)
        p = model.predict_proba(table)
        assert np.isfinite(p).all()
        assert p[table["shop"] == "west", 1].mean() > 0.5
    assert "one-class-task" in dict(model.findings_)


def test_the_same_result_at_any_n_jobs():
    table, sales = shops(60)
    one, two = (
        CrossTaskRegressor("linear", task_column="shop", cv=2, n_jobs=n, random_state=3).fit(table, sales)
        for n in (1, 2)
    )
    assert_array_equal(one.predict(table), two.predict(table))
    pd.testing.assert_frame_equal(one.coefficients(), two.coefficients())


def test_times_cut_the_folds_and_groups_stay_together():
    table, sales = shops()
    ridge = [("ridge", Ridge())]
    model = CrossTaskRegressor(ridge, task_column="shop", time_column="day", random_state=0).fit(table, sales)
    assert "day" in model.reader_.output_names_
    seen: list[np.ndarray] = []

    class Spy(Ridge):
        def fit(self, X, y, sample_weight=None):
            seen.append(X[:, 0])
            return super().fit(X, y, sample_weight)

    by_group = table[["shop", "price"]].assign(price=np.arange(90.0), family=np.arange(90) // 6)
    grouped = CrossTaskRegressor([("spy", Spy())], task_column="shop", group_column="family", cv=3, random_state=0)
    grouped.fit(by_group, sales)
    assert grouped.reader_.output_names_ == ["price"]
    pooled_fits = [rows for rows in seen if len(rows) > 30]
    assert pooled_fits
    for rows in pooled_fits:
        families = np.unique(rows // 6, return_counts=True)
        assert set(families[1]) <= {6}


def test_a_shock_common_to_all_tasks_creates_no_gain():
    from benchmarks.parkinsons import common_shock

    gain, sure = common_shock(0, in_time=True)
    assert gain < 0.05
    assert sure == 0.0


def test_weights_of_zero_and_wide_targets():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    Y = np.column_stack([X[:, 0], X[:, 0] + 1, -X[:, 1]]) + 0.1 * rng.normal(size=(40, 3))
    Y[rng.random((40, 3)) < 0.2] = np.nan
    model = CrossTaskRegressor([("ridge", Ridge())], random_state=0).fit(X, Y)
    assert model.predict(X).shape == (40, 3)
    assert model.score(X, Y) > 0.9
    task = np.repeat(["a", "b"], 20)
    weight = np.ones(40)
    weight[:5] = 0.0
    weighted = CrossTaskRegressor([("ridge", Ridge())], cv=3, random_state=0)
    weighted.fit(X, X[:, 0], task=task, sample_weight=weight)
    dropped = clone(weighted).fit(X[5:], X[5:, 0], task=task[5:])
    assert_allclose(weighted.predict(X, task=task), dropped.predict(X, task=task))


def test_the_budget_keeps_the_core_and_names_what_it_dropped():
    table, sales = shops()
    model = CrossTaskRegressor(task_column="shop", time_budget=1e-3, random_state=0).fit(table, sales)
    assert {"own", "pooled", "mean tied"} <= set(model.candidates_)
    said = dict(model.findings_)
    assert {"easy adapt", "feature norm"} <= {name for name, _, _ in model.guard_.dropped_}
    assert "was left out before the first fold" in said["left-out"]
    assert "too short" in said["over-budget"]
    assert said["fewer-folds"].startswith("2 of ")


def test_progress_is_reported_to_a_callable():
    table, sales = shops(45)
    seen: list[tuple[int, int, str]] = []
    CrossTaskRegressor(
        [Ridge()], task_column="shop", cv=2, verbose=lambda done, total, text: seen.append((done, total, text))
    ).fit(table, sales)
    assert [done for done, _, _ in seen] == list(range(1, len(seen) + 1))
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"candidates": "best"}, "candidates='best' is not known: use 'default', 'linear', 'neural', or a list"),
        ({"candidates": []}, "holds no models"),
        ({"candidates": [Ridge]}, "is no estimator"),
        ({"candidates": [("a", Ridge()), ("a", Ridge())]}, "2 candidates are named 'a'"),
        ({"candidates": [LogisticRegression()]}, "is no regressor"),
        ({"unseen_task": "guess"}, "unseen_task='guess' is not known"),
        ({"time_budget": -1}, "time_budget=-1 must be a number of seconds above 0"),
        ({"time_column": "hour"}, "no column 'hour' to use as time_column"),
        ({"time_column": "weather"}, "time_column='weather' was read as category"),
        ({"time_column": "price"}, "time_column='price' is missing in"),
        ({"time_column": "day", "group_column": "day", "cv": 2}, "both name the column 'day'"),
    ],
)
def test_each_bad_parameter_gets_one_line(parameters, words):
    table, sales = shops(30)
    with pytest.raises(ValueError, match=words) as error:
        CrossTaskRegressor(**{"candidates": [Ridge()], "task_column": "shop", **parameters}).fit(table, sales)
    assert "\n" not in str(error.value)


def test_one_class_in_all_tasks_is_refused():
    table, _ = shops(30)
    with pytest.raises(ValueError, match="one class only"):
        CrossTaskClassifier(task_column="shop").fit(table, ["ill"] * 30)


def test_a_fitted_model_holds_no_positions_of_rows(linear):
    for candidate in linear.candidates_.values():
        assert all(value is None for key, value in candidate.get_params().items() if key.split("__")[-1] == "cv")
