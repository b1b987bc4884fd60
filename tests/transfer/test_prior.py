from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression, Ridge

from crosstask.transfer import KnownCoefficients, PriorClassifier, PriorRegressor

TIGHT = {"tol": 1e-10, "max_iter": 10_000}


def _regression(n=25, d=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.geomspace(0.1, 10.0, d) + 1.0
    w = rng.normal(size=d) / np.geomspace(0.1, 10.0, d)
    return X, X @ w + rng.normal(size=n), w


def _classification(n=60, d=5, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + 0.5
    W = rng.normal(size=(n_classes, d))
    y = np.argmax(X @ W.T + rng.gumbel(size=(n, n_classes)), axis=1)
    return X, y, W


def _scale(X, weight=None):
    mean = np.average(X, axis=0, weights=weight)
    return np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight))


@pytest.mark.parametrize("alpha", [0.01, 1.0, 30.0])
def test_strength_zero_is_ridge_on_the_target(alpha):
    X, y, w = _regression()
    model = PriorRegressor(KnownCoefficients(w), alpha=alpha, strength=0.0, standardize=False, **TIGHT).fit(X, y)
    ridge = Ridge(alpha=alpha * len(y)).fit(X, y)
    assert_allclose(model.coef_, ridge.coef_, rtol=1e-5, atol=1e-7)
    assert_allclose(model.intercept_, ridge.intercept_, rtol=1e-5)
    assert model.gap_ <= 1e-10


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_strength_zero_is_logistic_regression_on_the_target(n_classes, fit_intercept):
    X, y, W = _classification(n_classes=n_classes)
    options = {"alpha": 0.05, "strength": 0.0, "standardize": False, "fit_intercept": fit_intercept}
    source = KnownCoefficients(W if n_classes > 2 else W[1] - W[0])
    model = PriorClassifier(source, **options, **TIGHT).fit(X, y)
    peer = LogisticRegression(C=1 / (0.05 * len(y)), tol=1e-10, max_iter=10_000, fit_intercept=fit_intercept).fit(X, y)
    assert_allclose(model.coef_, peer.coef_, rtol=1e-4, atol=1e-5)
    assert_allclose(model.predict_proba(X), peer.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("alpha", [np.inf, 1e7])
def test_alpha_to_infinity_is_the_source_with_the_targets_intercept(alpha):
    X, y, w = _regression()
    model = PriorRegressor(KnownCoefficients(w), alpha=alpha, strength=1.0).fit(X, y)
    assert_allclose(model.coef_, w, rtol=1e-4)
    assert_allclose(model.intercept_, np.mean(y - X @ w), rtol=1e-4)

    X, y, W = _classification()
    source = KnownCoefficients(W[1] - W[0])
    model = PriorClassifier(source, alpha=alpha, strength=1.0).fit(X, y)
    assert_allclose(model.coef_[0], W[1] - W[0], rtol=1e-4)
    assert_allclose(model.predict_proba(X)[:, 1].mean(), y.mean(), rtol=1e-5)  # what a free intercept ensures


@pytest.mark.parametrize("n_classes", [2, 4])
def test_logistic_prior_minimises_its_explicit_objective(n_classes):
    X, y, W = _classification(n_classes=n_classes, seed=3)
    weight = np.random.default_rng(0).uniform(0.2, 3.0, len(y))
    sources = [W if n_classes > 2 else W[1:] - W[:1], np.ones((n_classes if n_classes > 2 else 1, X.shape[1]))]
    strength, alpha = np.array([0.6, 0.3]), 0.2
    known = [KnownCoefficients(coef) for coef in sources]
    model = PriorClassifier(known, alpha=alpha, strength=strength, **TIGHT).fit(X, y, weight)
    centre = (strength[0] * sources[0] + strength[1] * sources[1]) * _scale(X, weight)
    Z, n_rows = X / _scale(X, weight), len(centre)

    def objective(theta):
        V, b = theta[: centre.size].reshape(centre.shape), theta[centre.size :]
        z = Z @ V.T + b
        if n_rows == 1:
            z = np.hstack([np.zeros_like(z), z])
        nll = logsumexp(z, axis=1) - z[np.arange(len(y)), y]
        return weight @ nll / weight.sum() + alpha / 2 * np.sum((V - centre) ** 2)

    found = minimize(objective, np.zeros(centre.size + n_rows), options={"gtol": 1e-9})
    ours = np.concatenate([(model.coef_ * _scale(X, weight)).ravel(), model.intercept_])
    assert objective(ours) <= found.fun + 1e-8
    assert_allclose(ours[: centre.size], found.x[: centre.size], atol=2e-4)


def test_squared_prior_matches_the_normal_equations_with_weights_and_without_intercept():
    X, y, w = _regression()
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    options = {"alpha": 0.3, "strength": 0.8, "fit_intercept": False}
    model = PriorRegressor(KnownCoefficients(w), **options, **TIGHT).fit(X, y, weight)
    scale, share = _scale(X, weight), weight / weight.sum()
    Z = X / scale
    A = Z.T @ (share[:, None] * Z) + 0.3 * np.eye(len(w))
    expected = np.linalg.solve(A, Z.T @ (share * y) + 0.3 * 0.8 * w * scale) / scale
    assert_allclose(model.coef_, expected, rtol=1e-6)
    assert model.intercept_ == 0.0


def test_standardising_makes_the_answer_free_of_units():
    X, y, w = _regression()
    units = np.array([1e-6, 1.0, 1e6, 3.0, 1e-3, 1e3])
    one = PriorRegressor(KnownCoefficients(w)).fit(X, y)
    other = PriorRegressor(KnownCoefficients(w / units)).fit(X * units, y)
    assert one.alpha_ == pytest.approx(other.alpha_)
    assert_array_equal(one.strength_, other.strength_)
    assert_allclose(other.coef_ * units, one.coef_, rtol=1e-5)


@pytest.mark.parametrize("classification", [False, True])
@pytest.mark.parametrize("shape", [(40, 5), (15, 30)])
def test_sparse_and_dense_rows_give_the_same_model(classification, shape):
    rng = np.random.default_rng(2)
    X = rng.normal(size=shape) * (rng.random(shape) < 0.4)
    w = rng.normal(size=shape[1])
    y = X @ w + rng.normal(size=shape[0])
    if classification:
        y = (y > 0).astype(int)
    estimator = PriorClassifier if classification else PriorRegressor
    dense = estimator(KnownCoefficients(w), tol=1e-9).fit(X, y)
    thin = estimator(KnownCoefficients(w), tol=1e-9).fit(sparse.csr_array(X), y)
    assert thin.alpha_ == pytest.approx(dense.alpha_)
    assert_allclose(thin.predict(sparse.csr_array(X)), dense.predict(X), atol=1e-4)


def test_a_class_missing_in_the_target_keeps_a_small_probability():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 3))
    y = np.array(["a", "b", "c"])[rng.integers(0, 3, 30)]
    source = LogisticRegression().fit(X, y)
    rows = y != "c"
    n_a, n = int((y == "a").sum()), int(rows.sum())
    model = PriorClassifier(source, alpha=np.inf, strength=0.0).fit(X[rows], y[rows])
    smoothed = np.array([n_a + 0.5, n - n_a + 0.5, 0.5]) / (n + 1.5)
    assert_allclose(model.predict_proba(X[:1])[0], smoothed, rtol=1e-6)

    one = PriorClassifier(source, alpha=np.inf, strength=0.0).fit(X[y == "a"], y[y == "a"])
    assert_allclose(one.predict_proba(X[:1])[0], np.array([n_a + 0.5, 0.5, 0.5]) / (n_a + 1.5), rtol=1e-6)
    chosen = PriorClassifier(source).fit(X[y == "a"], y[y == "a"])  # every fold trains on one class only
    assert np.isfinite(chosen.coef_).all()
    with pytest.raises(ValueError, match="one class only"):
        PriorClassifier().fit(X[y == "a"], y[y == "a"])


