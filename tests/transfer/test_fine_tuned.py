from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from crosstask.transfer import FineTunedClassifier, FineTunedRegressor, KnownCoefficients, PriorRegressor

N_FEATURES = 6


def _target(seed=0, n=40, n_classes=None, d=N_FEATURES):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.geomspace(0.3, 3.0, d) + 2.0
    w = rng.normal(size=(n_classes or 1, d)) / np.geomspace(0.3, 3.0, d)
    if n_classes is None:
        return X, X @ w[0] + rng.normal(size=n), w[0]
    return X, np.argmax((X - 2.0) @ w.T + rng.gumbel(size=(n, n_classes)), axis=1), w


TO_THE_END = {"early_stopping": False, "max_iter": 200_000, "tol": 1e-9}


def test_run_to_the_end_it_forgets_every_source():
    X, y, w = _target()
    plain = LinearRegression().fit(X, y)
    for start in (None, KnownCoefficients(w), KnownCoefficients(100 * w)):
        model = FineTunedRegressor(start, **TO_THE_END).fit(X, y)
        assert_allclose(model.coef_, plain.coef_, atol=1e-6)
        assert_allclose(model.intercept_, plain.intercept_, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_run_to_the_end_the_classifier_is_logistic_regression(n_classes):
    X, y, w = _target(n_classes=n_classes)
    peer = LogisticRegression(C=1 / (0.05 * len(y)), tol=1e-10, max_iter=10_000).fit(X, y)
    source = KnownCoefficients(w if n_classes > 2 else w[1] - w[0])
    model = FineTunedClassifier(source, alpha=0.05, standardize=False, **TO_THE_END).fit(X, y)
    assert_allclose(model.predict_proba(X), peer.predict_proba(X), atol=1e-5)
    assert_allclose(model.coef_, peer.coef_, atol=1e-4)


def test_where_the_rows_say_nothing_the_source_remains_even_at_the_end():
    X, y, _ = _target(n=5, d=12)
    source = KnownCoefficients(np.arange(12.0))
    model = FineTunedRegressor(source, standardize=False, **TO_THE_END).fit(X, y)
    centred = X - X.mean(axis=0)
    nothing_seen = np.eye(12) - np.linalg.pinv(centred) @ centred
    assert_allclose(model.predict(X), y, atol=1e-6)
    assert_allclose(nothing_seen @ model.coef_, nothing_seen @ np.arange(12.0), atol=1e-8)


def test_step_zero_is_the_source_with_the_targets_intercept():
    X, _, w = _target()
    truth = KnownCoefficients(w)
    y = X @ w + 3.0  # any step would leave the truth
    model = FineTunedRegressor(truth).fit(X, y)
    assert model.n_iter_ == 0
    assert_allclose(model.coef_, w)
    assert_allclose(model.intercept_, 3.0)
    as_it_stands = PriorRegressor(truth, alpha=np.inf, strength=1.0).fit(X, y)
    assert_allclose(model.predict(X), as_it_stands.predict(X))


def test_every_step_is_the_textbook_step():
    X, y, w = _target()
    scale, n = X.std(axis=0), len(y)
    Z = (X - X.mean(axis=0)) / scale
    L = np.linalg.eigvalsh(Z.T @ Z / n)[-1] * 1.25  # a fold's rows weigh up to n / (4 n / 5) of theirs in all
    model = FineTunedRegressor(KnownCoefficients(w), early_stopping=False, max_iter=3, tol=0.0, learning_rate=0.5 / L)
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        model.fit(X, y)
    v = w * scale
    for _ in range(3):
        v = v - 0.5 / L * Z.T @ (Z @ v + y.mean() - y) / n
    assert_allclose(model.coef_, v / scale, rtol=1e-9)
    assert model.n_iter_ == 3


@pytest.mark.parametrize("estimator", [FineTunedRegressor, FineTunedClassifier])
def test_the_trace_keeps_both_losses_and_the_best_step_is_kept(estimator):
    X, y, w = _target(seed=4, n=30)
    y = y if estimator is FineTunedRegressor else (y > np.median(y)).astype(int)
    model = estimator(KnownCoefficients(0.5 * w[::-1])).fit(X, y)
    history = model.history_
    assert set(history) == {"iteration", "train_loss", "validation_loss"}
    assert_array_equal(history["iteration"], np.arange(model.n_steps_tried_ + 1))
    assert (np.diff(history["train_loss"]) <= 1e-12).all()  # steps of 1 / L never raise it
    assert model.best_loss_ <= 1.02 * history["validation_loss"].min()  # a steadier step may be preferred
    one_fold = estimator(KnownCoefficients(0.5 * w[::-1]), validation_fraction=0.3, random_state=0).fit(X, y)
    assert one_fold.best_loss_ == pytest.approx(one_fold.history_["validation_loss"].min(), rel=1e-4)
    assert history["validation_loss"][model.n_iter_] == model.best_loss_
    z = X @ np.ravel(model.coef_) + np.ravel(model.intercept_)
    if estimator is FineTunedRegressor:
        expected = np.mean((y - z) ** 2) / 2
    else:
        expected = -np.mean(np.log(np.where(y == 1, expit(z), expit(-z))))
    assert history["train_loss"][model.n_iter_] == pytest.approx(expected)


def test_the_validation_loss_is_that_of_hand_written_folds():
    X, y, w = _target(seed=5, n=30)
    model = FineTunedRegressor(KnownCoefficients(w[::-1]), cv=3).fit(X, y)
    steps = min(7, model.n_steps_tried_)
    scale, mean = X.std(axis=0), X.mean(axis=0)
    errors = []
    for i in range(3):
        test = np.arange(len(y)) % 3 == i
        Z, v = (X - mean) / scale, w[::-1] * scale
        for _ in range(steps):
            residual = Z[~test] @ v - y[~test]
            v = v - model.learning_rate_ * Z[~test].T @ (residual - residual.mean()) / (~test).sum()
        constant = np.mean(y[~test] - Z[~test] @ v)
        errors.append((y[test] - Z[test] @ v - constant) ** 2 / 2)
    assert model.history_["validation_loss"][steps] == pytest.approx(np.mean(np.concatenate(errors)))


def test_one_held_out_share_instead_of_folds():
    X, y, w = _target(n_classes=2, n=50)
    model = FineTunedClassifier(KnownCoefficients(w[1] - w[0]), validation_fraction=0.2, random_state=0).fit(X, y)
    again = FineTunedClassifier(KnownCoefficients(w[1] - w[0]), validation_fraction=0.2, random_state=0).fit(X, y)
    assert_array_equal(model.history_["validation_loss"], again.history_["validation_loss"])
    with pytest.raises(ValueError, match=r"validation_fraction=1\.5"):
        FineTunedClassifier(validation_fraction=1.5).fit(X, y)


@pytest.mark.parametrize("estimator", [FineTunedRegressor, FineTunedClassifier])
def test_sparse_rows_give_the_same_model(estimator):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 8)) * (rng.random((50, 8)) < 0.5)
    w = rng.normal(size=8)
    y = X @ w + rng.normal(size=50)
    y = y if estimator is FineTunedRegressor else (y > 0).astype(int)
    options = {"learning_rate": 0.3, "n_iter_no_change": 50}
    dense = estimator(KnownCoefficients(w[::-1]), **options).fit(X, y)
    thin = estimator(KnownCoefficients(w[::-1]), **options).fit(sparse.csr_array(X), y)
    assert_allclose(thin.coef_, dense.coef_, rtol=1e-8)
    automatic = estimator(KnownCoefficients(w[::-1])).fit(sparse.csr_array(X), y)
    assert automatic.learning_rate_ == pytest.approx(estimator().fit(X, y).learning_rate_, rel=0.06)


