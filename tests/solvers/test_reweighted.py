"""Ridges that follow the singular values, as a start for the trace norm."""

from __future__ import annotations

import numpy as np
import pytest

from crosstask.couplings import TraceNorm
from crosstask.datasets import load_parkinsons
from crosstask.losses import Squared
from crosstask.solvers import Problem, alpha_grid
from crosstask.solvers import _moments as moments_module
from crosstask.solvers._moments import Moments, moments
from crosstask.solvers._reweighted import reweighted_slopes
from crosstask.solvers._state import Options
from crosstask.tasks import TaskData


def nearly_dependent():
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(160, 8)), np.arange(160) % 8
    X = X @ np.diag(np.geomspace(1.0, 0.002, 8)) @ np.linalg.qr(rng.normal(size=(8, 8)))[0]
    W = rng.normal(size=(8, 3)) @ rng.normal(size=(3, 8))
    y = np.einsum("ij,ij->i", X, W[task]) + 0.05 * rng.normal(size=160)
    return Problem(TaskData.from_arrays(X, y, task), Squared(), TraceNorm(0.5))


@pytest.mark.parametrize("share", [0.1, 0.01, 0.001])
def test_they_come_near_the_minimum(share):
    problem = nearly_dependent()
    alpha = share * alpha_grid(problem, 2)[0]
    best = next(moments(problem, np.array([alpha]), Options(1e-10, 50_000), None))
    held = Moments(problem)
    near = reweighted_slopes(held, 0.5 * alpha)
    objective, gap = held.certify(near, held.gradient(near), alpha)
    assert best.objective <= objective <= best.objective + 1e-3 * problem.null_objective
    assert gap < 0.01


def test_with_them_the_answer_is_the_same_and_sooner_there(monkeypatch):
    frame = load_parkinsons().groupby("patient").head(20)
    X = frame.drop(columns=["patient", frame.attrs["target"]]).to_numpy(dtype=float)
    data = TaskData.from_arrays(X / X.std(axis=0), frame[frame.attrs["target"]], frame["patient"])
    problem, spent, objectives = Problem(data, Squared(), TraceNorm()), [], []
    alphas = alpha_grid(problem, 2)[1:]
    for late in (moments_module.LATE, 10**9):
        monkeypatch.setattr(moments_module, "LATE", late)
        state = next(moments(problem, alphas, Options(1e-6, 10_000), None))
        assert state.gap <= 1e-6
        spent.append(state.n_iter)
        objectives.append(state.objective)
    assert objectives[0] == pytest.approx(objectives[1], abs=2e-6 * problem.null_objective)
    assert spent[0] < 0.2 * spent[1]


def test_few_iterations_are_few():
    problem = nearly_dependent()
    alphas = alpha_grid(problem, 3)[1:]
    for most in (1, moments_module.LATE, moments_module.LATE + 3):
        for state in moments(problem, alphas, Options(1e-14, most), None):
            assert state.n_iter == most or (state.n_iter < most and state.gap <= 1e-14)
