"""One clone of an estimator for each task."""

from __future__ import annotations

from typing import Any, Self

from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.parallel import Parallel, delayed

from crosstask.multitask._per_task import Part, PerTaskModels, fit_own, parts_of, smoothed_sizes
from crosstask.multitask._support import IntVector, caller_rows
from crosstask.multitask._wrapper import known_positions
from crosstask.tasks import TaskRows
from crosstask.tasks._added import open_added


class IndependentTasks(PerTaskModels):
    r"""Fit one clone of an estimator on each task: :math:`f_t = A(\{(x_i, y_i) : task_i = t\})`.

    Nothing is shared, so this is the honest rival of every method that shares. A task that cannot be fitted alone
    gets a constant: a classification task with one class the smoothed prior :math:`(k + 1/2) / (n + K/2)` over
    the union of the classes, a regression task with one row its value. ``fallbacks_`` says where and why.
    A classification task that has some but not all classes keeps its model, smoothed in the same way:
    :math:`(n p + 1/2) / (n + K/2)`.

    Parameters
    ----------
    estimator : estimator
        Any scikit-learn regressor or classifier, or a Pipeline that ends in one. A (nested) parameter ``cv`` that
        holds explicit (train rows, test rows) is cut down to the rows of each task.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them.
    unseen_task : {"error", "mean", "pooled"}, default="error"
        For rows of tasks that fit has not seen: refuse; average the predictions of all tasks' models; or ask a
        clone that was fitted on the rows of all tasks together.
    n_jobs : int, optional
        Tasks fitted at a time, as in joblib; the result does not depend on it.

    Attributes
    ----------
    estimators_ : list of length n_tasks
        The fitted clones, in the order of ``tasks_``.
    pooled_estimator_ : estimator
        With ``unseen_task="pooled"`` only.
    fallbacks_ : dict
        Task id -> what was fitted instead of a clone, and why.
    classes_ : ndarray of shape (n_classes,)
        Union over the tasks; classifiers only.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    Raises
    ------
    ValueError
        If y has one class over all tasks, or weights are given that the estimator cannot take.

    See Also
    --------
    PooledTasks : one model of all rows.

    Notes
    -----
    Cost: that of the clones; each sees its own rows only. When not to use it: tasks of a few rows, where each
    clone learns little more than noise.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> X, y = np.array([[0.0], [1.0], [0.0], [1.0]]), np.array([0.0, 1.0, 1.0, 0.0])
    >>> model = IndependentTasks(Ridge(alpha=1e-9)).fit(X, y, task=["up", "up", "down", "down"])
    >>> model.predict([[0.5], [1.0]], task=["up", "down"])
    array([0.5, 0.0])
    """

    def __init__(
        self,
        estimator: Any,
        *,
        task_column: str | int | None = None,
        unseen_task: str = "error",
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.task_column = task_column
        self.unseen_task = unseen_task
        self.n_jobs = n_jobs

    def _fit_models(
        self, rows: TaskRows, parts: list[Part], row_of_pair: IntVector, classes: NDArray[Any] | None
    ) -> list[tuple[Any, str]]:
        own: Any = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_own)(self.estimator, part, classes, rows.tasks[t].item()) for t, part in enumerate(parts)
        )
        return own

    def add_task(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Fit a clone on the rows of one more task, or several; the models of the others stay as they are.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``; y holds classes that ``fit`` has seen.
        task : task id, or array-like of shape (n_rows,), optional
            Where no column of X holds it.

        Returns
        -------
        Self

        Raises
        ------
        ValueError
            If a task is known already.
        """
        rows, place = open_added(self, X, y, task=task, sample_weight=sample_weight)
        assert rows.y is not None
        classes = self.classes_ if is_classifier(self) else None
        if classes is not None:
            known_positions(rows.y, classes)
        row_of_pair = caller_rows(rows, sample_weight)
        added = self._fit_models(rows, parts_of(rows, row_of_pair), row_of_pair, classes)
        self.estimators_ = place.into_list(self.estimators_, [fitted for fitted, _ in added])
        why = {rows.tasks[t].item(): text for t, (_, text) in enumerate(added) if text}
        self.fallbacks_ = {**self.fallbacks_, **why}
        if classes is not None:
            self._smooth = place.into(self._smooth, smoothed_sizes(rows, classes))
        self.tasks_ = place.tasks
        return self
