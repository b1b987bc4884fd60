from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from tests.couplings.catalogue import SUMS
from tests.solvers.oracle import penalty

from crosstask import MultiTaskClassifier, MultiTaskRegressor
from crosstask.couplings import Decomposed, FeatureNorm, GraphTied, MeanTied, Pooled, TaskNorm, TraceNorm, robust_centre
from crosstask.datasets import make_related_tasks
from crosstask.losses import as_loss
from crosstask.solvers import Problem, alpha_grid, solve
from crosstask.tasks import TaskData

pytestmark = pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
EACH = pytest.mark.parametrize("coupling", SUMS, ids=str)


@EACH
@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 3)], ids=str)
def test_value_and_prox_are_what_cvxpy_computes(coupling, shape):
    V = np.random.default_rng(0).normal(size=shape)
    blocks = V.reshape(len(V), -1, shape[-1])
    W = [cp.Variable(block.shape) for block in blocks]
    value, constraints = penalty(coupling, W, len(V), blocks.shape[1])
    fixed = [w == block for w, block in zip(W, blocks, strict=True)]
    best = cp.Problem(cp.Minimize(coupling.weight * value), constraints + fixed).solve(solver="CLARABEL")
    assert coupling.value(V) == pytest.approx(best, rel=1e-6)
    near = 0.5 * sum(cp.sum_squares(w - block) for w, block in zip(W, blocks, strict=True))
    problem = cp.Problem(cp.Minimize(near + 0.6 * coupling.weight * value), constraints)
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    assert_allclose(coupling.prox(V, 0.6).reshape(blocks.shape), np.stack([w.value for w in W]), atol=2e-5)


@EACH
def test_the_conjugate_is_the_sum_of_the_parts(coupling):
    """Fenchel and Young: equality at V = prox(A), G = A - V."""
    A = 3.0 * np.random.default_rng(0).normal(size=(3, 4))
    V = coupling.prox(A, 1.0)
    G = (A - V) / (1.0 + 1e-6)  # the prox has rounding of its own, and a norm's ball has an edge
    assert coupling.dual_scale(A - V) < 1.0 + 1e-6
    assert coupling.value(V) + coupling.conjugate(G) == pytest.approx(float(np.vdot(G, V)), rel=1e-4)


def test_parts_are_named_cloned_and_searched():
    coupling = Decomposed(Pooled(weight=0.0), TraceNorm(), TaskNorm(0.5), TaskNorm(2.0))
    assert coupling.names == ["pooled", "trace_norm", "task_norm", "task_norm_2"]
    copy = clone(coupling).set_params(third__weight=0.7)
    assert (copy.third.weight, coupling.third.weight) == (0.7, 0.5)
    with pytest.raises(ValueError, match="put all parts side by side"):
        Decomposed(TaskNorm(), robust_centre()).value(np.zeros((2, 2)))
    graph = Decomposed(GraphTied([("a", "b")], ridge=0.1), FeatureNorm()).for_tasks(["a", "b"])
    assert graph.first.edges == [(0, 1)]


@pytest.fixture(scope="module")
def with_an_outlier():
    """Ten tasks of one mind; the last has the opposite slopes."""
    data = make_related_tasks(n_tasks=10, n_rows=40, n_features=4, random_state=0)
    rng = np.random.default_rng(0)
    slopes = np.tile([2.0, -1.0, 1.0, 3.0], (10, 1))
    slopes[9] *= -1.0
    position = np.unique(data.task, return_inverse=True)[1]
    z = np.einsum("ij,ij->i", data.X, slopes[position])
    return data.X, z + rng.normal(size=len(z)), position


def test_robust_centre_names_the_outlier_and_pools_the_others(with_an_outlier):
    X, y, task = with_an_outlier
    model = MultiTaskRegressor("robust_centre", alpha=0.08).fit(X, y, task=task)
    assert np.flatnonzero(model.outlier_tasks_).tolist() == [9]
    assert set(model.components_) == {"pooled", "task_norm"}
    assert_allclose(sum(model.components_.values()), model.coef_, atol=1e-12)
    assert_allclose(model.coef_[:9], np.tile(model.shared_coef_, (9, 1)), atol=1e-12)
    own = MultiTaskRegressor("pooled", alpha=1e-9).fit(X[task < 9], y[task < 9], task=task[task < 9])
    tied = MultiTaskRegressor(MeanTied(), alpha=0.08).fit(X, y, task=task)
    assert (
        np.abs(model.shared_coef_ - own.shared_coef_).max() < 0.5 * np.abs(tied.shared_coef_ - own.shared_coef_).max()
    )
    model.set_params(coupling="mean_tied").fit(X, y, task=task)
    assert not hasattr(model, "components_")
    assert not hasattr(model, "outlier_tasks_")


def test_components_of_a_classifier_are_on_the_scale_of_the_user(with_an_outlier):
    X, y, task = with_an_outlier
    labels = np.digitize(y, [-1.0, 1.0])
    model = MultiTaskClassifier("dirty", alpha=0.02).fit(X * [1.0, 10.0, 100.0, 1.0], labels, task=task)
    assert model.gap_ <= 1e-6
    assert_allclose(sum(model.components_.values()), model.coef_, atol=1e-12)
    assert model.components_["element_norm"].shape == (10, 3, 4)
    assert model.support_.shape == (10, 3, 4)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_fewer_rows_than_columns(loss):
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(18, 40)), np.arange(18) % 3
    y = X[:, 0] + rng.normal(size=18)
    data = TaskData.from_arrays(
        X, y > 0 if loss == "logistic" else y, task, n_classes=2 if loss == "logistic" else None
    )
    for coupling in (robust_centre(0.1), Decomposed(TraceNorm(), FeatureNorm(1.5))):
        problem = Problem(data, as_loss(loss), coupling)
        answer = solve(problem, alpha_grid(problem, 5)[2])
        assert answer.converged
        assert_allclose(answer.parts.sum(axis=0), answer.coef, atol=1e-12)
        again = solve(problem, answer.alpha, init=answer)
        assert again.n_iter <= 1
