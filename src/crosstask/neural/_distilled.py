"""A network that learns from what another model says, beside the labels."""

from __future__ import annotations

import inspect
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import has_fit_parameter

from crosstask.multitask._support import Folds
from crosstask.multitask._tuning import read_folds
from crosstask.multitask._wrapper import learn_classes
from crosstask.neural._classifier import MultiTaskMLPClassifier
from crosstask.neural._regressor import MultiTaskMLPRegressor
from crosstask.neural._torch import require_torch
from crosstask.tasks import TaskMixin, TaskRows, take_rows
from crosstask.tasks._frames import as_table
from crosstask.tasks._ids import strange_task

Array = NDArray[np.float64]


def _classifies(model: Any) -> bool:
    if not is_classifier(model.teacher):
        raise AttributeError(f"the teacher {type(model.teacher).__name__} is no classifier.")
    return True


class Distilled(TaskMixin, MetaEstimatorMixin, BaseEstimator):
    r"""A network (the student) fitted to a mixture of the labels and of what a teacher says.

    .. math:: \min_\theta \frac1n \sum_i (1 - \lambda) L(y_i, f_\theta(x_i)) + \lambda L(q(x_i), f_\theta(x_i))

    :math:`q(x_i)` is the teacher's answer on rows that it was not fitted on: a value, or the probabilities of the
    classes, softened by the temperature. The teacher's answers on its own rows would only repeat the labels.

    Parameters
    ----------
    teacher : estimator
        Any scikit-learn regressor, or classifier with ``predict_proba``; one that takes ``task=`` gets the tasks.
    student : MultiTaskMLPRegressor or MultiTaskMLPClassifier, default=None
        None is the default network of the teacher's kind.
    mix : float, default=0.5
        :math:`\lambda`, from 0 (labels alone) to 1 (teacher alone).
    temperature : float, default=1.0
        Probabilities are taken to the power 1 / temperature and scaled to one; above 1 lesser classes say more.
    cv : int, splitter or list of (train rows, test rows), optional
        Folds for the teacher's answers. None means five, fewer where a class has fewer rows, with rows of every task
        in each; a task's only row keeps its label.
    task_column : str or int, optional
        Column of X that holds the task ids.
    unseen_task : {"error", "mean", "pooled"}, default="error"
        As in the student.

    Attributes
    ----------
    student_ : estimator
        The fitted network; it alone predicts.
    teacher_answers_ : ndarray of shape (n_pairs,) or (n_pairs, n_classes)
        Held-out answers of the teacher.
    classes_ : ndarray
        Of a classifier.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    Raises
    ------
    ImportError, ValueError
        No PyTorch; a student of another kind than the teacher; a teacher without probabilities.

    Notes
    -----
    Cost: ``cv`` fits of the teacher and one of the student (on n K weighted rows for K classes). When not to
    use it: the teacher is small and fast enough to serve. A student is rarely better than its teacher; it is one
    differentiable model, and a start for fine-tuning.

    References
    ----------
    G. Hinton, O. Vinyals and J. Dean (2015). Distilling the knowledge in a neural network. arXiv:1503.02531.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from crosstask.neural import Distilled
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 2))
    >>> y = X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=200)
    >>> model = Distilled(RandomForestRegressor(20, random_state=0)).fit(X, y)
    >>> bool(model.score(X, y) > 0.7)
    True
    """

    classes_: NDArray[Any]
    tasks_: NDArray[Any]
    door_: str

    def __init__(
        self,
        teacher: Any,
        student: Any = None,
        *,
        mix: float = 0.5,
        temperature: float = 1.0,
        cv: Any = None,
        task_column: str | int | None = None,
        unseen_task: str = "error",
    ) -> None:
        self.teacher = teacher
        self.student = student
        self.mix = mix
        self.temperature = temperature
        self.cv = cv
        self.task_column = task_column
        self.unseen_task = unseen_task

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Ask the teacher about rows held out, and fit the student to labels and answers.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            As teacher and student can take it.
        y : array-like of shape (n_rows,) or (n_rows, n_tasks)
            The target.
        task : array-like of shape (n_rows,), optional
            Task ids.
        sample_weight : array-like, optional
            Weights of the rows, for the student, and for the teacher where its ``fit`` takes them.

        Returns
        -------
        Self
        """
        require_torch(type(self).__name__)
        student = self._new_student()
        opened = self._open_fit(X, y, task, sample_weight)
        rows = opened.long()
        assert rows.y is not None
        weight = np.ones(len(rows.y)) if rows.sample_weight is None else rows.sample_weight
        ids = None if rows.door == "none" else rows.task
        if is_classifier(self.teacher):
            self.classes_ = learn_classes(rows.y, self)
        self.teacher_answers_ = self._ask(rows, ids, weight, self._folds(X, opened, sample_weight))
        if is_classifier(self.teacher):
            self._fit_classes(student, rows, ids, weight)
        else:
            mixed = (1.0 - self.mix) * rows.y + self.mix * self.teacher_answers_
            student.fit(rows.X, mixed, task=ids, sample_weight=weight)
        self.student_ = student
        return self

    def _fit_classes(self, student: Any, rows: TaskRows, ids: Any, weight: Array) -> None:
        """Fit soft labels q as one row for each class, of weight q."""
        assert rows.y is not None
        soft = np.maximum(self.teacher_answers_, 1e-12) ** (1.0 / self.temperature)
        soft = self.mix * soft / soft.sum(axis=1, keepdims=True)
        n, n_classes = soft.shape
        soft[np.arange(n), np.searchsorted(self.classes_, rows.y)] += 1.0 - self.mix
        kept = np.flatnonzero(soft.ravel() > 1e-6)
        row, label = np.divmod(kept, n_classes)
        given = None if ids is None else ids[row]
        student.fit(
            take_rows(rows.X, row),
            self.classes_[label],
            task=given,
            sample_weight=weight[row] * soft.ravel()[kept],
        )

    def _ask(self, rows: TaskRows, ids: Any, weight: Array, folds: Folds) -> Array:
        """Return the teacher's answers on rows held out."""
        assert rows.y is not None
        classification, y = is_classifier(self.teacher), rows.y
        if classification and not hasattr(self.teacher, "predict_proba"):
            raise ValueError(f"the teacher {type(self.teacher).__name__} has no predict_proba: use one that has.")
        answers = (y[:, None] == self.classes_).astype(np.float64) if classification else y.astype(np.float64)
        for train, held in folds:
            test = held[np.isin(rows.codes[held], rows.codes[train])]  # a task's only row keeps its label
            teacher: Any = clone(self.teacher)
            if getattr(teacher, "task_column", None) is not None:
                teacher.set_params(task_column=None)  # the tasks come by task=
            given = self._given(teacher, None if ids is None else ids[train])
            if has_fit_parameter(teacher, "sample_weight"):
                given["sample_weight"] = weight[train]
            teacher.fit(take_rows(rows.X, train), y[train], **given)
            asked = self._given(teacher, None if ids is None else ids[test])
            method = teacher.predict_proba if classification else teacher.predict
            told = method(take_rows(rows.X, test), **asked)
            if classification:
                answers[test] = 0.0
                answers[np.ix_(test, np.searchsorted(self.classes_, teacher.classes_))] = told
            else:
                answers[test] = told
        return answers

    def _folds(self, X: Any, rows: TaskRows, sample_weight: Any) -> Folds:
        """Return folds that hold out each row once, and rows of each task and class alike."""
        assert rows.y is not None
        classification = is_classifier(self.teacher)
        if isinstance(self.cv, (int, np.integer)) and self.cv < 2:
            raise ValueError(f"cv={self.cv!r} must be at least 2: the teacher is asked about rows held out.")
        sizes = np.unique(rows.y, return_counts=True)[1] if classification else np.array([len(rows.y)])
        if sizes.min() < 2:
            what = "a class has" if classification else "X has"
            raise ValueError(
                f"{what} one row (n_samples={sizes.min()}), so that the teacher cannot be asked about rows held out: "
                "two are needed."
            )
        cv = min(5, int(sizes.min())) if self.cv is None else self.cv
        return read_folds(cv, as_table(X), rows, sample_weight, 0, strata=classification)

    def _given(self, teacher: Any, ids: Any) -> dict[str, Any]:
        return {"task": ids} if ids is not None and "task" in inspect.signature(teacher.fit).parameters else {}

    def _new_student(self) -> Any:
        classification = is_classifier(self.teacher)
        default: Any = MultiTaskMLPClassifier() if classification else MultiTaskMLPRegressor()
        student: Any = clone(default if self.student is None else self.student)
        if is_classifier(student) != classification or not hasattr(student, "task_column"):
            wanted = type(default).__name__
            raise ValueError(f"student is a {type(student).__name__}, and this teacher needs a {wanted}.")
        if not 0.0 <= self.mix <= 1.0:
            raise ValueError(f"mix={self.mix!r} must lie in [0, 1].")
        if not self.temperature > 0:
            raise ValueError(f"temperature={self.temperature!r} must be positive.")
        return student.set_params(task_column=None, unseen_task=self.unseen_task)

    def _answer(self, method: str, X: Any, task: Any) -> NDArray[Any]:
        rows = self._open_predict(X, task)
        long = rows.long()
        if self.door_ == "none":
            return rows.restore(getattr(self.student_, method)(long.X))
        new = long.codes < 0
        ids = np.where(new, strange_task(self.tasks_), self.tasks_[np.maximum(long.codes, 0)])
        return rows.restore(getattr(self.student_, method)(long.X, task=ids))

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the student's prediction of each row, or of each (row, task) at the wide door."""
        return self._answer("predict", X, task)

    @available_if(_classifies)
    def predict_proba(self, X: Any, *, task: Any = None) -> Array:
        """Return the student's probability of each class."""
        return self._answer("predict_proba", X, task)

    @available_if(_classifies)
    def decision_function(self, X: Any, *, task: Any = None) -> Array:
        """Return the student's decision values."""
        return self._answer("decision_function", X, task)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        inner = get_tags(self.teacher)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        tags.target_tags.required = True
        return tags
