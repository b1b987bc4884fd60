from __future__ import annotations

import numpy as np
import pytest
from tests.solvers.oracle import joint_optimum
from tests.solvers.zoo import LOSSES, OUTPUTS, objective, related, wide

from crosstask.couplings import FeatureNorm, Independent, MeanTied, Pooled
from crosstask.solvers import Problem, alpha_grid, solve
from crosstask.solvers._proximal_gradient import proximal_gradient
from crosstask.solvers._state import Options

COUPLINGS = [Independent(), Pooled(weight=0.5), MeanTied(), MeanTied(0.3, weight=2.0), FeatureNorm(weight=1.5)]
CASES = [(loss, coupling) for loss in LOSSES for coupling in COUPLINGS]


def assert_gap_holds(problem, alpha):
    best = joint_optimum(problem, alpha)
    answer = solve(problem, alpha, tol=1e-7)
    above = (objective(problem, answer) - best) / problem.null_objective
    assert answer.gap <= 1e-7
    assert answer.converged
    assert answer.objective == pytest.approx(objective(problem, answer), rel=1e-10)
    assert -2e-8 <= above <= answer.gap + 2e-8
    rows = next(proximal_gradient(problem, np.array([alpha]), Options(1e-5, 20_000), None))
    assert -2e-8 <= (rows.objective - best) / problem.null_objective <= rows.gap + 2e-8
    assert rows.gap <= 1e-5


@pytest.mark.parametrize(("loss", "coupling"), CASES, ids=str)
def test_optimum_with_intercepts_weights_and_offset(loss, coupling):
    data = related(loss)
    K = 1 if loss != "multinomial" else 3
    offset = np.random.default_rng(3).normal(scale=0.3, size=(data.n_pairs, K))
    problem = Problem(data, LOSSES[loss], coupling, task_weight="equal", offset=offset)
    assert_gap_holds(problem, alpha_grid(problem, 10)[4])


@pytest.mark.parametrize(("loss", "coupling"), CASES, ids=str)
def test_optimum_without_intercepts(loss, coupling):
    problem = Problem(related(loss, seed=5), LOSSES[loss], coupling, fit_intercept=False)
    assert_gap_holds(problem, alpha_grid(problem, 10)[6])


@pytest.mark.parametrize(("loss", "coupling"), CASES[::2], ids=str)
def test_optimum_of_a_wide_target_with_gaps(loss, coupling):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(25, 3))
    Y = np.column_stack([X @ rng.normal(size=3) + rng.normal(size=25) for _ in range(3)])
    if OUTPUTS[loss]:
        Y = np.digitize(Y, np.quantile(Y, np.arange(1, OUTPUTS[loss]) / OUTPUTS[loss])).astype(float)
    if loss == "poisson":
        Y = np.floor(np.exp(0.5 * Y))
    Y[rng.random(Y.shape) < 0.3] = np.nan
    problem = Problem(wide(X, Y, OUTPUTS[loss]), LOSSES[loss], coupling)
    assert_gap_holds(problem, alpha_grid(problem, 10)[4])


@pytest.mark.parametrize("coupling", COUPLINGS, ids=str)
def test_optimum_with_prior_rows(coupling):
    data = related("logistic", seed=6)
    y = np.where(data.codes == 1, 1.0, data.y)
    lacking = type(data)(**{**data.__getstate__(), "y": y}).with_prior_rows()
    assert lacking.n_pairs == data.n_pairs + 2
    problem = Problem(lacking, LOSSES["logistic"], coupling)
    assert_gap_holds(problem, alpha_grid(problem, 10)[4])
