"""Tasks: the three doors by which they come in, the rows sorted by task, and per-task moments."""

from crosstask.tasks._data import TaskData, column_scale
from crosstask.tasks._doors import TaskRows, open_fit, open_predict
from crosstask.tasks._frames import column_names, is_frame, n_rows, pop_column, take_rows
from crosstask.tasks._ids import TaskIndex, as_task_ids
from crosstask.tasks._keep import keep_task
from crosstask.tasks._mixin import TaskMixin, numeric_matrix
from crosstask.tasks._moments import TaskMoments
from crosstask.tasks._weighted_fit import fit_weighted, fresh, weight_keyword

__all__ = [
    "TaskData",
    "TaskIndex",
    "TaskMixin",
    "TaskMoments",
    "TaskRows",
    "as_task_ids",
    "column_names",
    "column_scale",
    "fit_weighted",
    "fresh",
    "is_frame",
    "keep_task",
    "n_rows",
    "numeric_matrix",
    "open_fit",
    "open_predict",
    "pop_column",
    "take_rows",
    "weight_keyword",
]
