from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.linear_model import MultiTaskLasso
from tests.solvers.oracle import joint_optimum
from tests.solvers.zoo import related, wide, zoo

from crosstask.couplings import ElementNorm, FeatureNorm, Independent, MeanTied, Pooled
from crosstask.losses import Squared, as_loss
from crosstask.solvers import Problem, alpha_grid, solve
from crosstask.solvers import _restricted as restricted
from crosstask.solvers import _subproblems as subproblems
from crosstask.solvers import _working_set as working_set
from crosstask.solvers._block_descent import block_descent
from crosstask.solvers._designs import rows_are_shared
from crosstask.solvers._newton import newton
from crosstask.solvers._proximal_gradient import proximal_gradient
from crosstask.solvers._restricted import newton_on_working_sets
from crosstask.solvers._state import Options
from crosstask.solvers._working_set import shared_working_sets, working_sets
from crosstask.tasks import TaskData
from crosstask.tasks._operators import SharedRows

TIGHT = Options(1e-9, 50_000)
ON = pytest.mark.parametrize("fullest", [np.inf, 0.0], ids=["moments", "residuals"])


def own_rows(T=4, n=12, d=30, used=5):
    """More columns than rows, few of which matter."""
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(T * n, d)), np.repeat(np.arange(T), n)
    W = np.zeros((T, d))
    W[:, :used] = rng.normal(size=(T, used))
    y = np.einsum("ij,ij->i", X, W[task]) + 0.3 * rng.normal(size=T * n)
    return TaskData.from_arrays(X, y, task, sample_weight=rng.uniform(0.5, 2.0, T * n))


def complete_wide(N=25, d=40, T=6, weight=None):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, d))
    Y = X[:, :4] @ rng.normal(size=(4, T)) + 0.5 * rng.normal(size=(N, T)) + 2.0
    return X, Y, wide(X, Y, weight=None if weight is None else np.tile(weight, T))


@ON
@pytest.mark.parametrize("smallest", [1, 1000])
def test_working_sets_end_where_all_moments_end(fullest, smallest, monkeypatch):
    monkeypatch.setattr(subproblems, "FULLEST", fullest)
    monkeypatch.setattr(working_set, "SMALLEST_SET", smallest)
    offset = np.random.default_rng(3).normal(size=48)
    for fit_intercept in (True, False):
        problem = Problem(own_rows(), Squared(), FeatureNorm(1.5), fit_intercept, "equal", offset)
        alphas = alpha_grid(problem, 12)[:7]
        paths = (algorithm(problem, alphas, TIGHT, None) for algorithm in (working_sets, block_descent))
        for one, two in zip(*paths, strict=True):
            assert max(one.gap, two.gap) <= 1e-9
            assert one.objective == pytest.approx(two.objective, abs=2e-9 * problem.null_objective)
            assert_allclose(one.V, two.V, atol=2e-3)


@ON
def test_working_sets_reach_the_optimum_of_an_interior_point_method(fullest, monkeypatch):
    monkeypatch.setattr(subproblems, "FULLEST", fullest)
    problem = Problem(related(d=8, n=30), Squared(), FeatureNorm())
    alpha = alpha_grid(problem, 10)[3]
    best = joint_optimum(problem, alpha)
    answer = next(working_sets(problem, np.array([alpha]), Options(1e-8, 50_000), None))
    assert -2e-8 <= (answer.objective - best) / problem.null_objective <= answer.gap + 2e-8


