"""What the wrappers need to know about an estimator that they have never seen."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from crosstask.tasks import TaskRows, fresh

IntVector = NDArray[np.intp]
Folds = list[tuple[IntVector, IntVector]]


def check_option(name: str, value: Any, valid: tuple[str, ...]) -> None:
    """Refuse a word that is not among the valid ones."""
    if not isinstance(value, str) or value not in valid:
        raise ValueError(f"{name}={value!r} is not known: use {', '.join(repr(word) for word in valid)}.")


def is_number(value: Any) -> bool:
    """Tell whether a parameter is a single finite number."""
    return isinstance(value, numbers.Real) and math.isfinite(value)


def split_pipeline(estimator: Any) -> tuple[Any, Any]:
    """Return unfitted clones of (all steps but the last or None, the last step)."""
    if not isinstance(estimator, Pipeline) or len(estimator.steps) == 1:
        return None, fresh(estimator)
    head = Pipeline(estimator.steps[:-1], memory=estimator.memory)
    return fresh(head), fresh(estimator.steps[-1][1])


def refuse_no_columns(rows: TaskRows) -> None:
    """Refuse an X that holds nothing beside the tasks."""
    if rows.X.shape[1] == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={rows.X.shape}) while a minimum of 1 is required: "
            "X has no column beside the task column, so there is nothing to predict from."
        )


def caller_rows(rows: TaskRows, sample_weight: Any) -> IntVector:
    """Return, for each pair, the row of the caller's X (rows of weight zero were left out by the door)."""
    if rows.table_row is not None:
        return rows.table_row
    n = len(rows.codes)
    weight = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    return np.arange(n, dtype=np.intp) if weight.ndim == 0 else np.flatnonzero(weight > 0)


def explicit_folds(cv: Any) -> bool:
    """Tell whether cv is a list of (train rows, test rows)."""
    return (
        isinstance(cv, (list, tuple))
        and len(cv) > 0
        and all(isinstance(pair, (list, tuple)) and len(pair) == 2 and np.ndim(pair[0]) == 1 for pair in cv)
    )


def local_folds(cv: Any, row_of_pair: IntVector) -> Folds:
    """Translate folds over the caller's rows into folds over pairs; folds that lose a side are left out."""
    folds: Folds = []
    for train, test in cv:
        sides = [np.flatnonzero(np.isin(row_of_pair, _positions(side))) for side in (train, test)]
        if len(sides[0]) and len(sides[1]):
            folds.append((sides[0], sides[1]))
    return folds


def fold_parameters(estimator: Any) -> dict[str, Any]:
    """Return the (nested) parameters named cv that hold explicit folds."""
    if not hasattr(estimator, "get_params"):
        return {}
    named = estimator.get_params(deep=True).items()
    return {name: value for name, value in named if name.split("__")[-1] == "cv" and explicit_folds(value)}


def _positions(side: Any) -> NDArray[Any]:
    values = np.asarray(side)
    return np.flatnonzero(values) if values.dtype == bool else values
