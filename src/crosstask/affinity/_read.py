"""Rows of tasks as numbers: the doors, and whether y holds classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from crosstask.tasks import TaskData, TaskMixin, TaskRows, numeric_matrix

WIDEST = 1500  # columns, for each task has a matrix of so many rows and columns


def looks_like_classes(y: Any) -> bool:
    """Tell whether y holds text, truth values, or two numbers 0 or -1 and 1."""
    values = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    if values.dtype.kind == "O":  # numbers among objects, as Python's integers, decimals and pandas' NA make them
        values = _as_numbers(values)
    if values.dtype.kind not in "fiu":
        return True
    found = np.unique(values[~np.isnan(values)] if values.dtype.kind == "f" else values)
    return len(found) == 2 and found[1] == 1 and found[0] in (-1, 0)


def _as_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers held as objects as floats, with NaN for what is missing; anything else as it came."""
    import numbers
    from decimal import Decimal

    import pandas as pd

    known = values[~pd.isna(values)]
    if not all(isinstance(v, (numbers.Real, Decimal)) and not isinstance(v, (bool, np.bool_)) for v in known.flat):
        return values
    return np.where(pd.isna(values), np.nan, values).astype(np.float64)


class Reader(TaskMixin):
    """Reads the doors like every estimator does."""

    def __init__(self, task_column: str | int | None = None) -> None:
        self.task_column = task_column

    def open(self, X: Any, y: Any, task: Any, sample_weight: Any) -> TaskRows:
        return self._open_fit(X, y, task, sample_weight)

    def data(self, rows: TaskRows) -> TaskData:
        matrix = numeric_matrix(self, rows.X)
        if matrix.shape[1] > WIDEST:
            raise ValueError(
                f"X has {matrix.shape[1]} columns, and the moments of each task would need as many rows and columns: "
                f"reduce them to {WIDEST} or fewer, for example by PCA, or pass estimator=."
            )
        return self._numbers(rows, matrix)

    def _numbers(self, rows: TaskRows, matrix: Any) -> TaskData:
        raise NotImplementedError


class RegressionReader(Reader, RegressorMixin, BaseEstimator):
    def _numbers(self, rows: TaskRows, matrix: Any) -> TaskData:
        return TaskData.from_rows(rows, matrix, rows.y)


class ClassReader(Reader, ClassifierMixin, BaseEstimator):
    def _numbers(self, rows: TaskRows, matrix: Any) -> TaskData:
        classes, position = np.unique(np.asarray(rows.y), return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y has one class only ({classes.tolist()[0]!r}): affinity needs two or more.")
        return TaskData.from_rows(rows, matrix, position.reshape(-1), n_classes=len(classes))


RegressionReader.__name__ = ClassReader.__name__ = "task_affinity"  # error messages name who was called
