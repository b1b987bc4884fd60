"""The metrics, each computed for all tasks at once, without a loop over tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Scored:
    """Targets and predictions of n rows in T tasks.

    Parameters
    ----------
    y : ndarray of shape (n,)
        The target: floats, or codes of the classes where ``classes`` is given.
    prediction : ndarray of shape (n,) or (n, K)
        In the same units as y; class codes; or probabilities.
    codes : ndarray of shape (n,)
        Position of each row's task.
    weight : ndarray of shape (n,)
        Sample weights.
    n_tasks : int
        Number of tasks T.
    classes : ndarray of shape (K,) or None
        Sorted classes.
    """

    y: Any
    prediction: Any
    codes: Codes
    weight: Vector
    n_tasks: int
    classes: NDArray[Any] | None = None

    def total(self, values: Any) -> Vector:
        """Return the weighted sum of the rows' values in each task."""
        return weighted_count(self.codes, self.weight * values, self.n_tasks)

    def mean(self, values: Any) -> Vector:
        """Return the weighted mean of the rows' values in each task; NaN without rows."""
        return _ratio(self.total(values), self.total(1.0))

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return 0 if self.classes is None else len(self.classes)


def weighted_count(codes: Codes, weight: Any, length: int) -> Vector:
    """Return the sum of the weights of each code."""
    return np.bincount(codes, weight, length).astype(np.float64, copy=False)


Needs = Literal["values", "labels", "probabilities", "scores"]


@dataclass(frozen=True)
class Metric:
    """How one metric is called, what it needs, and how it is computed for each task."""

    name: str
    greater_is_better: bool
    needs: Needs
    by_task: Callable[[Scored], Vector]


def _ratio(numerator: Vector, denominator: Vector) -> Vector:
    out = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=out, where=denominator > 0)


def _squared_error(rows: Scored) -> Vector:
    return rows.mean((rows.y - rows.prediction) ** 2)


def _absolute_error(rows: Scored) -> Vector:
    return rows.mean(np.abs(rows.y - rows.prediction))


def _r2(rows: Scored) -> Vector:
    """1 - squared error / squares about the task's mean; NaN below two rows, 1 or 0 where y is constant."""
    centre = rows.mean(rows.y)
    spread = rows.total((rows.y - centre[rows.codes]) ** 2)
    error = rows.total((rows.y - rows.prediction) ** 2)
    constant = (error == 0).astype(np.float64)
    score = 1.0 - np.divide(error, spread, out=1.0 - constant, where=spread > 0)
    return np.where(np.bincount(rows.codes, minlength=rows.n_tasks) < 2, np.nan, score)


def _accuracy(rows: Scored) -> Vector:
    return rows.mean(rows.y == rows.prediction)


def _by_class(rows: Scored, label: Codes, chosen: Any) -> NDArray[np.float64]:
    """Return the weight of the chosen rows by task and class, (T, K)."""
    cell = rows.codes * rows.n_classes + label
    return weighted_count(cell, rows.weight * chosen, rows.n_tasks * rows.n_classes).reshape(rows.n_tasks, -1)


def _balanced_accuracy(rows: Scored) -> Vector:
    recall = _ratio(_by_class(rows, rows.y, rows.y == rows.prediction), _by_class(rows, rows.y, 1.0))
    return _mean_of_defined(recall)


def _f1(rows: Scored) -> Vector:
    """F1 of the second class where there are two; the mean over a task's classes where there are more."""
    hits = _by_class(rows, rows.y, rows.y == rows.prediction)
    involved = _by_class(rows, rows.y, 1.0) + _by_class(rows, rows.prediction, 1.0)
    if rows.n_classes == 2:
        present = np.bincount(rows.codes, minlength=rows.n_tasks) > 0
        score = np.divide(2 * hits[:, 1], involved[:, 1], out=np.zeros(rows.n_tasks), where=involved[:, 1] > 0)
        return np.where(present, score, np.nan)
    return _mean_of_defined(_ratio(2 * hits, involved))


