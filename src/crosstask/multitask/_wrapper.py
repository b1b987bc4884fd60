"""What IndependentTasks, PooledTasks and EasyAdapt have in common: any estimator inside, the three doors outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_classifier
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if

from crosstask.multitask._support import IntVector, caller_rows, check_option, refuse_no_columns
from crosstask.tasks import TaskMixin, TaskRows

UNSEEN = ("error", "mean", "pooled")


def _inner_has(method: str) -> Callable[[Any], bool]:
    def check(wrapper: Any) -> bool:
        getattr(wrapper.estimator, method)  # raises the inner estimator's own AttributeError
        return True

    return check


def learn_classes(y: NDArray[Any], of: Any) -> NDArray[Any]:
    """Return the sorted classes.

    Raises
    ------
    ValueError
        If there is only one.
    """
    classes = np.unique(y)
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class ({classes[0]!s}) in every task, and {type(of).__name__} needs at least two: "
            "check that the target column is the right one and that its rows were not filtered."
        )
    return classes


def known_positions(y: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.intp]:
    """Return the position of each label among the classes of fit.

    Raises
    ------
    ValueError
        If there is a new one.
    """
    position = np.searchsorted(classes, y).clip(max=len(classes) - 1)
    new = np.unique(y[classes[position] != y])
    if len(new):
        raise ValueError(
            f"y holds the class {new[0]!s}, which fit has not seen (it knows {', '.join(map(str, classes[:8]))}"
            f"{', ..' if len(classes) > 8 else ''}): fit again with the rows of all tasks."
        )
    return position.astype(np.intp)


class WrappedEstimator(TaskMixin, MetaEstimatorMixin, BaseEstimator):
    """Base of the wrappers: a subclass has ``_fit_rows`` and ``_answer``."""

    estimator: Any
    unseen_task: str
    tasks_: NDArray[Any]
    classes_: NDArray[Any]

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Fit the wrapped estimator.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Rows keep the make that they have here: a data frame reaches the wrapped estimator as a data frame.
        y : array-like of shape (n_rows,) or (n_rows, n_tasks)
            The target; two-dimensional with NaN = not observed at the wide door.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,), optional
            Passed on; refused where the wrapped estimator takes none.

        Returns
        -------
        Self
        """
        check_option("unseen_task", self.unseen_task, UNSEEN)
        rows = self._open_fit(X, y, task, sample_weight)
        refuse_no_columns(rows)
        assert rows.y is not None
        if is_classifier(self):
            self.classes_ = learn_classes(rows.y, self)
        self._fit_rows(rows, caller_rows(rows, sample_weight))
        return self

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Predict the target of each row, or of each (row, task) at the wide door."""
        rows = self._open_predict(X, task)
        return rows.restore(self._answer(rows, "predict"))

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the probability of each class, columns in the order of ``classes_``."""
        rows = self._open_predict(X, task)
        return rows.restore(self._answer(rows, "predict_proba"))

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the wrapped estimator's decision values."""
        rows = self._open_predict(X, task)
        return rows.restore(self._answer(rows, "decision_function"))

    def _fit_rows(self, rows: TaskRows, row_of_pair: IntVector) -> None:
        raise NotImplementedError

    def _answer(self, rows: TaskRows, method: str) -> NDArray[Any]:
        raise NotImplementedError

    def _average(self, answers: Callable[[str], list[NDArray[Any]]], method: str) -> NDArray[Any]:
        """Average the answers of all tasks' models; classes by mean probability, decision value, or votes."""
        if method != "predict" or not is_classifier(self):
            return np.mean(answers(method), axis=0)
        for soft in ("predict_proba", "decision_function"):
            if hasattr(self.estimator, soft):
                mean = np.mean(answers(soft), axis=0)
                return self.classes_[mean.argmax(axis=1) if mean.ndim == 2 else (mean > 0).astype(np.intp)]
        votes = np.stack(answers("predict"))
        return self.classes_[np.stack([(votes == label).sum(axis=0) for label in self.classes_]).argmax(axis=0)]

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = inner.classifier_tags
        tags.regressor_tags = inner.regressor_tags
        tags.non_deterministic = inner.non_deterministic
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.input_tags.allow_nan = inner.input_tags.allow_nan
        tags.input_tags.positive_only = inner.input_tags.positive_only
        tags.target_tags.required = True
        tags.target_tags.positive_only = inner.target_tags.positive_only
        return tags
