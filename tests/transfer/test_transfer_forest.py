"""TransferForestClassifier and TransferForestRegressor: SER and STRUT on scikit-learn's forests."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator

from crosstask import TransferToEach, load, save
from crosstask.persistence import _trees
from crosstask.transfer import TransferForestClassifier, TransferForestRegressor
from crosstask.transfer._forest_strut import divergence_gain, variance_explained

METHODS = ["ser", "strut", "mix"]


def _boxes(n, seed=0, noise=0.0):
    """Rows, classes and values that a tree describes exactly."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 4)).astype(np.float32).astype(float)
    values = 2.0 * ((X[:, 0] > 0) ^ (X[:, 1] > 0.2)) + 1.0 * (X[:, 2] > -0.3)
    return X, (values + noise * rng.standard_normal(n) > 1.5).astype(int), values + noise * rng.standard_normal(n)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("forest", [ExtraTreesClassifier, RandomForestClassifier])
def test_the_sources_own_rows_change_nothing_in_a_classifier(forest, method):
    X, y, _ = _boxes(300, noise=0.5)
    source = forest(10, bootstrap=False, min_samples_leaf=5, random_state=0).fit(X, y)
    model = TransferForestClassifier(source, method=method, min_samples_leaf=150, bootstrap=False).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X), source.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("forest", [ExtraTreesClassifier, RandomForestClassifier])
def test_strut_keeps_thresholds_that_fit(forest):
    X, y, _ = _boxes(300, noise=0.5)
    source = forest(10, bootstrap=False, random_state=0).fit(X, y)
    model = TransferForestClassifier(source, method="strut", bootstrap=False).fit(X, y)
    fresh = _boxes(200, seed=1)[0]
    np.testing.assert_allclose(model.predict_proba(fresh), source.predict_proba(fresh), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_sources_own_rows_change_nothing_in_a_regressor(method):
    X, _, y = _boxes(300, noise=0.5)
    source = RandomForestRegressor(10, bootstrap=False, random_state=0).fit(X, y)  # grown to single rows
    model = TransferForestRegressor(source, method=method, bootstrap=False).fit(X, y)
    fresh = _boxes(200, seed=1)[0]
    np.testing.assert_allclose(model.predict(fresh), source.predict(fresh), atol=1e-12)


def test_a_source_without_splits_becomes_the_targets_mean_or_its_tree():
    X, _, y = _boxes(60, noise=0.5)
    stump = RandomForestRegressor(3, max_depth=1, min_samples_leaf=60, random_state=0).fit(X, y + 5.0)
    assert all(tree.tree_.node_count == 1 for tree in stump.estimators_)
    options = {"bootstrap": False, "random_state": 0}
    still = TransferForestRegressor(stump, method="strut", **options).fit(X, y)
    np.testing.assert_allclose(still.predict(X), y.mean())
    blended = TransferForestRegressor(stump, method="strut", prior_rows=60, **options).fit(X, y)
    np.testing.assert_allclose(blended.predict(X), (y.mean() + stump.predict(X)) / 2)
    grown = TransferForestRegressor(stump, method="ser", **options).fit(X, y)
    np.testing.assert_allclose(grown.predict(X), y, atol=1e-12)


@pytest.mark.parametrize("classification", [True, False])
def test_strut_finds_a_shifted_threshold(classification):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (400, 1))
    y = (X[:, 0] > 0.1).astype(int)
    kind, forest = (
        (TransferForestClassifier, RandomForestClassifier)
        if classification
        else (TransferForestRegressor, RandomForestRegressor)
    )
    source = forest(5, max_depth=1, random_state=0).fit(X[:200], y[:200])
    level = 0 if classification else 7  # another level of y must not disturb a regression
    model = kind(source, method="strut", bootstrap=False).fit(X[200:] + 0.4, y[200:] + level)
    moved = model.trees_.threshold[model.trees_.left != -1]
    np.testing.assert_allclose(moved, 0.5, atol=0.02)


def test_strut_turns_a_split_whose_sides_have_changed_places():
    X = np.linspace(-1, 1, 100)[:, None]
    y = (X[:, 0] > 0).astype(int)
    deep = np.where(X[:, 0] > 0, 1 + (X[:, 0] > 0.5), 0)
    source = RandomForestClassifier(5, bootstrap=False, random_state=0).fit(X, deep)
    model = TransferForestClassifier(source, method="strut", bootstrap=False).fit(-X, deep)
    assert model.score(-X, deep) == 1.0
    assert model.trees_.left[0] > model.trees_.right[0]
    regression = RandomForestRegressor(5, bootstrap=False, random_state=0).fit(X, y)
    assert TransferForestRegressor(regression, method="strut", bootstrap=False).fit(-X, y).score(-X, y) == 1.0


@pytest.mark.parametrize("classification", [True, False])
def test_ser_on_a_moved_threshold_beats_source_and_target_alone(classification):
    kind, forest = (
        (TransferForestClassifier, RandomForestClassifier)
        if classification
        else (TransferForestRegressor, RandomForestRegressor)
    )
    scores = []
    for seed in range(3):
        X, labels, values = _boxes(1500, seed=seed, noise=0.3)
        y, moved = labels if classification else values, X + np.array([0.3, 0, 0, 0])
        old, few, test = slice(600), slice(600, 680), slice(680, None)
        source = forest(20, random_state=seed).fit(X[old], y[old])
        own = forest(20, random_state=seed).fit(moved[few], y[few])
        model = kind(FrozenEstimator(source), method="ser", random_state=seed).fit(moved[few], y[few])
        scores.append([each.score(moved[test], y[test]) for each in (source, own, model)])
    of_source, of_target, transferred = np.mean(scores, axis=0)
    assert transferred > max(of_source, of_target) + 0.02


