"""What pilot fits say of the whole job."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from crosstask.allocation._pilot import continued, forecast_within, pilot_rows


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [((1.0, 4.0), 400.0), ((1.0, 1.0), 1.0), ((2.0, 5.0), 401.0), ((1.0, 16.0), 160_000.0)],
)
def test_two_sizes_are_continued_by_a_line_or_by_a_power(seconds, expected):
    """Cost n, cost 1, cost 1 + n, and cost n^2, at 100 times 4 times the smaller size."""
    assert continued((500, 2000), seconds, 200_000) == pytest.approx(expected)


def test_pilot_rows_are_whole_tasks_where_there_are_many_and_all_tasks_where_there_are_few():
    task = np.repeat(np.arange(900), 150)
    rows = pilot_rows(np.random.default_rng(0).standard_normal(len(task)), task, 2000)
    counts = np.bincount(task[rows])
    assert (len(rows), set(counts[counts > 0])) == (1950, {150})
    y = np.repeat([0, 1], [9000, 1000])
    rows = pilot_rows(y, np.tile(np.arange(4), 2500), 500)
    assert len(rows) == 500
    assert y[rows].mean() == pytest.approx(0.1, abs=0.01)


def test_those_whose_turn_comes_too_late_have_no_end():
    class Anything(BaseEstimator):
        def fit(self, X, y, task=None):
            return self

    X, y, task = np.zeros((1200, 1)), np.arange(1200.0), np.repeat(np.arange(12), 100)
    models = [("late", Anything()), ("own", Anything())]
    found = forecast_within(models, X, y, task, n=960, seconds=1e-9, core={"own"}).seconds
    assert found == {"late": np.inf}
    assert forecast_within(models, X, y, task, n=960, seconds=1e9, core={"own"}).seconds["late"] < 60.0
    assert forecast_within(models, X[:300], y[:300], task[:300], n=240, seconds=9.0, core={"own"}).seconds == {}
