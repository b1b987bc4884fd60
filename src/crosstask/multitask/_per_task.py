"""One model for each task, whatever it learnt from: its answers, aligned over the classes of all tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor

from crosstask.multitask._support import IntVector, fold_parameters, local_folds
from crosstask.multitask._wrapper import WrappedEstimator
from crosstask.tasks import TaskRows, fit_weighted, fresh, take_rows


class PerTaskModels(WrappedEstimator):
    """Base: a subclass fits the models of the tasks."""

    n_jobs: int | None

    def _fit_rows(self, rows: TaskRows, row_of_pair: IntVector) -> None:
        assert rows.y is not None
        classes = self.classes_ if is_classifier(self) else None
        own = self._fit_models(rows, parts_of(rows, row_of_pair), row_of_pair, classes)
        self.estimators_ = [fitted for fitted, _ in own]
        self.fallbacks_ = {rows.tasks[t].item(): why for t, (_, why) in enumerate(own) if why}
        if self.unseen_task == "pooled":
            everything = part_of(rows, np.arange(len(rows.codes), dtype=np.intp), row_of_pair)
            self.pooled_estimator_ = everything.fit(localised(self.estimator, row_of_pair))
        if classes is not None:
            self._smooth = smoothed_sizes(rows, classes)

    def _fit_models(
        self, rows: TaskRows, parts: list[Part], row_of_pair: IntVector, classes: NDArray[Any] | None
    ) -> list[tuple[Any, str]]:
        """Return the model of each task and, where it is a constant, why."""
        raise NotImplementedError

    def _answer(self, rows: TaskRows, method: str) -> NDArray[Any]:
        answer: NDArray[Any] | None = None
        for t in np.unique(rows.codes):
            pairs = np.flatnonzero(rows.codes == t)
            X = take_rows(rows.X, pairs if rows.table_row is None else rows.table_row[pairs])
            part = self._unseen(X, method) if t < 0 else self._own(X, int(t), method)
            if answer is None:
                answer = np.empty((len(rows.codes), *part.shape[1:]), dtype=part.dtype)
            elif answer.dtype != part.dtype:
                answer = answer.astype(np.result_type(answer, part))
            answer[pairs] = part
        assert answer is not None
        return answer

    def _unseen(self, X: Any, method: str) -> NDArray[Any]:
        if self.unseen_task == "pooled":
            return np.asarray(getattr(self.pooled_estimator_, method)(X))
        return self._average(lambda name: [self._own(X, t, name) for t in range(len(self.tasks_))], method)

    def _own(self, X: Any, t: int, method: str) -> NDArray[Any]:
        fitted = self.estimators_[t]
        if isinstance(fitted, DummyClassifier) and method == "decision_function":
            return self._constant_decision(fitted, X.shape[0])
        answer = np.asarray(getattr(fitted, method)(X))
        if method == "predict" or not is_classifier(self) or isinstance(fitted, DummyClassifier):
            return answer
        if method == "predict_proba":
            return self._smoothed(answer, fitted.classes_, t)
        return self._aligned_decision(answer, fitted.classes_)

    def _smoothed(self, probability: NDArray[Any], known: NDArray[Any], t: int) -> NDArray[Any]:
        n, n_classes = self._smooth[t], len(self.classes_)
        if np.isinf(n):
            return probability
        aligned = np.zeros((len(probability), n_classes))
        aligned[:, np.searchsorted(self.classes_, known)] = probability
        return (n * aligned + 0.5) / (n + 0.5 * n_classes)

    def _aligned_decision(self, decision: NDArray[Any], known: NDArray[Any]) -> NDArray[Any]:
        """Lay a decision over some classes out over all; a class that the task never had comes last."""
        if len(known) == len(self.classes_):
            return decision
        columns = np.column_stack([-decision, decision]) if decision.ndim == 1 else decision
        aligned = np.tile(columns.min(axis=1, keepdims=True) - 1.0, (1, len(self.classes_)))
        aligned[:, np.searchsorted(self.classes_, known)] = columns
        return aligned

    def _constant_decision(self, fitted: Any, n: int) -> NDArray[Any]:
        log_prior = np.log(fitted.class_prior_)
        if len(self.classes_) == 2:
            return np.full(n, log_prior[1] - log_prior[0])
        return np.tile(log_prior, (n, 1))


@dataclass(frozen=True)
class Part:
    """The rows of one task, as they travel to a worker."""

    X: Any
    y: NDArray[Any]
    weight: NDArray[np.float64] | None
    rows: IntVector

    def fit(self, estimator: Any) -> Any:
        return fit_weighted(estimator, self.X, self.y, self.weight)


def parts_of(rows: TaskRows, row_of_pair: IntVector) -> list[Part]:
    """Return the rows of each task."""
    ends = np.cumsum(np.bincount(rows.codes, minlength=rows.n_tasks))
    pairs_of_task = np.split(np.argsort(rows.codes, kind="stable"), ends[:-1])
    return [part_of(rows, pairs, row_of_pair) for pairs in pairs_of_task]


def smoothed_sizes(rows: TaskRows, classes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the rows of each task that lacks a class, by weight, and infinity for one that has all."""
    assert rows.y is not None
    sizes = np.bincount(rows.codes, rows.sample_weight, rows.n_tasks)
    present = np.zeros((rows.n_tasks, len(classes)), dtype=bool)
    present[rows.codes, np.searchsorted(classes, rows.y)] = True
    return np.where(present.all(axis=1), np.inf, sizes)