def test_one_row_takes_the_sources_as_they_stand():
    model = PriorRegressor([KnownCoefficients([2.0]), KnownCoefficients([4.0])]).fit([[1.0]], [10.0])
    assert_allclose([model.coef_[0], model.intercept_, model.alpha_], [3.0, 7.0, np.inf])
    assert model.path_ is None


def test_a_constant_column_keeps_what_the_source_knows():
    X, y, w = _regression()
    X = X.copy()
    X[:, 2] = 7.0
    model = PriorRegressor(KnownCoefficients(w), alpha=0.1, strength=0.5).fit(X, y)
    assert_allclose(model.coef_[2], 0.5 * w[2])


def test_rows_of_weight_zero_are_not_there_not_even_in_the_folds():
    X, y, w = _regression()
    weight = (np.arange(len(y)) % 3 > 0).astype(float)
    kept = np.flatnonzero(weight)
    with_zeros = PriorRegressor(KnownCoefficients(w)).fit(X, y, weight)
    without = PriorRegressor(KnownCoefficients(w)).fit(X[kept], y[kept])
    assert_allclose(with_zeros.coef_, without.coef_)
    folds = [(kept[::2], kept[1::2]), (kept[1::2], kept[::2])]
    halves = [(np.arange(0, len(kept), 2), np.arange(1, len(kept), 2))]
    explicit = PriorRegressor(KnownCoefficients(w), cv=folds).fit(X, y, weight)
    peer = PriorRegressor(KnownCoefficients(w), cv=[*halves, halves[0][::-1]]).fit(X[kept], y[kept])
    assert_allclose(explicit.path_["loss"], peer.path_["loss"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1.0}, "alpha=-1.0"),
        ({"alpha": "best"}, "alpha='best'"),
        ({"strength": 1.5}, "strength=1.5 for 1 source"),
        ({"strength": [0.1, 0.2]}, r"strength=\[0.1, 0.2\] for 1 source"),
        ({"strength": "all"}, "strength='all'"),
        ({"loss": "hinge"}, "loss='hinge' is unknown to PriorRegressor: use squared or huber or poisson"),
        ({"cv": 1}, "at least 2 folds"),
        ({"n_alphas": 1}, "n_alphas=1"),
        ({"cv": [(np.arange(3), np.arange(0))]}, "without rows to train on or to test"),
    ],
)
def test_wrong_parameters_get_one_line(options, message):
    X, y, w = _regression()
    with pytest.raises(ValueError, match=message):
        PriorRegressor(KnownCoefficients(w), **options).fit(X, y)


def test_caller_arrays_are_left_alone():
    X, y, w = _regression()
    before = X.copy(), y.copy(), w.copy()
    for array in (X, y, w):
        array.flags.writeable = False
    PriorRegressor(KnownCoefficients(w)).fit(X, y).predict(X)
    for array, old in zip((X, y, w), before, strict=True):
        assert_array_equal(array, old)