def test_divergence_gain_is_that_of_scipy():
    rng = np.random.default_rng(0)
    Y = np.eye(3)[rng.integers(3, size=12)]
    q_left, q_right = rng.dirichlet(np.ones(3), 2)
    on_left = np.array([4])
    got = divergence_gain(Y[:4].sum(axis=0)[None], Y.sum(axis=0), on_left, 12, q_left, q_right)[0]
    left = jensenshannon(Y[:4].mean(axis=0), q_left, base=2) ** 2
    right = jensenshannon(Y[4:].mean(axis=0), q_right, base=2) ** 2
    np.testing.assert_allclose(got, 1 - left * 4 / 12 - right * 8 / 12)


def test_variance_explained_is_the_difference_of_two_sums_of_squares():
    rng = np.random.default_rng(0)
    y = rng.normal(3.0, 1.0, (12, 1))
    got = variance_explained(
        y[:5].sum(axis=0)[None], y.sum(axis=0), np.array([5]), 12, np.array([2.0]), np.array([0.5])
    )
    rest = y[:, 0] - np.where(np.arange(12) < 5, 2.0, 0.5)
    np.testing.assert_allclose(got[0], 12 * (np.var(y) - np.var(rest)))


@pytest.mark.parametrize("own", [[0, 1], [1, 2]])
def test_classes_are_those_of_source_and_target(own):
    X, y, _ = _boxes(300)
    source = RandomForestClassifier(10, random_state=0).fit(X, np.where(X[:, 3] > 0.5, 3, y))
    model = TransferForestClassifier(source, random_state=0).fit(X[:40], np.asarray(own)[y[:40]])
    assert model.classes_.tolist() == sorted({0, 1, 3, *own})
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    assert set(model.predict(X[:40])) == set(own)


@pytest.mark.parametrize("method", METHODS)
def test_saved_and_loaded(method, tmp_path):
    X, y, values = _boxes(200, noise=0.3)
    frame = pd.DataFrame(X, columns=list("abcd"))
    turned = frame[["d", "b", "a", "c"]]
    for kind, forest, target, name in (
        (TransferForestClassifier, ExtraTreesClassifier, np.where(y, "ill", "well"), "c"),
        (TransferForestRegressor, ExtraTreesRegressor, values, "r"),
    ):
        source = FrozenEstimator(forest(5, random_state=0).fit(turned[:150], target[:150]))
        model = kind(source, method=method, random_state=0).fit(frame[150:], target[150:])
        again = load(save(model, tmp_path / f"{name}.skops"))
        np.testing.assert_array_equal(again.predict(frame), model.predict(frame))
        if method == "strut":  # SER draws columns, so that their order counts
            plain = forest(5, random_state=0).fit(X[:150, [3, 1, 0, 2]], target[:150])
            by_hand = kind(plain, method=method, random_state=0).fit(X[150:, [3, 1, 0, 2]], target[150:])
            np.testing.assert_array_equal(by_hand.predict(X[:, [3, 1, 0, 2]]), model.predict(frame))


def test_a_forged_table_is_refused():
    X, y, _ = _boxes(60)
    model = TransferForestClassifier(n_estimators=2, random_state=0).fit(X, y)
    _trees.check_trees(model, "file")
    for name, value in (("left", 0), ("feature", 4)):
        forged = TransferForestClassifier(n_estimators=2, random_state=0).fit(X, y)
        getattr(forged.trees_, name)[0] = value
        with pytest.raises(_trees.ModelFileError, match="points outside"):
            _trees.check_trees(forged, "file")


def test_several_sources_and_every_task_in_turn():
    X, _, y = _boxes(120, noise=0.3)
    forests = [RandomForestRegressor(5, random_state=k).fit(X[:80], y[:80]) for k in range(2)]
    assert TransferForestRegressor(forests, random_state=0).fit(X[80:], y[80:]).n_trees_ == 20
    each = TransferToEach(TransferForestRegressor(random_state=0), RandomForestRegressor(5, random_state=0))
    task = np.repeat(["a", "b"], 60)
    assert each.fit(X, y, task=task).score(X, y, task=task) > 0.5


@pytest.mark.parametrize(
    ("source", "options", "error", "words"),
    [
        (GradientBoostingRegressor(n_estimators=2), {}, ValueError, "GradientBoostingRegressor: a fitted RandomForest"),
        (RandomForestClassifier(2), {}, ValueError, "no regressor"),
        (None, {"method": "sert"}, ValueError, "method='sert' is unknown"),
        (None, {"prior_rows": -1}, ValueError, "prior_rows=-1"),
        (None, {"min_samples_leaf": 0}, ValueError, "min_samples_leaf=0"),
    ],
)
def test_one_clear_line(source, options, error, words):
    X, labels, y = _boxes(50)
    if source is not None:
        source.fit(X, labels)
    with pytest.raises(error, match=words):
        TransferForestRegressor(source, **options).fit(X, y)


def test_other_columns_classes_and_shapes_are_refused():
    X, y, values = _boxes(50)
    source = RandomForestClassifier(2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="fitted on 4 columns, X has 3"):
        TransferForestClassifier(source).fit(X[:, :3], y)
    with pytest.raises(ValueError, match="share none"):
        TransferForestClassifier(source).fit(X, y + 5)
    with pytest.raises(NotFittedError, match="is not fitted"):
        TransferForestClassifier(RandomForestClassifier()).fit(X, y)
    wide = RandomForestRegressor(2).fit(X, np.column_stack([values, values]))
    with pytest.raises(ValueError, match="predicts 2 outputs"):
        TransferForestRegressor(wide).fit(X, values)
