from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from sklearn.metrics import adjusted_rand_score

from crosstask import MultiTaskRegressor
from crosstask.couplings import Clustered, Independent, MeanTied, SharedSubspace, TaskCovariance, TraceNorm
from crosstask.couplings._spectral import box_conjugate, box_levels, box_value
from crosstask.losses import Squared
from crosstask.solvers import Problem, solve
from crosstask.tasks import TaskData


@pytest.mark.parametrize("budget", [0.5, 1.0, 2.0, 3.5, 6.0, 9.0])
@pytest.mark.parametrize("low", [0.0, 0.1, 0.9])
def test_levels_against_a_general_solver(low, budget):
    rng = np.random.default_rng(0)
    for s in (np.sort(rng.exponential(size=6))[::-1], np.array([2.0, 2.0, 1.0, 1.0, 0.0, 0.0]), np.full(6, 0.3)):
        theta = box_levels(s, low, 1.0, budget)
        assert (theta >= low - 1e-12).all()
        assert (theta <= 1.0 + 1e-12).all()
        assert np.sum(theta - low) <= budget * (1.0 - low) + 1e-9
        used = s > 0
        slack = {"type": "ineq", "fun": lambda t: budget * (1.0 - low) - np.sum(t - low)}
        start = np.full(used.sum(), low + min(budget / 6, 1.0) * (1.0 - low) * 0.99 + 1e-3 * (low == 0.0))
        best = minimize(
            lambda t: np.sum(s[used] ** 2 / t) / 2,  # noqa: B023
            np.clip(start, 1e-3, 1.0),
            bounds=[(max(low, 1e-6), 1.0)] * int(used.sum()),
            constraints=[slack],
            method="SLSQP",
            options={"ftol": 1e-13, "maxiter": 500},
        )
        assert box_value(s, low, 1.0, budget) == pytest.approx(best.fun, rel=1e-5)
        g = np.divide(s, theta, out=np.zeros(6), where=theta > 0)
        if low > 0:  # equality of Fenchel and Young at the gradient
            g_sorted = np.sort(g)[::-1]
            young = box_value(s, low, 1.0, budget) + box_conjugate(g_sorted, low, 1.0, budget)
            assert young == pytest.approx(float(s @ g), rel=1e-9)


def test_the_ends_of_the_box_are_ridges():
    V = np.random.default_rng(0).normal(size=(4, 3))
    assert SharedSubspace(1, outside=1.0).value(V) == pytest.approx(Independent().value(V))
    assert SharedSubspace(3, outside=0.1).value(V) == pytest.approx(Independent().value(V))
    assert SharedSubspace(1, outside=1e-9).value(np.outer([1.0, 2.0], [1.0, 1.0])) == pytest.approx(5.0)
    apart = V - V.mean(axis=0)
    assert Clustered(2, within=1.0, centre_weight=0.0).value(V) == pytest.approx(MeanTied().value(V))
    assert Clustered(2, within=1.0, centre_weight=0.0).value(apart) == pytest.approx(Independent().value(apart))


def grouped_tasks():
    """Twelve tasks of three kinds."""
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(3, 5)) * 2.0
    truth = np.arange(12) % 3
    X, task = rng.normal(size=(360, 5)), np.repeat(np.arange(12), 30)
    y = np.einsum("ij,ij->i", X, kinds[truth][task] + 0.05 * rng.normal(size=(12, 5))[task]) + rng.normal(size=360)
    return X, y, task, truth


def test_clusters_are_found():
    X, y, task, truth = grouped_tasks()
    model = MultiTaskRegressor(Clustered(3, within=0.02), alpha=0.02).fit(X, y, task=task)
    assert adjusted_rand_score(truth, model.clusters_) == 1.0
    assert model.clusters_[:3].tolist() == [0, 1, 2]
    alone = MultiTaskRegressor("independent", alpha=0.02).fit(X, y, task=task)
    spread, wider = (np.mean([m.coef_[truth == k].std(axis=0).mean() for k in range(3)]) for m in (model, alone))
    assert spread < 0.7 * wider
    few = MultiTaskRegressor("clustered", alpha=0.1).fit(X[task < 2], y[task < 2], task=task[task < 2])
    assert few.clusters_.tolist() == [0, 1]


def test_the_covariance_shows_tasks_that_oppose_one_another():
    X, y, task, truth = grouped_tasks()
    flipped = np.where(task == 0, -y, y)
    model = MultiTaskRegressor("task_covariance", alpha=0.01).fit(X, flipped, task=task)
    omega = model.task_covariance_
    assert np.trace(omega) == pytest.approx(1.0)
    assert np.linalg.eigvalsh(omega).min() > -1e-12
    assert (omega[0, 3:][truth[3:] == 0] < 0).all()
    assert (omega[3, 4:][truth[4:] == 0] > 0).all()


def test_squared_and_plain_trace_norm_have_the_same_path():
    """At W of the squared norm with alpha, the plain one has alpha times the trace norm of W."""
    X, y, task, _ = grouped_tasks()
    data = TaskData.from_arrays(X, y, task)
    squared = solve(Problem(data, Squared(), TaskCovariance()), 0.01, tol=1e-10)
    plain = solve(Problem(data, Squared(), TraceNorm()), 0.01 * TraceNorm().value(squared.coef), tol=1e-10)
    assert_allclose(plain.coef, squared.coef, atol=1e-4)


@pytest.mark.parametrize(
    ("coupling", "said"),
    [
        (SharedSubspace(outside=0.0), "outside=0.0 must lie above 0 and be at most 1"),
        (SharedSubspace(n_components=0), "n_components=0 must be an integer of at least 1"),
        (Clustered(n_clusters=1), "n_clusters=1 must be an integer of at least 2"),
        (Clustered(within=2.0), "within=2.0 must lie above 0"),
    ],
    ids=str,
)
def test_parameters_are_checked(coupling, said):
    with pytest.raises(ValueError, match=said):
        coupling.value(np.ones((3, 2)))