@ON
def test_working_sets_solve_the_zoo(fullest, monkeypatch):
    monkeypatch.setattr(subproblems, "FULLEST", fullest)
    for name, data in zoo("squared"):
        problem = Problem(data, Squared(), FeatureNorm())
        grid = alpha_grid(problem, 7)[[0, 2, 4]]
        for state, alpha in zip(working_sets(problem, grid, Options(1e-6, 50_000), None), grid, strict=True):
            assert state.gap <= 1e-6, name
            other = solve(problem, alpha, tol=1e-6)
            slack = 1e-4 if name == "float32" else 3e-6
            assert state.objective == pytest.approx(other.objective, abs=slack * problem.null_objective), name


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("shape", [(25, 40, 6), (90, 12, 3)], ids=str)
def test_shared_rows_are_multi_task_lasso(fit_intercept, weighted, shape):
    N, d, T = shape
    weight = np.random.default_rng(2).uniform(0.5, 2.0, N) if weighted else None
    X, Y, data = complete_wide(N, d, T, weight)
    problem = Problem(data, Squared(), FeatureNorm(), fit_intercept)
    alphas = alpha_grid(problem, 9)[1:6]
    for state, alpha in zip(shared_working_sets(problem, alphas, TIGHT, None), alphas, strict=True):
        lasso = MultiTaskLasso(alpha=alpha * T, tol=1e-9, max_iter=100_000, fit_intercept=fit_intercept)
        if weighted:  # rows times the root of their weight, about the weighted means
            w = weight / weight.sum()
            centre = float(fit_intercept)
            root = np.sqrt(w * N)[:, None]
            lasso.set_params(fit_intercept=False).fit(root * (X - centre * (w @ X)), root * (Y - centre * (w @ Y)))
        else:
            lasso.fit(X, Y)
        assert state.gap <= 1e-9
        assert_allclose(state.V[:, 0], lasso.coef_, atol=2e-4)


def test_a_complete_wide_target_takes_the_shared_route_and_one_with_gaps_does_not():
    X, Y, data = complete_wide()
    complete = Problem(data, Squared(), FeatureNorm())
    assert rows_are_shared(complete)
    assert solve(complete, 0.05).solver == "shared_working_sets"
    uneven = np.random.default_rng(0).uniform(0.5, 2.0, data.n_pairs)
    assert not rows_are_shared(Problem(wide(X, Y, weight=uneven), Squared(), FeatureNorm()))
    Y[3, 2] = np.nan
    assert not wide(X, Y).is_complete
    assert not rows_are_shared(Problem(wide(X, Y), Squared(), FeatureNorm()))


@pytest.mark.parametrize("coupling", [Independent(), Pooled(), MeanTied(0.3), FeatureNorm()], ids=str)
@pytest.mark.parametrize("shape", [(25, 40, 6), (60, 8, 3)], ids=str)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_one_x_for_all_tasks_answers_as_a_copy_for_each_does(coupling, shape, kind):
    X, Y, data = complete_wide(*shape)
    shared = Problem(wide(kind(X), Y), Squared(), coupling)
    copied = Problem(TaskData.from_arrays(np.tile(X, (shape[2], 1)), data.y, data.codes), Squared(), coupling)
    for alpha in alpha_grid(copied, 5)[1:4]:
        one, two = solve(shared, alpha, tol=1e-9), solve(copied, alpha, tol=1e-9)
        assert one.objective == pytest.approx(two.objective, abs=2e-9 * copied.null_objective)
        assert_allclose(one.coef, two.coef, atol=1e-3)
        assert_allclose(one.intercept, two.intercept, atol=1e-3)


def test_a_row_that_was_several_tasks_counts_as_often_when_they_are_made_one():
    X, _, data = complete_wide()
    one = TaskData(**{**data.__getstate__(), "offsets": np.array([0, data.n_pairs]), "tasks": np.zeros(1)})
    assert not one.is_complete
    r = np.random.default_rng(0).normal(size=(data.n_pairs, 1))
    for operator in (one.plain, SharedRows(one, np.zeros((1, X.shape[1])))):
        assert_allclose(operator.adjoint(r)[0, 0], X.T @ r[:, 0].reshape(6, 25).sum(axis=0))


