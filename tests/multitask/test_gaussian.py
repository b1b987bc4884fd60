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
from crosstask.multitask.gaussian._covariance import Covariance
from crosstask.multitask.gaussian._fit import maximise, sample_blocks, spread_rows
from crosstask.multitask.gaussian._inducing import exact_tasks, inducing_posterior
from crosstask.multitask.gaussian._likelihood import GPRows, Shape, negative_log_likelihood
from crosstask.multitask.gaussian._members import plausible_parameters
from crosstask.multitask.gaussian._posterior import exact_posterior
from crosstask.multitask.gaussian._prior import Objective, Prior


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
    return MultiTaskGPRegressor(n_restarts=0, parameter_uncertainty=False).fit(X, y, task=task), X, y, task


def test_mean_and_variance_are_those_of_a_dense_textbook_solve(fitted):
    model, X, y, task = fitted
    new = np.random.default_rng(1).uniform(-2, 2, size=(30, 2))
    to = np.arange(30) % 3
    s = model.scale_
    Z, N = (X - X.mean(0)) / X.std(0), (new - X.mean(0)) / X.std(0)
    means, own, sizes = (np.array([f(y[task == t]) for t in range(3)]) for f in (np.mean, np.std, len))
    inside = np.sqrt(np.mean((y - means[task]) ** 2))
    deviations = np.exp(((sizes - 1) * np.log(own) + np.log(inside)) / sizes)
    target = (y - means[task]) / deviations[task]
    B, k = model.task_covariance_, model.kernel_
    sigma = B[task[:, None], task] * k(Z) + np.diag(((model.noise_ / s.y_scale) ** 2)[task])
    cross = B[to[:, None], task] * k(N, Z)
    inverse = np.linalg.inv(sigma)
    mean = cross @ inverse @ target
    variance = np.diag(B)[to] - np.einsum("ij,jk,ik->i", cross, inverse, cross)
    found, std = model.predict(new, task=to, return_std=True)
    np.testing.assert_allclose(found, means[to] + deviations[to] * mean, atol=1e-6)
    latent = std**2 - model.noise_[to] ** 2
    np.testing.assert_allclose(latent, deviations[to] ** 2 * variance, atol=1e-6)


def test_one_task_is_scikit_learns_process():
    X, y, _ = simulate(60, 1, 2)
    model = MultiTaskGPRegressor(n_restarts=0, parameter_uncertainty=False).fit(X, y)
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
    assert sum(shape.sizes) == len(at)
    value, gradient = negative_log_likelihood(at, rows, kernel, shape)
    differences = approx_fprime(at, lambda p: negative_log_likelihood(p, rows, kernel, shape)[0], 1e-6)
    np.testing.assert_allclose(gradient, differences, rtol=2e-4, atol=2e-4)
    once = GPRows(X, task, y, np.ones(25))
    value, _ = negative_log_likelihood(at, once, kernel, shape)
    _, _, L, own, noise = shape.cut(at)
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


@pytest.mark.parametrize("whole", [[], [1], [0, 1, 2]])
def test_the_inducing_posterior_is_a_dense_solve_with_the_covariance_it_states(whole):
    X, y, task = simulate(60, 3, 5)
    loadings = np.array([[1.0], [0.8], [-0.5]])
    B, noise = loadings @ loadings.T + 0.2 * np.eye(3), np.array([0.1, 0.2, 0.05])
    kernel, chosen = RBF(1.0), np.arange(0, 60, 4)
    new, to = np.random.default_rng(1).uniform(-2, 2, size=(12, 2)), np.arange(12) % 3
    Z, t = np.vstack([X, new]), np.concatenate([task, to])
    full = B[t[:, None], t] * kernel(Z)
    root = full[:, chosen] @ np.linalg.inv(np.linalg.cholesky(full[np.ix_(chosen, chosen)] + 1e-9 * np.eye(15))).T
    through = root @ root.T
    exact = (t[:, None] == t) & np.isin(t, whole)[:, None] | np.eye(len(t), dtype=bool)
    stated = np.where(exact, full, through)
    sigma = stated[:60, :60] + np.diag(noise[task])
    cross = stated[60:, :60]
    mean = cross @ np.linalg.solve(sigma, y)
    variance = np.diag(full)[60:] - np.einsum("ij,ji->i", cross, np.linalg.solve(sigma, cross.T))
    prior = Covariance.plain(kernel, loadings @ loadings.T, np.full(3, 0.2))
    posterior = inducing_posterior(GPRows(X, task, y, np.ones(60)), prior, noise, chosen, np.array(whole, dtype=int))
    found = posterior.at(new, to, prior, spread=True)
    np.testing.assert_allclose(found[0], mean, atol=1e-6)
    np.testing.assert_allclose(found[1], variance, atol=1e-6)


