"""The learning curves of an advice, against least squares of scikit-learn on the same rows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge

from crosstask import CrossTaskClassifier, CrossTaskRegressor, advise
from crosstask.advisor._curve import DRAWS, SHARES, _parts, curve_of


def _rows(n=60, n_tasks=3):
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((n * n_tasks, 4)), np.repeat([f"t{k}" for k in range(n_tasks)], n)
    return X, X.sum(axis=1) + rng.standard_normal(len(X)), task


def test_parts_grow_inside_one_another_hold_every_task_and_leave_the_test_rows_out():
    _, y, task = _rows()
    drawn = list(_parts(y, task, False))
    assert len(drawn) == DRAWS
    for parts, test in drawn:
        for small, large in itertools.pairwise(parts):
            assert set(small) < set(large)
        assert not set(parts[-1]) & set(test)
        counts = [np.unique(task[part], return_counts=True)[1] for part in parts]
        assert [set(one) for one in counts] == [{round(share * 48)} for share in SHARES]


def test_the_losses_are_those_of_least_squares_on_the_parts():
    X, y, task = _rows()
    model = CrossTaskRegressor([LinearRegression()], cv=3, random_state=0).fit(X, y, task=task)
    curve, name = curve_of(model, X, y, task, None)
    assert name == "LinearRegression, pooled"
    expected = np.zeros((DRAWS, len(SHARES)))
    for draw, (parts, test) in enumerate(_parts(y, task, False)):
        for at, part in enumerate(parts):
            Z = clone(model.candidates_[model.guard_.own_].encoder_).fit(X[part]).transform(X)
            for t in np.unique(task):
                a, b = part[task[part] == t], test[task[test] == t]
                missed = LinearRegression().fit(Z[a], y[a]).predict(Z[b]) - y[b]
                expected[draw, at] += np.mean(missed**2) / 3
    assert_allclose(curve.own, expected.mean(axis=0), rtol=1e-6)
    assert (curve.transferred[0] < curve.own[0]) & (curve.saved[0] > 0)


def test_classes_are_compared_by_log_loss():
    X, y, task = _rows()
    model = CrossTaskClassifier([LogisticRegression()], cv=3, random_state=0).fit(X, y > 0, task=task)
    curve, _ = curve_of(model, X, y > 0, task, None)
    parts, test = next(iter(_parts(y > 0, task, True)))
    assert (curve.own > 0).all() & (curve.own < np.log(10)).all()
    assert len(curve.n_rows) == len(SHARES)
    assert len(test) + len(parts[-1]) == len(y)


@pytest.mark.parametrize(
    ("n", "seconds", "why"), [(8, None, "8 rows a task are too few"), (60, 0.0, "seconds, and 0 were left")]
)
def test_where_there_is_no_curve_it_says_why(n, seconds, why):
    X, y, task = _rows(n)
    model = CrossTaskRegressor([Ridge()], cv=2, random_state=0).fit(X, y, task=task)
    curve, said = curve_of(model, X, y, task, seconds)
    assert curve is None
    assert why in said


def test_a_class_too_rare_for_parts_of_the_rows_costs_the_curve_and_not_the_advice():
    X, y, task = _rows(n=40)
    rare = np.isin(np.arange(len(y)), np.argsort(y)[-5:])
    model = CrossTaskClassifier([LogisticRegression()], cv=2, random_state=0).fit(X, rare, task=task)
    curve, said = curve_of(model, X, rare, task, None)
    assert curve is None
    assert said == "parts of the rows are too few for a fit"


def test_advice_has_curves_and_memory_and_says_how_the_plan_came_out():
    X, y, task = _rows(n=140)
    advice = advise(X, y, task=task, priority="speed", time_budget=60, random_state=0)
    assert advice.rows_saved in str(advice)
    assert "rows a task" in advice.rows_saved
    page = advice.to_html()
    for words in ("How many rows sharing saves", "Seconds and memory", " MB", "Planned: 3 tasks", "held at most"):
        assert words in page
