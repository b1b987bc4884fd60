"""Coefficients of tasks from their descriptors: a ridge regression, and models that hold what it says."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks._added import Insertion

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ridge:
    """b = mean_b + C' (z - mean_z)."""

    mean_z: Array
    mean_b: Array
    C: Array

    @classmethod
    def of(cls, Z: Array, B: Array, alpha: float) -> Ridge:
        """Solve (Z'Z + alpha I) C = Z'B on centred rows; infinity leaves the mean."""
        mean_z, mean_b = Z.mean(axis=0), B.mean(axis=0)
        if np.isinf(alpha):
            return cls(mean_z, mean_b, np.zeros((Z.shape[1], B.shape[1])))
        apart = Z - mean_z
        C = np.linalg.solve(apart.T @ apart + alpha * np.eye(Z.shape[1]), apart.T @ (B - mean_b))
        return cls(mean_z, mean_b, C)

    def __call__(self, Z: Array) -> Array:
        """Return the coefficients of tasks with these descriptors."""
        return self.mean_b + (Z - self.mean_z) @ self.C


def stacked(model: Any) -> Array:
    """Return intercepts and slopes of each task in one row."""
    coef = np.asarray(getattr(model, "completed_coef_", model.coef_))
    return np.hstack([model.intercept_.reshape(len(coef), -1), coef.reshape(len(coef), -1)])


def described(model: Any, ridge: Ridge, Z: Array, tasks: NDArray[Any]) -> Any:
    """Return the model with tasks of these descriptors in the place of its own."""
    stacked, other = ridge(Z), copy(model)
    n_outputs = model.intercept_.reshape(len(model.tasks_), -1).shape[1]
    other.intercept_ = stacked[:, :n_outputs].reshape(-1, *model.intercept_.shape[1:])
    other.coef_ = stacked[:, n_outputs:].reshape(-1, *model.coef_.shape[1:])
    other.tasks_, other.door_ = tasks, "array"
    if model.measured_ is not None:
        other.measured_ = np.ones((len(tasks), model.measured_.shape[1]), dtype=bool)
    return other


def beside(model: Any, other: Any) -> Any:
    """Return one model of the tasks of both."""
    place, both = Insertion.of(model.tasks_, other.tasks_), copy(model)
    for name in ("coef_", "intercept_"):
        setattr(both, name, place.into(getattr(model, name), getattr(other, name)))
    if model.measured_ is not None:
        both.measured_ = place.into(model.measured_, other.measured_)
    both.tasks_ = place.tasks
    return both
