"""What a linear fit needs, from moments instead of rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from crosstask.couplings import Coupling
from crosstask.losses import Squared, as_loss
from crosstask.multitask._add_task import Fitted
from crosstask.multitask._linear import Plan
from crosstask.multitask._tuning import Objective
from crosstask.summaries import TaskStatistics, stand_in_rows
from crosstask.tasks import TaskData


def open_statistics(model: Any, statistics: Any) -> tuple[TaskData, Coupling, Plan]:
    """Check what came in, set what ``fit`` sets before it solves, and return what it solves."""
    coupling = model._check_options()
    _refuse_rows_only(model, statistics)
    rows = stand_in_rows(statistics, folds=model.alpha == "auto")
    model.tasks_ = rows.data.tasks
    model.door_, model.wide_order_ = read_columns(model, statistics), None
    model.columns_ = statistics.feature_names_ or [f"x{j}" for j in range(statistics.n_features_)]
    model.measured_, model.loss_ = None, Squared()
    data, origin = rows.data, rows.mean
    if not model.fit_intercept:  # nothing takes the means up
        data, origin = replace(data, X=data.X + rows.mean[data.codes]), None
    scale = rows.scale if model.standardize else np.ones(data.n_features)
    weighting: Any = model.task_weight
    objective = Objective(model.loss_, model.fit_intercept, weighting, model.max_iter)
    model._fitted = Fitted.on(data, scale, counts=False)
    return data.scaled(scale), coupling.for_tasks(data.tasks), Plan(objective, rows.folds, scale, origin)


def _refuse_rows_only(model: Any, statistics: Any) -> None:
    if not isinstance(statistics, TaskStatistics):
        raise ValueError(
            f"fit_statistics takes TaskStatistics, not {type(statistics).__name__}: gather them with "
            "TaskStatistics().partial_fit(X, y, task), or call fit(X, y, task=task)."
        )
    if type(as_loss(model.loss)) is not Squared:
        raise ValueError(
            f"loss={model.loss!r} needs rows, and moments hold what loss='squared' needs: change the loss, or call fit."
        )
    for name in ("measured", "exposure_column"):
        if getattr(model, name) is not None:
            raise ValueError(f"{name}={getattr(model, name)!r} needs rows: leave it out, or call fit.")
    if model.alpha != "auto":
        return
    if not statistics.n_folds:
        raise ValueError(
            "alpha='auto' holds folds out, and these statistics have none: gather them with n_folds=5, or give a "
            "number as alpha."
        )
    if model.cv is not None and model.cv != statistics.n_folds:
        raise ValueError(
            f"cv={model.cv!r} does not go with statistics whose {statistics.n_folds} folds are fixed: leave cv out."
        )
    if len(np.flatnonzero(statistics.cells().count.any(axis=0))) < 2:
        raise ValueError("alpha='auto' holds folds out, and all rows are in one fold: give a number as alpha.")


def read_columns(model: Any, statistics: TaskStatistics) -> str:
    """Set the names that prediction will look for, and return the door."""
    features, column = statistics.feature_names_, model.task_column
    model.__dict__.pop("feature_names_in_", None)
    if column is None:
        names, door = features, "none" if statistics.door_ == "none" else "array"
    elif statistics.door_ == "column" and column == statistics.task_column:
        names, door = statistics.columns_, "column"
    elif statistics.door_ == "column":
        raise ValueError(
            f"task_column={column!r}, and the statistics were gathered with {statistics.task_column!r}: name that one."
        )
    else:
        names, door = None if features is None else [*features, str(column)], "column"
    model.n_features_in_ = statistics.n_features_ + (column is not None)
    if names is not None:
        model.feature_names_in_ = np.array(names, dtype=object)
    return door
