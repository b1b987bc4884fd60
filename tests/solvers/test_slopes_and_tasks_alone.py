"""ElementNorm and TaskNorm, whose tasks are problems of their own, and what the duality gap lets solvers leave out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize, sparse
from sklearn.linear_model import Lasso
from tests.solvers.zoo import related, wide

from crosstask.couplings import ElementNorm, FeatureNorm, TaskNorm
from crosstask.losses import Squared, as_loss
from crosstask.solvers import Problem, alpha_grid, path_coefficients, solve, solve_path
from crosstask.solvers import _path as path_module
from crosstask.solvers._element_descent import ElementDescent, _task_gaps, element_descent, settle
from crosstask.solvers._moments import Moments, moments
from crosstask.solvers._newton import newton
from crosstask.solvers._proximal_gradient import proximal_gradient
from crosstask.solvers._state import Options
from crosstask.solvers._subproblems import lengths, may_be_used
from crosstask.solvers._task_by_task import task_by_task
from crosstask.solvers._task_lengths import held_by_length
from crosstask.tasks import TaskData

TIGHT = Options(1e-9, 50_000)


def soft(c, cut):
    return np.sign(c) * np.maximum(np.abs(c) - cut, 0.0)


def same(problem, alphas, *algorithms):
    paths = [list(algorithm(problem, alphas, TIGHT, None)) for algorithm in algorithms]
    for states in zip(*paths, strict=True):
        for state in states:
            assert state.gap <= 1e-9
            assert state.objective == pytest.approx(states[0].objective, abs=2e-9 * problem.null_objective)
            assert_allclose(state.V, states[0].V, atol=2e-4)
            assert_allclose(state.b, states[0].b, atol=2e-4)


@pytest.mark.parametrize("task_weight", ["rows", "equal"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("d", [5, 30])
def test_lassos_in_one_loop_one_by_one_and_by_gradient(d, fit_intercept, task_weight):
    data = related(T=3, d=d, n=45)
    offset = np.random.default_rng(2).normal(size=data.n_pairs)
    problem = Problem(data, Squared(), ElementNorm(1.5), fit_intercept, task_weight, offset)
    same(problem, alpha_grid(problem, 8)[1:7], element_descent, task_by_task, moments)


def test_each_task_is_scikit_learns_lasso():
    data = related(T=3, d=4, n=60, weighted=False)
    n, alpha = data.n_pairs, 0.03
    coef = solve(Problem(data, Squared(), ElementNorm()), alpha, tol=1e-10).coef[:, 0]
    for t in range(3):
        own = data.codes == t
        expected = Lasso(alpha=alpha * n / own.sum(), tol=1e-12).fit(data.X[own], data.y[own])
        assert_allclose(coef[t], expected.coef_, atol=1e-6)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
@pytest.mark.parametrize("loss", ["logistic", "huber", "poisson"])
def test_other_losses_one_by_one_are_newton_on_all(loss, kind):
    data = related(loss, T=3, d=9, n=80)
    data = replace(data, X=kind(data.X))
    loss = as_loss(loss).bound_to(data.y, data.codes, data.sample_weight) if loss == "huber" else as_loss(loss)
    problem = Problem(data, loss, ElementNorm())
    same(problem, alpha_grid(problem, 8)[2:5], task_by_task, newton)


def test_a_wide_target_an_empty_task_and_one_without_anything_to_explain():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(20, 6)), rng.normal(size=(20, 4))
    Y[3:9, 0], Y[:, 2] = np.nan, 7.0
    data = wide(X, Y)
    data = data.take(data.codes != 1)
    problem = Problem(data, Squared(), ElementNorm())
    same(problem, alpha_grid(problem, 5)[1:4], element_descent, task_by_task, moments)
    answer = solve(problem, 0.05)
    assert not answer.coef[[1, 2]].any()
    for coupling in (ElementNorm(), TaskNorm()):
        constant = Problem(TaskData.from_arrays(X, np.ones(20), np.arange(20) % 2), Squared(), coupling)
        assert not solve(constant, 0.1).coef.any()


def test_where_lassos_are_solved(monkeypatch):
    problem = Problem(related(d=6), Squared(), ElementNorm())
    assert solve(problem, 0.1).solver == "element_descent"
    assert solve(Problem(related("logistic", d=130), as_loss("logistic"), ElementNorm()), 0.1).solver == "task_by_task"
    monkeypatch.setattr(path_module, "LARGEST_MOMENTS", 0)
    monkeypatch.setattr(path_module, "SMALL_MOMENTS", 0)
    assert solve(problem, 0.1).solver == "task_by_task"


def test_an_interrupted_fit_of_one_task_after_another_keeps_its_start():
    def interrupt(done, total, text):
        raise KeyboardInterrupt

    problem = Problem(related(d=130, n=60), Squared(), ElementNorm())
    alphas, seen = alpha_grid(problem, 6), []

    def second(done, total, text):
        seen.append(text)
        if len(seen) == 4:
            raise KeyboardInterrupt

    whole = list(task_by_task(problem, alphas, TIGHT, None))
    with pytest.warns(UserWarning, match="was interrupted"):
        path = path_module.solve_path(problem, alphas, tell=second, tol=1e-9)
    assert_allclose(path[0].coef, whole[0].V, atol=1e-6)
    assert path[-1].gap == np.inf


def test_nearly_dependent_columns_are_settled_by_systems():
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(120, 40)), np.arange(120) % 4
    X = X[:, :1] + 0.05 * X
    data = TaskData.from_arrays(X, X[:, 0] + X[:, 3] - X[:, 5] + 0.01 * rng.normal(size=120), task)
    problem = Problem(data, Squared(), ElementNorm())
    path = solve_path(problem, alpha_grid(problem, 10), tol=1e-8)
    assert max(answer.gap for answer in path) <= 1e-8
    assert max(answer.n_iter for answer in path) <= 200
    held = Moments(problem)
    V = rng.normal(size=(4, 1, 40)) * (rng.random((4, 1, 40)) < 0.5)
    gradient, cut = held.gradient(V)[:, 0], 0.01
    for t in range(4):
        w = settle(held.G[t], gradient[t], V[t, 0], cut)
        moved = w - V[t, 0]
        before, after = cut * np.abs(V[t, 0]).sum(), cut * np.abs(w).sum()
        assert gradient[t] @ moved + 0.5 * moved @ held.G[t] @ moved + after <= before + 1e-12
        used = w != 0
        assert not used[V[t, 0] == 0].any()
        slope = gradient[t] + held.G[t] @ moved
        assert_allclose(slope[used], -cut * np.sign(w[used]), atol=1e-6)


def test_the_compiled_sweeps_are_their_numpy_twin():
    from crosstask.solvers import _kernels

    rng = np.random.default_rng(0)
    T, d, cut = 3, 6, 2.0
    B = rng.normal(size=(T, 9, d))
    B[1, :, 4] = 0.0
    G, g = B.transpose(0, 2, 1) @ B, rng.normal(size=(T, d)) * 4
    g[1, 4] = 0.0
    alive = rng.random((T, d)) < 0.8
    W = np.where(alive, rng.normal(size=(T, d)), 0.0)
    W[1, 4] = 0.0
    ours, gradient, seen = W.copy(), np.einsum("tij,tj->ti", G, W) - g, np.empty((3, 2, T, d))
    _kernels.element_sweeps(G, gradient, ours, cut, alive, seen)
    for sweep in range(3):
        for t in range(T):
            for j in np.flatnonzero(alive[t] & ((W[t] != 0) | (sweep == 0)) & (G[t].diagonal() > 0)):
                W[t, j] = soft(G[t, j, j] * W[t, j] - G[t, j] @ W[t] + g[t, j], cut) / G[t, j, j]
        assert_allclose(seen[sweep, 0], W, atol=1e-12)
        assert_allclose(seen[sweep, 1], np.einsum("tij,tj->ti", G, W) - g, atol=1e-12)
    assert_array_equal(ours, seen[-1, 0])


def test_extrapolation_takes_only_what_is_better():
    held = Moments(Problem(related(T=4, d=6, n=90), Squared(), ElementNorm()))
    cut = 0.02
    descent, W = ElementDescent(held.G, cut), np.zeros((4, 6))
    gradient = held.gradient(W[:, None])[:, 0]
    last = np.inf
    for _ in range(6):
        descent.round(W, gradient, np.ones(W.shape, dtype=bool))
        objective = float(_task_gaps(held, W, gradient, cut)[0].sum())
        assert objective <= last + 1e-12
        last = objective
    assert_allclose(gradient, held.gradient(W[:, None])[:, 0], atol=1e-10)


def test_what_the_gap_rules_out_is_zero_at_the_optimum():
    problem = Problem(related(T=3, d=25, n=60), Squared(), ElementNorm())
    held = Moments(problem)
    alpha = 0.2 * alpha_grid(problem, 2)[0]
    best = solve(problem, alpha, tol=1e-12).coef[:, 0]
    ruled_out = 0
    for steps in range(1, 5):
        W = np.zeros((3, 25))
        gradient, descent = held.gradient(W[:, None])[:, 0], ElementDescent(held.G, alpha)
        for _ in range(steps):
            descent.round(W, gradient, np.ones(W.shape, dtype=bool))
        _, _, reach = _task_gaps(held, W, gradient, alpha)
        ruled_out = max(ruled_out, int((reach < alpha).sum()))
        assert not best[reach < alpha].any()
    assert ruled_out > 25
    both = Problem(problem.data, Squared(), FeatureNorm())
    answer = solve(both, alpha, tol=1e-6)
    exact = solve(both, alpha, tol=1e-12).coef[:, 0]
    length = lengths(held.gradient(answer.coef)[:, 0].T)
    kept = may_be_used(length, np.einsum("tjj->jt", held.G), answer.gap * both.null_objective, alpha)
    assert not exact[:, ~kept].any()
    assert (~kept).any()


@pytest.mark.parametrize("shape", [(45, 4), (24, 40)])
def test_tasks_held_by_their_length_have_a_closed_form(shape):
    n, d = shape
    problem = Problem(related(T=3, d=d, n=n), Squared(), TaskNorm(0.7))
    alphas = alpha_grid(problem, 6)
    found = solve_path(problem, alphas, tol=1e-12)
    assert {answer.solver for answer in found} == {"closed_form"}
    assert max(answer.gap for answer in found) <= 1e-12
    assert_allclose(found[0].coef, 0.0, atol=1e-9)
    for answer, rows in zip(found[2:5], proximal_gradient(problem, alphas[2:5], TIGHT, None), strict=True):
        assert answer.objective == pytest.approx(rows.objective, abs=2e-9 * problem.null_objective)
    slopes, _ = path_coefficients(problem, alphas)
    assert_allclose(slopes, [answer.coef for answer in found])
    table = sparse.csr_matrix(problem.data.X)
    other = Problem(replace(problem.data, X=table), Squared(), TaskNorm(0.7))
    assert_allclose(solve(other, alphas[3]).coef, found[3].coef, atol=1e-8)


def test_a_length_solves_its_equation():
    rng = np.random.default_rng(0)
    values, h = np.exp(3 * rng.normal(size=(40, 5))), rng.normal(size=(40, 5))
    values[:, 4] = h[:, 4] = 0.0
    cut = 0.6 * float(np.median(np.linalg.norm(h, axis=1)))
    found = np.linalg.norm(held_by_length(values, h, cut), axis=1)
    for a, c, length in zip(values, h, found, strict=True):
        if np.linalg.norm(c) <= cut:
            assert length == 0.0
            continue
        root = optimize.brentq(lambda v, a=a, c=c: np.linalg.norm(c / (a * v + cut)) - 1, 0, 1e9, xtol=1e-14)
        assert length == pytest.approx(root, rel=1e-8)
