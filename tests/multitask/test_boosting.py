"""Boosting of many tasks: against scikit-learn's boosting, and against its own stages composed by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from crosstask.multitask import MultiTaskBoostingClassifier, MultiTaskBoostingRegressor
from crosstask.multitask.boosting._fit import surely_less
from crosstask.multitask.boosting._targets import Target


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(300, 3)), rng.integers(0, 4, size=300)
    y = X[:, 0] * (1 + 0.2 * task) + np.abs(X[:, 1]) + 0.5 * task + 0.3 * rng.normal(size=300)
    return X, y, task


def test_without_a_start_it_is_scikit_learns_boosting_with_the_task_as_a_category(rows):
    X, y, task = rows
    design = np.column_stack([X, task])
    options = {"max_iter": 20, "categorical_features": [3], "early_stopping": False}
    theirs = HistGradientBoostingRegressor(**options).fit(design, y)
    ours = MultiTaskBoostingRegressor(start="none", max_iter=20).fit(X, y, task=task)
    np.testing.assert_allclose(ours.predict(X, task=task), theirs.predict(design), rtol=1e-12)
    label = np.array(["a", "b", "c"])[np.digitize(y, [0.0, 2.0])]
    theirs = HistGradientBoostingClassifier(**options).fit(design, label)
    ours = MultiTaskBoostingClassifier(start="none", max_iter=20).fit(X, label, task=task)
    np.testing.assert_allclose(ours.predict_proba(X, task=task), theirs.predict_proba(design), rtol=1e-9)


def test_on_the_linear_start_boosting_adds_to_the_linear_prediction(rows):
    X, y, task = rows
    model = MultiTaskBoostingRegressor(start="linear", max_iter=50).fit(X, y, task=task)
    assert model.shared_.on_offset
    linear = model.start_.decide(X, task)
    (booster,) = model.shared_.stage.rounds[0]
    expected = linear[:, 0] + booster.predict(np.column_stack([X, task, linear]))
    np.testing.assert_allclose(model.predict(X, task=task), expected)
    assert model.n_iter_ == 50  # the small trees still gained at the last one, so the caller's own were taken
    assert booster.max_leaf_nodes == 31
    noise = np.random.default_rng(6).normal(size=300)
    few = MultiTaskBoostingRegressor(start="linear").fit(X, X[:, 0] + 0.3 * np.abs(X[:, 1]) + 2 * noise, task=task)
    assert few.n_iter_ <= 40
    assert all(model.max_leaf_nodes == 8 for models in few.shared_.stage.rounds for model in models)


def test_the_race_takes_the_linear_start_where_relations_are_linear_and_boosting_where_they_are_not():
    rng = np.random.default_rng(1)
    X, task = rng.normal(size=(400, 3)), np.repeat(np.arange(8), 50)
    linear = X[:, 0] - X[:, 1] + 0.3 * task + rng.normal(size=400)
    model = MultiTaskBoostingRegressor().fit(X, linear, task=task)
    assert model.shared_.on_offset
    assert set(model.race_) == {"direct", "linear"}
    steps = 5.0 * (X[:, 0] > 0) * (X[:, 1] > 0) * (task % 2 * 2 - 1) + 0.1 * rng.normal(size=400)
    assert not MultiTaskBoostingRegressor().fit(X, steps, task=task).shared_.on_offset


def test_only_a_task_with_rows_enough_and_a_relation_of_its_own_gets_a_stage():
    rng = np.random.default_rng(2)
    task = np.repeat([0, 1, 2], [400, 400, 15])
    X = rng.uniform(-2, 2, size=(815, 2))
    y = X[:, 0] + 0.3 * rng.normal(size=815)
    y[task == 1] += 2.0 * np.sin(4 * X[task == 1, 1])
    model = MultiTaskBoostingRegressor(start="linear", max_iter=10).fit(X, y, task=task)
    assert 1 in model.task_stages_
    assert 2 not in model.task_stages_
    assert model.task_stages_[1].trust == pytest.approx(400 / 600)
    without = MultiTaskBoostingRegressor(start="linear", max_iter=10, min_task_rows=None).fit(X, y, task=task)
    here = task == 1
    new = rng.uniform(-2, 2, size=(200, 2))
    truth = new[:, 0] + 2.0 * np.sin(4 * new[:, 1])
    errors = [np.mean((m.predict(new, task=np.ones(200, dtype=int)) - truth) ** 2) for m in (model, without)]
    assert errors[0] < errors[1]
    np.testing.assert_allclose(
        model.predict(X[~here][-15:], task=task[~here][-15:]), without.predict(X[-15:], task=task[-15:])
    )


def test_gaps_categories_and_frames(rows):
    X, y, task = rows
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    frame["colour"] = pd.Categorical(np.where(X[:, 2] > 0, "red", "blue"))
    frame.loc[::5, "a"] = np.nan
    frame.loc[::7, "colour"] = np.nan
    frame["site"] = np.array(["n", "e", "s", "w"])[task]
    for start in ("linear", "none"):
        model = MultiTaskBoostingRegressor(start=start, max_iter=15, task_column="site").fit(frame, y)
        assert model.score(frame, y) > 0.6
    marked = MultiTaskBoostingRegressor(start="linear", categorical_features=[3], max_iter=15)
    codes = np.column_stack([X, X[:, 2] > 0])
    assert np.isfinite(marked.fit(codes, y, task=task).predict(codes, task=task)).all()


def test_a_monotone_constraint_is_kept(rows):
    X, y, task = rows
    model = MultiTaskBoostingRegressor(monotonic_cst=[1, 0, 0], max_iter=20, min_task_rows=50).fit(X, y, task=task)
    grid = np.column_stack([np.linspace(-2, 2, 50), np.zeros(50), np.zeros(50)])
    assert (np.diff(model.predict(grid, task=np.zeros(50, dtype=int))) >= -1e-12).all()
    with pytest.raises(ValueError, match="monotonic_cst binds trees"):
        MultiTaskBoostingRegressor(monotonic_cst=[1, 0, 0], start="linear").fit(X, y, task=task)


def test_more_tasks_than_bins_are_encoded_by_their_means():
    rng = np.random.default_rng(3)
    task = np.repeat(np.arange(300), 4)
    level = rng.normal(size=300)
    X = rng.normal(size=(1200, 2))
    y = level[task] + np.abs(X[:, 0]) + 0.2 * rng.normal(size=1200)
    for start in ("auto", "none"):
        model = MultiTaskBoostingRegressor(start=start, max_iter=30).fit(X, y, task=task)
        assert np.corrcoef(model.predict(X, task=task), level[task] + np.abs(X[:, 0]))[0, 1] > 0.85
        assert model.design_.task_encoder is not None


@pytest.mark.parametrize("n_classes", [2, 3])
def test_what_a_stage_regresses_on_is_the_gradient_over_its_bound(n_classes):
    rng = np.random.default_rng(4)
    F = rng.normal(size=(6, 1 if n_classes == 2 else 3))
    target = Target(rng.integers(0, n_classes, size=6).astype(float), np.ones(6), n_classes)
    response, bound = target.response(F), 4.0 if n_classes == 2 else 2.0
    for k in range(F.shape[1]):
        step = np.zeros_like(F)
        step[:, k] = 1e-6
        slope = (target.loss(F + step) - target.loss(F - step)) / 2e-6
        np.testing.assert_allclose(response[:, k], -bound * slope, rtol=1e-6)


def test_unseen_tasks(rows):
    X, y, task = rows
    label = np.where(y > 1, "ill", "well")
    for kind, target in ((MultiTaskBoostingRegressor, y), (MultiTaskBoostingClassifier, label)):
        answer = "predict" if target is y else "predict_proba"
        mean = kind(unseen_task="mean", max_iter=10).fit(X, target, task=task)
        every = [getattr(mean, answer)(X, task=np.full(300, t)) for t in range(4)]
        if target is y:
            np.testing.assert_allclose(mean.predict(X, task=np.full(300, 9)), np.mean(every, axis=0))
        pooled = kind(unseen_task="pooled", max_iter=10).fit(X, target, task=task)
        assert np.isfinite(getattr(pooled, answer)(X, task=np.full(300, 9))).all()


def test_small_and_pure_tasks_are_served():
    rng = np.random.default_rng(5)
    X, task = rng.normal(size=(45, 2)), np.repeat([0, 1, 2, 3], [20, 20, 4, 1])
    y = X[:, 0] + rng.normal(size=45)
    assert np.isfinite(MultiTaskBoostingRegressor().fit(X, y, task=task).predict(X, task=task)).all()
    label = np.where(y > 0, "ill", "well")
    label[task >= 2] = "well"
    assert np.isfinite(MultiTaskBoostingClassifier().fit(X, label, task=task).predict_proba(X, task=task)).all()
    tiny = MultiTaskBoostingRegressor().fit(X[:3], y[:3], task=[0, 0, 1])
    assert tiny.race_ == {}


def test_surely_less():
    other = np.array([1.0, 2.0, 3.0, 4.0])
    assert surely_less(other - 1.0, other)
    assert not surely_less(other, other)
    assert not surely_less(other + np.array([3.0, -4.0, 3.0, -4.0]), other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": "ridge"}, "start='ridge' is not known"),
        ({"max_iter": 0}, "max_iter=0 must be a whole number of trees, at least 1"),
        ({"max_iter": "many"}, "max_iter='many' must be a whole number"),
        ({"learning_rate": -1.0}, "learning_rate=-1.0 must be a positive number"),
        ({"min_task_rows": 3}, "min_task_rows=3"),
        ({"unseen_task": "guess"}, "unseen_task='guess'"),
    ],
)
def test_what_does_not_fit_is_refused(rows, options, words):
    X, y, task = rows
    with pytest.raises(ValueError, match=words):
        MultiTaskBoostingRegressor(**options).fit(X, y, task=task)


@pytest.mark.parametrize("Model", [MultiTaskBoostingRegressor, MultiTaskBoostingClassifier])
def test_columns_that_a_task_never_fills_are_served(Model):
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(300, 3)), np.repeat(["a", "b"], 150)
    y = X[:, 0] + 2 * np.abs(X[:, 1]) * (task == "a")
    X[task == "a", 1:2], X[:, 2] = np.nan, np.nan
    model = Model(min_task_rows=100, max_iter=20).fit(
        X, y if Model is MultiTaskBoostingRegressor else y > 0.5, task=task
    )
    assert model.score(X, y if Model is MultiTaskBoostingRegressor else y > 0.5, task=task) > 0.5


def test_polars_categories_are_pandas_categories():
    pl = pytest.importorskip("polars", reason="polars is not installed")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=120), "kind": pd.Categorical(rng.choice(list("uvw"), size=120))})
    frame["site"] = np.repeat(["n", "s"], 60)
    y = frame["size"] + (frame["kind"] == "v") + 0.1 * rng.normal(size=120)
    model = MultiTaskBoostingRegressor(task_column="site")
    expected = model.fit(frame, y).predict(frame)
    other = pl.from_pandas(frame)
    np.testing.assert_allclose(model.fit(other, y).predict(other), expected)
    by_name = MultiTaskBoostingRegressor(task_column="site", categorical_features=["kind"])
    np.testing.assert_allclose(by_name.fit(frame.astype({"kind": str}), y).predict(frame), expected)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "X has text, dates or the like in column 'kind', and MultiTaskBoostingRegressor takes numbers"),
        (
            {"categorical_features": ["kid"]},
            r"categorical_features holds 'kid', and X has the columns \['size', 'kind'\]",
        ),
        ({"categorical_features": [5]}, "categorical_features holds 5"),
        ({"categorical_features": "all"}, "categorical_features='all' is not known"),
        ({"categorical_features": [1], "monotonic_cst": {"sise": 1}}, "monotonic_cst names 'sise'"),
        ({"categorical_features": [1], "monotonic_cst": [1]}, "monotonic_cst has 1 entries, and X has 2 columns"),
    ],
)
def test_columns_that_are_not_there_are_named(options, words):
    frame = pd.DataFrame({"size": np.arange(40.0), "kind": ["u", "v"] * 20})
    with pytest.raises(ValueError, match=words) as error:
        MultiTaskBoostingRegressor(**options).fit(frame, np.arange(40.0), task=np.arange(40) // 20)
    assert "\n" not in str(error.value)
