"""Scores for each task, the gain over a task's own model with its interval, and a scorer that knows tasks."""

from crosstask.metrics._gain import GainArrays, gain_arrays, task_gain
from crosstask.metrics._per_task import per_task_scores
from crosstask.metrics._rows_saved import RowsSaved, rows_saved
from crosstask.metrics._scorer import TaskScorer, task_scorer
from crosstask.metrics._table import METRICS, Metric

__all__ = [
    "METRICS",
    "GainArrays",
    "Metric",
    "RowsSaved",
    "TaskScorer",
    "gain_arrays",
    "per_task_scores",
    "rows_saved",
    "task_gain",
    "task_scorer",
]
