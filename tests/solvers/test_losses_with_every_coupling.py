"""Huber, quantile, Poisson and squared hinge losses with every kind of coupling, against an interior-point method."""

from __future__ import annotations

import itertools

import pytest
from tests.couplings.catalogue import PLAIN, SPECTRAL, SUMS
from tests.solvers.oracle import joint_optimum
from tests.solvers.zoo import LOSSES, objective, related

from crosstask.solvers import Problem, alpha_grid, solve

# The solver is asked for more digits than it can promise; the comparison says whether they are there.
pytestmark = pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
ROUND = itertools.cycle(["huber", "poisson", "quantile"])
PAIRS = [(next(ROUND), coupling) for coupling in [*PLAIN, *SPECTRAL[:4], *SUMS[:4]]]


@pytest.mark.parametrize(
    ("loss", "coupling"), [*PAIRS, ("squared_hinge", SUMS[0]), ("squared_hinge", SPECTRAL[0])], ids=str
)
def test_optimum_and_certificate(loss, coupling):
    problem = Problem(related(loss), LOSSES[loss], coupling, task_weight="equal")
    answer = solve(problem, alpha_grid(problem, 10)[4], tol=1e-7)
    above = (objective(problem, answer) - joint_optimum(problem, answer.alpha)) / problem.null_objective
    assert answer.gap <= 1e-7
    assert -1e-6 <= above <= answer.gap + 1e-7
