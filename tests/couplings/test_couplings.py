from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from tests.couplings.catalogue import PLAIN, SPECTRAL
from tests.solvers.oracle import penalty
from tests.solvers.zoo import related

from crosstask.couplings import (
    Decomposed,
    ElementNorm,
    FeatureNorm,
    FusedInTime,
    GraphTied,
    Independent,
    MeanTied,
    Pooled,
    as_coupling,
    robust_centre,
)
from crosstask.losses import Squared
from crosstask.solvers import Problem, alpha_grid, solve

ALL = [Independent(2.0), Pooled(0.5), MeanTied(), MeanTied(0.7, 1.5), FeatureNorm(0.8), *PLAIN, *SPECTRAL]
# The solver is asked for more digits than it can promise; the comparison says whether they are there.
pytestmark = pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
COUPLINGS = pytest.mark.parametrize("coupling", ALL, ids=str)
SHAPES = pytest.mark.parametrize("shape", [(3, 4), (3, 2, 4)], ids=str)


def expression(coupling, V):
    """R as cvxpy writes it."""
    W = [cp.Variable(V.reshape(len(V), -1, V.shape[-1]).shape[1:]) for _ in V]
    value, constraints = penalty(coupling, W, len(V), W[0].shape[0])
    return W, coupling.weight * value, constraints


@COUPLINGS
@SHAPES
def test_prox_is_the_minimiser(coupling, shape):
    V = np.random.default_rng(0).normal(size=shape)
    blocks = V.reshape(len(V), -1, shape[-1])
    W, value, constraints = expression(coupling, V)
    near = 0.5 * sum(cp.sum_squares(w - block) for w, block in zip(W, blocks, strict=True))
    cp.Problem(cp.Minimize(near + 0.6 * value), constraints).solve(
        solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11
    )
    assert_allclose(coupling.prox(V, 0.6).reshape(blocks.shape), np.stack([w.value for w in W]), atol=1e-5)


@COUPLINGS
def test_prox_takes_a_step_for_each_feature(coupling):
    V = np.random.default_rng(0).normal(size=(3, 4))
    steps = np.array([0.1, 0.5, 1.0, 3.0])
    if not coupling.by_feature:
        assert_allclose(coupling.prox(V, np.full(4, 0.5)), coupling.prox(V, 0.5))
        return
    for j, step in enumerate(steps):
        assert_allclose(coupling.prox(V, steps)[:, j], coupling.prox(V[:, [j]], float(step))[:, 0])


@COUPLINGS
@SHAPES
def test_value_is_what_cvxpy_computes(coupling, shape):
    V = np.random.default_rng(0).normal(size=shape)
    if isinstance(coupling, Pooled):
        assert coupling.value(V) == np.inf
        V = np.repeat(V[:1], len(V), axis=0)
    W, value, constraints = expression(coupling, V)
    fixed = [w == block for w, block in zip(W, V.reshape(len(V), -1, shape[-1]), strict=True)]
    best = cp.Problem(cp.Minimize(value), constraints + fixed).solve(solver="CLARABEL")
    assert coupling.value(V) == pytest.approx(best, rel=1e-6)


@COUPLINGS
@SHAPES
def test_conjugate_or_dual_norm_meets_fenchel_young(coupling, shape):
    """At V = prox(A), G = A - V is a subgradient of R there; elsewhere the inequality is strict."""
    rng = np.random.default_rng(0)
    A = 5.0 * rng.normal(size=shape)
    V = coupling.prox(A, 1.0)
    G = A - V
    if coupling.is_norm:
        assert coupling.dual_norm(G) == pytest.approx(1.0)
        assert coupling.value(V) == pytest.approx(float(np.vdot(G, V)))
        assert coupling.conjugate(0.9 * G) == 0.0
        assert coupling.conjugate(1.1 * G) == np.inf
        return
    assert coupling.value(V) + coupling.conjugate(G) == pytest.approx(float(np.vdot(G, V)))
    other = np.repeat(rng.normal(size=shape)[:1], shape[0], axis=0)
    assert coupling.value(other) + coupling.conjugate(G) > float(np.vdot(G, other)) - 1e-12


def test_free_is_what_the_penalty_does_not_see():
    V, G = np.random.default_rng(0).normal(size=(2, 3, 4))
    for coupling in (MeanTied(), FusedInTime(), GraphTied([(1, 2)])):
        free = coupling.free(V, G)
        for move in free.at:
            moved = V + np.tensordot(free.groups.T, np.broadcast_to(move, free.at.shape), 1)
            assert coupling.value(moved) == pytest.approx(coupling.value(V))
        assert_allclose(free.gradient.sum(axis=0), G.sum(axis=0))
    assert_allclose(GraphTied([(1, 2)]).free(V, G).at[1], V[1:].mean(axis=0))
    for coupling in (MeanTied(0.1), Independent(), Pooled(), FeatureNorm(), GraphTied([(1, 2)], ridge=0.1)):
        assert coupling.free(V, G) is None


