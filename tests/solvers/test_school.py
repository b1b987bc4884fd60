from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from crosstask.couplings import FeatureNorm
from crosstask.losses import Squared
from crosstask.solvers import Problem, solve
from crosstask.tasks import TaskData

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))


def test_school_reaches_the_optimum_that_other_solvers_agree_on():
    """.5 SSE + rho |W|_21 with rho = .01 rho_max, all 28 columns as they are, no intercept."""
    path = DATA / "school.npz"
    if not path.exists():
        pytest.skip(f"{path} is missing: set CROSSTASK_DATA to the folder that holds it")
    with np.load(path) as table:
        data = TaskData.from_arrays(table["X"].astype(np.float32), table["y"], table["task"])
    rho = 12161.57
    answer = solve(Problem(data, Squared(), FeatureNorm(), fit_intercept=False), rho / data.n_pairs, tol=1e-7)
    residual = data.y - data.decision(answer.coef, answer.intercept)[:, 0]
    value = 0.5 * float(residual @ residual) + rho * FeatureNorm().value(answer.coef)
    assert value == pytest.approx(1207559.031, rel=1e-6)
    assert answer.objective * data.n_pairs == pytest.approx(value, rel=1e-9)
