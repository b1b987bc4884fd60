from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, sparse
from scipy.special import xlogy
from tests.solvers.zoo import LOSSES, related

from crosstask.couplings import Coupling, FeatureNorm, Independent, MeanTied, Pooled, TraceNorm
from crosstask.losses import Logistic, Loss, Multinomial, Squared, as_loss
from crosstask.solvers import Problem, alpha_grid, solve
from crosstask.solvers import _path as path_module
from crosstask.solvers import _restricted as restricted_module
from crosstask.solvers._accelerated import largest_eigenvalue, minimise_quadratic
from crosstask.solvers._block_descent import block_descent
from crosstask.solvers._certificate import certify
from crosstask.solvers._moments import moments
from crosstask.solvers._newton import newton
from crosstask.solvers._proximal_gradient import proximal_gradient
from crosstask.solvers._state import Options
from crosstask.tasks import TaskData

TIGHT = Options(1e-9, 50_000)


class RowNorm(Coupling):
    """A third party's coupling: sum_t |w_t|, with nothing but what the base class asks for."""

    is_norm = True

    def value(self, V):
        return self.weight * float(np.linalg.norm(V.reshape(len(V), -1), axis=1).sum())

    def prox(self, V, step):
        length = np.linalg.norm(V.reshape(len(V), -1), axis=1)
        kept = np.maximum(1 - self.weight * np.max(step) / np.where(length > 0, length, 1), 0)
        return V * kept.reshape(-1, *[1] * (V.ndim - 1))

    def dual_norm(self, G):
        return float(np.linalg.norm(G.reshape(len(G), -1), axis=1).max()) / self.weight

    def alpha_range(self, problem):
        largest = self.dual_norm(problem.null_gradient())
        return largest, 1e-3 * largest


class LogCosh(Loss):
    """A third party's loss, with nothing but what CONTRIBUTING asks for."""

    smoothness = 1.0

    def row_value(self, y, z):
        r = np.abs(z - y)
        return r + np.log1p(np.exp(-2 * r)) - np.log(2)

    def gradient(self, y, z, sample_weight):
        return sample_weight * np.tanh(z - y)

    def curvature(self, y, z, sample_weight):
        return sample_weight * (1 - np.tanh(z - y) ** 2)

    def conjugate(self, y, u, sample_weight):
        if (np.abs(u) > 1).any():
            return np.inf
        return float(sample_weight @ (u * y + 0.5 * (xlogy(1 + u, 1 + u) + xlogy(1 - u, 1 - u))))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_third_partys_coupling_works_with_every_loss(loss):
    problem = Problem(related(loss), LOSSES[loss], RowNorm(0.7))
    grid = alpha_grid(problem, 6)
    assert_allclose(solve(problem, 1.001 * grid[0]).coef, 0.0)
    answer = solve(problem, grid[3], tol=1e-7)
    assert answer.converged
    rng = np.random.default_rng(0)
    for _ in range(50):  # no step in any direction falls further than the gap allows
        nudge = 1e-3 * rng.normal(size=answer.coef.shape)
        z = problem.data.decision(answer.coef + nudge, answer.intercept)
        moved = problem.value(z) + grid[3] * problem.coupling.value(answer.coef + nudge)
        assert moved >= answer.objective - 1e-7 * problem.null_objective


@pytest.mark.parametrize("coupling", [Independent(), Pooled(), MeanTied(0.2), FeatureNorm()], ids=str)
def test_a_third_partys_loss_works_with_every_coupling(coupling):
    problem = Problem(related(), LogCosh(), coupling)
    answer = solve(problem, 0.02, tol=1e-7)
    assert answer.solver == "newton"
    assert answer.gap <= 1e-7
    rows = next(proximal_gradient(problem, np.array([0.02]), Options(1e-7, 20_000), None))
    assert rows.objective == pytest.approx(answer.objective, abs=1e-6)


def test_block_descent_is_accelerated_gradient_on_moments():
    problem = Problem(related(T=5, d=6, n=80), Squared(), FeatureNorm())
    alphas = alpha_grid(problem, 6)
    for one, two in zip(
        block_descent(problem, alphas, TIGHT, None), moments(problem, alphas, TIGHT, None), strict=True
    ):
        assert_allclose(one.V, two.V, atol=1e-4)
        assert max(one.gap, two.gap) <= 1e-9


@pytest.mark.parametrize(
    ("loss", "coupling"),
    [
        (Logistic(), FeatureNorm()),
        (Multinomial(), FeatureNorm()),
        (Multinomial(), MeanTied(0.2)),
        (Squared(), MeanTied(0.2)),
        (Squared(), Pooled()),
    ],
    ids=str,
)
def test_newton_is_proximal_gradient(loss, coupling):
    name = {Logistic: "logistic", Multinomial: "multinomial", Squared: "squared"}[type(loss)]
    problem = Problem(related(name), loss, coupling)
    alphas = alpha_grid(problem, 6)[2:5]
    for one, two in zip(
        newton(problem, alphas, TIGHT, None), proximal_gradient(problem, alphas, TIGHT, None), strict=True
    ):
        assert max(one.gap, two.gap) <= 1e-9
        assert_allclose(one.V, two.V, atol=1e-3)
        assert one.n_iter < 40


