"""Every coupling with every loss: certified, equal to an interior-point method's optimum, blind to the tasks' order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.couplings.catalogue import PLAIN, SPECTRAL, SUMS
from tests.solvers.oracle import joint_optimum
from tests.solvers.zoo import objective, related, zoo

from crosstask.couplings import FusedInTime, GraphTied, TaskCovariance, TwoLevels, dirty
from crosstask.losses import as_loss
from crosstask.solvers import Problem, alpha_grid, solve

# The solver is asked for more digits than it can promise; the comparison says whether they are there.
pytestmark = pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
EVERY = pytest.mark.parametrize("coupling", PLAIN + SPECTRAL + SUMS, ids=str)
ZOO = {loss: dict(zoo(loss)) for loss in ("squared", "logistic")}


def gradient_at(problem, answer):
    z = problem.data.decision(answer.coef, answer.intercept) + problem.fixed
    return problem.rows.adjoint(problem.gradient(z)) / answer.alpha


@pytest.mark.parametrize(
    ("coupling", "loss", "place"),
    [
        *itertools.product(PLAIN, ["squared", "logistic", "multinomial"], [2, 6]),
        *itertools.product(SPECTRAL, ["squared", "logistic"], [2, 6]),
        *itertools.product(SPECTRAL[::2], ["multinomial"], [4]),
        *itertools.product(SUMS, ["squared"], [2, 6]),
        *itertools.product(SUMS, ["logistic"], [2]),
        *itertools.product(SUMS[2:6], ["multinomial"], [2]),
    ],
    ids=str,
)
def test_optimum_and_certificate(loss, coupling, place):
    problem = Problem(related(loss), as_loss(loss), coupling, task_weight="equal")
    tol = 1e-7 if coupling in SUMS else 1e-8
    answer = solve(problem, alpha_grid(problem, 10)[place], tol=tol)
    best = joint_optimum(problem, answer.alpha)
    assert answer.gap <= tol
    assert answer.objective == pytest.approx(objective(problem, answer), rel=1e-8)
    theirs = 5e-7 if isinstance(coupling, TaskCovariance) else 2e-8  # their covariance is singular at the optimum
    assert -theirs <= (answer.objective - best) / problem.null_objective <= answer.gap + theirs
    scale = 1.0 + np.linalg.norm(gradient_at(problem, answer))
    assert coupling.violation(answer.coef, gradient_at(problem, answer)) < 2e-3 * scale


@pytest.mark.parametrize(
    ("coupling", "loss"),
    [
        *itertools.product(PLAIN, ["squared", "logistic"]),
        *itertools.product(SPECTRAL, ["squared"]),
        (SPECTRAL[4], "logistic"),
        *itertools.product(SUMS, ["squared"]),
        (dirty(), "logistic"),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", sorted(ZOO["squared"]))
def test_every_problem_of_the_zoo_is_solved_to_its_gap(loss, coupling, name):
    data = ZOO[loss][name]
    problem = Problem(data, as_loss(loss), fitting(coupling, data.n_tasks))
    answer = solve(problem, alpha_grid(problem, 7)[3], tol=1e-6)
    assert answer.gap <= 1e-6
    if answer.parts is None:  # the value of a sum at its slopes is a problem of its own
        apart = abs(answer.objective - objective(problem, answer))
        assert apart <= (1e-4 if name == "float32" else 1e-7) * problem.null_objective


@EVERY
def test_the_order_of_tasks_does_not_matter(coupling):
    """Task t of the one problem is task place[t] of the other."""
    data = related()
    place = np.array([2, 0, 1])
    moved = type(data).from_arrays(data.X, data.y, place[data.codes], sample_weight=data.sample_weight)
    one = solve(Problem(data, as_loss("squared"), coupling), 0.02, tol=1e-10)
    two = solve(Problem(moved, as_loss("squared"), relabelled(coupling, place)), 0.02, tol=1e-10)
    assert_allclose(one.coef, two.coef[place], atol=1e-3)


@pytest.mark.parametrize("coupling", [*PLAIN, *SPECTRAL, SUMS[0], SUMS[4]], ids=str)
def test_with_a_vanishing_alpha_each_task_is_alone(coupling):
    data = related(T=3, n=60)
    answer = solve(Problem(data, as_loss("squared"), coupling), 1e-5, tol=1e-7)
    for t in range(3):
        own = data.codes == t
        design = np.column_stack([data.X[own], np.ones(own.sum())])
        root = np.sqrt(data.sample_weight[own])
        slopes = np.linalg.lstsq(design * root[:, None], data.y[own] * root, rcond=None)[0][:-1]
        assert_allclose(answer.coef[t, 0], slopes, atol=5e-3)


@EVERY
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_at_the_largest_alpha_of_a_norm_nothing_is_left_but_what_is_free(coupling, loss):
    problem = Problem(related(loss), as_loss(loss), coupling)
    largest = alpha_grid(problem, 5)[0]
    above, below = (solve(problem, share * largest, tol=1e-9) for share in (1.1, 0.8))
    free = coupling.free_groups(3)
    shared = 0.0 if free is None else above.coef.mean(axis=0)
    if coupling.is_norm:
        assert_allclose(above.coef - shared, 0.0, atol=1e-3 if free is not None else 1e-12)
        assert coupling.value(below.coef) > 1e-3
    else:
        assert coupling.value(above.coef) < coupling.value(below.coef)


def fitting(coupling, n_tasks):
    """The coupling for another number of tasks."""
    if isinstance(coupling, GraphTied):
        return GraphTied([(t, t + 1) for t in range(n_tasks - 1)], ridge=0.1)
    if isinstance(coupling, TwoLevels):
        return TwoLevels([t % 2 for t in range(n_tasks)], between=0.5)
    return FusedInTime() if isinstance(coupling, FusedInTime) else coupling


def relabelled(coupling, place):
    """The coupling that says of tasks place[t] what the given one says of tasks t."""
    if isinstance(coupling, FusedInTime):
        return FusedInTime([int(place[t]) for t in (coupling.order or range(3))], coupling.weight)
    if isinstance(coupling, GraphTied) and coupling.edges is not None:
        edges = [(int(place[e[0]]), int(place[e[1]]), *e[2:]) for e in coupling.edges]
        return GraphTied(edges, ridge=coupling.ridge, weight=coupling.weight)
    if isinstance(coupling, TwoLevels):
        groups = [coupling.groups[t] for t in np.argsort(place)]
        return TwoLevels(groups, between=coupling.between, centre_weight=coupling.centre_weight, weight=coupling.weight)
    if isinstance(coupling, GraphTied):
        back = np.argsort(place)
        return GraphTied(weights=np.asarray(coupling.weights)[np.ix_(back, back)], ridge=coupling.ridge)
    return coupling