def test_with_every_row_inducing_the_posterior_is_the_exact_one():
    X, y, task = simulate(40, 2, 5)
    rows = GPRows(X, task, y, np.ones(40))
    prior = Covariance.plain(RBF(1.0), np.array([[1.0, 0.6], [0.6, 0.7]]), np.array([0.0, 0.1]))
    noise = np.array([0.1, 0.2])
    exact = exact_posterior(rows, prior, noise).at(X, task, prior, spread=True)
    for whole in ([], [0, 1]):
        posterior = inducing_posterior(rows, prior, noise, np.arange(40), np.array(whole, dtype=int))
        close = posterior.at(X, task, prior, spread=True)
        np.testing.assert_allclose(exact[0], close[0], atol=1e-4)
        np.testing.assert_allclose(exact[1], close[1], atol=1e-4)


def test_tasks_that_share_nothing_are_exact_however_few_the_inducing_rows():
    X, y, task = simulate(90, 3, 6)
    rows, noise = GPRows(X, task, y, np.ones(90)), np.full(3, 0.1)
    prior = Covariance.plain(RBF(1.0), np.zeros((3, 3)), np.ones(3))
    exact = exact_posterior(rows, prior, noise).at(X, task, prior, spread=True)
    posterior = inducing_posterior(rows, prior, noise, np.array([0, 50]), np.arange(3))
    close = posterior.at(X, task, prior, spread=True)
    np.testing.assert_allclose(exact[0], close[0], atol=1e-6)
    np.testing.assert_allclose(exact[1], close[1], atol=1e-6)


def test_which_tasks_are_exact_inside():
    codes = np.repeat([0, 1, 2, 3], [50, 100, 10, 101])
    assert exact_tasks(codes, 4, 100).tolist() == [0, 1, 2]
    assert exact_tasks(codes, 4, 30).tolist() == [2]
    assert exact_tasks(np.repeat(np.arange(9), 100), 9, 100).tolist() == [
        0,
        1,
        2,
        3,
    ]  # together no more than 4 max_rows^2


def test_blocks_of_a_composite_likelihood():
    codes = np.repeat([0, 1, 2], [200, 100, 3])
    rows = GPRows(np.arange(303.0)[:, None], codes, np.zeros(303), np.ones(303))
    mixed, *own = sample_blocks(rows, 3, 100, 0)
    assert set(mixed.codes) == {0, 1, 2}
    assert [len(block.y) for block in own] == [100, 100, 3]
    assert all((block.codes == t).all() for t, block in enumerate(own))
    many = sample_blocks(GPRows(np.zeros((3200, 1)), np.arange(3200) % 64, np.zeros(3200), np.ones(3200)), 64, 40, 0)
    assert {len(block.y) for block in many[1:]} == {20}


def test_inducing_rows_without_noise_are_no_trouble():
    rng = np.random.default_rng(0)
    X, task = rng.uniform(-2, 2, size=(400, 1)), np.arange(400) % 2
    rows = GPRows(X, task, np.sin(X[:, 0]), np.ones(400))
    prior = Covariance.plain(RBF(1.5), np.full((2, 2), 0.99), np.full(2, 0.01))
    for whole in ([], [0, 1]):
        posterior = inducing_posterior(rows, prior, np.full(2, 1e-7), np.arange(300), np.array(whole, dtype=int))
        mean, variance = posterior.at(X, task, prior, spread=True)
        np.testing.assert_allclose(mean, rows.y, atol=1e-3)
        assert (variance < 1e-3).all()


