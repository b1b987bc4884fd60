"""Properties that every splitter promises, over tables of many shapes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold

from crosstask.model_selection import (
    LeaveOneTaskOut,
    TargetTaskKFold,
    TaskKFold,
    TaskShuffleSplit,
    TaskTimeSeriesSplit,
    task_folds,
)


def _zoo():
    rng = np.random.default_rng(0)
    yield "balanced", np.repeat(np.arange(6), 10)
    yield "skewed", rng.choice(8, 300, p=np.r_[0.6, np.full(7, 0.4 / 7)])
    yield "one task", np.zeros(17, dtype=int)
    yield "one row each", np.arange(23)
    yield "text", rng.choice(np.array(["n", "s", "w"]), 40)


ZOO = [pytest.param(task, id=name) for name, task in _zoo()]


def _partition(folds, n):
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested) == list(range(n))
    for train, test in folds:
        assert len(np.intersect1d(train, test)) == 0
        assert len(train) + len(test) == n


@pytest.mark.parametrize("task", ZOO)
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("n_splits", [2, 5])
def test_task_kfold_spreads_each_task_and_class_evenly(task, shuffle, n_splits):
    n = len(task)
    y = np.random.default_rng(1).integers(0, 3, n)
    folds = list(TaskKFold(n_splits, shuffle=shuffle, random_state=3 if shuffle else None).split(task, y, task=task))
    _partition(folds, n)
    codes = np.unique(task, return_inverse=True)[1]
    for label in (np.zeros(n, dtype=int), codes, codes * 3 + y):
        counts = np.array([np.bincount(label[test], minlength=label.max() + 1) for _, test in folds])
        assert (counts.max(axis=0) - counts.min(axis=0)).max() <= 1


def test_task_kfold_on_one_task_has_the_fold_sizes_of_stratified_kfold():
    y = np.random.default_rng(0).integers(0, 2, 53)
    ours = TaskKFold(4, shuffle=False).split(y, y, task=np.zeros(53))
    theirs = StratifiedKFold(4).split(y, y)
    counts = [sorted(tuple(np.bincount(y[test])) for _, test in folds) for folds in (ours, theirs)]
    assert [sum(map(sum, c)) for c in counts] == [53, 53]
    assert np.abs(np.array(counts[0]) - np.array(counts[1])).max() <= 1


def test_folds_repeat_for_a_seed_and_differ_between_seeds():
    task = np.repeat(np.arange(5), 20)

    def folds(seed):
        return [test.tolist() for _, test in TaskKFold(5, random_state=seed).split(task, task=task)]

    assert folds(1) == folds(1)
    assert folds(1) != folds(2)


@pytest.mark.parametrize("spanning", [False, True])
def test_groups_never_straddle_and_each_task_is_in_each_fold(spanning):
    rng = np.random.default_rng(2)
    task = np.repeat(np.arange(4), 60)
    group = rng.integers(0, 12, 240) + (0 if spanning else 100 * task)
    y = rng.integers(0, 2, 240)
    folds = list(TaskKFold(4, random_state=0).split(task, y, group, task=task))
    _partition(folds, 240)
    for train, test in folds:
        assert not np.intersect1d(group[train], group[test]).size
        assert set(task[test]) == set(range(4))


def test_groups_of_very_different_size_give_folds_of_like_size():
    group = np.repeat(np.arange(5), [50, 40, 30, 20, 10])
    task = np.zeros(150)
    sizes = [len(test) for _, test in TaskKFold(2, random_state=0).split(task, None, group, task=task)]
    assert sorted(sizes) == [70, 80]


@pytest.mark.parametrize("frame", ["pandas", "polars", "numpy", "list"])
def test_column_by_name_or_position_equals_array(frame):
    task = np.random.default_rng(0).integers(0, 3, 30)
    data = pd.DataFrame({"x": np.arange(30.0), "site": task})
    X = {
        "pandas": lambda: data,
        "polars": lambda: pytest.importorskip("polars").from_pandas(data),
        "numpy": data.to_numpy,
        "list": lambda: data.to_numpy().tolist(),
    }[frame]()
    expected = [test.tolist() for _, test in TaskKFold(3, random_state=0).split(np.zeros((30, 1)), task=task)]
    for column in ["site", 1, -1] if frame in ("pandas", "polars") else [1, -1]:
        found = [test.tolist() for _, test in TaskKFold(3, task_column=column, random_state=0).split(X)]
        assert found == expected


@pytest.mark.parametrize("task", ZOO[:3])
@pytest.mark.parametrize(("sizes", "share"), [({}, 0.2), ({"test_size": 0.5}, 0.5), ({"train_size": 0.7}, 0.3)])
def test_shuffle_split_draws_its_share_of_each_task(task, sizes, share):
    codes = np.unique(task, return_inverse=True)[1]
    total = np.bincount(codes)
    for train, test in TaskShuffleSplit(5, random_state=0, **sizes).split(task, task=task):
        drawn = np.bincount(codes[test], minlength=len(total))
        assert np.abs(drawn - share * total).max() <= 0.5 + 1e-9
        assert len(train) + len(test) == len(task)


def test_shuffle_split_takes_whole_numbers_as_rows_of_each_task():
    task = np.repeat([0, 1, 2, 3], [30, 12, 2, 1])
    splits = TaskShuffleSplit(8, train_size=10, test_size=2, random_state=0).split(task, task=task)
    for train, test in splits:
        assert np.bincount(task[train], minlength=4).tolist() == [10, 10, 1, 1]
        assert np.bincount(task[test], minlength=4).tolist() == [2, 2, 1, 0]


def test_shuffle_split_reaches_every_row_equally_often_and_keeps_groups():
    task, group = np.repeat([0, 1], [12, 24]), np.repeat(np.arange(12), 3)
    hits = np.zeros(36)
    for train, test in TaskShuffleSplit(400, test_size=0.25, random_state=0).split(task, None, group, task=task):
        assert not np.intersect1d(group[train], group[test]).size
        hits[test] += 1
    assert np.abs(hits / 400 - 0.25).max() < 0.08


def test_target_kfold_keeps_every_other_row_in_training():
    task = np.array(["a"] * 20 + ["b"] * 7 + ["c"] * 9)
    tested = []
    for train, test in TargetTaskKFold(3, target_task="b", random_state=0).split(task, task=task):
        assert set(task[test]) == {"b"}
        assert len(train) == 36 - len(test)
        tested.extend(test)
    assert sorted(tested) == list(range(20, 27))


def test_target_kfold_drops_source_rows_that_share_a_group_with_a_test_row():
    task = np.array(["old"] * 6 + ["new"] * 6)
    patient = np.array([0, 1, 2, 3, 4, 5] * 2)
    for train, test in TargetTaskKFold(3, target_task="new", random_state=0).split(task, None, patient, task=task):
        assert not np.intersect1d(patient[train], patient[test]).size
        assert len(train) == 8


def test_leave_one_task_out_tests_each_task_once_in_sorted_order():
    task = np.array(["b", "a", "c", "a"])
    tested = [np.unique(task[test]).tolist() for _, test in LeaveOneTaskOut().split(task, task=task)]
    assert tested == [["a"], ["b"], ["c"]]
    assert LeaveOneTaskOut().get_n_splits(task=task) == 3


def test_task_folds_takes_whatever_cv_may_be():
    task = np.repeat([0, 1], 10)
    X = np.zeros((20, 1))
    assert len(task_folds(None, X, task=task)) == 5
    assert len(task_folds(3, X[:2])) == 2
    for given in (TaskKFold(3), StratifiedKFold(3), TaskShuffleSplit(3), [(np.arange(10), np.arange(10, 20))] * 3):
        assert len(task_folds(given, X, task, task=task)) == 3
    masks = task_folds([(task == 0, task == 1)], X)
    assert masks[0][1].tolist() == list(range(10, 20))


def test_a_hundred_thousand_tasks_take_no_loop_over_tasks():
    task = np.random.default_rng(0).integers(0, 100_000, 300_000)
    time = np.arange(300_000) % 1000
    y = task % 2
    for splitter in (
        TaskKFold(5, random_state=0),
        TaskShuffleSplit(1, random_state=0),
        TaskTimeSeriesSplit(3, per_task=True),
        TargetTaskKFold(2, target_task=int(np.bincount(task).argmax())),
    ):
        train, test = next(iter(splitter.split(task, y, task=task, time=time)))
        assert not np.intersect1d(train, test).size
