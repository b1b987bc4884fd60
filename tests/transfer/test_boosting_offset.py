"""Gradient boosting of a source, continued on the target through an offset."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss, mean_squared_error

from crosstask.transfer import OffsetTransfer

CONTINUED = HistGradientBoostingRegressor(max_iter=30, max_depth=2)


def curve(X: np.ndarray, extra: float = 0.0) -> np.ndarray:
    return np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + extra * X[:, 3]


def test_regression_keeps_the_source_and_learns_what_is_new():
    rng = np.random.default_rng(0)
    old, few, new = (rng.normal(size=(n, 5)) for n in (2000, 150, 3000))
    source = HistGradientBoostingRegressor().fit(old, curve(old) + 0.3 * rng.normal(size=2000))
    y, truth = curve(few, 0.5) + 0.3 * rng.normal(size=150), curve(new, 0.5)
    model = OffsetTransfer(FrozenEstimator(source), CONTINUED).fit(few, y)
    error = mean_squared_error(truth, model.predict(new))
    own = HistGradientBoostingRegressor().fit(few, y)
    assert error < 0.6 * min(
        mean_squared_error(truth, source.predict(new)), mean_squared_error(truth, own.predict(new))
    )


def test_classes_too():
    rng = np.random.default_rng(0)

    def draw(n, extra):
        X = rng.normal(size=(n, 5))
        return X, (rng.random(n) < 1 / (1 + np.exp(-2 * curve(X, extra)))).astype(int)

    (old, y_old), (few, y), (new, y_new) = draw(2000, 0.0), draw(150, 0.7), draw(3000, 0.7)
    source = HistGradientBoostingClassifier(max_iter=60).fit(old, y_old)
    model = OffsetTransfer(FrozenEstimator(source), CONTINUED).fit(few, y)
    loss = log_loss(y_new, model.predict_proba(new))
    own = HistGradientBoostingClassifier(max_iter=60).fit(few, y)
    assert loss < min(log_loss(y_new, source.predict_proba(new)), log_loss(y_new, own.predict_proba(new))) - 0.02
