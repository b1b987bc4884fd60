"""The default score of every estimator that knows tasks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks._doors import TaskRows, is_classification, open_fit
from crosstask.tasks._ids import TaskIndex, as_task_ids
from crosstask.tasks._target import WIDE, missing_values, wide_names


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

    rows, predicted = scored_rows(estimator, X, y, task=task, sample_weight=sample_weight)
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


def scored_rows(estimator: Any, X: Any, y: Any, *, task: Any, sample_weight: Any) -> tuple[TaskRows, NDArray[Any]]:
    """Return the observed rows to be scored, through the estimator's door, and what it predicts for each."""
    predicted = np.asarray(estimator.predict(X) if task is None else estimator.predict(X, task=task))
    if predicted.ndim == 2 and getattr(estimator, "door_", None) == "wide":
        rows, predicted = _read_wide(estimator, X, y, predicted, sample_weight)
    else:
        rows = read_rows(estimator, X, y, task=task, sample_weight=sample_weight)
        if len(predicted) != len(rows.codes):  # rows of weight zero were left out
            predicted = predicted[np.asarray(sample_weight) > 0]
    return rows, predicted


def _read_wide(
    estimator: Any, X: Any, y: Any, predicted: NDArray[Any], sample_weight: Any
) -> tuple[TaskRows, NDArray[Any]]:
    """Return the observed pairs and their predictions; columns by name where y has names, else by position.

    A task may be unobserved here, as it may be in one fold of a cross-validation.
    """
    order = estimator.wide_order_
    targets = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    targets = targets.reshape(len(targets), -1)
    place = np.arange(targets.shape[1])
    if hasattr(y, "columns"):
        codes = TaskIndex(estimator.tasks_).encode(as_task_ids(wide_names(y, targets), len(place), WIDE), WIDE)
        place = np.where(codes < 0, len(order), np.argsort(order)[codes])
    if (place >= len(order)).any() or (not hasattr(y, "columns") and len(place) != len(order)):
        known = ", ".join(map(repr, estimator.tasks_[order][:8].tolist())) + (", .." if len(order) > 8 else "")
        raise ValueError(
            f"the wide target to be scored has {len(place)} columns, but the model was fitted with the {len(order)} "
            f"columns {known}: give a data frame with some of these, or all of them in this order."
        )
    seen = np.flatnonzero(~missing_values(targets).all(axis=0))
    if len(seen) == 0:
        raise ValueError("the wide target has no observed value: there is nothing to score.")
    weight = sample_weight
    if np.ndim(weight) == 2:
        weight = np.asarray(weight)[:, seen]
    rows = open_fit(_Reader(estimator), X, targets[:, seen], sample_weight=weight)
    assert rows.table_row is not None
    return rows, predicted[rows.table_row, place[seen][rows.task]]
