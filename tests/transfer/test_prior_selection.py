from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold

from crosstask.transfer import KnownCoefficients, PriorClassifier, PriorRegressor

N_FEATURES = 10


def _target(seed, n=40, classification=False):
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(n, N_FEATURES)), (0.6 if classification else 1.0) * rng.normal(size=N_FEATURES)
    z = X @ w + 0.5
    return X, (rng.random(n) < expit(z)).astype(int) if classification else z + 2.0 * rng.normal(size=n), w


@pytest.mark.parametrize("classification", [False, True])
def test_the_path_holds_the_losses_of_hand_written_cross_validation(classification):
    X, y, w = _target(0, classification=classification)
    estimator = PriorClassifier if classification else PriorRegressor
    source = KnownCoefficients(w)
    splits = list((StratifiedKFold(4) if classification else KFold(4)).split(X, y))
    model = estimator(source, cv=splits, n_alphas=6, standardize=False).fit(X, y)
    for a in (0, 2, 4):
        for g in (0, len(model.path_["strength"]) - 1):
            fixed = {"alpha": model.path_["alpha"][a], "strength": model.path_["strength"][g], "standardize": False}
            losses = []
            for train, test in splits:
                fitted = estimator(source, **fixed, tol=1e-9).fit(X[train], y[train])
                if classification:
                    losses.append(log_loss(y[test], fitted.predict_proba(X[test])))
                else:
                    losses.append(np.mean((y[test] - fitted.predict(X[test])) ** 2) / 2)
            assert_allclose(
                model.path_["loss"][a, g], np.mean(losses), rtol=1e-2
            )  # a path is solved to what a choice needs


def test_folds_of_an_int_are_those_of_an_unshuffled_deal():
    X, y, w = _target(1)
    rows = np.arange(len(y))
    dealt = [(rows[rows % 5 != i], rows[rows % 5 == i]) for i in range(5)]
    five = PriorRegressor(KnownCoefficients(w), cv=5).fit(X, y)
    assert_allclose(PriorRegressor(KnownCoefficients(w), cv=dealt).fit(X, y).path_["loss"], five.path_["loss"])
    shuffled = PriorRegressor(KnownCoefficients(w), cv=5, random_state=0).fit(X, y)
    assert not np.allclose(shuffled.path_["loss"][:, 0], five.path_["loss"][:, 0])
    one, again = (PriorRegressor(KnownCoefficients(w)).fit(X, y) for _ in range(2))
    assert_array_equal(one.path_["loss"], again.path_["loss"])
    assert not np.allclose(one.path_["loss"][:, 0], five.path_["loss"][:, 0])  # dealt three times


def test_folds_may_leave_rows_out_of_training():
    X, y, w = _target(2)
    ordered = [(np.arange(10), np.arange(20, 30)), (np.arange(20), np.arange(30, 40))]
    model = PriorRegressor(KnownCoefficients(w), cv=ordered, alpha=0.5, strength="auto", standardize=False).fit(X, y)
    expected = []
    for train, test in ordered:
        own = Ridge(alpha=0.5 * len(train)).fit(X[train], y[train])
        expected.append(np.mean((y[test] - own.predict(X[test])) ** 2) / 2)
    assert_allclose(model.path_["loss"][0, 0], np.mean(expected), rtol=1e-6)


@pytest.mark.parametrize("classification", [False, True])
def test_a_source_of_the_same_task_gets_a_high_strength_and_one_of_opposite_sign_none(classification):
    estimator = PriorClassifier if classification else PriorRegressor
    same, opposite = [], []
    for seed in range(12):
        X, y, w = _target(seed, classification=classification)
        same.append(estimator(KnownCoefficients(w)).fit(X, y).strength_[0])
        opposite.append(estimator(KnownCoefficients(-w)).fit(X, y).strength_[0])
    assert np.mean(same) > 0.8
    assert np.mean(opposite) < 0.05


def test_of_several_sources_the_one_that_helps_is_found_and_strangers_get_nothing():
    strengths = []
    for seed in range(12):
        X, y, w = _target(seed)
        strangers = [np.random.default_rng(100 + seed).normal(size=N_FEATURES), -w]
        sources = [KnownCoefficients(coef) for coef in (strangers[0], w, strangers[1])]
        model = PriorRegressor(sources).fit(X, y)
        assert (model.strength_ >= 0).all()
        assert model.strength_.sum() <= 1 + 1e-9
        strengths.append(model.strength_)
    stranger, same, opposite = np.mean(strengths, axis=0)
    assert same > 0.75
    assert max(stranger, opposite) < 0.1


def test_two_half_informed_sources_are_blended():
    blended = []
    for seed in range(12):
        X, y, w = _target(seed, n=80)
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=N_FEATURES)
        sources = [KnownCoefficients(w + noise), KnownCoefficients(w - noise)]  # their mean is the truth
        blended.append(PriorRegressor(sources).fit(X, y).strength_)
    assert_allclose(np.mean(blended, axis=0), [0.5, 0.5], atol=0.1)


def test_strength_of_several_sources_as_a_number_is_their_mean():
    X, y, w = _target(0)
    sources = [KnownCoefficients(w), KnownCoefficients(-3 * w)]
    shared = PriorRegressor(sources, alpha=np.inf, strength=0.5).fit(X, y)
    assert_allclose(shared.coef_, -0.5 * w, rtol=1e-9)
    each = PriorRegressor(sources, alpha=np.inf, strength=[0.9, 0.1]).fit(X, y)
    assert_allclose(each.coef_, 0.6 * w, rtol=1e-9)


def test_fixed_strength_or_alpha_leaves_the_other_to_the_folds():
    X, y, w = _target(3)
    by_alpha = PriorRegressor(KnownCoefficients(w), alpha=0.7).fit(X, y)
    assert by_alpha.alpha_ == 0.7
    assert by_alpha.path_["loss"].shape[0] == 1
    by_strength = PriorRegressor(KnownCoefficients(w), strength=0.3).fit(X, y)
    assert by_strength.strength_.tolist() == [0.3]
    assert by_strength.path_["loss"].shape == (15, 1)
    assert PriorRegressor(KnownCoefficients(w), alpha=1.0, strength=1.0).fit(X, y).path_ is None


def test_transfer_beats_the_targets_own_model_where_the_source_is_related():
    gains = []
    for seed in range(10):
        X, y, w = _target(seed, n=20, classification=True)
        rng = np.random.default_rng(500 + seed)
        X_old = rng.normal(size=(400, N_FEATURES))
        y_old = rng.random(400) < expit(X_old @ (w + 0.3 * rng.normal(size=N_FEATURES)))
        source = FrozenEstimator(LogisticRegression().fit(X_old, y_old.astype(int)))
        X_new = rng.normal(size=(2000, N_FEATURES))
        y_new = (rng.random(2000) < expit(X_new @ w + 0.5)).astype(int)
        losses = [
            log_loss(y_new, PriorClassifier(each).fit(X, y).predict_proba(X_new), labels=[0, 1])
            for each in (None, source)
        ]
        gains.append(losses[0] - losses[1])
    assert np.mean(gains) > 0.05
    assert np.mean(np.array(gains) > 0) >= 0.8
