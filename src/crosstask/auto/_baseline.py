"""The weakest honest candidate: each task's mean, or its smoothed base rate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_sample_weight

from crosstask.auto._rates import agreement
from crosstask.multitask._wrapper import known_positions
from crosstask.tasks import TaskMixin, TaskRows
from crosstask.tasks._added import Insertion, open_added

FloatMatrix = NDArray[np.float64]


class _Baseline(TaskMixin):
    """Intercepts only: ``coef_`` is zero, so that the linear candidates all look alike."""

    tasks_: NDArray[Any]

    def __init__(self, task_column: str | int | None = None, unseen_task: str = "pooled") -> None:
        self.task_column = task_column
        self.unseen_task = unseen_task

    def _intercepts(self, rows: TaskRows, totals: FloatMatrix, counts: NDArray[np.float64]) -> FloatMatrix:
        raise NotImplementedError

    def _fit_means(self, rows: TaskRows, target: FloatMatrix) -> None:
        totals, counts = _sums(rows, target)
        self._own = self._intercepts(rows, totals, counts)
        self._crowd = self._intercepts(rows, totals.sum(axis=0)[None], np.array([counts.sum()]))[0]
        self._lay_out(rows.X.shape[1])

    def _add_means(self, rows: TaskRows, place: Insertion, target: FloatMatrix) -> None:
        """Lay the means of new tasks beside the others; the crowd's stays."""
        self._own = place.into(self._own, self._intercepts(rows, *_sums(rows, target)))
        self.tasks_ = place.tasks
        self._lay_out(rows.X.shape[1])

    def _lay_out(self, n_columns: int) -> None:
        n_tasks = len(self._own)
        if self._own.shape[1] == 1:
            self.coef_ = np.zeros((n_tasks, n_columns))
            self.intercept_ = self._own[:, 0]
        else:
            self.coef_ = np.zeros((n_tasks, self._own.shape[1], n_columns))
            self.intercept_ = self._own

    def _linear_predictor(self, rows: TaskRows) -> FloatMatrix:
        return np.where((rows.codes < 0)[:, None], self._crowd, self._own[rows.codes])


def _sums(rows: TaskRows, target: FloatMatrix) -> tuple[FloatMatrix, NDArray[np.float64]]:
    """Return each task's weighted sums of the target, and its weight."""
    weight = np.ones(len(rows.codes)) if rows.sample_weight is None else rows.sample_weight
    counts = np.bincount(rows.codes, weight, rows.n_tasks).astype(np.float64)
    totals = np.zeros((rows.n_tasks, target.shape[1]))
    np.add.at(totals, rows.codes, weight[:, None] * target)
    return totals, counts


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

    def add_task(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Take the mean of one more task, or several."""
        rows, place = open_added(self, X, y, task=task, sample_weight=sample_weight)
        assert rows.y is not None
        self._add_means(rows, place, rows.y[:, None])
        return self

    def _intercepts(self, rows: TaskRows, totals: FloatMatrix, counts: NDArray[np.float64]) -> FloatMatrix:
        del rows
        return totals / counts[:, None]

    def predict(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the mean of each row's task."""
        rows = self._open_predict(X, task)
        return rows.restore(self._linear_predictor(rows)[:, 0])


class BaseRateClassifier(_Baseline, ClassifierMixin, BaseEstimator):
    r"""Predicts the share of each class in the row's task, drawn to the common share p as far as the tasks agree.

    The share is :math:`(k + m p) / (n + m)`, see :func:`agreement`, and (k + 1/2) / (n + K/2) where there is one task.

    Examples
    --------
    >>> import numpy as np
    >>> model = BaseRateClassifier().fit(np.zeros((8, 1)), [1, 1, 1, 1, 0, 0, 1, 0], task=list("aaaabbbb"))
    >>> model.predict_proba(np.zeros((1, 1)), task=["a"]).round(2)  # (4 + .5) / (4 + 1) is .9
    array([[0.11, 0.89]])
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
        self.classes_, first, label = np.unique(np.asarray(rows.y), return_index=True, return_inverse=True)
        self._weight_of_class = None
        if self.class_weight is not None:
            self._weight_of_class = compute_sample_weight(self.class_weight, rows.y)[first]
        weighted, target = self._counted(rows, label.reshape(-1))
        self._prior = np.full(len(self.classes_), 0.5)
        if rows.n_tasks > 1:
            weight, rate = agreement(_sums(weighted, target)[0])
            self._prior = weight * rate
        self._fit_means(weighted, target)
        return self

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read files of the time when each task had half a row of each class as its prior."""
        if "classes_" in state:
            state.setdefault("_prior", np.full(len(state["classes_"]), 0.5))
        super().__setstate__(state)

    def add_task(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Count the classes of one more task, or several."""
        rows, place = open_added(self, X, y, task=task, sample_weight=sample_weight)
        assert rows.y is not None
        weighted, target = self._counted(rows, known_positions(rows.y, self.classes_))
        self._add_means(weighted, place, target)
        return self

    def _counted(self, rows: TaskRows, label: NDArray[np.intp]) -> tuple[TaskRows, FloatMatrix]:
        """Return the rows with the weights of their classes, and a column for each class."""
        if self._weight_of_class is not None:
            given = 1.0 if rows.sample_weight is None else rows.sample_weight
            rows = replace(rows, sample_weight=self._weight_of_class[label] * given)
        return rows, np.eye(len(self.classes_))[label]

    def _intercepts(self, rows: TaskRows, totals: FloatMatrix, counts: NDArray[np.float64]) -> FloatMatrix:
        del rows
        log_rate = np.log((totals + self._prior) / (counts[:, None] + self._prior.sum()))
        n_classes = totals.shape[1]
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