def part_of(rows: TaskRows, pairs: IntVector, row_of_pair: IntVector) -> Part:
    assert rows.y is not None
    X = take_rows(rows.X, pairs if rows.table_row is None else rows.table_row[pairs])
    weight = None if rows.sample_weight is None else rows.sample_weight[pairs]
    return Part(X, rows.y[pairs], weight, row_of_pair[pairs])


def localised(estimator: Any, row_of_pair: IntVector) -> Any:
    folds = {name: local_folds(cv, row_of_pair) for name, cv in fold_parameters(estimator).items()}
    return fresh(estimator).set_params(**folds)


def fit_own(estimator: Any, part: Part, classes: NDArray[Any] | None, task_id: Any) -> tuple[Any, str]:
    """Return the fitted model of one task and, where it is a constant, why."""
    why = _too_poor(part, classes)
    own = fresh(estimator)
    if not why:
        for name, cv in fold_parameters(estimator).items():
            folds = local_folds(cv, part.rows)
            if classes is not None:
                folds = [fold for fold in folds if len(np.unique(part.y[fold[0]])) > 1]
            if not folds:
                why = "the folds given as cv leave it no training rows to tune on"
                break
            own.set_params(**{name: folds})
    if why:
        return constant_model(part, classes, why)
    try:
        return part.fit(own), ""
    except Exception as error:
        error.add_note(f"This happened while the model of task {task_id!r} ({len(part.y)} rows) was fitted.")
        raise


def _too_poor(part: Part, classes: NDArray[Any] | None) -> str:
    if classes is None:
        return "it has one row" if len(part.y) == 1 else ""
    return f"it has one class ({part.y[0]!s})" if (part.y == part.y[0]).all() else ""


def constant_model(part: Part, classes: NDArray[Any] | None, why: str) -> tuple[Any, str]:
    if classes is None:
        mean = DummyRegressor().fit(part.X, part.y, sample_weight=part.weight)
        return mean, f"mean of y, because {why}"
    weight = np.ones(len(part.y)) if part.weight is None else part.weight
    counts = np.bincount(np.searchsorted(classes, part.y), weight, len(classes))
    prior = DummyClassifier(strategy="prior").fit(np.zeros((len(classes), 1)), classes, sample_weight=counts + 0.5)
    return prior, f"smoothed prior, because {why}"
