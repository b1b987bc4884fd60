from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.svm import LinearSVC

from crosstask.losses import Huber, Poisson, SquaredHinge
from crosstask.transfer import KnownCoefficients, PriorClassifier, PriorRegressor

TIGHT = {"tol": 1e-10, "max_iter": 10_000}
ESTIMATORS = {"huber": PriorRegressor, "poisson": PriorRegressor, "squared_hinge": PriorClassifier}


def _rows(loss, n=80, d=5, seed=0):
    """Rows of one task, and slopes near those that made them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.geomspace(0.5, 2.0, d) + 0.5
    w = rng.normal(size=d) / 2.0
    z = X @ w + 0.3
    if loss == "poisson":
        y = rng.poisson(np.exp(np.minimum(z, 4.0)))
    elif loss == "squared_hinge":
        y = (z + rng.logistic(size=n) > 0).astype(int)
    else:
        y = z + rng.standard_t(1.5, size=n)
    return X, y, w + 0.1 * rng.normal(size=d)


@pytest.mark.parametrize("loss", ["huber", "poisson", "squared_hinge"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_prior_minimises_the_stated_objective(loss, fit_intercept):
    X, y, w = _rows(loss)
    weight = np.random.default_rng(1).uniform(0.2, 2.0, len(y))
    alpha, strength = 0.3, np.array([0.7, 0.2])
    given = Huber(delta=1.0) if loss == "huber" else loss
    sources = [KnownCoefficients(w), KnownCoefficients(np.ones(len(w)))]
    options = {"alpha": alpha, "strength": strength, "loss": given, "fit_intercept": fit_intercept}
    model = ESTIMATORS[loss](sources, **options, **TIGHT).fit(X, y, weight)
    scale = np.sqrt(np.average((X - np.average(X, axis=0, weights=weight)) ** 2, axis=0, weights=weight))
    centre = scale * (0.7 * w + 0.2)

    def row_loss(z):
        if loss == "poisson":
            return np.exp(z) - y * z
        if loss == "squared_hinge":
            return np.maximum(1.0 - np.where(y == 1, z, -z), 0.0) ** 2
        r = np.abs(y - z)
        return np.where(r <= 1.0, r**2 / 2, r - 0.5)

    def objective(theta):
        z = X @ (theta[:-1] / scale) + fit_intercept * theta[-1]
        return np.average(row_loss(z), weights=weight) + alpha / 2 * np.sum((theta[:-1] - centre) ** 2)

    found = minimize(objective, np.zeros(len(w) + 1), options={"gtol": 1e-8})
    ours = np.append(model.coef_.ravel() * scale, model.intercept_)
    assert objective(ours) <= found.fun + 1e-9
    assert_allclose(ours[:-1], found.x[:-1], atol=2e-4)
    assert model.gap_ <= 1e-9


def test_strength_zero_is_poisson_regression_on_the_target():
    X, y, w = _rows("poisson")
    model = PriorRegressor(
        KnownCoefficients(w), loss="poisson", alpha=0.2, strength=0.0, standardize=False, **TIGHT
    ).fit(X, y)
    peer = PoissonRegressor(alpha=0.2, tol=1e-10, max_iter=10_000).fit(X, y)
    assert_allclose(model.coef_, peer.coef_, rtol=1e-4, atol=1e-6)
    assert_allclose(model.predict(X), peer.predict(X), rtol=1e-4)


def test_strength_zero_is_a_linear_support_vector_machine_on_the_target():
    X, y, w = _rows("squared_hinge")
    options = {"alpha": 0.1, "strength": 0.0, "standardize": False, "fit_intercept": False}
    model = PriorClassifier(KnownCoefficients(w), loss=SquaredHinge(), **options, **TIGHT).fit(X, y)
    peer = LinearSVC(C=1 / (0.1 * len(y)), fit_intercept=False, tol=1e-10, max_iter=100_000).fit(X, y)
    assert_allclose(model.coef_, peer.coef_, rtol=1e-5)
    assert not hasattr(model, "predict_proba")
    assert set(model.predict(X)) <= {0, 1}


@pytest.mark.parametrize("loss", ["huber", "poisson", "squared_hinge"])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_path_holds_the_losses_of_the_models_fitted_without_a_fold(loss, fit_intercept):
    X, y, w = _rows(loss, n=40)
    given = Huber(delta=1.0) if loss == "huber" else loss
    half = np.arange(40) < 25
    options = {"loss": given, "standardize": False, "fit_intercept": fit_intercept}
    source = KnownCoefficients(w)
    cv = [(np.flatnonzero(half), np.flatnonzero(~half))]
    path = ESTIMATORS[loss](source, cv=cv, n_alphas=4, **options).fit(X, y).path_
    judge = {"huber": Huber(delta=1.0), "poisson": Poisson(), "squared_hinge": SquaredHinge()}[loss]
    for g in (0, len(path["strength"]) - 1):
        for a, alpha in enumerate(path["alpha"]):
            one = ESTIMATORS[loss](source, alpha=alpha, strength=path["strength"][g], **options, **TIGHT)
            one.fit(X[half], y[half])
            z = X[~half] @ one.coef_.ravel() + one.intercept_
            expected = judge.row_value(y[~half].astype(float), z).mean()
            assert_allclose(path["loss"][a, g], expected, rtol=2e-3)


@pytest.mark.parametrize("loss", ["huber", "poisson", "squared_hinge"])
def test_a_good_source_is_taken_and_one_of_opposite_sign_is_not(loss):
    X, y, w = _rows(loss, n=40, seed=2)
    model = ESTIMATORS[loss]([KnownCoefficients(w), KnownCoefficients(-w)], loss=loss).fit(X, y)
    assert model.strength_[0] >= 0.5
    assert model.strength_[1] <= 0.1


def test_a_poisson_source_is_read_through_its_link():
    X, y, _ = _rows("poisson", n=200)
    source = FrozenEstimator(PoissonRegressor(alpha=1e-3).fit(X[50:], y[50:]))
    model = PriorRegressor(source, loss="poisson", alpha=np.inf, strength=1.0).fit(X[:50], y[:50])
    assert_allclose(model.coef_, source.coef_)
    assert_allclose(model.predict(X[:50]).mean(), y[:50].mean())  # what a free intercept ensures
    with pytest.raises(ValueError, match="no logarithmic link"):
        PriorRegressor(FrozenEstimator(Ridge().fit(X, y)), loss="poisson").fit(X, y)
    with pytest.raises(ValueError, match="a link function"):
        PriorRegressor(source).fit(X, y)


def test_bad_targets_are_refused():
    X, y, w = _rows("poisson")
    with pytest.raises(ValueError, match="negative value"):
        PriorRegressor(KnownCoefficients(w), loss="poisson").fit(X, -y - 1.0)
    with pytest.raises(ValueError, match="zero in all"):
        PriorRegressor(KnownCoefficients(w), loss="poisson").fit(X, 0.0 * y)
    with pytest.raises(ValueError, match="for two classes"):
        PriorClassifier(loss="squared_hinge").fit(X, np.arange(len(y)) % 3)
    with pytest.raises(ValueError, match="unknown to PriorRegressor"):
        PriorRegressor(loss=SquaredHinge()).fit(X, y)
