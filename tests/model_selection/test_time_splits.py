"""No task sees another task's future."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import TimeSeriesSplit

from crosstask.model_selection import TaskTimeSeriesSplit


def _panel(seed):
    rng = np.random.default_rng(seed)
    task = rng.integers(0, 7, 200)
    return task, rng.integers(0, 40, 200) + 5 * task


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("gap", [0, 1, 3])
def test_no_training_row_of_any_task_is_as_late_as_a_test_row(seed, gap):
    task, week = _panel(seed)
    dates = np.unique(week)
    tested = []
    for train, test in TaskTimeSeriesSplit(4, gap=gap).split(task, task=task, time=week):
        first, last = np.searchsorted(dates, week[test].min()), np.searchsorted(dates, week[train].max())
        assert first - last == gap + 1
        tested.extend(test)
    assert len(tested) == len(set(tested))


def test_one_row_a_date_is_scikit_learns_time_series_split():
    time = np.random.default_rng(0).permutation(23)
    order = np.argsort(time)
    theirs = TimeSeriesSplit(4, gap=2).split(np.zeros((23, 1)))
    for (train, test), (sk_train, sk_test) in zip(
        TaskTimeSeriesSplit(4, gap=2).split(time, time=time), theirs, strict=True
    ):
        assert sorted(train) == sorted(order[sk_train])
        assert sorted(test) == sorted(order[sk_test])


@pytest.mark.parametrize(
    "gap", [timedelta(days=7), np.timedelta64(7, "D"), pd.Timedelta("7D"), 7], ids=["datetime", "numpy", "pandas", "n"]
)
def test_a_span_of_time_is_that_many_days(gap):
    day = pd.date_range("2024-01-01", periods=60, freq="D").to_series().sample(frac=1, random_state=0)
    for train, test in TaskTimeSeriesSplit(3, gap=gap).split(day, time=day):
        assert (day.iloc[test].min() - day.iloc[train].max()).days == 8


def test_per_task_cuts_each_task_at_its_own_dates_only_on_request():
    task = np.repeat([0, 1], 6)
    time = np.r_[np.arange(6), np.arange(100, 106)]
    common = next(iter(TaskTimeSeriesSplit(2).split(task, time=time)))
    assert set(task[common[0]]) == {0}
    for train, test in TaskTimeSeriesSplit(2, per_task=True).split(task, task=task, time=time):
        for t in (0, 1):
            assert time[train][task[train] == t].max() < time[test][task[test] == t].min()


def test_per_task_with_few_dates_tests_the_last_ones_and_never_the_first():
    task, time = np.repeat([0, 1, 2], [8, 2, 1]), np.r_[np.arange(8), [3, 9], [5]]
    folds = list(TaskTimeSeriesSplit(3, per_task=True, gap=0).split(task, task=task, time=time))
    tested = np.concatenate([test for _, test in folds])
    assert time[tested][task[tested] == 1].tolist() == [9]
    assert 2 not in task[tested]
    assert all(2 in task[train] for train, _ in folds)


@pytest.mark.parametrize("form", ["pandas", "polars", "text", "zoned", "period", "object"])
def test_dates_of_every_make_give_the_same_folds(form):
    day = pd.Series(pd.date_range("2024-01-28", periods=12, freq="D")).sample(frac=1, random_state=1, ignore_index=True)
    made = {
        "pandas": lambda: pd.DataFrame({"day": day}),
        "polars": lambda: pytest.importorskip("polars").from_pandas(pd.DataFrame({"day": day})),
        "text": lambda: pd.DataFrame({"day": day.dt.strftime("%Y-%m-%d")}),
        "zoned": lambda: pd.DataFrame({"day": day.dt.tz_localize("Europe/Berlin")}),
        "period": lambda: pd.DataFrame({"day": day.dt.to_period("D")}),
        "object": lambda: pd.DataFrame({"day": pd.Series([d.date() for d in day], dtype=object)}),
    }[form]()
    expected = [test.tolist() for _, test in TaskTimeSeriesSplit(3).split(day, time=day.rank().to_numpy())]
    found = [test.tolist() for _, test in TaskTimeSeriesSplit(3, time_column="day").split(made)]
    assert found == expected


def test_groups_leave_training_when_they_are_tested():
    time, group = np.arange(12), np.arange(12) % 4
    for train, test in TaskTimeSeriesSplit(5).split(time, None, group, time=time):
        assert not np.intersect1d(group[train], group[test]).size
        assert len(train) == test.min() - sum(np.isin(group[: test.min()], group[test]))