def test_beyond_max_rows_inducing_rows_come_near_the_exact_process():
    X, y, task = simulate(240, 2, 6)
    exact = MultiTaskGPRegressor(rank=1, n_restarts=0).fit(X, y, task=task)
    few = {"max_fit_rows": 150, "max_rows": 150, "n_inducing": 100}
    close = MultiTaskGPRegressor(rank=1, n_restarts=0, **few).fit(X, y, task=task)
    assert [len(member.posterior.X_train_) for member in close.members_] == [100]
    spread = np.std(exact.predict(X, task=task) - close.predict(X, task=task)) / np.std(y)
    assert spread < 0.15
    assert np.bincount(spread_rows(task, 100, 0) < 0).sum() == 100


@pytest.mark.parametrize("n_rows", [60, 200])
def test_intervals_hold_what_they_say(n_rows):
    inside = {True: [], False: []}
    for seed in range(20, 28):
        X, y, task = simulate(n_rows + 150, 3, seed)
        train, test = np.arange(n_rows), np.arange(n_rows, n_rows + 150)
        for knows, found in inside.items():
            model = MultiTaskGPRegressor(rank=1, n_restarts=0, parameter_uncertainty=knows)
            low, high = model.fit(X[train], y[train], task=task[train]).predict_interval(X[test], task=task[test])
            found.append(np.mean((y[test] >= low) & (y[test] <= high)))
    assert 0.86 < np.mean(inside[True]) < 0.94
    assert np.mean(inside[False]) < np.mean(inside[True])


def test_plausible_parameters_have_the_covariance_of_laplace():
    X, y, task = simulate(80, 2, 1)
    kernel, shape = RBF([1.0, 1.0]), Shape(2, 2, 1)
    objective = Objective([GPRows(X, task, y, np.ones(80))], kernel, shape, Prior.make(kernel, shape))
    best = maximise(objective, 0, 500, 1e-12, 0)
    curvature = approx_fprime(best.vector, lambda at: objective(at)[1], 1e-5)
    points = plausible_parameters(best.vector, objective, [(None, None)] * sum(shape.sizes))
    assert len(points) == 2 * sum(shape.sizes)
    np.testing.assert_allclose(points.mean(axis=0), best.vector, atol=1e-12)
    apart = (points - best.vector).T @ (points - best.vector) / len(points)
    values, vectors = np.linalg.eigh((curvature + curvature.T) / 2)
    np.testing.assert_allclose(apart, vectors / np.maximum(values, 0.25) @ vectors.T, rtol=2e-3, atol=2e-4)


def test_turning_the_loadings_is_no_uncertainty():
    X, y, task = simulate(80, 3, 1)
    kernel, shape = RBF([1.0, 1.0]), Shape(2, 3, 2)
    objective = Objective([GPRows(X, task, y, np.ones(80))], kernel, shape, Prior.make(kernel, shape))
    best = maximise(objective, 0, 500, 1e-12, 0).vector
    loadings = shape.cut(best).loadings
    turn = loadings @ np.array([[0.0, 1.0], [-1.0, 0.0]])
    for point in plausible_parameters(best, objective, [(None, None)] * sum(shape.sizes)):
        moved = shape.cut(point).loadings - loadings
        assert abs(np.sum(moved * turn)) < 1e-3 * np.linalg.norm(turn)


def test_predictions_are_those_of_the_mixture():
    X, y, task = simulate(60, 2, 3)
    model = MultiTaskGPRegressor(rank=1, n_restarts=0).fit(X, y, task=task)
    members, model.members_ = model.members_, None
    assert len(members) == 16
    means, variances = [], []
    for member in members:
        model.members_ = [member]
        mean, std = model.predict(X, task=task, return_std=True)
        means.append(mean)
        variances.append(std**2)
    model.members_ = members
    mean, std = model.predict(X, task=task, return_std=True)
    np.testing.assert_allclose(mean, np.mean(means, axis=0))
    np.testing.assert_allclose(std**2, np.mean(variances, axis=0) + np.var(means, axis=0))


