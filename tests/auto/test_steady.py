"""The prior on alpha: decides where held-out losses are flat, gives way where they are not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.metrics import log_loss

from crosstask.auto._steady import SIGNAL, steadied
from crosstask.multitask import MultiTaskClassifier


def draw(n: int, d: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    y = (rng.random(n) < expit(X @ np.full(d, np.sqrt(SIGNAL / d)))).astype(int)
    return X, y, np.arange(n) % 2


def test_a_narrow_prior_gives_its_centre_and_a_wide_one_the_held_out_losses():
    X, y, task = draw(120)
    tuned = MultiTaskClassifier("pooled", n_alphas=20).fit(X, y, task=task)
    alpha_tuned, path = tuned.alpha_, tuned.path_
    wide = steadied(tuned, X, y, task, None, width=1e6)
    assert_allclose(wide.alpha_, alpha_tuned, rtol=1e-6)
    narrow = steadied(wide, X, y, task, None, width=1e-3)
    assert_allclose(narrow.alpha_, X.shape[1] / (SIGNAL * len(y)), rtol=0.05)
    assert narrow.path_ is path
    assert narrow.alpha == "auto"


def test_what_comes_out_is_the_model_at_that_alpha():
    X, y, task = draw(80)
    steady = steadied(MultiTaskClassifier("pooled").fit(X, y, task=task), X, y, task, None, width=1.0)
    by_hand = MultiTaskClassifier("pooled", alpha=float(steady.alpha_)).fit(X, y, task=task)
    assert_allclose(steady.coef_, by_hand.coef_)
    assert_allclose(steady.intercept_, by_hand.intercept_)


def test_with_many_rows_the_prior_matters_little():
    X, y, task = draw(4000)
    tuned = MultiTaskClassifier("pooled").fit(X, y, task=task)
    before = tuned.predict_proba(X, task=task)
    after = steadied(tuned, X, y, task, None, width=1.0).predict_proba(X, task=task)
    assert_allclose(after, before, atol=0.02)


def test_a_model_without_a_path_is_left_alone():
    X, y, task = draw(40)
    fixed = MultiTaskClassifier("pooled", alpha=0.1).fit(X, y, task=task)
    assert steadied(fixed, X, y, task, None, width=1.0).alpha_ == 0.1


@pytest.mark.slow
def test_it_helps_where_rows_are_few():
    """Mean log loss on new rows, 60 draws of 40 rows: lower with the prior, by more than two standard errors."""
    better: list[float] = []
    for seed in range(60):
        X, y, task = draw(40, d=12, seed=seed)
        X_new, y_new, task_new = draw(1000, d=12, seed=1000 + seed)
        model = MultiTaskClassifier("pooled", n_alphas=8).fit(X, y, task=task)
        without = log_loss(y_new, model.predict_proba(X_new, task=task_new))
        steadied(model, X, y, task, None, width=1.0)
        better.append(without - log_loss(y_new, model.predict_proba(X_new, task=task_new)))
    assert np.mean(better) > 2 * np.std(better, ddof=1) / np.sqrt(len(better))
