"""A scorer that knows tasks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object

from crosstask.metrics._per_task import average, score_rows
from crosstask.metrics._rows import open_rows
from crosstask.metrics._table import Metric, find_metric
from crosstask.tasks._frames import column_values

Average = Literal["macro", "worst", "pooled"]
METHODS = {
    "values": ("predict",),
    "labels": ("predict",),
    "probabilities": ("predict_proba",),
    "scores": ("predict_proba", "decision_function"),
}


def task_scorer(
    metric: str | Callable[..., float] = "r2",
    *,
    average: Average = "macro",
    response: Literal["predict", "predict_proba", "decision_function"] = "predict",
) -> TaskScorer:
    """Make a scorer for ``scoring=`` that scores each task on its own and hands the tasks on to ``predict``.

    Parameters
    ----------
    metric : str or callable, default="r2"
        A metric of :func:`per_task_scores`, or a function ``f(y, prediction[, sample_weight=])`` of which greater
        is better. Of named errors and losses the negative is returned, as scikit-learn does.
    average : {"macro", "worst", "pooled"}, default="macro"
        The mean over tasks (each task counts the same), the worst task, or all rows at once.
    response : {"predict", "predict_proba", "decision_function"}, default="predict"
        What a function of yours is given; named metrics know.

    Returns
    -------
    TaskScorer
        A callable ``scorer(estimator, X, y, *, task=None, sample_weight=None)``; greater is better.

    Raises
    ------
    ValueError
        If the metric or the average is unknown.

    Notes
    -----
    With ``task_column`` set in the estimator (or in a step of a Pipeline) nothing else is needed. Where the ids
    stand in an array, switch scikit-learn's metadata routing on and pass ``params={"task": ids}``: a string such
    as ``scoring="r2"`` cannot hand ``task`` to ``predict``, this scorer does.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.metrics import task_scorer
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = np.arange(6.0).reshape(-1, 1), np.array([0.0, 1, 2, 13, 14, 15])
    >>> model = LinearRegression().fit(X, y)
    >>> site = ["a", "a", "a", "b", "b", "b"]
    >>> for average in ("macro", "pooled"):
    ...     print(average, round(task_scorer("r2", average=average)(model, X, y, task=site), 2))
    macro -7.57
    pooled 0.87
    """
    if average not in ("macro", "worst", "pooled"):
        raise ValueError(f"average must be 'macro', 'worst' or 'pooled'; got {average!r}.")
    if not callable(metric):
        find_metric(metric)
    return TaskScorer(metric, average, response)


class TaskScorer:
    """What :func:`task_scorer` returns; requests ``task`` and ``sample_weight`` where metadata are routed."""

    def __init__(self, metric: str | Callable[..., float], average: Average, response: str) -> None:
        self.metric = metric
        self.average: Average = average
        self.response = response

    def __repr__(self) -> str:
        return f"task_scorer({self.metric!r}, average={self.average!r})"

    def get_metadata_routing(self) -> MetadataRequest:
        """Return what the scorer asks for (scikit-learn calls this)."""
        request = MetadataRequest(owner="task_scorer")
        request.score.add_request(param="task", alias=True)
        request.score.add_request(param="sample_weight", alias=True)
        return request

    def __call__(self, estimator: Any, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> float:
        """Return the score of a fitted estimator on X and y.

        Raises
        ------
        ValueError
            If the estimator has no method that the metric needs, or y and the tasks do not fit.
        """
        metric = find_metric(self.metric) if isinstance(self.metric, str) else self.metric
        methods = METHODS[metric.needs] if isinstance(metric, Metric) else (self.response,)
        method = next((name for name in methods if hasattr(estimator, name)), None)
        if method is None:
            raise ValueError(f"{self!r} needs {' or '.join(methods)}, which {type(estimator).__name__} does not have.")
        given = {"task": task} if task is not None and _takes_task(estimator, method) else {}
        prediction = getattr(estimator, method)(X, **given)
        ids = tasks_of(estimator, X) if task is None else task
        if ids is None and np.ndim(y) == 1:
            ids = np.zeros(len(prediction), dtype=np.int64)
        rows, _ = open_rows(y, prediction, ids, sample_weight)
        classes = getattr(estimator, "classes_", None) if method != "predict" else None
        by_task, pooled, sign = score_rows(metric, rows, classes)
        return sign * average(by_task, pooled, sign, self.average)


def _takes_task(estimator: Any, method: str) -> bool:
    return bool(get_routing_for_object(estimator).consumes(method, ["task"]))


def tasks_of(estimator: Any, X: Any) -> Any:
    """Return the task ids of X where the estimator, or a part of it, names their column; else None."""
    for name, value in estimator.get_params(deep=True).items():
        if value is not None and (name == "task_column" or name.endswith("__task_column")):
            return column_values(X, value, "tasks")
    return None
