"""The compiled intercepts of the logistic loss against the NumPy form that serves all losses."""

from __future__ import annotations

import numpy as np
import pytest

from crosstask.couplings import MeanTied
from crosstask.losses import Logistic
from crosstask.solvers import Problem
from crosstask.solvers._intercepts import _by_brackets, best_intercepts
from crosstask.tasks import TaskData


@pytest.mark.parametrize("spread", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("start", [0.0, 50.0])
def test_they_are_those_of_the_numpy_form_and_leave_no_slope(spread, start):
    rng = np.random.default_rng(0)
    task, y = np.arange(200) % 5, rng.integers(0, 2, size=200).astype(float)
    y[task == 3] = rng.uniform(size=40)  # a share of cases, as prior rows have
    data = TaskData.from_arrays(np.zeros((200, 1)), y, task, sample_weight=rng.uniform(0, 3, size=200))
    problem, z = Problem(data, Logistic(), MeanTied()), spread * rng.normal(size=(200, 1))
    begin = start * rng.normal(size=(5, 1))
    found = best_intercepts(problem, z, begin)
    np.testing.assert_allclose(found, _by_brackets(problem, z, begin), rtol=1e-10, atol=1e-10)
    slope = problem.task_sums(problem.gradient(z + found[data.codes]))
    assert np.abs(slope).max() < 1e-15
