"""A right toy estimator, and for each check of the suite one that is wrong in just that way."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from crosstask.tasks import TaskMixin, numeric_matrix


class _Ridge:
    """Ridge on each task in closed form; unseen tasks get the mean of the slopes."""

    def __init__(self, task_column=None, unseen_task="error", penalty=1.0):
        self.task_column = task_column
        self.unseen_task = unseen_task
        self.penalty = penalty

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X, y, *, task=None, sample_weight=None):
        rows = self._open_fit(X, y, task, sample_weight).long()
        design, target = self._design(rows.X), self._target(rows.y)
        weight = np.ones(len(target)) if rows.sample_weight is None else rows.sample_weight
        self.coef_ = np.array([self._solve(design, target, weight * (rows.codes == t)) for t in range(rows.n_tasks)])
        return self

    def _design(self, X):
        matrix = numeric_matrix(self, X)
        matrix = matrix.toarray() if sparse.issparse(matrix) else matrix
        return np.column_stack([matrix, np.ones(len(matrix))])

    def _target(self, y):
        return y

    def _solve(self, design, target, weight):
        gram = (design.T * weight) @ design + self.penalty * np.eye(design.shape[1])
        return np.linalg.solve(gram, design.T @ (weight * target.T).T)

    def _values(self, X, task):
        rows = self._open_predict(X, task)
        long = rows.long()
        slopes = np.concatenate([self.coef_, self.coef_.mean(axis=0, keepdims=True)])  # -1 is the mean
        return rows.restore(np.einsum("ij,ij...->i...", self._design(long.X), slopes[long.codes]))

    def predict(self, X, *, task=None):
        return self._values(X, task)


class Honest(TaskMixin, RegressorMixin, _Ridge, BaseEstimator):
    pass


class HonestClassifier(TaskMixin, ClassifierMixin, _Ridge, BaseEstimator):
    """Softmax of ridge fits to the indicators of the classes."""

    def _target(self, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        return np.eye(len(self.classes_))[codes]

    def predict_proba(self, X, *, task=None):
        return softmax(self._values(X, task), axis=-1)

    def predict(self, X, *, task=None):
        return self.classes_[self.predict_proba(X, task=task).argmax(axis=-1)]


class ColumnIsOtherModel(Honest):
    def predict(self, X, *, task=None):
        return super().predict(X, task=task) + (0.01 if self.task_column is not None else 0.0)


class WideInWrongOrder(Honest):
    def predict(self, X, *, task=None):
        values = super().predict(X, task=task)
        return values[:, ::-1] if values.ndim == 2 else values


class NeedsTasks(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        if task is None and self.task_column is None:
            raise ValueError("tasks are required")
        return super().fit(X, y, task=task, sample_weight=sample_weight)


class TurnsPolarsRound(Honest):
    def predict(self, X, *, task=None):
        return super().predict(X[::-1] if hasattr(X, "schema") else X, task=task)


class PrefersTheColumn(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        return super().fit(X, y, task=None if self.task_column else task, sample_weight=sample_weight)


class GuessesTheTask(Honest):
    def predict(self, X, *, task=None):
        if task is None and self.door_ == "array":
            task = np.repeat(self.tasks_[:1], len(X))
        return super().predict(X, task=task)


class TasksInOtherOrder(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        super().fit(X, y, task=task, sample_weight=sample_weight)
        self.tasks_ = self.tasks_[::-1]
        return self

    def predict(self, X, *, task=None):
        self.tasks_ = self.tasks_[::-1]
        try:
            return super().predict(X, task=task)
        finally:
            self.tasks_ = self.tasks_[::-1]


class _RewritesIds(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        return super().fit(X, y, task=self._rewritten(task), sample_weight=sample_weight)

    def predict(self, X, *, task=None):
        return super().predict(X, task=self._rewritten(task))


class MissingIsATask(_RewritesIds):
    def _rewritten(self, task):
        return task if task is None else [("none" if t is None or t != t else str(t)) for t in task]


class DropsLeadingZeros(_RewritesIds):
    def _rewritten(self, task):
        return task if task is None else [str(t).lstrip("0") or "0" for t in task]


class ServesTheUnseenByTheFirst(Honest):
    def predict(self, X, *, task=None):
        if task is not None and self.unseen_task == "error":
            task = np.where(np.isin(task, self.tasks_), task, self.tasks_[0])
        return super().predict(X, task=task)


class NeedsTwoRows(Honest):
    def _solve(self, design, target, weight):
        coef = super()._solve(design, target, weight)
        return coef if (weight > 0).sum() > 1 else coef * np.nan


class NeedsTwoClasses(HonestClassifier):
    def _solve(self, design, target, weight):
        if (target[weight > 0].mean(axis=0) == 1).any():
            raise ValueError("only one class")
        return super()._solve(design, target, weight)


class ProbabilitiesBelowOne(HonestClassifier):
    def predict_proba(self, X, *, task=None):
        return 0.99 * super().predict_proba(X, task=task)


class LaterRowsCountLess(Honest):
    def _solve(self, design, target, weight):
        return super()._solve(design, target, weight / (1 + np.arange(len(weight))))


class NeighboursByName(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        super().fit(X, y, task=task, sample_weight=sample_weight)
        self.coef_[1:] = (self.coef_[1:] + self.coef_[:-1]) / 2
        return self


class IgnoresWeights(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        return super().fit(X, y, task=task)


class CentresWhatItPredicts(Honest):
    def predict(self, X, *, task=None):
        values = super().predict(X, task=task)
        return values - values.mean()


class Remembers(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        self.fits_ = getattr(self, "fits_", 0) + 1
        super().fit(X, y, task=task, sample_weight=sample_weight)
        self.coef_ *= self.fits_
        return self


class CentresInPlace(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        if isinstance(y, np.ndarray) and y.flags.writeable and y.dtype == float:
            y -= y.mean()
        return super().fit(X, y, task=task, sample_weight=sample_weight)


class NeedsToWrite(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        if isinstance(X, np.ndarray) and not X.flags.writeable:
            raise ValueError("buffer source array is read-only")
        return super().fit(X, y, task=task, sample_weight=sample_weight)


class SparseIsOtherModel(Honest):
    def _design(self, X):
        return super()._design(X) * (0.9 if sparse.issparse(X) else 1.0)


class TakesNoRows(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        return self if len(y) == 0 else super().fit(X, y, task=task, sample_weight=sample_weight)


class IgnoresNames(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        return super().fit(np.asarray(X), y, task=task, sample_weight=sample_weight)

    def predict(self, X, *, task=None):
        return super().predict(np.asarray(X), task=task)


class ChangesItsParameters(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        self.penalty = 2.0 * self.penalty
        return super().fit(X, y, task=task, sample_weight=sample_weight)


class HoldsALambda(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        self.link_ = lambda values: values
        return super().fit(X, y, task=task, sample_weight=sample_weight)


class HoldsAGenerator(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        self.stream_ = np.random.SeedSequence(0)  # pickle takes it, a closed list of types does not
        return super().fit(X, y, task=task, sample_weight=sample_weight)


class RoutesNothing(Honest):
    __metadata_request__predict = {"task": None}  # noqa: RUF012


class NeedsAFreshIndex(Honest):
    def fit(self, X, y, *, task=None, sample_weight=None):
        if hasattr(X, "index") and X.index[0] != 0:
            raise KeyError(0)
        return super().fit(X, y, task=task, sample_weight=sample_weight)


BROKEN = {
    "check_column_equals_array": ColumnIsOtherModel(),
    "check_wide_equals_long": WideInWrongOrder(),
    "check_no_door_is_one_task": NeedsTasks(),
    "check_polars_equals_pandas": TurnsPolarsRound(),
    "check_two_doors_raise": PrefersTheColumn(),
    "check_predict_without_tasks_raises": GuessesTheTask(),
    "check_tasks_attribute": TasksInOtherOrder(),
    "check_missing_ids_raise": MissingIsATask(),
    "check_lookalike_ids_raise": DropsLeadingZeros(),
    "check_unseen_task": ServesTheUnseenByTheFirst(),
    "check_one_row_task": NeedsTwoRows(),
    "check_one_class_task": NeedsTwoClasses(),
    "check_probabilities": ProbabilitiesBelowOne(),
    "check_row_order": LaterRowsCountLess(),
    "check_task_names": NeighboursByName(),
    "check_weights_are_repetitions": IgnoresWeights(),
    "check_rows_are_predicted_alone": CentresWhatItPredicts(),
    "check_refit_forgets": Remembers(),
    "check_callers_data_unchanged": CentresInPlace(),
    "check_read_only_arrays": NeedsToWrite(),
    "check_sparse_equals_dense": SparseIsOtherModel(),
    "check_no_rows_raise": TakesNoRows(),
    "check_columns_that_differ_raise": IgnoresNames(),
    "check_clone_and_parameters": ChangesItsParameters(),
    "check_pickle": HoldsALambda(),
    "check_save_and_load": HoldsAGenerator(),
    "check_routed_cross_validation": RoutesNothing(),
    "check_column_in_searches": NeedsAFreshIndex(),
}