def test_more_columns_than_rows_stay_within_three_times_the_data():
    """No product of all columns is formed: that alone would take 13 times the data."""
    rng = np.random.default_rng(0)
    T, n, d = 5, 30, 2000
    X, task = rng.normal(size=(T * n, d)), np.repeat(np.arange(T), n)
    data = TaskData.from_arrays(X, X[:, 0] * (1.0 + task) + rng.normal(size=T * n), task)
    problem = Problem(data, Squared(), FeatureNorm())
    alpha = 0.05 * problem.coupling.dual_norm(problem.null_gradient())
    data = TaskData(**data.__getstate__())
    solve(problem, alpha)  # compiles
    tracemalloc.start()
    answer = solve(Problem(data, Squared(), FeatureNorm()), alpha)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.solver == "working_sets"
    assert answer.converged
    assert peak <= 2 * X.nbytes  # X itself is the third


def group_prox(a, c, cut):
    """Plain bisection for the length, then the slopes."""
    if np.linalg.norm(c) <= cut:
        return np.zeros_like(c)
    low, high = 0.0, 1e6
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if np.linalg.norm(c / (a * middle + cut)) > 1 else (low, middle)
    return low * c / (a * low + cut)


def test_compiled_sweeps_are_their_numpy_twins():
    from crosstask.solvers import _kernels

    rng = np.random.default_rng(0)
    starts = np.array([0, 7, 7, 19, 30])
    T, m, cut = 4, 6, 1.5
    X, y = rng.normal(size=(m, 30)), rng.normal(size=30)
    code = np.repeat(np.arange(T), np.diff(starts))
    per_task = np.stack([X * (code == t) for t in range(T)])  # (T, m, n)
    G, size = per_task @ per_task.transpose(0, 2, 1), np.stack([(p * p).sum(axis=1) for p in per_task], axis=1)
    W = rng.normal(size=(m, T)) * np.array([1.0, 0.0, 1.0, 0.0, 1e-3, 1.0])[:, None]
    W[:, 1] = 0.0  # the task without rows
    twin = W.copy()
    for j in range(m):
        residual = np.einsum("tjn,jt->n", per_task, twin) - y
        twin[j] = group_prox(size[j], size[j] * twin[j] - per_task[:, j] @ residual, cut)
    ours, residual = W.copy(), np.einsum("tjn,jt->n", per_task, W) - y
    _kernels.residual_sweep(X, starts, residual, ours, size, cut, np.arange(m))
    assert_allclose(ours, twin, atol=1e-10)
    assert_allclose(residual, np.einsum("tjn,jt->n", per_task, ours) - y, atol=1e-10)
    ours, gradient = np.ascontiguousarray(W.T)[:, None], np.zeros((T, 1, m))
    gradient[:, 0] = np.einsum("tij,jt->ti", G, W) - per_task @ y
    whole = G[:, None, :, None, :].copy()
    _kernels.group_sweep(whole, gradient, ours, size.T[:, None].copy(), cut, np.arange(m))
    assert_allclose(ours[:, 0].T, twin, atol=1e-10)
    assert_allclose(gradient[:, 0], np.einsum("tij,jt->ti", G, twin) - per_task @ y, atol=1e-10)


def test_a_sweep_over_some_features_is_a_sweep_of_the_problem_that_has_only_those():
    from crosstask.solvers import _kernels

    rng = np.random.default_rng(1)
    T, K, d, cut = 3, 2, 21, 0.8  # more features than a run
    B = rng.normal(size=(T, K * d + 5, K * d))
    G = (B.transpose(0, 2, 1) @ B).reshape(T, K, d, K, d)
    size = np.abs(np.einsum("tkjmj->tkmj", G)).sum(axis=2)
    W, r = rng.normal(size=(T, K, d)), rng.normal(size=(T, K, d))
    some = np.array([20, 3, 4, 5, 0, 11, 7, 19, 2, 13])
    ours = W.copy()
    gradient = np.einsum("tkjmi,tmi->tkj", G, W) + r
    _kernels.group_sweep(G, gradient, ours, size, cut, some)
    twin = W.copy()
    for j in some:
        slope = np.einsum("tkmi,tmi->tk", G[:, :, j], twin) + r[:, :, j]
        own = size[:, :, j]
        twin[:, :, j] = group_prox(own.ravel(), (own * twin[:, :, j] - slope).ravel(), cut).reshape(T, K)
    assert_allclose(ours, twin, atol=1e-9)
    assert_allclose(gradient, np.einsum("tkjmi,tmi->tkj", G, twin) + r, atol=1e-9)