@COUPLINGS
def test_violation_vanishes_at_the_answer_and_only_there(coupling):
    problem = Problem(related(), Squared(), coupling)
    alpha = alpha_grid(problem, 10)[4]
    answer = solve(problem, alpha, tol=1e-13)
    z = problem.data.decision(answer.coef, answer.intercept)
    gradient = problem.rows.adjoint(problem.gradient(z)) / alpha
    assert coupling.violation(answer.coef, gradient) < 1e-5
    assert coupling.violation(answer.coef[[2, 0, 1]], gradient) > 1e-3 or isinstance(coupling, Pooled)
    assert coupling.violation(1.1 * answer.coef, gradient + 1.0) > 1e-3


@pytest.mark.parametrize(
    ("coupling", "loss"),
    [
        (c, loss)
        for c in ALL
        for loss in ("squared", "logistic", "multinomial")
        if loss == "squared" or c not in PLAIN + SPECTRAL
    ],
    ids=str,
)
def test_alpha_range_spans_from_nothing_to_everything(coupling, loss):
    from crosstask.losses import as_loss

    problem = Problem(related(loss), as_loss(loss), coupling)
    grid = alpha_grid(problem, 12)
    assert (np.diff(grid) < 0).all()
    largest = solve(problem, grid[0])
    smallest = solve(problem, grid[-1])
    centre = largest.coef.mean(axis=0) if coupling.free_groups(3) is not None else 0.0
    kept = np.linalg.norm(largest.coef - centre) / np.linalg.norm(smallest.coef)
    assert kept < (1e-9 if coupling.is_norm and coupling.free_groups(3) is None else 0.1)
    if coupling.is_norm:
        assert np.linalg.norm(solve(problem, 0.98 * grid[0], tol=1e-9).coef) > 0


def test_limits_of_mean_tied():
    data = related(T=4)
    pooled = solve(Problem(data, Squared(), Pooled()), 1e-9)
    tied = solve(Problem(data, Squared(), MeanTied()), 1e7)
    assert_allclose(tied.coef, pooled.coef, rtol=1e-5)
    alone = solve(Problem(data, Squared(), Independent()), 1e-9)
    tied = solve(Problem(data, Squared(), MeanTied()), 1e-9)
    assert_allclose(tied.coef, alone.coef, rtol=1e-4, atol=1e-5)


@COUPLINGS
def test_parameter_objects(coupling):
    copy = clone(coupling)
    assert copy.get_params() == coupling.get_params()
    assert copy.set_params(weight=3.0).weight == 3.0


def test_names_and_objects():
    for name, kind in [
        ("independent", Independent),
        ("pooled", Pooled),
        ("mean_tied", MeanTied),
        ("feature_norm", FeatureNorm),
        ("fused_in_time", FusedInTime),
    ]:
        assert type(as_coupling(name)) is kind
    given = MeanTied(0.2)
    assert as_coupling(given) is given
    with pytest.raises(ValueError, match="unknown coupling 'trace': give one of 'independent', 'pooled'"):
        as_coupling("trace")


@pytest.mark.parametrize(
    ("coupling", "said"),
    [
        (FeatureNorm(weight=-1), "FeatureNorm: weight=-1 must be a number, positive"),
        (Independent(weight=0.0), "Independent: weight=0.0 must be a number, positive"),
        (Independent(weight=float("nan")), "weight=nan must be a number"),
        (Pooled(weight=-1.0), "Pooled: weight=-1.0 must be a number, zero or positive"),
        (MeanTied(centre_weight="strong"), "MeanTied: centre_weight='strong' must be a number, zero or positive"),
        (GraphTied([(0, 1)], ridge=-1.0), "GraphTied: ridge=-1.0 must be"),
        (Decomposed(FeatureNorm(), ElementNorm(0.0)), "ElementNorm: weight=0.0 must be a number, positive"),
        (Decomposed(FeatureNorm(), "trace_norm"), "Decomposed: a part is a plain Coupling object, and 'trace_norm' is"),
        (["feature_norm"], "unknown coupling"),
    ],
    ids=str,
)
def test_weights_that_mean_nothing_are_refused(coupling, said):
    with pytest.raises(ValueError, match=said):
        as_coupling(coupling)


def test_a_centre_may_cost_nothing():
    for coupling in (Pooled(weight=0.0), MeanTied(centre_weight=0.0), robust_centre(centre_weight=np.float64(0.0))):
        assert as_coupling(coupling) is coupling
