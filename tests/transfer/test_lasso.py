"""The lasso behind Trans-GLM: against scikit-learn, and one engine against the other."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Lasso, LogisticRegression

from crosstask.losses import Logistic, Squared
from crosstask.transfer._lasso import LassoOptions, MomentData, RowData, lasso_data
from crosstask.transfer._lasso_cv import Rows, choose, fit_at, fold
from crosstask.transfer._newton_lasso import best_intercept

RNG = np.random.default_rng(0)
N, D = 90, 120
X = RNG.standard_normal((N, D)) * np.geomspace(0.01, 100.0, D) + 3.0
SCALE = X.std(axis=0)
Z = (X - X.mean(axis=0)) / SCALE
Y = Z[:, :4].sum(axis=1) + RNG.standard_normal(N)
LABEL = (Y > 0.3).astype(float)
SQUARED = LassoOptions(Squared(), tol=1e-16)
LOGISTIC = LassoOptions(Logistic(), tol=1e-14)


def _row_data(y, options):
    return RowData(X, y, np.ones(N), np.zeros(N), options)


@pytest.mark.parametrize("make", [MomentData.of, lambda X, y, s, o: RowData(X, y, s, np.zeros(len(y)), o)])
def test_squared_path_is_the_lasso_of_standardised_columns(make):
    data = make(X, Y, np.ones(N), SQUARED)
    alphas = data.largest_alpha() * np.array([1.0 + 1e-9, 0.5, 0.2, 0.05])
    path = data.path(alphas)
    assert not path.coef[0].any()
    for a in (1, 2, 3):
        reference = Lasso(alpha=alphas[a], tol=1e-12, max_iter=1_000_000).fit(Z, Y)
        np.testing.assert_allclose(path.coef[a] * SCALE, reference.coef_, atol=1e-6)
        np.testing.assert_allclose(path.decision(X)[a], reference.predict(Z), atol=1e-6)


def test_logistic_path_is_scikit_learns():
    data = _row_data(LABEL, LOGISTIC)
    alphas = data.largest_alpha() * np.array([1.0 + 1e-9, 0.5, 0.2])
    path = data.path(alphas)
    assert not path.coef[0].any()
    reference = LogisticRegression(l1_ratio=1, C=1.0 / (N * alphas[2]), solver="saga", tol=1e-10, max_iter=100_000)
    reference.fit(Z, LABEL)
    np.testing.assert_allclose(path.coef[2] * SCALE, reference.coef_[0], atol=1e-5)
    np.testing.assert_allclose(path.decision(X)[2], reference.decision_function(Z), atol=1e-4)


@pytest.mark.parametrize("options", [SQUARED, LOGISTIC])
def test_gap_bounds_the_distance_to_the_optimum(options):
    data = _row_data(Y if options is SQUARED else LABEL, options)
    problem = data.problem
    alpha = 0.3 * data.largest_alpha()
    best = fit_at(data, alpha)
    near = best.coef * 0.9
    lowest = problem.objective(data.path(np.array([alpha]), best.coef).decision(X)[0], best.coef, alpha)
    shifted = X @ near
    intercept = best_intercept(options.loss, data.y, shifted, np.full(N, 1.0 / N))
    excess = problem.objective(shifted + intercept, near, alpha) - lowest
    null = options.loss.value(data.y, np.full(N, problem.null_intercept()), np.full(N, 1.0 / N))
    assert 0.0 <= problem.gap(best.coef, best.intercept, alpha) < 1e-6
    assert problem.gap(near, intercept, alpha) >= excess / null > 1e-4


def test_offsets_are_what_the_shift_says():
    coef, intercept = RNG.standard_normal(D) / SCALE / 10.0, 0.7
    for data in (MomentData.of(X, Y, np.ones(N), SQUARED), _row_data(Y, SQUARED)):
        left = data.shifted(coef, intercept)
        plain = lasso_data(X, Y - X @ coef - intercept, np.ones(N), SQUARED)
        alphas = plain.largest_alpha() * np.array([0.5, 0.1])
        np.testing.assert_allclose(left.path(alphas).decision(X), plain.path(alphas).decision(X), atol=1e-6)


def test_weights_are_repetitions_and_sets_join():
    weight = np.tile([1.0, 2.0, 3.0], N // 3)
    again = np.repeat(np.arange(N), weight.astype(int))
    for options, y in ((SQUARED, Y), (LOGISTIC, LABEL)):
        data = lasso_data(X, y, weight, options)
        repeated = lasso_data(X[again], y[again], np.ones(len(again)), options)
        halves = lasso_data(X[:40], y[:40], weight[:40], options).join(lasso_data(X[40:], y[40:], weight[40:], options))
        alphas = data.largest_alpha() * np.array([0.4, 0.2])
        for other in (repeated, halves):
            np.testing.assert_allclose(other.path(alphas).coef, data.path(alphas).coef, rtol=1e-4, atol=1e-6)


def test_constant_column_and_one_class_stay_finite():
    table = np.column_stack([np.full(N, 1e8), X[:, :3]])
    path = lasso_data(table, Y, np.ones(N), SQUARED).path(np.array([0.01]))
    assert path.coef[0, 0] == 0.0
    data = RowData(table, np.ones(N), np.ones(N), np.zeros(N), LOGISTIC)
    np.testing.assert_allclose(data.path(np.array([0.1])).intercept, np.log((N + 0.5) / 0.5), rtol=1e-5)


def test_cross_validation_is_the_hand_written_one():
    rows = Rows(X, Y, np.ones(N), np.zeros(N), np.zeros(N, dtype=int), np.arange(N))
    folds = [(np.setdiff1d(np.arange(N), np.arange(k, N, 3)), np.arange(k, N, 3)) for k in range(3)]
    chosen = choose(fold(rows, folds, 0, SQUARED), Squared(), 30, 0.05)
    losses = np.empty((3, len(chosen.alphas)))
    for k, (train, test) in enumerate(folds):
        scale, mean = X[train].std(axis=0), X[train].mean(axis=0)
        for a, alpha in enumerate(chosen.alphas):
            model = Lasso(alpha=alpha, tol=1e-10, max_iter=100_000).fit((X[train] - mean) / scale, Y[train])
            losses[k, a] = 0.5 * np.mean((Y[test] - model.predict((X[test] - mean) / scale)) ** 2)
    np.testing.assert_allclose(chosen.loss, losses.mean(axis=0), rtol=1e-5)
    error = losses.std(axis=0, ddof=1) / np.sqrt(3)
    best = losses.mean(axis=0).argmin()
    limit = losses.mean(axis=0)[best] + 0.5 * error[best]
    assert chosen.alpha == chosen.alphas[np.flatnonzero(losses.mean(axis=0) <= limit)[0]]
