"""Gradient boosting classification of many tasks at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from crosstask.multitask._wrapper import learn_classes
from crosstask.multitask.boosting._base import TaskBoosting
from crosstask.multitask.boosting._targets import Target
from crosstask.tasks import TaskRows

Array = NDArray[np.float64]


class MultiTaskBoostingClassifier(TaskBoosting, ClassifierMixin, BaseEstimator):
    r"""Gradient boosting of many tasks, for classes: the stages of :class:`MultiTaskBoostingRegressor` on log odds.

    .. math::
        \log \frac{p(x, t)}{1 - p(x, t)} = F(x, t) + \rho_t \, g_t(x)

    F is scikit-learn's histogram boosting with the task as a category, or the log odds of a linear shared model
    (:class:`MultiTaskClassifier`) plus what boosting adds to them, as a race on rows held out decides. scikit-learn's
    boosting has no offset for the log loss: stages on an offset are regressions of :math:`4 (y - p)`, the gradient over
    the bound of the curvature, twenty trees at a time. Several classes have one such regression each, of
    :math:`2 (y_k - p_k)`.

    Parameters
    ----------
    start, learning_rate, max_iter, max_leaf_nodes, min_samples_leaf, l2_regularization, max_bins
        As in :class:`MultiTaskBoostingRegressor`.
    categorical_features, monotonic_cst, min_task_rows, task_column, unseen_task, cv, random_state
        As in :class:`MultiTaskBoostingRegressor`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all tasks together.
    shared_, task_stages_, race_, n_iter_, tasks_
        As in :class:`MultiTaskBoostingRegressor`; the race is by log loss.

    Raises
    ------
    ValueError
        If y holds one class only, or as :class:`MultiTaskBoostingRegressor`.

    Notes
    -----
    A column of the linear log odds in scikit-learn's classifier would be another way to start from them; for classes it
    was not measured against this one. Cost and limits: see :class:`MultiTaskBoostingRegressor`.

    References
    ----------
    J. Friedman, T. Hastie and R. Tibshirani (2000). Additive logistic regression: a statistical view of boosting.
    Annals of Statistics 28, 337-407.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.normal(size=(900, 2)), np.repeat(["a", "b", "c"], 300)
    >>> y = np.where(X[:, 0] + 2 * np.abs(X[:, 1]) + rng.logistic(size=900) > 2, "ill", "well")
    >>> model = MultiTaskBoostingClassifier().fit(X, y, task=task)
    >>> model.predict_proba([[1.0, 2.0]], task=["b"]).round(1)
    array([[0.9, 0.1]])
    """

    classes_: NDArray[Any]

    def decision_function(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the log odds of the second class, or one predictor for each of several classes.

        Shape (n_rows,) or (n_rows, n_classes); at the wide door a second axis runs over the tasks.
        """
        rows, F = self._decide(X, task)
        return rows.restore(F[:, 0] if len(self.classes_) == 2 else F)

    def predict_proba(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the probability of each class, columns in the order of ``classes_``."""
        F = self.decision_function(X, task=task)
        return softmax(F, axis=-1) if len(self.classes_) > 2 else np.stack([expit(-F), expit(F)], axis=-1)

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the most probable class of each row, or of each (row, task) at the wide door."""
        F = self.decision_function(X, task=task)
        return self.classes_[F.argmax(axis=-1) if len(self.classes_) > 2 else (F > 0).astype(np.intp)]

    def _classifies(self) -> bool:
        return True

    def _read_target(self, rows: TaskRows, weight: Array) -> Target:
        assert rows.y is not None
        self.classes_ = learn_classes(rows.y, self)
        return Target(np.searchsorted(self.classes_, rows.y).astype(np.float64), weight, len(self.classes_))