def _mean_of_defined(values: NDArray[np.float64]) -> Vector:
    defined = np.isfinite(values)
    return _ratio(np.where(defined, values, 0.0).sum(axis=1), defined.sum(axis=1).astype(np.float64))


def _log_loss(rows: Scored) -> Vector:
    tiny = np.finfo(np.float64).eps
    chosen = rows.prediction[np.arange(len(rows.y)), rows.y]
    return rows.mean(-np.log(np.clip(chosen, tiny, 1.0)))


def _brier(rows: Scored) -> Vector:
    """Mean squared distance of the probabilities from the class; halved for two classes, as is the custom."""
    truth = np.eye(rows.n_classes)[rows.y]
    return rows.mean(((truth - rows.prediction) ** 2).sum(axis=1)) / (2.0 if rows.n_classes == 2 else 1.0)


def _roc_auc(rows: Scored) -> Vector:
    """Area under the curve; the mean over "one class against the rest" where there are more than two."""
    score = rows.prediction
    if np.ndim(score) == 1:
        return _auc(rows, rows.y == 1, score)
    if rows.n_classes == 2:
        return _auc(rows, rows.y == 1, score[:, 1])
    return _mean_of_defined(np.column_stack([_auc(rows, rows.y == k, score[:, k]) for k in range(rows.n_classes)]))


def _auc(rows: Scored, positive: NDArray[np.bool_], score: Vector) -> Vector:
    """Chance that a positive row of a task scores above a negative one, ties counting half."""
    order = np.lexsort((score, rows.codes))
    codes, score, positive, weight = rows.codes[order], score[order], positive[order], rows.weight[order]
    new = np.r_[True, (codes[1:] != codes[:-1]) | (score[1:] != score[:-1])]
    level = np.cumsum(new) - 1  # rows of one task with one score
    owner = codes[new]
    pos, neg = (weighted_count(level, weight * side, len(owner)) for side in (positive, ~positive))
    below = np.cumsum(neg) - neg
    first_level = np.searchsorted(owner, np.arange(rows.n_tasks), side="left")
    before_task = np.r_[0.0, np.cumsum(neg)][first_level]
    wins = weighted_count(owner, pos * (below - before_task[owner] + 0.5 * neg), rows.n_tasks)
    both = weighted_count(owner, pos, rows.n_tasks) * weighted_count(owner, neg, rows.n_tasks)
    return _ratio(wins, both)


METRICS = {
    metric.name: metric
    for metric in (
        Metric("r2", True, "values", _r2),
        Metric("mse", False, "values", _squared_error),
        Metric("rmse", False, "values", lambda rows: np.sqrt(_squared_error(rows))),
        Metric("mae", False, "values", _absolute_error),
        Metric("accuracy", True, "labels", _accuracy),
        Metric("balanced_accuracy", True, "labels", _balanced_accuracy),
        Metric("f1", True, "labels", _f1),
        Metric("log_loss", False, "probabilities", _log_loss),
        Metric("brier", False, "probabilities", _brier),
        Metric("roc_auc", True, "scores", _roc_auc),
    )
}
ALIASES = {  # scikit-learn's names of scorers
    "neg_mean_squared_error": "mse",
    "neg_root_mean_squared_error": "rmse",
    "neg_mean_absolute_error": "mae",
    "neg_log_loss": "log_loss",
    "neg_brier_score": "brier",
    "f1_macro": "f1",
    "roc_auc_ovr": "roc_auc",
}


def find_metric(name: str) -> Metric:
    """Return the metric of that name, ours or scikit-learn's.

    Raises
    ------
    ValueError
        If there is none; the known names are listed.
    """
    metric = METRICS.get(ALIASES.get(name, name))
    if metric is None:
        raise ValueError(
            f"there is no metric {name!r}; give a function(y, prediction), or one of {', '.join(METRICS)}."
        )
    return metric
