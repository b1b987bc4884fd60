from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import lsq_linear

from crosstask import MultiTaskRegressor
from crosstask.couplings import FusedInTime, GraphTied
from crosstask.couplings._kernels import taut_strings
from crosstask.datasets import make_related_tasks


def by_its_dual(y, radius):
    """Total variation by bounded least squares: y - D'u with |u| <= radius."""
    D = np.diff(np.eye(len(y)), axis=0)
    return y - D.T @ lsq_linear(D.T, y, bounds=(-radius, radius), tol=1e-14).x


@pytest.mark.parametrize("radius", [1e-3, 0.1, 1.0, 10.0])
def test_taut_strings_solve_the_total_variation_problem(radius):
    rng = np.random.default_rng(0)
    for length in (2, 3, 7, 40):
        Y = np.cumsum(rng.normal(size=(4, length)), axis=1)
        Y[3] = np.round(Y[3])  # ties
        got = taut_strings(Y, np.full(4, radius))
        assert_allclose(got, [by_its_dual(y, radius) for y in Y], atol=1e-6)
    assert_allclose(taut_strings(np.array([[3.0]]), np.array([radius])), [[3.0]])
    flat = np.repeat([[2.0]], 5, axis=1)
    assert_allclose(taut_strings(flat, np.array([radius])), flat)


def test_a_string_without_slack_is_the_data_and_with_much_its_mean():
    y = np.array([[1.0, -2.0, 0.5, 4.0]])
    assert_allclose(taut_strings(y, np.zeros(1)), y)
    assert_allclose(taut_strings(y, np.array([1e6])), np.full((1, 4), y.mean()))


def test_edges_weights_and_laplacian_say_the_same():
    V = np.random.default_rng(0).normal(size=(4, 3))
    weights = np.array([[0, 1, 0, 0], [1, 0, 2, 0], [0, 2, 0, 0.5], [0, 0, 0.5, 0]])
    laplacian = np.diag(weights.sum(axis=0)) - weights
    ways = [
        GraphTied([(0, 1), (2, 1, 2.0), (2, 3, 0.5)]),
        GraphTied(weights=weights),
        GraphTied(laplacian=laplacian.tolist()),
    ]
    for tied in ways:
        assert tied.value(V) == pytest.approx(0.5 * np.trace(V.T @ laplacian @ V))
        assert_allclose(tied.prox(V, 0.3), np.linalg.solve(np.eye(4) + 0.3 * laplacian, V))


@pytest.mark.parametrize(
    ("tied", "said"),
    [
        (GraphTied(), "exactly one of edges, weights and laplacian; given: none"),
        (GraphTied([(0, 1)], weights=np.eye(3)), "given: edges, weights"),
        (GraphTied([(0, 5)]), "positions in edges run from 0 to 2 for 3 tasks"),
        (GraphTied([(0, 1, 2.0, 3.0)]), "an edge is a pair of tasks"),
        (GraphTied([("a", "b")]), "edges between names need an estimator"),
        (GraphTied(weights=np.ones((2, 2))), r"weights has shape \(2, 2\), and there are 3 tasks"),
        (GraphTied(weights=[[0, 1, 0], [0, 0, 0], [0, 0, 0]]), "weights must be symmetric"),
        (GraphTied(weights=-np.ones((3, 3))), "must be zero or positive"),
        (GraphTied(laplacian=np.eye(3)), "rows of laplacian must sum to zero"),
    ],
    ids=str,
)
def test_graphs_that_are_none_are_refused(tied, said):
    with pytest.raises(ValueError, match=said):
        tied.value(np.zeros((3, 2)))


def test_an_estimator_translates_task_ids():
    data = make_related_tasks(n_tasks=3, n_rows=30, n_features=3, random_state=0)
    names = np.array(["north", "east", "south"])[np.unique(data.task, return_inverse=True)[1]]
    tied = GraphTied([("north", "south"), ("east", "north", 2.0)])
    fitted = MultiTaskRegressor(tied, alpha=0.1).fit(data.X, data.y, task=names)
    by_position = MultiTaskRegressor(GraphTied([(1, 2), (0, 1, 2.0)]), alpha=0.1)
    by_position.fit(data.X, data.y, task=np.searchsorted(["east", "north", "south"], names))
    assert_allclose(fitted.coef_, by_position.coef_)
    assert tied.edges[0] == ("north", "south")
    fused = MultiTaskRegressor(FusedInTime(["south", "east", "north"]), alpha=0.01).fit(data.X, data.y, task=names)
    assert fused.coupling_.order == [2, 0, 1]
    with pytest.raises(ValueError, match="an edge names 'west', which is not among the tasks 'east', 'north', 'south'"):
        MultiTaskRegressor(GraphTied([("north", "west")]), alpha=0.1).fit(data.X, data.y, task=names)
    with pytest.raises(ValueError, match="order must name each of the 3 tasks once"):
        MultiTaskRegressor(FusedInTime(["south", "north"]), alpha=0.1).fit(data.X, data.y, task=names)


def test_positions_in_time_are_a_permutation():
    with pytest.raises(ValueError, match="order must hold the positions 0 to 2, each once"):
        FusedInTime([0, 1, 1]).value(np.zeros((3, 2)))
