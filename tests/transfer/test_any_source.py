"""OffsetTransfer and SourceStacking: sources of any kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss
from tests.transfer.glm_cases import cases

from crosstask import load, save
from crosstask.datasets import make_related_tasks
from crosstask.transfer import OffsetTransfer, SourceStacking
from crosstask.transfer._source_stacking import mixture_weights

KINDS = [OffsetTransfer, SourceStacking]


def _tasks(kind="regression", n=40, relatedness=0.9):
    tasks = make_related_tasks(2, [300, n], 6, kind=kind, relatedness=relatedness, random_state=1)
    fresh = tasks.draw([1, 2000], random_state=5)
    old, test = tasks.task == 0, fresh.task == 1
    return (tasks.X[old], tasks.y[old]), (tasks.X[~old], tasks.y[~old]), (fresh.X[test], fresh.y[test])


@pytest.mark.parametrize("kind", KINDS)
def test_a_forest_helps_a_new_regression(kind):
    rng = np.random.default_rng(0)
    rows = rng.uniform(-2.0, 2.0, (1500, 2))
    values = np.sin(3.0 * rows[:, 0]) + rows[:, 1] + 0.1 * rng.standard_normal(1500)
    (X, y), (X_test, y_test) = (rows[500:520], values[500:520] + 2.0), (rows[520:], values[520:] + 2.0)
    forest = FrozenEstimator(RandomForestRegressor(n_estimators=30, random_state=0).fit(rows[:500], values[:500]))
    own = Ridge().fit(X, y).score(X_test, y_test)
    assert kind(forest).fit(X, y).score(X_test, y_test) > own


@pytest.mark.parametrize("kind", KINDS)
def test_a_forest_helps_a_new_classification(kind, tmp_path):
    (Xs, ys), (X, y), (X_test, y_test) = _tasks("classification", n=16)
    forest = FrozenEstimator(RandomForestClassifier(n_estimators=30, random_state=0).fit(Xs, ys))
    model = kind(forest).fit(X, y)
    own = log_loss(y_test, LogisticRegression().fit(X, y).predict_proba(X_test))
    assert log_loss(y_test, model.predict_proba(X_test)) < own
    again = load(save(model, tmp_path / "model.skops"))
    np.testing.assert_array_equal(again.predict_proba(X_test[:9]), model.predict_proba(X_test[:9]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_of_opposite_sign_gets_nothing(kind):
    (Xs, ys), (X, y), (X_test, y_test) = _tasks(n=60)
    turned = FrozenEstimator(Ridge().fit(Xs, -ys))
    model = kind(turned).fit(X, y)
    assert model.score(X_test, y_test) > Ridge().fit(X, y).score(X_test, y_test) - 0.05
    if kind is SourceStacking:
        assert model.weights_[0] == 0.0


def test_offset_is_least_squares_on_the_residual():
    (Xs, ys), (X, y), _ = _tasks()
    source = RandomForestRegressor(n_estimators=5, random_state=0).fit(Xs, ys)
    model = OffsetTransfer(FrozenEstimator(source), LinearRegression()).fit(X, y)
    residual = LinearRegression().fit(X, y - source.predict(X))
    np.testing.assert_allclose(model.predict(X), source.predict(X) + model.step_ * residual.predict(X))


def test_correction_of_classes_moves_toward_the_target():
    (Xs, ys), (X, y), (X_test, y_test) = _tasks("classification", n=200)
    source = LogisticRegression().fit(Xs, ys)
    shifted = np.where(X[:, 0] > 0, 1, y)  # another relation in the target
    model = OffsetTransfer(FrozenEstimator(source), RandomForestRegressor(n_estimators=30, random_state=0))
    model.fit(X, shifted)
    truth = np.where(X_test[:, 0] > 0, 1, y_test)
    assert model.step_ > 0.0
    assert log_loss(truth, model.predict_proba(X_test)) < log_loss(truth, source.predict_proba(X_test))


def test_mixture_weights_are_the_optimum():
    rng = np.random.default_rng(0)
    p, share = rng.uniform(0.05, 1.0, (200, 3)), np.full(200, 1.0 / 200)
    v = mixture_weights(p, share)
    bounds, total = [(1e-9, 1.0)] * 3, {"type": "eq", "fun": lambda w: w.sum() - 1.0}
    best = minimize(lambda w: -share @ np.log(p @ w), np.full(3, 1 / 3), bounds=bounds, constraints=total, tol=1e-12)
    np.testing.assert_allclose(v, best.x, atol=1e-3)
    assert -share @ np.log(p @ v) <= best.fun + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_classes_and_columns_may_overlap_in_part(kind):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.standard_normal((120, 3)), columns=["a", "b", "c"])
    label = np.array(["x", "y", "z"])[np.digitize(table["a"], [-0.5, 0.5])]
    known = label != "z"
    source = FrozenEstimator(LogisticRegression().fit(table.loc[known, ["b", "a"]], label[known]))
    model = kind(source).fit(table, label)
    assert model.classes_.tolist() == ["x", "y", "z"]
    assert model.score(table, label) > 0.6
    p = model.predict_proba(table)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_bad_sources_get_one_line(kind):
    (Xs, ys), (X, y), _ = _tasks()
    names = [f"x{j}" for j in range(6)]
    frame = pd.DataFrame(X, columns=names)
    wide = Ridge().fit(pd.DataFrame(Xs, columns=[*names[:5], "dose"]), ys)
    cases = [
        (Ridge(), X, NotFittedError, "the source, a Ridge, is not fitted"),
        (Ridge().fit(Xs[:, :3], ys), X, ValueError, "the source was fitted on 3 columns, X has 6"),
        (wide, frame, ValueError, "fitted on columns that X lacks: 'dose'"),
        ([Ridge().fit(Xs, ys), LogisticRegression().fit(Xs, ys > 0)], X, ValueError, "source 1 is no regressor"),
    ]
    for source, table, error, message in cases:
        with pytest.raises(error, match=message):
            kind(source).fit(table, y)
    labels = np.where(y > 0, "ill", "well")
    with pytest.raises(ValueError, match=r"source 0 has the classes .* they share none"):
        kind(LogisticRegression().fit(Xs, ys > 0)).fit(X, labels)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2])
def test_one_row_moves_the_level_and_no_more(kind, n):
    (Xs, ys), (X, y), _ = _tasks()
    source = FrozenEstimator(Ridge().fit(Xs, ys))
    model = kind(source).fit(X[:n], y[:n])
    assert np.isfinite(model.predict(X)).all()
    one = OffsetTransfer(source).fit(X[:1], y[:1])
    np.testing.assert_allclose(one.predict(X) - source.predict(X), y[0] - source.predict(X[:1])[0])


@pytest.mark.parametrize("classify", [False, True])
def test_a_copy_of_a_source_changes_no_prediction_of_the_stack(classify):
    (Xs, ys), (X, y), _ = _tasks()
    kind = LogisticRegression if classify else Ridge
    if classify:
        ys, y = ys > 0, y > 0
    one, other = (FrozenEstimator(kind().fit(Xs[half], ys[half])) for half in (slice(0, 60), slice(60, None)))
    once, twice = (SourceStacking(sources).fit(X, y) for sources in ([one, other], [one, other, other]))
    ask = "predict_proba" if classify else "predict"
    np.testing.assert_allclose(getattr(twice, ask)(X), getattr(once, ask)(X), atol=1e-4)


@pytest.mark.parametrize(("classify", "n_seeds"), [(False, 50), (True, 20)])
def test_shuffled_flipped_and_constant_sources_weigh_a_tenth_at_most(classify, n_seeds):
    kind, weights = LogisticRegression if classify else Ridge, []
    for seed in range(n_seeds):
        X, y, task = cases(seed, kind="classification" if classify else "regression")
        if classify:
            y[np.flatnonzero(task == "constant")[0]] = 0.0  # a classifier of one class cannot be fitted
        names = ("good", "flipped", "permuted", "constant")
        sources = [FrozenEstimator(kind().fit(X[task == name], y[task == name])) for name in names]
        few = np.flatnonzero(task == "target")[:20]
        weights.append(SourceStacking(sources).fit(X[few], y[few]).weights_)
    mean = np.mean(weights, axis=0)
    assert mean[0] > 0.4
    assert mean[1:4].max() <= 0.1


def test_two_rows_take_the_mean_of_the_sources():
    (Xs, ys), (X, y), _ = _tasks()
    sources = [FrozenEstimator(Ridge().fit(Xs[half], ys[half])) for half in (slice(0, 60), slice(60, None))]
    model = SourceStacking(sources).fit(X[:2], y[:2])
    mean = np.mean([source.predict(X) for source in sources], axis=0)
    np.testing.assert_allclose(model.predict(X), mean + (y[:2] - mean[:2]).mean())


def test_a_source_whose_predictions_vary_by_rounding_has_no_weight():
    (Xs, ys), (X, y), _ = _tasks()
    flat = FrozenEstimator(Ridge().fit(Xs, 0.0 * ys + 1e-17 * Xs[:, 0] + 3.0))
    np.testing.assert_array_equal(SourceStacking([flat]).fit(X, y).weights_[0], 0.0)


def test_level_of_the_stack_is_a_share():
    (_, _), (X, y), _ = _tasks()
    with pytest.raises(ValueError, match="level=0: give the share of useless sources let in"):
        SourceStacking(estimator=Ridge(), level=0).fit(X, y)
