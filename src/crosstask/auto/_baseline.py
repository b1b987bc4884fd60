"""The weakest honest candidate: each task's mean, or its smoothed base rate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_sample_weight

from crosstask.tasks import TaskMixin, TaskRows

FloatMatrix = NDArray[np.float64]


class _Baseline(TaskMixin):
    """Intercepts only: ``coef_`` is zero, so that the linear candidates all look alike."""

    def __init__(self, task_column: str | int | None = None, unseen_task: str = "pooled") -> None:
        self.task_column = task_column
        self.unseen_task = unseen_task

    def _intercepts(self, rows: TaskRows, totals: FloatMatrix, counts: NDArray[np.float64]) -> FloatMatrix:
        raise NotImplementedError

    def _fit_means(self, rows: TaskRows, target: FloatMatrix) -> None:
        weight = np.ones(len(rows.codes)) if rows.sample_weight is None else rows.sample_weight
        counts = np.bincount(rows.codes, weight, rows.n_tasks).astype(np.float64)
        totals = np.zeros((rows.n_tasks, target.shape[1]))
        np.add.at(totals, rows.codes, weight[:, None] * target)
        self._own = self._intercepts(rows, totals, counts)
        self._crowd = self._intercepts(rows, totals.sum(axis=0)[None], np.array([counts.sum()]))[0]
        n_columns = rows.X.shape[1]
        if self._own.shape[1] == 1:
            self.coef_ = np.zeros((rows.n_tasks, n_columns))
            self.intercept_ = self._own[:, 0]
        else:
            self.coef_ = np.zeros((rows.n_tasks, self._own.shape[1], n_columns))
            self.intercept_ = self._own

    def _linear_predictor(self, rows: TaskRows) -> FloatMatrix:
        return np.where((rows.codes < 0)[:, None], self._crowd, self._own[rows.codes])


class TaskMeanRegressor(_Baseline, RegressorMixin, BaseEstimator):
    """Predicts the weighted mean target of the row's task; the mean over all rows for an unseen task.

    Examples
    --------
    >>> import numpy as np
    >>> model = TaskMeanRegressor().fit(np.zeros((3, 1)), [1.0, 3.0, 10.0], task=["a", "a", "b"])
    >>> model.predict(np.zeros((2, 1)), task=["a", "b"])
    array([ 2., 10.])
    """

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Take the mean of each task."""
        rows = self._open_fit(X, y, task, sample_weight)
        assert rows.y is not None
        self._fit_means(rows, rows.y[:, None])
        return self

    def _intercepts(self, rows: TaskRows, totals: FloatMatrix, counts: NDArray[np.float64]) -> FloatMatrix:
        del rows
        return totals / counts[:, None]

    def predict(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the mean of each row's task."""
        rows = self._open_predict(X, task)
        return rows.restore(self._linear_predictor(rows)[:, 0])


class BaseRateClassifier(_Baseline, ClassifierMixin, BaseEstimator):
    """Predicts the share of each class in the row's task, (k + 1/2) / (n + K/2).

    Examples
    --------
    >>> import numpy as np
    >>> model = BaseRateClassifier().fit(np.zeros((4, 1)), [1, 1, 1, 0], task=["a", "a", "a", "b"])
    >>> model.predict_proba(np.zeros((1, 1)), task=["a"])
    array([[0.125, 0.875]])
    """

    def __init__(
        self, task_column: str | int | None = None, unseen_task: str = "pooled", class_weight: Any = None
    ) -> None:
        super().__init__(task_column, unseen_task)
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Count the classes of each task."""
        rows = self._open_fit(X, y, task, sample_weight)
        assert rows.y is not None
        if self.class_weight is not None:
            balance = compute_sample_weight(self.class_weight, rows.y)
            given = 1.0 if rows.sample_weight is None else rows.sample_weight
            rows = replace(rows, sample_weight=balance * given)
        self.classes_, label = np.unique(np.asarray(rows.y), return_inverse=True)
        self._fit_means(rows, np.eye(len(self.classes_))[label.reshape(-1)])
        return self

    def _intercepts(self, rows: TaskRows, totals: FloatMatrix, counts: NDArray[np.float64]) -> FloatMatrix:
        del rows
        n_classes = totals.shape[1]
        log_rate = np.log((totals + 0.5) / (counts[:, None] + 0.5 * n_classes))
        return log_rate[:, 1:] - log_rate[:, :1] if n_classes == 2 else log_rate

    def decision_function(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the log odds of the second class, or the log rate of each class where there are more."""
        rows = self._open_predict(X, task)
        z = self._linear_predictor(rows)
        return rows.restore(z[:, 0] if z.shape[1] == 1 else z)

    def predict_proba(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the smoothed share of each class."""
        rows = self._open_predict(X, task)
        z = self._linear_predictor(rows)
        both = np.hstack([np.zeros_like(z), z]) if z.shape[1] == 1 else z
        return rows.restore(softmax(both, axis=1))

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the most frequent class of each row's task."""
        return self.classes_[self.predict_proba(X, task=task).argmax(axis=-1)]