def test_two_rows_that_happen_to_agree_make_nobody_sure():
    X, y, task = simulate(62, 3, 5)
    task[-2:], y[-2:] = 3, [1.0, 1.02]
    model = MultiTaskGPRegressor(rank=1, n_restarts=0).fit(X, y, task=task)
    low, high = model.predict_interval(X, task=np.full(62, 3))
    assert (high - low).min() > 0.1  # the sample deviation alone would give a tenth of that


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
        ({"rank": 0}, "rank=0 must be a whole number, at least 1"),
        ({"rank": "2"}, "rank='2' must be a whole number, at least 1"),
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


def test_own_kernels_gradient_and_dense_covariance():
    rng = np.random.default_rng(3)
    X, y, task = simulate(25, 3, 3)
    rows, kernel, shape = (
        GPRows(X, task, y, rng.uniform(1, 3, size=25)),
        RBF([0.8, 1.3]),
        Shape(2, 3, 2, own_kernels=True),
    )
    at = np.concatenate([kernel.theta, 0.5 * rng.normal(size=6), rng.normal(size=6), rng.normal(size=6) - 1.0])
    assert sum(shape.sizes) == len(at)
    _, gradient = negative_log_likelihood(at, rows, kernel, shape)
    differences = approx_fprime(at, lambda p: negative_log_likelihood(p, rows, kernel, shape)[0], 1e-6)
    np.testing.assert_allclose(gradient, differences, rtol=2e-4, atol=2e-4)
    theta, apart, L, own, noise = shape.cut(at)
    sigma = (L @ L.T)[task[:, None], task] * RBF(np.exp(theta))(X) + np.diag(noise[task])
    for t in range(3):
        sigma += own[t] * np.outer(task == t, task == t) * RBF(np.exp(theta + apart[t]))(X)
    value, _ = negative_log_likelihood(at, GPRows(X, task, y, np.ones(25)), kernel, shape)
    assert value == pytest.approx(-multivariate_normal(np.zeros(25), sigma).logpdf(y), abs=1e-8)
    prior, new = shape.covariance(at, kernel), rng.uniform(-2, 2, size=(6, 2))
    to, mix = np.array([0, 1, 2, 0, -1, -1]), np.vstack([np.diag([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]) / 3])
    Z, t = np.vstack([np.repeat(new, 3, axis=0), X]), np.concatenate([np.tile(np.arange(3), 6), task])
    full = (L @ L.T)[t[:, None], t] * RBF(np.exp(theta))(Z)
    for k in range(3):
        full += own[k] * np.outer(t == k, t == k) * RBF(np.exp(theta + apart[k]))(Z)
    weights = np.zeros((6, 18))
    for i in range(6):
        weights[i, 3 * i : 3 * i + 3] = mix[to[i]]
    scaled = prior.in_units(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(scaled.across(new, to, X, task), weights @ full[:18, 18:], atol=1e-12)
    np.testing.assert_allclose(scaled.variance(new, to), np.diag(weights @ full[:18, :18] @ weights.T), atol=1e-12)
    np.testing.assert_allclose(prior.of_rows(X, task), full[18:, 18:], atol=1e-12)


def test_kernels_of_their_own_are_found_where_tasks_bend_differently_and_rows_are_many():
    rng = np.random.default_rng(0)
    X, task = rng.uniform(-2, 2, size=(600, 1)), np.arange(600) % 2
    y = np.where(task == 0, np.sin(X[:, 0]), np.sin(X[:, 0]) + np.sin(4 * X[:, 0])) + 0.1 * rng.normal(size=600)
    options = {"rank": 1, "n_restarts": 0, "max_fit_rows": 150, "random_state": 0}
    apart = MultiTaskGPRegressor(**options).fit(X, y, task=task)
    alike = MultiTaskGPRegressor(own_kernels=False, **options).fit(X, y, task=task)
    assert alike.own_kernels_ is None
    assert apart.log_marginal_likelihood_ > alike.log_marginal_likelihood_ + 2.0
    assert apart.own_kernels_[1].length_scale < 0.5 * apart.own_kernels_[0].length_scale
    same = np.where(task == 0, 1.0, -1.0) * np.sin(2 * X[:, 0]) + 0.3 * rng.normal(size=600)
    assert MultiTaskGPRegressor(**options).fit(X, same, task=task).own_kernels_ is None
    with pytest.raises(ValueError, match="own_kernels='yes' is not known"):
        MultiTaskGPRegressor(own_kernels="yes").fit(X, y, task=task)
