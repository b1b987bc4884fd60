"""CrossTaskClassifier: a raw table with a task column in, guarded probabilities out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin

from crosstask.auto._flagship import CrossTask


class CrossTaskClassifier(CrossTask, ClassifierMixin, BaseEstimator):
    r"""Guarded classification over many tasks, untuned, on a raw table: :math:`p_t(x) = \sum_c v_{tc} f_c(x)`.

    As :class:`CrossTaskRegressor`, with base rates (k + 1/2) / (n + K/2) in place of means and logistic regressions
    in place of ridges; probabilities are mixed, with ``candidates="linear"`` the log odds. A task in which one class
    only was seen is served by what the tasks share and its smoothed base rate.

    Parameters
    ----------
    candidates, task_column, time_column, group_column, mode, unseen_task, time_budget, cv, n_jobs, random_state, \
verbose
        As in :class:`CrossTaskRegressor`.
    scoring : str, optional
        What the guard compares: "log_loss", the default, or "brier".
    class_weight : dict or "balanced", optional
        Weights of the classes, for every candidate.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted union of the classes of all tasks.
    calibration_ : DataFrame
        Predicted and observed shares of held-out rows, in bins.
    verdict_, weights_, gain_, candidate_losses_, candidates_, guard_, findings_, schema_, training_summary_, tasks_
        As in :class:`CrossTaskRegressor`.

    Raises
    ------
    ValueError
        In ``fit``: one line, what was given, what was expected, and what cures it.

    See Also
    --------
    CrossTaskRegressor : parameters, notes and references.

    Examples
    --------
    >>> from crosstask import CrossTaskClassifier
    >>> from crosstask.datasets import load_heart
    >>> df = load_heart()
    >>> model = CrossTaskClassifier("linear", task_column="hospital", random_state=0)
    >>> model = model.fit(df.drop(columns="ill"), df["ill"])  # doctest: +SKIP
    """

    def predict_proba(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the probability of each class, (n_rows, n_classes)."""
        rows, matrix = self._rows_to_serve(X, task)
        if self.linear_ is None:
            return rows.restore(self._ask_guard(rows, matrix, "predict_proba"))
        return rows.restore(_probabilities(self._predictor(rows, matrix)))

    def decision_function(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return log odds of the second class, (n_rows,), or a score for each class, (n_rows, n_classes)."""
        rows, matrix = self._rows_to_serve(X, task)
        if self.linear_ is None:
            return rows.restore(self._ask_guard(rows, matrix, "decision_function"))
        z = self._predictor(rows, matrix)
        return rows.restore(z[:, 0] if z.shape[1] == 1 else z)

    @property
    def calibration_(self) -> Any:
        """Predicted and observed shares of held-out rows; a frame (bin, predicted, observed, count)."""
        return self._of_guard("calibration_")

    def _from_predictor(self, z: NDArray[np.float64]) -> NDArray[Any]:
        return self.classes_[_probabilities(z).argmax(axis=1)]


def _probabilities(z: NDArray[np.float64]) -> NDArray[np.float64]:
    if z.shape[1] > 1:
        return np.asarray(softmax(z, axis=1))
    second = expit(z[:, 0])
    return np.column_stack([1.0 - second, second])
