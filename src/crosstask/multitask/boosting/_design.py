"""The columns that boosting reads: the caller's matrix, the task as a category, and perhaps a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from crosstask.multitask._support import IntVector
from crosstask.multitask._task_columns import cross_fitted_means

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BoostingDesign:
    """How the task becomes one of the columns.

    Parameters
    ----------
    width : int
        Number of the caller's columns.
    categories : ndarray of int
        Positions of those that hold categories.
    task_encoder : TargetEncoder or None
        Where there are too many tasks for a category.
    """

    width: int
    categories: IntVector
    task_encoder: Any

    @classmethod
    def learn(
        cls,
        matrix: Array,
        categories: IntVector,
        codes: IntVector,
        y: Array,
        n_tasks: int,
        max_bins: int,
        n_classes: int,
    ) -> tuple[BoostingDesign, Array]:
        """Return the design, and its columns for the rows of fit, where a task's mean is out of fold."""
        width = matrix.shape[1]
        if n_tasks <= min(255, max_bins):
            design = cls(width, categories, None)
            return design, design.make(matrix, codes)
        kind = "continuous" if n_classes == 0 else "binary" if n_classes == 2 else "multiclass"
        encoder, means = cross_fitted_means(codes, y, kind)
        return cls(width, categories, encoder), np.hstack([matrix, means])

    def make(self, matrix: Array, codes: IntVector) -> Array:
        """Return the columns for any rows; code -1 gives a missing category, or the mean of all tasks."""
        if self.task_encoder is None:
            return np.column_stack([matrix, np.where(codes < 0, np.nan, codes)])
        return np.hstack([matrix, np.asarray(self.task_encoder.transform(codes[:, None]))])

    def options(self, monotonic: list[int] | None, n_columns: int) -> dict[str, Any]:
        """Return what scikit-learn's boosting is told about the columns of the design."""
        task = [] if self.task_encoder is not None else [self.width]
        signs = None if monotonic is None else [*monotonic, *[0] * (n_columns - self.width)]
        return {"categorical_features": [*self.categories.tolist(), *task], "monotonic_cst": signs}


def linear_encoder(width: int, categories: IntVector) -> Any:
    """Return a transformer to numbers for a linear model: gaps filled, levels spread, ends of ranges held.

    Beyond the range of fit a column keeps its end: a line fitted to few rows, or to past months, misleads there.
    """
    numbers = np.setdiff1d(np.arange(width), categories).tolist()
    steps: list[Any] = []
    if numbers:
        filled = make_pipeline(SimpleImputer(keep_empty_features=True), MinMaxScaler(clip=True))
        steps.append(("numbers", filled, numbers))
    if len(categories):
        spread = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=30, sparse_output=False)
        steps.append(("levels", spread, categories.tolist()))
    return ColumnTransformer(steps)
