"""Ctrl-C keeps what was found: tested by a callable that raises what Ctrl-C raises."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from crosstask.couplings import FeatureNorm, TraceNorm
from crosstask.losses import Logistic, Squared
from crosstask.multitask import MultiTaskClassifier, MultiTaskRegressor
from crosstask.solvers import Problem, alpha_grid, solve, solve_path
from crosstask.solvers._block_descent import block_descent
from crosstask.solvers._moments import moments
from crosstask.solvers._newton import newton
from crosstask.solvers._proximal_gradient import proximal_gradient
from crosstask.solvers._state import Options, Watch
from crosstask.tasks import TaskData


class After:
    """Raises KeyboardInterrupt at the k-th report."""

    def __init__(self, k):
        self.k, self.said = k, []

    def __call__(self, done, total, text):
        self.said.append((done, total, text))
        if len(self.said) == self.k:
            raise KeyboardInterrupt


def table(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(90, 6)) @ (np.eye(6) + 0.9)
    y = X @ rng.normal(size=6) + 0.5 * rng.normal(size=90)
    return X, y, np.arange(90) % 3


@pytest.mark.parametrize("coupling", [FeatureNorm(), TraceNorm()], ids=str)
@pytest.mark.parametrize("classes", [False, True])
def test_the_best_iterate_is_kept_with_its_gap(coupling, classes):
    X, y, task = table()
    y = (y > 0).astype(int) if classes else y
    make = MultiTaskClassifier if classes else MultiTaskRegressor
    told = After(3)
    model = make(coupling, alpha=1e-3, tol=1e-12, verbose=told)
    with pytest.warns(
        ConvergenceWarning, match=r"was interrupted after \d+ iterations at alpha=0.001: the best"
    ) as seen:
        model.fit(X, y, task=task)
    assert len(seen) == 1
    best = make(coupling, alpha=1e-3, tol=1e-9).fit(X, y, task=task)
    assert 0 < model.gap_ < 1
    assert "gap" in told.said[-1][2]
    assert best.objective_ <= model.objective_ <= best.objective_ + model.gap_ * (1.0 if classes else np.var(y))
    assert np.isfinite(model.predict(X, task=task).astype(float)).all()


@pytest.mark.parametrize("algorithm", [block_descent, moments, newton, proximal_gradient])
def test_every_algorithm_is_watched(algorithm):
    X, y, task = table()
    problem = Problem(TaskData.from_arrays(X, y, task), Squared(), FeatureNorm())
    said = After(0)
    watch = Watch(said)
    state = next(algorithm(problem, alpha_grid(problem, 5)[3:4], Options(1e-6, 500, watch), None))
    assert said.said
    assert watch.best is not None
    assert watch.best.gap == pytest.approx(state.gap)
    assert np.array_equal(watch.best.V, state.V)


def test_alphas_that_were_not_reached_say_so():
    X, y, task = table()
    data = TaskData.from_arrays(X, (y > 0).astype(float), task, n_classes=2)
    problem = Problem(data, Logistic(), FeatureNorm())
    alphas = alpha_grid(problem, 6)
    full = solve_path(problem, alphas)
    reports = sum(s.n_iter + 1 for s in full[:3]) + 2  # two iterates into the fourth alpha
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        path = solve_path(problem, alphas, tell=After(reports))
    assert [s.gap <= 1e-6 for s in path[:3]] == [True] * 3
    assert np.isfinite(path[3].gap)
    assert path[3].gap > 1e-6
    assert [s.gap for s in path[4:]] == [np.inf] * 2


def test_folds_that_are_done_choose_alpha():
    X, y, task = table()
    with pytest.warns(ConvergenceWarning, match="interrupted after 2 of 4 folds, and rests on those"):
        model = MultiTaskRegressor(n_alphas=3, cv=4, verbose=After(2)).fit(X, y, task=task)
    assert model.alpha_ in model.path_["alpha"]
    assert np.isfinite(model.path_["cv_loss"]).all()


def test_an_interruption_at_once_leaves_the_null_model():
    X, y, task = table()

    def at_once(*_):
        raise KeyboardInterrupt

    problem = Problem(TaskData.from_arrays(X, y, task), Squared(), FeatureNorm())
    with pytest.warns(ConvergenceWarning, match="interrupted after 0 iterations"):
        answer = solve(problem, 1e-3, tell=at_once)
    assert not answer.coef.any()
    assert answer.objective == pytest.approx(problem.null_objective)


def test_progress_is_printed_about_once_a_second(monkeypatch, capsys):
    from crosstask.multitask import _tuning

    X, y, task = table()
    monkeypatch.setattr(_tuning, "SECONDS", 0.0)
    MultiTaskRegressor("feature_norm", alpha=1e-3, verbose=1).fit(X, y, task=task)
    assert "/1000] iterations, alpha=0.001: objective" in capsys.readouterr().out
