from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.metrics import log_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crosstask import load, save
from crosstask.transfer import ContinuedTraining

SOURCES = [
    SGDClassifier(loss="log_loss", random_state=0),
    RandomForestClassifier(n_estimators=10, random_state=0),
    LogisticRegression(),
    make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)),
    SGDClassifier(random_state=0),
    SGDRegressor(random_state=0),
    MLPRegressor(hidden_layer_sizes=8, max_iter=300, learning_rate_init=0.01, random_state=0),
    GradientBoostingRegressor(n_estimators=20, random_state=0),
]
NAMES = [
    "sgd", "forest", "logistic", "pipeline", "hinge", "sgd regressor", "network", "boosting"
]  # fmt: skip


def _rows(template, n=30, seed=0, drift=0.4):
    """Rows of a source with many, of a target that differs a little with n, and fresh ones of the target."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((1200 + n, 5))
    slopes = np.array([1.0, -1.0, 0.5, 0.0, 0.0])
    own = np.array([0.0, 0.0, drift, -drift, drift])
    target = np.arange(len(X)) >= 600
    z = X @ slopes + np.where(target, X @ own + drift, 0.0)
    noise = rng.logistic(size=len(z)) if is_classifier(template) else rng.standard_normal(len(z))
    y = ((2.0 * z + noise) > 0).astype(int) if is_classifier(template) else z + 0.3 * noise
    return (X[:600], y[:600]), (X[600 : 600 + n], y[600 : 600 + n]), (X[600 + n :], y[600 + n :])


def _loss(model, X, y):
    if hasattr(model, "predict_proba"):
        return log_loss(y, model.predict_proba(X))
    return 1.0 - model.score(X, y)


@pytest.mark.parametrize("template", SOURCES, ids=NAMES)
def test_trains_on_without_touching_the_source_and_beats_a_cold_start(template):
    (Xs, ys), (X, y), (X_test, y_test) = _rows(template)
    source = clone(template).fit(Xs, ys)
    before, parameters = source.predict(X_test).copy(), repr(source.get_params())
    model = ContinuedTraining(FrozenEstimator(source)).fit(X, y)
    np.testing.assert_array_equal(source.predict(X_test), before)
    assert repr(source.get_params()) == parameters
    assert _loss(model, X_test, y_test) < _loss(clone(template).fit(X, y), X_test, y_test)
    trace = model.history_["validation_loss"]
    assert model.best_loss_ == trace[model.n_iter_] <= trace[0]
    assert len(trace) == len(model.history_["iteration"])


@pytest.mark.parametrize("template", [SGDRegressor(random_state=0), GradientBoostingRegressor(random_state=0)])
def test_a_target_that_has_moved_is_followed(template):
    (Xs, ys), (X, y), (X_test, y_test) = _rows(template, n=100, drift=1.0)
    source = clone(template).fit(Xs, ys)
    model = ContinuedTraining(FrozenEstimator(source)).fit(X, y)
    assert model.n_iter_ > 0
    assert 1.0 - model.score(X_test, y_test) < 0.8 * (1.0 - source.score(X_test, y_test))


def test_stops_early_and_step_zero_is_the_source():
    (Xs, ys), _, _ = _rows(Ridge())
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 5)), 3.0 * rng.standard_normal(30)  # nothing to learn
    source = GradientBoostingRegressor(n_estimators=1, learning_rate=0.3, random_state=0).fit(Xs, 0.0 * ys)
    model = ContinuedTraining(FrozenEstimator(source), n_iter_no_change=4, max_iter=50).fit(X, y)
    assert len(model.history_["iteration"]) == model.n_iter_ + 5 < 50
    one = ContinuedTraining(FrozenEstimator(source)).fit(X[:1], y[:1])
    assert one.n_iter_ == 0
    np.testing.assert_array_equal(one.predict(X), source.predict(X))


def test_the_kept_model_is_the_source_after_that_many_passes():
    (Xs, ys), (X, y), (X_test, _) = _rows(Ridge(), n=60)
    source = SGDRegressor(random_state=0).fit(Xs, ys)
    model = ContinuedTraining(FrozenEstimator(source), max_iter=7).fit(X, y)
    assert model.n_iter_ > 0
    by_hand = SGDRegressor(random_state=0).fit(Xs, ys)
    for _ in range(model.n_iter_):
        by_hand.partial_fit(X, y)
    np.testing.assert_allclose(model.predict(X_test), by_hand.predict(X_test))


def test_columns_by_name_weights_cloning_and_saving(tmp_path):
    (Xs, ys), (X, y), (X_test, _) = _rows(LogisticRegression())
    names = list("abcde")
    source = SGDClassifier(loss="log_loss", random_state=0).fit(pd.DataFrame(Xs, columns=names), ys)
    weight = np.linspace(0.5, 2.0, len(y))
    frame, turned = pd.DataFrame(X, columns=names), pd.DataFrame(X[:, ::-1], columns=names[::-1])
    one = ContinuedTraining(FrozenEstimator(source)).fit(frame, y, weight)
    two = clone(one).fit(turned, y, weight)
    p = one.predict_proba(pd.DataFrame(X_test, columns=names))
    np.testing.assert_allclose(p, two.predict_proba(pd.DataFrame(X_test[:, ::-1], columns=names[::-1])), rtol=1e-9)
    again = load(save(one, tmp_path / "model.skops"))
    np.testing.assert_array_equal(again.predict_proba(pd.DataFrame(X_test, columns=names)), p)


def test_bad_input_is_one_clear_line():
    (Xs, ys), (X, y), _ = _rows(Ridge())
    with pytest.raises(ValueError, match="needs a source"):
        ContinuedTraining().fit(X, y)
    with pytest.raises(NotFittedError, match="FrozenEstimator"):
        ContinuedTraining(SGDRegressor()).fit(X, y)
    with pytest.raises(ValueError, match="neither partial_fit nor warm_start"):
        ContinuedTraining(Ridge().fit(Xs, ys)).fit(X, y)
    with pytest.raises(ValueError, match="bins them anew"):
        ContinuedTraining(HistGradientBoostingRegressor(max_iter=2).fit(Xs, ys)).fit(X, y)
    with pytest.raises(ValueError, match="takes none"):
        ContinuedTraining(OneVsRestClassifier(SGDClassifier()).fit(Xs, ys > 0)).fit(X, y > 0, np.linspace(1, 2, len(y)))
    with pytest.raises(ValueError, match="5 columns"):
        ContinuedTraining(SGDRegressor().fit(Xs, ys)).fit(X[:, :4], y)
    labels = (ys > 0).astype(int)
    with pytest.raises(ValueError, match="does not know"):
        ContinuedTraining(SGDClassifier().fit(Xs, labels)).fit(X, np.arange(len(y)) % 3)
    with pytest.raises(ValueError, match="lacks the classes"):
        ContinuedTraining(LogisticRegression().fit(Xs, labels)).fit(X, np.zeros(len(y), dtype=int))
    with pytest.raises(ValueError, match="whole numbers"):
        ContinuedTraining(SGDRegressor().fit(Xs, ys), max_iter=0).fit(X, y)
