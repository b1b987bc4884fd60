"""The picture of slopes: what it reads from a model, and where it puts them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestRegressor

from crosstask import CrossTaskRegressor
from crosstask.report._shrinkage import LINES, Shrinkage, collect_shrinkage, shrinkage_figure


def _rows(n_tasks=4, n=40, classes=False):
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((n_tasks * n, 3)) * [1, 5, 1], np.repeat([f"t{k}" for k in range(n_tasks)], n)
    return X, X @ [1.0, 0.2, 0.0] + rng.standard_normal(len(X)), task


def test_the_used_slopes_are_those_of_a_linear_flagship_and_the_own_ones_of_its_own_model():
    X, y, task = _rows()
    model = CrossTaskRegressor("linear", cv=3, random_state=0).fit(X, y, task=task)
    found = collect_shrinkage(model)
    sd = X.std(axis=0)
    coefficients = model.coefficients()
    coefficients = coefficients[coefficients["feature"] != "intercept"]
    used = coefficients["value"].to_numpy().reshape(4, 3) * sd
    weight = 1.0 - model.weights_["task mean"].to_numpy()
    assert_allclose(found.used * weight[:, None], used, rtol=2e-3, atol=1e-6)
    assert_allclose(found.own, model.candidates_["own"].estimator_.coef_ * sd, rtol=1e-2)
    assert found.tasks == ("t0", "t1", "t2", "t3")
    assert (found.kept < 1).all()


def test_a_model_whose_own_candidate_has_no_slopes_has_no_picture():
    X, y, task = _rows()
    forest = RandomForestRegressor(n_estimators=2, random_state=0)
    assert collect_shrinkage(CrossTaskRegressor([forest], cv=2).fit(X, y, task=task)) is None
    assert collect_shrinkage(CrossTaskRegressor("linear", cv=2).fit(X, y)) is None


@pytest.mark.parametrize("n_tasks", [4, 1000])
def test_lines_begin_at_the_own_slope_and_end_at_the_used_one(n_tasks):
    rng = np.random.default_rng(0)
    own = rng.standard_normal((n_tasks, 1)) * np.arange(1, 10)
    found = Shrinkage(tuple("abcdefghi"), tuple(map(str, range(n_tasks))), own, 0.5 * own, np.zeros(9))
    figure = shrinkage_figure(found)
    assert [row.feature for row in figure.rows] == list("ihgfed")
    assert {row.said for row in figure.rows} == {"50 % of the scatter is left"}
    assert all(len(row.lines) == min(n_tasks, LINES) for row in figure.rows)
    middle = figure.rows[0].shared
    inside = [(a - middle, b - middle) for a, b, _ in figure.rows[5].lines if 1 < a < 99]
    assert_allclose([b for _, b in inside], [0.5 * a for a, _ in inside], atol=0.02)
