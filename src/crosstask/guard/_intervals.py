"""Intervals and sets of classes that a fitted guard gives with its predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from crosstask.guard._conformal import Conformal, check_coverage
from crosstask.tasks import TaskRows

Array = NDArray[np.float64]
MEASURED = 0.9  # the coverage that is measured at fit


def _regresses(guard: Any) -> bool:
    return not is_classifier(guard)


class GuardIntervals:
    """What held-out rows say about single predictions; mixed into :class:`~crosstask.guard.TransferGuard`."""

    tasks_: NDArray[Any]
    _conformal: Conformal
    _coverage: dict[str, NDArray[Any]]

    def _mixed(self, X: Any, task: Any) -> tuple[TaskRows, Array]:
        raise NotImplementedError

    def _probabilities(self, mixed: Array) -> Array:
        raise NotImplementedError

    @available_if(_regresses)
    def predict_interval(self, X: Any, *, task: Any = None, coverage: float = 0.9) -> Array:
        """Return low and high of the target of each row, (n_rows, 2), or (n_rows, n_tasks, 2) at the wide door.

        The half width of task t is the quantile of its absolute held-out residuals, those of the other tasks counting
        20 rows (each task's in units of its own usual size). It holds for rows like those of fit; rows of unseen tasks
        get the quantile over all tasks.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            As in ``predict``.
        task : array-like of shape (n_rows,), optional
            Task ids.
        coverage : float, default=.9
            Share of the rows that shall lie inside. Infinite bounds where too few rows were held out for it.

        Returns
        -------
        ndarray
        """
        check_coverage(coverage)
        rows, mixed = self._mixed(X, task)
        half = self._conformal.thresholds(coverage)[rows.long().codes]  # an unseen task, -1, is the last
        return rows.restore(np.column_stack([mixed[:, 0] - half, mixed[:, 0] + half]))

    @available_if(is_classifier)
    def predict_set(self, X: Any, *, task: Any = None, coverage: float = 0.9) -> NDArray[np.bool_]:
        """Tell which classes the set of each row holds, (n_rows, n_classes), columns in the order of ``classes_``.

        A class is in the set if one minus its probability is at most the quantile of that score on held-out rows; the
        most probable class always is.

        Parameters
        ----------
        X, task
            As in ``predict``.
        coverage : float, default=.9
            Share of the rows whose class shall be in their set.

        Returns
        -------
        ndarray of bool
        """
        check_coverage(coverage)
        rows, mixed = self._mixed(X, task)
        probability = self._probabilities(mixed)
        inside = 1.0 - probability <= self._conformal.thresholds(coverage)[rows.long().codes, None]
        inside[np.arange(len(inside)), probability.argmax(axis=1)] = True
        return rows.restore(inside)

    @property
    def coverage_(self) -> Any:
        """Share of held-out rows inside 90 % intervals or sets made without their fold: a frame (task, n, coverage)."""
        check_is_fitted(self)
        import pandas as pd

        return pd.DataFrame({"task": self.tasks_, **self._coverage})


def measured(
    score: Array, codes: NDArray[np.intp], weight: Array, fold: NDArray[np.intp], n_tasks: int, *, classes: bool
) -> tuple[Conformal, dict[str, NDArray[Any]]]:
    """Return the distributions of the scores of all held-out rows, and how often each task's rows lie inside."""
    make = Conformal.of_probabilities if classes else Conformal.of_residuals
    inside = np.zeros(len(score))
    for k in np.unique(fold):
        here = fold == k
        if here.all():
            inside[:] = np.nan
            continue
        threshold = make(score[~here], codes[~here], weight[~here], n_tasks).thresholds(MEASURED)[codes[here]]
        inside[here] = (1.0 - score[here] if classes else np.abs(score[here])) <= threshold
    n = np.bincount(codes, minlength=n_tasks)
    total = np.bincount(codes, weight, n_tasks)
    share = np.bincount(codes, weight * inside, n_tasks) / np.where(total > 0, total, np.nan)
    return make(score, codes, weight, n_tasks), {"n": n, "coverage": share}
