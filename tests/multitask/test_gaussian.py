"""The Gaussian process against dense textbook solves, finite differences, and its own simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Matern, WhiteKernel

from crosstask.multitask import MultiTaskGPRegressor
from crosstask.multitask.gaussian._fit import spread_rows
from crosstask.multitask.gaussian._likelihood import GPRows, Shape, negative_log_likelihood
from crosstask.multitask.gaussian._posterior import exact_posterior, inducing_posterior


def simulate(n, n_tasks, seed, noise=0.3):
    """Draw functions from the model itself."""
    rng = np.random.default_rng(seed)
    X, task = rng.uniform(-2, 2, size=(n, 2)), rng.integers(0, n_tasks, size=n)
    loadings = rng.normal(size=(n_tasks, 1))
    B = loadings @ loadings.T + 0.1 * np.eye(n_tasks)
    cov = B[task[:, None], task] * RBF(1.0)(X) + 1e-10 * np.eye(n)
    y = np.linalg.cholesky(cov) @ rng.normal(size=n) + noise * rng.normal(size=n)
    return X, y, task


@pytest.fixture(scope="module")
def fitted():
    X, y, task = simulate(80, 3, 0)
    return MultiTaskGPRegressor(n_restarts=0).fit(X, y, task=task), X, y, task


def test_mean_and_variance_are_those_of_a_dense_textbook_solve(fitted):
    model, X, y, task = fitted
    new = np.random.default_rng(1).uniform(-2, 2, size=(30, 2))
    to = np.arange(30) % 3
    s = model.scale_
    Z, N = (X - X.mean(0)) / X.std(0), (new - X.mean(0)) / X.std(0)
    v = np.array([(y[task == t] - y[task == t].mean()) / y[task == t].std() for t in range(3)], dtype=object)
    target = np.empty(len(y))
    for t in range(3):
        target[task == t] = v[t]
    B, k = model.task_covariance_, model.kernel_
    sigma = B[task[:, None], task] * k(Z) + np.diag(((model.noise_ / s.y_scale) ** 2)[task])
    cross = B[to[:, None], task] * k(N, Z)
    inverse = np.linalg.inv(sigma)
    mean = cross @ inverse @ target
    variance = np.diag(B)[to] - np.einsum("ij,jk,ik->i", cross, inverse, cross)
    means, deviations = (np.array([f(y[task == t]) for t in range(3)]) for f in (np.mean, np.std))
    found, std = model.predict(new, task=to, return_std=True)
    np.testing.assert_allclose(found, means[to] + deviations[to] * mean, atol=1e-6)
    latent = std**2 - model.noise_[to] ** 2
    np.testing.assert_allclose(latent, deviations[to] ** 2 * variance, atol=1e-6)


def test_one_task_is_scikit_learns_process():
    X, y, _ = simulate(60, 1, 2)
    model = MultiTaskGPRegressor(n_restarts=0).fit(X, y)
    Z, v = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
    kernel = ConstantKernel(model.task_covariance_[0, 0]) * model.kernel_ + WhiteKernel(
        (model.noise_[0] / y.std()) ** 2
    )
    theirs = GaussianProcessRegressor(kernel, optimizer=None).fit(Z, v)
    assert theirs.log_marginal_likelihood_value_ == pytest.approx(model.log_marginal_likelihood_, abs=1e-6)
    mean, std = theirs.predict(Z, return_std=True)
    ours, spread = model.predict(X, return_std=True)
    np.testing.assert_allclose(ours, y.mean() + y.std() * mean, atol=1e-6)
    np.testing.assert_allclose(spread, y.std() * std, atol=1e-6)


@pytest.mark.parametrize(
    "kernel", [RBF([0.8, 1.3]), RBF(0.9), Matern(1.1, nu=1.5), ConstantKernel(0.7) * RBF(1.0) + DotProduct(0.5)]
)
def test_gradient_of_the_marginal_likelihood(kernel):
    rng = np.random.default_rng(3)
    X, y, task = simulate(25, 3, 3)
    rows = GPRows(X, task, y, rng.uniform(1, 3, size=25))
    shape = Shape(len(kernel.theta), 3, 2)
    at = np.concatenate([kernel.theta, rng.normal(size=6), rng.normal(size=6) - 1.0])
    assert shape.n_parameters == len(at)
    value, gradient = negative_log_likelihood(at, rows, kernel, shape)
    differences = approx_fprime(at, lambda p: negative_log_likelihood(p, rows, kernel, shape)[0], 1e-6)
    np.testing.assert_allclose(gradient, differences, rtol=2e-4, atol=2e-4)
    once = GPRows(X, task, y, np.ones(25))
    value, _ = negative_log_likelihood(at, once, kernel, shape)
    _, L, own, noise = shape.cut(at)
    sigma = (L @ L.T + np.diag(own))[task[:, None], task] * kernel(X) + np.diag(noise[task])
    assert value == pytest.approx(-multivariate_normal(np.zeros(25), sigma).logpdf(y), abs=1e-8)


def test_a_weight_is_a_repetition():
    X, y, task = simulate(20, 2, 4)
    weight = np.arange(20) % 3 + 1.0
    copies = np.repeat(np.arange(20), weight.astype(int))
    kernel, shape = RBF([1.0, 1.0]), Shape(2, 2, 1)
    at = np.concatenate([kernel.theta, [0.5, -0.7], np.full(4, -1.0)])
    once = negative_log_likelihood(at, GPRows(X, task, y, weight), kernel, shape)
    all_rows = negative_log_likelihood(
        at, GPRows(X[copies], task[copies], y[copies], np.ones(len(copies))), kernel, shape
    )
    assert once[0] == pytest.approx(all_rows[0])
    np.testing.assert_allclose(once[1], all_rows[1], atol=1e-8)


def test_with_every_row_inducing_the_posterior_is_the_exact_one():
    X, y, task = simulate(40, 2, 5)
    rows = GPRows(X, task, y, np.ones(40))
    kernel, B, noise = RBF(1.0), np.array([[1.0, 0.6], [0.6, 0.8]]), np.array([0.1, 0.2])
    exact = exact_posterior(rows, kernel, B, noise)
    close = inducing_posterior(rows, kernel, B, noise, np.arange(40))
    for posterior in (exact, close):
        assert posterior.coef.shape == (40,)
    a = exact.at(X, B[task], np.diag(B)[task], spread=True)
    b = close.at(X, B[task], np.diag(B)[task], spread=True)
    np.testing.assert_allclose(a[0], b[0], atol=1e-4)
    np.testing.assert_allclose(a[1], b[1], atol=1e-4)


def test_beyond_max_rows_inducing_rows_come_near_the_exact_process():
    X, y, task = simulate(240, 2, 6)
    exact = MultiTaskGPRegressor(rank=1, n_restarts=0).fit(X, y, task=task)
    close = MultiTaskGPRegressor(rank=1, n_restarts=0, max_rows=150, n_inducing=100).fit(X, y, task=task)
    assert len(close.posterior_.X_train_) == 100
    spread = np.std(exact.predict(X, task=task) - close.predict(X, task=task)) / np.std(y)
    assert spread < 0.15
    assert np.bincount(spread_rows(task, 100, 0) < 0).sum() == 100


def test_intervals_hold_what_they_say():
    inside = []
    for seed in (10, 12, 13):
        X, y, task = simulate(350, 3, seed)
        train, test = np.arange(200), np.arange(200, 350)
        model = MultiTaskGPRegressor(rank=1, n_restarts=0).fit(X[train], y[train], task=task[train])
        low, high = model.predict_interval(X[test], task=task[test], coverage=0.9)
        inside.append(np.mean((y[test] >= low) & (y[test] <= high)))
    assert 0.82 < np.mean(inside) < 0.97


def test_tasks_that_mirror_one_another_are_seen_and_help():
    rng = np.random.default_rng(7)
    X, task = rng.uniform(-3, 3, size=(46, 1)), np.repeat([0, 1], [40, 6])
    y = np.where(task == 0, 1.0, -2.0) * np.sin(X[:, 0]) + 0.05 * rng.normal(size=46)
    model = MultiTaskGPRegressor(rank=1, n_restarts=0).fit(X, y, task=task)
    assert model.task_correlation_[0, 1] < -0.9
    grid = np.linspace(-2.5, 2.5, 40)[:, None]
    error = np.abs(model.predict(grid, task=np.ones(40, dtype=int)) + 2.0 * np.sin(grid[:, 0])).mean()
    assert error < 0.25


def test_unseen_tasks_and_a_task_of_one_row(fitted):
    _, X, y, task = fitted
    options = {"n_restarts": 0, "max_iter": 100}
    mean = MultiTaskGPRegressor(unseen_task="mean", **options).fit(X, y, task=task)
    every = [mean.predict(X, task=np.full(80, t)) for t in range(3)]
    found, std = mean.predict(X, task=np.full(80, 9), return_std=True)
    np.testing.assert_allclose(found, np.mean(every, axis=0))
    assert (std > 0).all()
    pooled = MultiTaskGPRegressor(unseen_task="pooled", **options).fit(X, y, task=task)
    alone = MultiTaskGPRegressor(**options).fit(X, y)
    np.testing.assert_allclose(pooled.predict(X, task=np.full(80, 9)), alone.predict(X))
    lone = task.copy()
    lone[0] = 8
    model = MultiTaskGPRegressor(**options).fit(X, y, task=lone)
    assert np.isfinite(model.predict(X, task=lone)).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kernel": "rbf"}, "kernel='rbf' is no kernel of sklearn.gaussian_process"),
        ({"rank": 0}, "rank=0 must be at least 1"),
        ({"unseen_task": "x"}, "unseen_task='x'"),
    ],
)
def test_what_does_not_fit_is_refused(fitted, options, words):
    _, X, y, task = fitted
    with pytest.raises(ValueError, match=words):
        MultiTaskGPRegressor(**options).fit(X, y, task=task)
    with pytest.raises(ValueError, match="coverage=2"):
        fitted[0].predict_interval(X, task=task, coverage=2)


def test_too_few_iterations_are_reported(fitted):
    _, X, y, task = fitted
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        MultiTaskGPRegressor(n_restarts=0, max_iter=2).fit(X, y, task=task)
