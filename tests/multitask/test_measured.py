from __future__ import annotations

import cvxpy as cp
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from tests.solvers.oracle import penalty

from crosstask import MultiTaskClassifier, MultiTaskRegressor
from crosstask.couplings import Clustered, FeatureNorm, MeanTied, TraceNorm, robust_centre


@pytest.fixture
def hospitals():
    """Three hospitals; the last never took the third test."""
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(90, 4)) + 2.0, np.repeat([0, 1, 2], 30)
    slopes = np.array([1.0, -1.0, 2.0, 0.5]) + 0.2 * rng.normal(size=(3, 4))
    measured = np.array([[True] * 4, [True] * 4, [True, True, False, True]])
    y = np.einsum("ij,ij->i", X * measured[task], slopes[task]) + rng.normal(size=90)
    return np.where(measured[task], X, np.nan), y, task, measured


@pytest.mark.parametrize(
    "coupling", [MeanTied(), MeanTied(0.5), FeatureNorm(), TraceNorm(), Clustered(2), robust_centre()], ids=str
)
def test_a_column_that_was_not_measured_is_in_no_loss_and_in_every_penalty(hospitals, coupling):
    """The optimum of cvxpy, whose loss of the last task reads three columns, and whose penalty has all slopes."""
    X, y, task, measured = hospitals
    model = MultiTaskRegressor(coupling, alpha=0.05, measured="auto", standardize=False, tol=1e-9).fit(X, y, task=task)
    W, b = [cp.Variable((1, 4)) for _ in range(3)], cp.Variable(3)
    loss = 0
    for t in range(3):
        kept = np.flatnonzero(measured[t])
        loss += cp.sum_squares(y[task == t] - X[task == t][:, kept] @ W[t][0, kept] - b[t]) / (2 * len(y))
    value, constraints = penalty(coupling, W, 3, 1)
    best = cp.Problem(cp.Minimize(loss + 0.05 * coupling.weight * value), constraints).solve(solver="CLARABEL")
    assert model.objective_ == pytest.approx(best, rel=1e-6)
    assert model.coef_[2, 2] == 0.0
    assert (model.measured_ == measured).all()
    assert_allclose(np.where(measured, model.completed_coef_, 0.0), model.coef_)
    if isinstance(coupling, MeanTied) and coupling.centre_weight == 0:  # nothing but the tie holds it
        assert model.completed_coef_[2, 2] == pytest.approx(model.completed_coef_[:2, 2].mean(), abs=1e-4)


@pytest.mark.parametrize("standardize", [True, False])
def test_what_x_holds_there_does_not_matter(hospitals, standardize):
    X, y, task, measured = hospitals
    options = {"alpha": 0.05, "measured": measured, "standardize": standardize}
    with_gaps = MultiTaskRegressor(**options).fit(X, y, task=task)
    with_values = MultiTaskRegressor(**options).fit(np.nan_to_num(X, nan=77.0), y, task=task)
    assert_allclose(with_gaps.coef_, with_values.coef_)
    assert_allclose(with_gaps.predict(X, task=task), with_values.predict(np.nan_to_num(X, nan=-5.0), task=task))
    scaled = MultiTaskRegressor(**options | {"standardize": True}).fit(X * [1.0, 10.0, 100.0, 0.1], y, task=task)
    if standardize:
        assert_allclose(scaled.coef_ * [1.0, 10.0, 100.0, 0.1], with_gaps.coef_)


def test_alpha_is_chosen_and_classes_are_predicted(hospitals):
    X, y, task, _ = hospitals
    frame = pd.DataFrame(X, columns=["age", "pressure", "test", "sugar"]).assign(hospital=task)
    labels = np.where(y > np.median(y), "ill", "well")
    model = MultiTaskClassifier(measured="auto", task_column="hospital", n_alphas=5, cv=3).fit(frame, labels)
    assert model.coef_[2, 2] == 0.0
    assert model.score(frame, labels) > 0.7
    with pytest.raises(ValueError, match="X has gaps in column 'test' of tasks that measured it"):
        model.predict(frame.assign(hospital=0))


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        ("always", "measured='always' is not known: use 'auto'"),
        (np.ones((2, 4), dtype=bool), r"give truth values of shape \(3, 4\)"),
        (np.ones((3, 4)), "type float64: give truth values"),
        (np.ones((3, 4), dtype=bool), "X has gaps in column 2 of tasks that measured it"),
    ],
    ids=str,
)
def test_masks_that_are_none_are_refused(hospitals, measured, said):
    X, y, task, _ = hospitals
    with pytest.raises(ValueError, match=said):
        MultiTaskRegressor(measured=measured, alpha=0.1).fit(X, y, task=task)


def test_doors_and_options_that_do_not_go_with_a_mask(hospitals):
    X, y, task, _ = hospitals
    with pytest.raises(ValueError, match="does not go with unseen_task='pooled'"):
        MultiTaskRegressor(measured="auto", unseen_task="pooled", alpha=0.1).fit(X, y, task=task)
    with pytest.raises(ValueError, match="does not go with a wide y"):
        MultiTaskRegressor(measured="auto", alpha=0.1).fit(np.ones((5, 2)), np.ones((5, 2)))
    with pytest.raises(ValueError, match="in column 2"):
        MultiTaskRegressor(alpha=0.1).fit(X, y, task=task)