@pytest.mark.parametrize("coupling", [Independent(), Pooled(), MeanTied(), FeatureNorm()], ids=str)
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_wide_sparse_rows_and_the_routes_that_avoid_squares(coupling, loss, monkeypatch):
    """More columns than rows: answers in the span of the rows, and on the rows, are those of plain arrays."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(24, 40)) * (rng.random((24, 40)) < 0.4)
    y, task = rng.normal(size=24), np.arange(24) % 3
    if loss == "logistic":
        y = (y > 0).astype(float)
        coupling = MeanTied(0.1) if isinstance(coupling, MeanTied) else coupling
    k = 2 if loss == "logistic" else None
    dense, csr = (TaskData.from_arrays(m, y, task, n_classes=k) for m in (X, sparse.csr_matrix(X)))
    alpha = 0.02
    one, two = (solve(Problem(d, as_loss(loss), coupling), alpha, tol=1e-9) for d in (dense, csr))
    assert_allclose(one.coef, two.coef, atol=1e-4)
    monkeypatch.setattr(path_module, "LARGEST_MOMENTS", 0)
    monkeypatch.setattr(path_module, "SMALL_MOMENTS", 0)
    monkeypatch.setattr(restricted_module, "LARGEST_HESSIAN", 0)
    rows = solve(Problem(csr, as_loss(loss), coupling), alpha, tol=1e-7, max_iter=20_000)
    chooses = loss == "squared" and isinstance(coupling, FeatureNorm)
    assert rows.solver == ("newton_on_working_sets" if chooses else "proximal_gradient")
    assert rows.objective == pytest.approx(one.objective, abs=1e-6)


def test_group_length_solves_its_equation():
    from crosstask.solvers._kernels import group_length

    rng = np.random.default_rng(0)
    for _ in range(50):
        a, c = np.exp(3 * rng.normal(size=6)), rng.normal(size=6)
        cut = float(rng.uniform(0.0, 1.2) * np.linalg.norm(c))
        length = group_length(a, c, cut, float(rng.choice([0.0, 1e-3, 1e3])))
        if cut >= np.linalg.norm(c):
            assert length == 0.0
            continue
        root = optimize.brentq(lambda v, a=a, c=c, cut=cut: np.linalg.norm(c / (a * v + cut)) - 1, 0, 1e6, xtol=1e-14)
        assert length == pytest.approx(root, rel=1e-8)
    assert group_length(np.zeros(2), np.zeros(2), 0.1, 1.0) == 0.0


def test_largest_eigenvalue_by_power_iteration_is_above_and_near():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(2, 200, 160))
    G = root @ root.transpose(0, 2, 1)
    exact = np.linalg.eigvalsh(G).max()
    assert exact <= largest_eigenvalue(G) <= 1.1 * exact


def test_the_gap_is_an_upper_bound_everywhere():
    """Not only at the answer: at any point, for any pair with nothing left free, gap >= distance to the optimum."""
    rng = np.random.default_rng(0)
    for loss, made in LOSSES.items():
        for coupling in (Independent(), Pooled(), MeanTied(0.3), FeatureNorm()):
            problem = Problem(related(loss), made, coupling, fit_intercept=False)
            best = solve(problem, 0.05, tol=1e-9).objective
            for _ in range(5):
                V = rng.normal(size=(3, problem.n_outputs, 4))
                V = np.repeat(V[:1], 3, axis=0) if isinstance(coupling, Pooled) else V
                b = np.zeros((3, problem.n_outputs))
                at = certify(problem, V, b, problem.decision(V, b), 0.05)
                assert at.gap * problem.null_objective >= at.objective - best - 1e-9


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_a_free_centre_is_not_taken_for_found_at_the_start(loss):
    """With a huge alpha the penalty hides the centre's gradient; the answer must still be the pooled one."""
    data = related(loss)
    tied = solve(Problem(data, as_loss(loss), MeanTied()), 1e8)
    pooled = solve(Problem(data, as_loss(loss), Pooled()), 1e-8, tol=1e-9)
    assert_allclose(tied.coef, pooled.coef, atol=2e-3)


@pytest.mark.parametrize("loss", [Logistic(), Squared()], ids=str)
@pytest.mark.parametrize("coupling", [Independent(), Pooled(), MeanTied(0.1), FeatureNorm()], ids=str)
def test_a_large_sparse_task_is_never_made_dense(coupling, loss, monkeypatch):
    """20 000 rows of 50 000 columns would be 8 GB; what is stored is less than 1 MB."""
    from crosstask.tasks._operators import LiftedRows

    rng = np.random.default_rng(0)
    columns = rng.integers(0, 50_000, 40_000)
    X = sparse.csr_matrix((rng.normal(size=40_000), columns, np.arange(0, 40_001, 2)), shape=(20_000, 50_000))
    y = (rng.random(20_000) < 0.5).astype(float)
    data = TaskData.from_arrays(X, y, np.zeros(20_000), n_classes=2)

    dense = LiftedRows.batches

    def refuse(self):
        assert self.n_features <= 1000, "rows were made dense"  # a working set may be
        return dense(self)

    monkeypatch.setattr(LiftedRows, "batches", refuse)
    problem = Problem(data, loss, coupling)
    grid = alpha_grid(problem, 5)
    assert solve(problem, grid[2], tol=1e-3).converged


def test_steps_that_are_too_long_are_shortened():
    rng = np.random.default_rng(0)
    B = rng.normal(size=(3, 30, 25))
    G, r = B.transpose(0, 2, 1) @ B, rng.normal(size=(3, 1, 25))
    exact, guessed = np.linalg.eigvalsh(G).max(), largest_eigenvalue(G)
    assert 0.8 * exact < guessed < 1.06 * exact
    coupling = TraceNorm(0.7)

    def gradient(V):
        return V @ G + r

    def minimised(step):
        return minimise_quadratic(gradient, coupling, 1.0, np.array(step), 0.0 * r, lambda V, k, last: False, 3000)[0]

    short, long = minimised(1.0 / exact), minimised(6.0 / exact)
    assert coupling.violation(short, gradient(short)) < 1e-8
    assert_allclose(long, short, atol=1e-8)
