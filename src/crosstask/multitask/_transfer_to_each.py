"""A transfer method with each task as its target in turn, so that it can be guarded and compared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.utils.parallel import Parallel, delayed

from crosstask.multitask._per_task import Part, PerTaskModels, constant_model, localised, part_of
from crosstask.multitask._support import IntVector
from crosstask.tasks import TaskRows, fit_weighted, fresh


class TransferToEach(PerTaskModels):
    r"""Fit a transfer method once for each task, with the other tasks as its sources.

    :math:`f_t = A(t; \{(x_i, y_i)\}_i)`: a method that learns from the rows of all tasks gets them all and
    ``target_task=t``; one that learns from fitted models gets the rows of t, and models of the other tasks as
    ``source``. So a method that serves one target becomes an estimator of all tasks, which
    :class:`crosstask.TransferGuard` and the flagship take as a candidate and can turn down.

    Parameters
    ----------
    estimator : estimator
        With a parameter ``target_task`` (``TransGLMRegressor``, ``TrAdaBoostClassifier``, ``ImportanceWeighted``), or
        with a parameter ``source`` (``PriorClassifier``, ``FineTunedRegressor``).
    source_estimator : estimator, optional
        What is fitted to other tasks where the estimator has ``source``; needed there.
    pool_sources : bool, default=False
        One model of the rows of all other tasks in the place of one model each.
    task_column, unseen_task, n_jobs
        As in :class:`crosstask.IndependentTasks`; "pooled" asks the estimator fitted to all rows as one task.

    Attributes
    ----------
    estimators_ : list of length n_tasks
        The fitted methods, in the order of ``tasks_``.
    pooled_estimator_, fallbacks_, classes_, tasks_
        As in :class:`crosstask.IndependentTasks`.

    Raises
    ------
    ValueError
        If the estimator has neither parameter, or ``source_estimator`` is missing where it is needed.

    Notes
    -----
    Cost: that of the method times the number of tasks. Other tasks with one class, or one row, are no sources where
    models are passed. *When not to use it*: with many tasks; joint estimation costs one fit.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from crosstask.datasets import make_related_tasks
    >>> from crosstask.multitask import TransferToEach
    >>> from crosstask.transfer import PriorRegressor
    >>> data = make_related_tasks(n_tasks=3, n_rows=[200, 200, 20], n_features=20, random_state=0)
    >>> model = TransferToEach(PriorRegressor(), Ridge()).fit(data.X, data.y, task=data.task)
    >>> len(model.estimators_[2].strength_)
    2
    """

    def __init__(
        self,
        estimator: Any,
        source_estimator: Any = None,
        *,
        pool_sources: bool = False,
        task_column: str | int | None = None,
        unseen_task: str = "error",
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.source_estimator = source_estimator
        self.pool_sources = pool_sources
        self.task_column = task_column
        self.unseen_task = unseen_task
        self.n_jobs = n_jobs

    def _fit_models(
        self, rows: TaskRows, parts: list[Part], row_of_pair: IntVector, classes: NDArray[Any] | None
    ) -> list[tuple[Any, str]]:
        parameters = self.estimator.get_params(deep=False)
        everything = part_of(rows, np.arange(len(rows.codes), dtype=np.intp), row_of_pair)
        if rows.n_tasks == 1:
            return [(everything.fit(localised(self.estimator, row_of_pair)), "")]
        if "target_task" in parameters:
            jobs = (delayed(_from_rows)(self.estimator, everything, rows.task, t) for t in rows.tasks)
        elif "source" in parameters:
            if self.source_estimator is None:
                raise ValueError(
                    f"{type(self.estimator).__name__} learns from fitted models: give source_estimator=, the estimator "
                    "that is to be fitted to the other tasks."
                )
            models = [] if self.pool_sources else [_source(self.source_estimator, part, row_of_pair) for part in parts]
            jobs = (
                delayed(_from_models)(self.estimator, part, self._sources_of(t, models, rows, row_of_pair), classes)
                for t, part in enumerate(parts)
            )
        else:
            raise ValueError(
                f"{type(self.estimator).__name__} has neither a parameter target_task nor source, so it is no transfer "
                "method: use IndependentTasks or PooledTasks."
            )
        fitted: Any = Parallel(n_jobs=self.n_jobs)(jobs)
        return fitted

    def _sources_of(self, t: int, models: list[Any], rows: TaskRows, row_of_pair: IntVector) -> list[Any]:
        if not self.pool_sources:
            return [model for k, model in enumerate(models) if k != t and model is not None]
        others = part_of(rows, np.flatnonzero(rows.codes != t), row_of_pair)
        return [model for model in [_source(self.source_estimator, others, row_of_pair)] if model is not None]


def _source(estimator: Any, part: Part, row_of_pair: IntVector) -> Any:
    """Return a frozen model of some rows; None where there is one value of y only."""
    if (part.y == part.y[0]).all():
        return None
    return FrozenEstimator(part.fit(localised(estimator, part.rows)))


def _from_rows(estimator: Any, everything: Part, task: NDArray[Any], target: Any) -> tuple[Any, str]:
    own = localised(estimator, everything.rows).set_params(target_task=target.item())
    if own.get_params(deep=False).get("task_column") is not None:
        own.set_params(task_column=None)
    return fit_weighted(own, everything.X, everything.y, everything.weight, task=task), ""


def _from_models(estimator: Any, part: Part, sources: list[Any], classes: NDArray[Any] | None) -> tuple[Any, str]:
    lone = (part.y == part.y[0]).all() if classes is not None else len(part.y) == 1
    if lone and not sources:
        return constant_model(part, classes, "it has one value of y, and no other task gives a source")
    return part.fit(localised(fresh(estimator).set_params(source=sources), part.rows)), ""