def test_the_compiled_shared_sweep_is_its_numpy_twin():
    from crosstask.solvers import _kernels

    rng = np.random.default_rng(0)
    m, N, T, cut = 6, 20, 3, 4.0
    X, Y = rng.normal(size=(m, N)), rng.normal(size=(N, T))
    X[4] = 0.0
    W = rng.normal(size=(m, T)) * np.array([1.0, 0.0, 1.0, 0.0, 0.0, 1.0])[:, None]
    twin = W.copy()
    for j in range(m):
        a = X[j] @ X[j]
        twin[j] = group_prox(np.full(T, a), a * twin[j] - X[j] @ (X.T @ twin - Y), cut)
    ours, gradient = W.copy(), X @ (X.T @ W - Y)
    assert _kernels.shared_sweep(X @ X.T, gradient, ours, cut)
    assert_allclose(ours, twin, atol=1e-10)
    assert_allclose(gradient, X @ (X.T @ ours - Y), atol=1e-10)
    assert not _kernels.shared_sweep(X @ X.T, X @ -Y, np.zeros((m, T)), 1e3)


def test_few_alphas_are_not_solved_beyond_max_iter():
    problem = Problem(own_rows(), Squared(), FeatureNorm())
    with pytest.warns(UserWarning, match="working_sets stopped after"):
        state = solve(Problem(related(d=70, n=60), Squared(), FeatureNorm()), 1e-5, max_iter=5, tol=1e-12)
    assert state.n_iter <= 10
    assert next(working_sets(problem, np.array([1e3]), TIGHT, None)).n_iter == 0


@pytest.mark.parametrize("loss", ["logistic", "multinomial", "squared"])
@pytest.mark.parametrize("coupling", [FeatureNorm(1.5), ElementNorm()], ids=str)
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
def test_newton_on_working_sets_is_newton_on_all_features(loss, coupling, kind, monkeypatch):
    monkeypatch.setattr(restricted, "SMALLEST_SET", 1)
    data = related(loss, d=12, n=60)
    problem = Problem(TaskData(**{**data.__getstate__(), "X": kind(data.X)}), as_loss(loss), coupling)
    alphas = alpha_grid(problem, 12)[2:6]
    paths = (algorithm(problem, alphas, Options(1e-8, 500), None) for algorithm in (newton_on_working_sets, newton))
    for one, two in zip(*paths, strict=True):
        assert max(one.gap, two.gap) <= 1e-8
        assert one.objective == pytest.approx(two.objective, abs=2e-8 * problem.null_objective)
        assert_allclose(one.V, two.V, atol=5e-3)


def test_many_columns_are_left_to_working_sets_whatever_the_loss(monkeypatch):
    """A second derivative of all 700 columns in 3 tasks would be too large for Newton's method."""
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(90, 700)), np.arange(90) % 3
    y = (X[:, 0] * (1 + task) > rng.normal(size=90)).astype(float)
    problem = Problem(TaskData.from_arrays(X, y, task, n_classes=2), as_loss("logistic"), FeatureNorm())
    alpha = alpha_grid(problem, 12)[3]
    seen = []
    monkeypatch.setattr(restricted, "newton_or_rows", lambda sub: seen.append(sub.data.n_features) or newton)
    answer = solve(problem, alpha)
    assert answer.solver == "newton_on_working_sets"
    assert answer.converged
    assert max(seen) < 200
    rows = next(proximal_gradient(problem, np.array([alpha]), Options(1e-6, 20_000), None))
    assert answer.objective == pytest.approx(rows.objective, abs=2e-6 * problem.null_objective)
