"""scikit-learn's callbacks hear of the folds and the iterates of a fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from crosstask.multitask import MultiTaskClassifier, MultiTaskRegressor

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")


class Listener:
    """A callback that writes down what it hears."""

    def __init__(self):
        self.heard = []

    def setup(self, estimator, context):
        self.heard.append("setup")

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.heard.append(context.task_name)
        if context.parent is None:
            self.predicted = fitted_estimator.predict(X[:2], task=[0, 1])

    def teardown(self, estimator, context):
        self.heard.append("teardown")


def table():
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(60, 3)), np.arange(60) % 3
    return X, X[:, 0] + 0.3 * rng.normal(size=60), task


def test_folds_and_iterates_are_told_in_their_order():
    X, y, task = table()
    listener, said = Listener(), []
    model = MultiTaskRegressor("trace_norm", cv=3, n_alphas=4, verbose=lambda *told: said.append(told))
    model.set_callbacks(listener).fit(X, y, task=task)
    iterates = listener.heard.count("iterate")
    stages = [*["fold"] * 3, "choose alpha", *["iterate"] * iterates, "fit all rows", "fit"]
    assert iterates > 0
    assert listener.heard == ["setup", *stages, "teardown"]
    assert len(said) == 3 + iterates
    np.testing.assert_array_equal(listener.predicted, model.predict(X[:2], task=[0, 1]))
    plain = MultiTaskRegressor("trace_norm", cv=3, n_alphas=4).fit(X, y, task=task)
    np.testing.assert_array_equal(plain.coef_, model.coef_)


def test_callbacks_are_torn_down_where_a_fit_fails_and_left_by_a_fit_that_has_none():
    X, y, task = table()
    listener = Listener()
    with pytest.raises(ValueError, match="alpha"):
        MultiTaskClassifier(alpha=-1.0).set_callbacks(listener).fit(X, y > 0, task=task)
    assert listener.heard == []
    with pytest.raises(ValueError, match="gaps"):
        MultiTaskClassifier(alpha=1.0).set_callbacks(listener).fit(np.where(X > 2, np.nan, X), y > 0, task=task)
    assert listener.heard == ["setup", "teardown"]
    model = MultiTaskClassifier(alpha=1.0).set_callbacks(listener).set_callbacks().fit(X, y > 0, task=task)
    assert listener.heard == ["setup", "teardown"]
    assert not hasattr(clone(model), "_skl_callbacks")


def test_a_progress_bar_of_scikit_learn_runs(capsys):
    X, y, task = table()
    model = MultiTaskRegressor("feature_norm", cv=3, n_alphas=4).set_callbacks(callback.ProgressBar())
    model.fit(X, y, task=task)
    assert "choose alpha" in capsys.readouterr().out
