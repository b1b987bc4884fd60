"""Scores for each task, with what they come to on average and at worst."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crosstask.metrics._rows import open_rows, with_classes
from crosstask.metrics._table import Metric, Scored, Vector, find_metric

if TYPE_CHECKING:
    import pandas as pd

Function = Callable[..., float]
MEAN, WORST, ALL_ROWS = "(mean of tasks)", "(worst task)", "(all rows)"


def per_task_scores(
    y: Any,
    prediction: Any,
    task: Any = None,
    *,
    metrics: str | Iterable[str] | Mapping[str, Function] | None = None,
    sample_weight: Any = None,
    classes: Any = None,
    summary: bool = True,
) -> pd.DataFrame:
    """Score the predictions of each task on their own.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, n_tasks)
        The truth; wide (NaN = not observed) only without ``task``.
    prediction : array-like of shape (n_rows,), (n_rows, n_classes) or (n_rows, n_tasks[, n_classes])
        Values, labels or probabilities, as the metrics need them.
    task : array-like of shape (n_rows,), optional
        Task ids; columns of a wide y are tasks themselves.
    metrics : str, iterable of str or dict of name to function, optional
        Of ``r2, mse, rmse, mae, accuracy, balanced_accuracy, f1, log_loss, brier, roc_auc``, or scikit-learn's names
        of these, or functions ``f(y, prediction[, sample_weight=])`` of which greater is better. By default r2, rmse
        and mae for numbers, accuracy and f1 for labels, and log_loss, brier and roc_auc for probabilities.
    sample_weight : array-like, optional
        Weights inside each task; the mean of tasks weights tasks equally.
    classes : array-like of shape (n_classes,), optional
        What the columns of the probabilities stand for (``model.classes_``), needed where y lacks a class.
    summary : bool, default=True
        Append the rows ``(mean of tasks)``, ``(worst task)`` and ``(all rows)``.

    Returns
    -------
    pandas.DataFrame
        One row for each task: ``n`` and the metrics. NaN where a metric is undefined (AUC of one class, r2 of one
        row); such tasks are left out of the mean and the worst.

    Raises
    ------
    ValueError
        If lengths differ, something is missing, or a metric is unknown.

    Notes
    -----
    Cost: one pass over the rows for each metric, whatever the number of tasks; functions of yours are called once
    for each task. The r2 of all rows rewards knowing the task means; the mean of tasks does not.

    Examples
    --------
    >>> from crosstask.metrics import per_task_scores
    >>> per_task_scores([1.0, 2, 3, 10, 20], [1.0, 2, 4, 12, 18], ["a", "a", "a", "b", "b"], metrics=["mae", "r2"])
                     n   mae    r2
    task
    a                3  0.33  0.50
    b                2  2.00  0.84
    (mean of tasks)  5  1.17  0.67
    (worst task)     5  2.00  0.50
    (all rows)       5  1.00  0.96
    """
    import pandas as pd

    rows, tasks = open_rows(y, prediction, task, sample_weight)
    count = np.bincount(rows.codes, minlength=len(tasks))
    table: dict[str, Any] = {}
    for name, metric in named_metrics(metrics, rows).items():
        by_task, pooled, sign = score_rows(metric, rows, classes)
        table[name] = by_task if not summary else np.r_[by_task, _mean(by_task), _worst(by_task, sign), pooled]
    index = pd.Index(tasks, name="task")
    if summary:
        count = np.r_[count, [count.sum()] * 3]
        index = pd.Index([*tasks.tolist(), MEAN, WORST, ALL_ROWS], name="task", dtype=object)
    return pd.DataFrame({"n": count, **table}, index=index)


def named_metrics(metrics: Any, rows: Scored) -> dict[str, Metric | Function]:
    """Return the wished metrics by name; those that suit the predictions where none were wished."""
    if metrics is None:
        metrics = _usual(rows)
    if isinstance(metrics, str):
        metrics = [metrics]
    if isinstance(metrics, Mapping):
        return {str(name): find_metric(given) if isinstance(given, str) else given for name, given in metrics.items()}
    return {given if isinstance(given, str) else given.__name__: _find(given) for given in metrics}


def _find(given: Any) -> Any:
    return find_metric(given) if isinstance(given, str) else given


def _usual(rows: Scored) -> tuple[str, ...]:
    if rows.prediction.ndim == 2:
        return "log_loss", "brier", "roc_auc"
    if rows.prediction.dtype.kind == "f" and rows.y.dtype.kind in "fiu":
        return "r2", "rmse", "mae"
    return "accuracy", "f1"


def score_rows(metric: Metric | Function, rows: Scored, classes: Any) -> tuple[Vector, float, int]:
    """Return the score of each task, the score of all rows at once, and +1 where greater is better, else -1."""
    everything = np.zeros(len(rows.codes), dtype=np.intp)
    if isinstance(metric, Metric):
        if metric.needs != "values":
            rows = with_classes(rows, metric.needs, classes)
        pooled = Scored(rows.y, rows.prediction, everything, rows.weight, 1, rows.classes)
        return metric.by_task(rows), float(metric.by_task(pooled)[0]), 1 if metric.greater_is_better else -1
    order = np.argsort(rows.codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(rows.codes, minlength=rows.n_tasks))[:-1])
    by_task = np.array([_call(metric, rows, part) for part in parts])
    return by_task, _call(metric, rows, order), 1


def _call(function: Function, rows: Scored, part: NDArray[np.intp]) -> float:
    if np.all(rows.weight == 1.0):
        return float(function(rows.y[part], rows.prediction[part]))
    return float(function(rows.y[part], rows.prediction[part], sample_weight=rows.weight[part]))


def _mean(scores: Vector) -> float:
    defined = scores[~np.isnan(scores)]
    return float(defined.mean()) if len(defined) else float("nan")


def _worst(scores: Vector, sign: int) -> float:
    defined = scores[~np.isnan(scores)]
    return float(sign * (sign * defined).min()) if len(defined) else float("nan")


def average(scores: Vector, pooled: float, sign: int, how: str) -> float:
    """Return one number for all tasks: the ``"macro"`` mean, the ``"worst"`` task, or all rows ``"pooled"``."""
    return {"macro": _mean(scores), "worst": _worst(scores, sign), "pooled": pooled}[how]
