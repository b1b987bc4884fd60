"""Splitters that know tasks: each task in each fold, one target task, one task left out, or cuts in time."""

from crosstask.model_selection._folds import task_folds
from crosstask.model_selection._leave_one_out import LeaveOneTaskOut
from crosstask.model_selection._target import TargetTaskKFold
from crosstask.model_selection._task_kfold import TaskKFold
from crosstask.model_selection._task_shuffle import TaskShuffleSplit
from crosstask.model_selection._time_series import TaskTimeSeriesSplit

__all__ = [
    "LeaveOneTaskOut",
    "TargetTaskKFold",
    "TaskKFold",
    "TaskShuffleSplit",
    "TaskTimeSeriesSplit",
    "task_folds",
]
