"""What the estimators that learn from the rows of all tasks, and serve one, have in common."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils import Tags
from sklearn.utils.validation import column_or_1d

from crosstask.tasks import take_rows
from crosstask.tasks._target import check_target, check_weights, missing_values
from crosstask.transfer._rows import TransferRows, open_transfer_fit, open_transfer_predict


class ServesTarget:
    """Base: the door for rows of all tasks, routed metadata, and a score over the target's rows only.

    A subclass has the parameters ``target_task`` and ``task_column``. It must stand left of scikit-learn's mixins.
    """

    # Routed by default, so that nobody has to call set_fit_request (scikit-learn reads these names).
    __metadata_request__fit: ClassVar = {"task": True}
    __metadata_request__predict: ClassVar = {"task": True}
    __metadata_request__predict_proba: ClassVar = {"task": True}
    __metadata_request__decision_function: ClassVar = {"task": True}
    __metadata_request__score: ClassVar = {"task": True}

    target_task: Any
    task_column: str | int | None
    source_tasks_: NDArray[Any]
    classes_: NDArray[Any]

    def _open_fit(self, X: Any, y: Any, task: Any, sample_weight: Any) -> TransferRows:
        """Check what came in; sets ``classes_`` of a classifier from the labelled rows.

        Rows of weight zero are left out.
        """
        rows = open_transfer_fit(self, X, y, task=task, weight=sample_weight)
        if rows.weight is not None and not rows.weight.all():
            rows = rows.take(np.flatnonzero(rows.weight > 0))
        if is_classifier(self):
            assert rows.y is not None
            self.classes_ = np.unique(rows.y[rows.labelled])
            if len(self.classes_) < 2:
                raise ValueError(
                    f"y holds one class ({self.classes_[0]!s}), and {type(self).__name__} needs at least two: check "
                    "that the target column is the right one and that its rows were not filtered."
                )
        return rows

    def _open_predict(self, X: Any, task: Any) -> Any:
        """Return X without the task column."""
        return open_transfer_predict(self, X, task=task).X

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Predict as for rows of the target, whatever task they are from."""
        return self._predict_table(self._open_predict(X, task))

    def score(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy or R² over the rows of the target; other rows, and rows without y, are left out.

        Parameters
        ----------
        X, y, task, sample_weight
            As in ``fit``.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If no row of the target has a y.
        """
        from sklearn.metrics import accuracy_score, r2_score

        rows = open_transfer_predict(self, X, task=task)
        values = column_or_1d(np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y))
        kept = np.flatnonzero(rows.is_target & ~missing_values(values))
        if not len(kept):
            raise ValueError(f"no row of the target {self.target_task!r} has a y: there is nothing to score.")
        weight = check_weights(sample_weight, len(values), 1, None)
        known = check_target(values[kept], is_classifier(self))
        predicted = self._predict_table(take_rows(rows.X, kept))
        measure = accuracy_score if is_classifier(self) else r2_score
        return float(measure(known, predicted, sample_weight=None if weight is None else weight[kept]))

    def _predict_table(self, table: Any) -> NDArray[Any]:
        """Predict for a table that has passed the door."""
        raise NotImplementedError

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.target_tags.required = True
        return tags
