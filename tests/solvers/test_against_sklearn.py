from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression, MultiTaskLasso, Ridge
from tests.solvers.zoo import related, wide

from crosstask.couplings import FeatureNorm, Independent, MeanTied, Pooled
from crosstask.losses import Logistic, Multinomial, Squared
from crosstask.solvers import Problem, solve


@pytest.mark.parametrize("coupling", [Independent(), Pooled()], ids=str)
def test_one_task_is_ridge(coupling):
    data = related(T=1)
    n, alpha = data.sample_weight.sum(), 0.05
    ours = solve(Problem(data, Squared(), coupling), alpha)
    theirs = Ridge(alpha=n * alpha, tol=1e-12).fit(data.X, data.y, sample_weight=data.sample_weight)
    assert_allclose(ours.coef[0, 0], theirs.coef_, rtol=1e-9)
    assert_allclose(ours.intercept[0, 0], theirs.intercept_, rtol=1e-9)


@pytest.mark.parametrize(("loss", "name"), [(Logistic(), "logistic"), (Multinomial(), "multinomial")], ids=str)
def test_one_task_is_logistic_regression(loss, name):
    data = related(name, T=1)
    n, alpha = data.sample_weight.sum(), 0.05
    ours = solve(Problem(data, loss, Independent()), alpha, tol=1e-12)
    theirs = LogisticRegression(C=1.0 / (n * alpha), tol=1e-10, max_iter=10_000)
    theirs.fit(data.X, data.y, sample_weight=data.sample_weight)
    assert_allclose(ours.coef[0], theirs.coef_, atol=2e-5)
    their_intercept = theirs.intercept_ - theirs.intercept_.mean() * (name == "multinomial")
    assert_allclose(ours.intercept[0], their_intercept, atol=2e-5)


def test_each_independent_task_is_its_own_ridge():
    data = related(T=4)
    n, alpha = data.sample_weight.sum(), 0.05
    ours = solve(Problem(data, Squared(), Independent()), alpha)
    for t in range(4):
        rows = data.codes == t
        theirs = Ridge(alpha=n * alpha, tol=1e-12).fit(
            data.X[rows], data.y[rows], sample_weight=data.sample_weight[rows]
        )
        assert_allclose(ours.coef[t, 0], theirs.coef_, rtol=1e-8)


def test_mean_tied_is_ridge_on_a_common_and_an_own_part():
    data = related(T=3, d=2)
    n, alpha, c = data.sample_weight.sum(), 0.1, 0.5
    ours = solve(Problem(data, Squared(), MeanTied(c), fit_intercept=False), alpha)
    own = np.zeros((data.n_pairs, 3, 2))
    own[np.arange(data.n_pairs), data.codes] = data.X
    lifted = np.hstack([data.X / np.sqrt(c), own.reshape(data.n_pairs, -1)])
    theirs = Ridge(alpha=n * alpha, tol=1e-12, fit_intercept=False).fit(
        lifted, data.y, sample_weight=data.sample_weight
    )
    shared = theirs.coef_[:2] / np.sqrt(c)
    assert_allclose(ours.centre[0], shared, rtol=1e-8)
    assert_allclose(ours.coef[:, 0], shared + theirs.coef_[2:].reshape(3, 2), rtol=1e-8)


def test_complete_wide_target_is_multi_task_lasso():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 12))
    Y = X[:, :3] @ rng.normal(size=(3, 5)) + 0.5 * rng.normal(size=(40, 5)) + 2.0
    alpha = 0.3
    ours = solve(Problem(wide(X, Y), Squared(), FeatureNorm()), alpha / 5, tol=1e-10)
    theirs = MultiTaskLasso(alpha=alpha, tol=1e-10, max_iter=100_000).fit(X, Y)
    assert_allclose(ours.coef[:, 0], theirs.coef_, atol=1e-5)
    assert_allclose(ours.intercept[:, 0], theirs.intercept_, atol=1e-5)
    assert (np.abs(theirs.coef_).sum(axis=0) == 0).any()
    assert ((ours.coef[:, 0] == 0) == (theirs.coef_ == 0)).all()
