"""The default score of every estimator that knows tasks."""

from __future__ import annotations

from typing import Any

import numpy as np

from crosstask.tasks._doors import TaskRows, is_classification, open_fit


class _Reader:
    """Opens the caller's door on data to be scored without touching the fitted estimator."""

    def __init__(self, estimator: Any) -> None:
        self.task_column = getattr(estimator, "task_column", None)
        self._classification = is_classification(estimator)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import Tags, TargetTags

        kind = "classifier" if self._classification else "regressor"
        return Tags(estimator_type=kind, target_tags=TargetTags(required=True))


def read_rows(estimator: Any, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> TaskRows:
    """Open the door as ``fit`` of this estimator would, and leave the estimator as it is."""
    return open_fit(_Reader(estimator), X, y, task=task, sample_weight=sample_weight)


def within_task_score(estimator: Any, X: Any, y: Any, *, task: Any, sample_weight: Any) -> float:
    """Accuracy, or 1 - sum of within-task squared errors / sum of within-task squares about the mean."""
    from sklearn.metrics import accuracy_score

    rows = read_rows(estimator, X, y, task=task, sample_weight=sample_weight)
    predicted = np.asarray(estimator.predict(X) if task is None else estimator.predict(X, task=task))
    if rows.table_row is not None:
        column = np.searchsorted(estimator.tasks_, rows.task)
        predicted = predicted[rows.table_row, column]
    elif len(predicted) != len(rows.codes):  # rows of weight zero were left out
        predicted = predicted[np.asarray(sample_weight) > 0]
    if is_classification(estimator):
        return float(accuracy_score(rows.y, predicted, sample_weight=rows.sample_weight))
    assert rows.y is not None
    weight = np.ones(len(rows.y)) if rows.sample_weight is None else rows.sample_weight
    totals = np.bincount(rows.codes, weight, rows.n_tasks)
    centre = np.bincount(rows.codes, weight * rows.y, rows.n_tasks) / totals
    spread = float(np.sum(weight * (rows.y - centre[rows.codes]) ** 2))
    error = float(np.sum(weight * (rows.y - predicted) ** 2))
    if spread == 0.0:
        return 1.0 if error == 0.0 else 0.0
    return 1.0 - error / spread
