"""Each wrong call gets one line that says what was given and what cures it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from crosstask.model_selection import (
    LeaveOneTaskOut,
    TargetTaskKFold,
    TaskKFold,
    TaskShuffleSplit,
    TaskTimeSeriesSplit,
    task_folds,
)

X = np.zeros((6, 2))
TASK = np.array([0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    ("splitter", "given", "message"),
    [
        (TaskKFold(2), {}, "TaskKFold was not told which task each row belongs to: give TaskKFold"),
        (LeaveOneTaskOut(), {}, "pass task= to split"),
        (TaskKFold(2), {"y": np.zeros((6, 3))}, "wide target.*use KFold"),
        (TaskKFold(1), {"task": TASK}, "n_splits to be a whole number of at least 2; got 1"),
        (TaskKFold(2.0), {"task": TASK}, "got 2.0"),
        (TaskKFold(7), {"task": TASK}, "n_splits=7 is more than the 6 rows"),
        (TaskKFold(3), {"task": TASK, "groups": [0, 0, 0, 1, 1, 1]}, "n_splits=3 is more than the 2 groups"),
        (TaskKFold(2), {"task": TASK[:5]}, "5 task ids for 6 rows"),
        (TaskKFold(2), {"task": [0, 0, 0, None, 1, 1]}, "1 missing task ids.*row 3"),
        (TaskKFold(2), {"task": ["1", "01", "2", "2", "2", "2"]}, "leading zeros"),
        (TaskKFold(2), {"task": TASK, "groups": [0, 0, 0, None, 1, 1]}, "1 missing group ids"),
        (TaskKFold(2, task_column="site"), {}, "array without names"),
        (TaskKFold(2, task_column=5), {}, "outside X, which has 2 columns"),
        (TaskKFold(2), {"task": TASK, "y": np.zeros(5)}, "5 values for 6 rows"),
        (TargetTaskKFold(2, target_task=9), {"task": TASK}, "target_task=9 has no rows; the tasks are 0, 1"),
        (TargetTaskKFold(2, target_task="1"), {"task": TASK}, "'1' .text.*fitted with 1|'1'.*text"),
        (TargetTaskKFold(4, target_task=1), {"task": TASK}, "n_splits=4 is more than the 3 rows of the target"),
        (LeaveOneTaskOut(), {"task": np.ones(6)}, "at least two tasks, but all rows belong to 1"),
        (TaskShuffleSplit(2, test_size=1.5), {"task": TASK}, "test_size is a share between 0 and 1.*got 1.5"),
        (TaskShuffleSplit(2), {"task": np.arange(6)}, "each task has a single row"),
        (TaskTimeSeriesSplit(2), {}, "was not told the time of each row"),
        (TaskTimeSeriesSplit(2), {"time": [1, 2, 1, 2, 1, 2]}, "at least 3 distinct dates; there are 2"),
        (TaskTimeSeriesSplit(2), {"time": [1.0, 2, np.nan, 2, 1, 2]}, "1 missing or infinite times .first at row 2"),
        (TaskTimeSeriesSplit(2), {"time": ["soon"] * 6}, "'soon', which is neither a number nor a date"),
        (TaskTimeSeriesSplit(2, gap=9), {"time": np.arange(6)}, "gap=9 leaves no training rows before fold 1"),
        (TaskTimeSeriesSplit(2, gap=-1), {"time": np.arange(6)}, "gap must be a whole number.*got -1"),
        (TaskTimeSeriesSplit(2, gap=pd.Timedelta("1D")), {"time": np.arange(6)}, "times are numbers"),
        (TaskTimeSeriesSplit(2, per_task=True), {"time": np.arange(6)}, "was not told which task"),
    ],
)
def test_error_says_what_cures_it(splitter, given, message):
    with pytest.raises(ValueError, match=message) as caught:
        list(splitter.split(X, **given))
    assert "\n" not in str(caught.value)


def test_sparse_table_cannot_hold_the_task_column():
    with pytest.raises(ValueError, match="sparse X cannot hold the column 0 with the tasks"):
        next(TaskKFold(2, task_column=0).split(sparse.csr_array(X)))


def test_absent_column_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match="no column 'site' to read the tasks from; its columns are 'a'"):
        next(TaskKFold(2, task_column="site").split(pd.DataFrame({"a": [1, 2]})))


def test_leave_one_task_out_needs_the_tasks_to_count_its_folds():
    with pytest.raises(ValueError, match="pass X, or task="):
        LeaveOneTaskOut().get_n_splits()


@pytest.mark.parametrize(("cv", "message"), [("three", "not understood"), (1, "at least 2"), ([], "0 folds")])
def test_task_folds_refuses_what_is_no_cv(cv, message):
    with pytest.raises(ValueError, match=message):
        task_folds(cv, X)


def test_task_folds_refuses_positions_outside_the_table():
    with pytest.raises(ValueError, match=r"do not all lie in 0 \.\. 5"):
        task_folds([([0, 1], [6])], X)
