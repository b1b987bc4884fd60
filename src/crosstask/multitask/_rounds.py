"""Logistic regression over sites that keep their rows: gradients and Hessians travel, Newton's steps are taken once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from crosstask.losses import Logistic
from crosstask.multitask._row_sums import Answer, Question, add_row_sums
from crosstask.summaries import TaskStatistics
from crosstask.tasks import TaskData, TaskMixin, TaskRows, numeric_matrix

Array = NDArray[np.float64]


class LogisticSite:
    r"""A site of a logistic regression by rounds: it keeps its rows and answers with sums.

    .. math::
        \sum_i s_i L(y_i, z_i), \quad \sum_i s_i (p_i - y_i) (x_i, 1), \quad
        \sum_i s_i p_i (1 - p_i) (x_i, 1)(x_i, 1)', \qquad z_i = x_i'w_t + b_t, \; p_i = 1 / (1 + e^{-z_i})

    for each of its tasks. ``LogisticCentre`` takes Newton's steps from them; the answer is that of all rows together.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns)
        Numbers; with ``task_column`` also the task ids.
    y : array-like of shape (n_rows,)
        Labels.
    task : array-like of shape (n_rows,), optional
        Task ids; a task may be at several sites.
    classes : sequence of two labels
        Those on which the sites have agreed, in sorted order.
    task_column : str or int, optional
        Column of X with the task ids.
    n_folds : int, default=5
        As in ``TaskStatistics``.
    sample_weight : array-like of shape (n_rows,), optional
        Weights.
    min_rows : int, default=10
        Fewest rows a task may have here: sums over fewer say too much of each.

    Raises
    ------
    ValueError
        If a label is none of the two, or a task is too small.

    Notes
    -----
    Cost of a round: O(J n d^2) for J fits in progress. Each round says more of the rows: with as many rounds as a task
    has rows, its rows could be worked out. When not to use it: among parties that do not trust one another, without
    secure aggregation around it.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask import LogisticCentre, MultiTaskClassifier
    >>> X, y = np.arange(40.0).reshape(-1, 1) % 7, np.arange(40) % 7 + np.arange(40) % 2 > 3
    >>> sites = [LogisticSite(X[k::2], y[k::2], ["a"] * 20, classes=[False, True]) for k in (0, 1)]
    >>> summaries = [site.summary() for site in sites]
    >>> model = LogisticCentre(MultiTaskClassifier(alpha=0.1), summaries, classes=[False, True]).run(sites)
    >>> model.predict([[1.0], [6.0]], task=["a", "a"])
    array([False,  True])
    """

    def __init__(
        self,
        X: Any,
        y: Any,
        task: Any = None,
        *,
        classes: Any,
        task_column: str | int | None = None,
        n_folds: int = 5,
        sample_weight: Any = None,
        min_rows: int = 10,
    ) -> None:
        self.classes = check_classes(classes)
        self.task_column, self.n_folds, self.min_rows = task_column, n_folds, min_rows
        positions = _positions(y, self.classes)
        self._statistics = TaskStatistics(n_folds=n_folds, task_column=task_column)
        self._statistics.partial_fit(X, positions, task, sample_weight=sample_weight)
        rows = _Reader(task_column).open(X, positions, task, sample_weight)
        self._data = TaskData.from_rows(rows, numeric_matrix(self, rows.X, accept_sparse=False), rows.y)
        few = np.flatnonzero(np.diff(self._data.offsets) < min_rows)
        if len(few):
            raise ValueError(
                f"{len(few)} task(s) have fewer rows here than min_rows={min_rows} (first "
                f"{rows.tasks[few[0]].item()!r}): leave them out, or give a lower min_rows."
            )
        self._folds = self._statistics.deal(self._data.X, self._data.y)

    def summary(self) -> TaskStatistics:
        """Return the moments of the columns and of the labels (0, 1), which the centre needs before the first round."""
        return self._statistics

    def round(self, question: Question) -> Answer:
        """Return the sums over this site's rows at the coefficients in question."""
        data = self._data
        place = np.searchsorted(question.tasks, data.tasks)
        if (place >= len(question.tasks)).any() or (question.tasks[place] != data.tasks).any():
            raise ValueError("the question leaves out tasks of this site: give the centre the summary of every site.")
        answer = Answer.empty(data.tasks, len(question.coef), data.n_features)
        add_row_sums(answer, question, data, self._folds, Logistic())
        return answer


class _Reader(TaskMixin, RegressorMixin, BaseEstimator):
    """Reads the doors like every estimator does."""

    def __init__(self, task_column: str | int | None) -> None:
        self.task_column = task_column

    def open(self, X: Any, y: Any, task: Any, sample_weight: Any) -> TaskRows:
        return self._open_fit(X, y, task, sample_weight)


def _positions(y: Any, classes: NDArray[Any]) -> Array:
    values = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    odd = ~np.isin(values, classes)
    if odd.any():
        given = values[odd].tolist()[0]
        raise ValueError(f"y has the label {given!r}, and the sites have agreed on {classes.tolist()!r}.")
    return (values == classes[1]).astype(np.float64)


def check_classes(classes: Any) -> NDArray[Any]:
    """Return the two labels, in sorted order."""
    labels = np.asarray(classes)
    if labels.shape != (2,) or not labels[0] < labels[1]:
        raise ValueError(f"classes={labels.tolist()!r} must be two labels in sorted order, the same at every site.")
    return labels
