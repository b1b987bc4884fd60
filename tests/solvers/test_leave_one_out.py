from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from tests.solvers.zoo import related, wide

from crosstask.couplings import Independent, MeanTied, Pooled
from crosstask.losses import Squared
from crosstask.solvers import Problem, leave_one_out, path_decisions
from crosstask.tasks import TaskData

ALPHAS = np.array([0.01, 0.3])
COUPLINGS = [Independent(2.0), Pooled(0.5), MeanTied(), MeanTied(0.3, weight=2.0)]


def by_refitting(problem):
    """Each pair's prediction by a fit of all others; alpha grows so that the ridge stays what it was with n rows."""
    data, n = problem.data, problem.data.sample_weight.sum()
    out = np.full((len(ALPHAS), data.n_pairs), np.nan)
    for i in range(data.n_pairs):
        left = data.take(np.arange(data.n_pairs) != i)
        if (left.codes == data.codes[i]).any() or not problem.fit_intercept:
            offset = None if problem.offset is None else np.delete(problem.offset, i, axis=0)
            other = Problem(left, problem.loss, problem.coupling, problem.fit_intercept, offset=offset)
            alphas = ALPHAS * n / left.sample_weight.sum()
            own = 0.0 if problem.offset is None else problem.offset[i]
            out[:, i] = path_decisions(other, alphas, data.take(np.arange(data.n_pairs) == i))[:, 0, 0] + own
    return out


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("coupling", COUPLINGS, ids=str)
def test_it_is_refitting_without_each_row(coupling, fit_intercept):
    data = related(n=25)
    offset = np.random.default_rng(0).normal(size=data.n_pairs)
    problem = Problem(data, Squared(), coupling, fit_intercept, offset=offset)
    assert_allclose(leave_one_out(problem, ALPHAS), by_refitting(problem), atol=1e-8)


@pytest.mark.parametrize("coupling", [Independent(), Pooled(), MeanTied(0.3)], ids=str)
def test_more_columns_than_rows_a_wide_target_and_a_task_of_one_row(coupling):
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(12, 20)), np.r_[9, np.arange(11) % 2]
    long = Problem(TaskData.from_arrays(X, rng.normal(size=12), task), Squared(), coupling)
    found = leave_one_out(long, ALPHAS)
    assert np.isnan(found[:, long.data.codes == 2]).all()
    assert_allclose(found, by_refitting(long), atol=1e-8)
    Y = rng.normal(size=(12, 2))
    Y[[1, 3], 0] = np.nan
    shared = Problem(wide(X[:, :3], Y), Squared(), coupling)
    assert_allclose(leave_one_out(shared, ALPHAS), by_refitting(shared), atol=1e-8)


def test_one_task_is_scikit_learns_leave_one_out():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(15, 3)), rng.normal(size=15)
    problem = Problem(TaskData.from_arrays(X, y, np.zeros(15)), Squared(), Independent())
    expected = cross_val_predict(Ridge(alpha=15 * 0.3), X, y, cv=LeaveOneOut())
    assert_allclose(leave_one_out(problem, [0.3])[0], expected)


@pytest.mark.parametrize("task_weight", ["rows", "equal"])
@pytest.mark.parametrize("coupling", COUPLINGS, ids=str)
def test_evenly_it_is_generalised_cross_validation(coupling, task_weight):
    data = replace(related(n=20), sample_weight=np.random.default_rng(0).uniform(0.5, 3.0, related(n=20).n_pairs))
    problem = Problem(data, Squared(), coupling, task_weight=task_weight)
    hat = np.stack([fitted(replace(problem, data=replace(data, y=unit))) for unit in np.eye(data.n_pairs)], axis=2)
    trace = np.einsum("aii->ai", hat)
    groups = data.codes if isinstance(coupling, Independent) else np.zeros(data.n_pairs, dtype=int)
    mean = np.stack([np.bincount(groups, row) / np.bincount(groups, data.sample_weight) for row in trace])
    residual = data.y - np.einsum("aij,j->ai", hat, data.y)
    assert_allclose(data.y - leave_one_out(problem, ALPHAS, evenly=True), residual / (1.0 - mean[:, groups]))


def fitted(problem):
    """Fitted values of each alpha, (A, n_pairs)."""
    return path_decisions(problem, ALPHAS, problem.data)[..., 0]