def test_several_sources_start_at_their_mean_and_a_missing_class_keeps_a_chance():
    X, y, w = _target(n_classes=3)
    known = [KnownCoefficients(w, classes=[0, 1, 2]), KnownCoefficients(-w, classes=[0, 1, 2])]
    two = y < 2
    model = FineTunedClassifier(known, max_iter=1).fit(X[two], y[two])
    assert model.classes_.tolist() == [0, 1, 2]
    assert 0 < model.predict_proba(X)[:, 2].min() < 0.05


def test_early_stopping_from_a_related_source_beats_both_ends():
    at_start, stopped, at_end = [], [], []
    for seed in range(15):
        rng = np.random.default_rng(seed)
        w = rng.normal(size=20)
        X = rng.normal(size=(40, 20))
        y = X @ w + 2 * rng.normal(size=40)
        source = KnownCoefficients(w + 0.7 * rng.normal(size=20))
        for losses, model in (
            (at_start, PriorRegressor(source, alpha=np.inf, strength=1.0)),
            (stopped, FineTunedRegressor(source)),
            (at_end, Ridge(alpha=1e-9)),
        ):
            losses.append(np.sum((model.fit(X, y).coef_ - w) ** 2))
    assert np.mean(stopped) < 0.9 * min(np.mean(at_start), np.mean(at_end))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": 1e3}, "learning_rate=1000.0: on these rows the descent converges for steps between 0 and"),
        ({"learning_rate": "fast"}, "learning_rate='fast'"),
        ({"alpha": -1.0}, "alpha=-1.0"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"loss": "hinge"}, "loss='hinge' is unknown to FineTunedRegressor: use squared"),
    ],
)
def test_wrong_parameters_get_one_line(options, message):
    X, y, w = _target()
    with pytest.raises(ValueError, match=message):
        FineTunedRegressor(KnownCoefficients(w), **options).fit(X, y)
