"""The columns that boosting reads: the caller's table, the task as a category, and perhaps a prediction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from crosstask.multitask._pooled import _with_category
from crosstask.multitask._support import IntVector
from crosstask.multitask._task_columns import append_category, append_columns, cross_fitted_means
from crosstask.tasks import is_frame

Array = NDArray[np.float64]


@dataclass(frozen=True)
class BoostingDesign:
    """What was learnt about the columns in fit; scikit-learn's boosting does the rest.

    Parameters
    ----------
    n_tasks : int
        Number of tasks.
    width : int
        Number of the caller's columns.
    task_encoder : TargetEncoder or None
        Where there are too many tasks for a category.
    """

    n_tasks: int
    width: int
    task_encoder: Any

    @classmethod
    def learn(
        cls, table: Any, codes: IntVector, y: Array, n_tasks: int, max_bins: int, n_classes: int
    ) -> tuple[BoostingDesign, Any]:
        """Return the design, and its columns for the rows of fit, where a task's mean is out of fold."""
        if n_tasks <= min(255, max_bins):
            design = cls(n_tasks, table.shape[1], None)
            return design, design.make(table, codes)
        kind = "continuous" if n_classes == 0 else "binary" if n_classes == 2 else "multiclass"
        encoder, means = cross_fitted_means(codes, y, kind)
        return cls(n_tasks, table.shape[1], encoder), append_columns(table, means, _mean_names(means.shape[1]))

    def make(self, table: Any, codes: IntVector) -> Any:
        """Return the columns for any rows; code -1 gives a missing category, or the mean of all tasks."""
        if self.task_encoder is None:
            return append_category(table, codes, self.n_tasks)
        means = np.asarray(self.task_encoder.transform(codes[:, None]))
        return append_columns(table, means, _mean_names(means.shape[1]))

    def categories(self, marked: Any, design: Any) -> Any:
        """Return ``categorical_features`` with the task among them."""
        if self.task_encoder is not None:
            return marked
        return _with_category(marked, self.width, design)

    def monotonic(self, given: Any, design: Any) -> Any:
        """Return ``monotonic_cst`` with zeros for the columns that were added."""
        if given is None or isinstance(given, dict):
            return given
        return [*np.asarray(given).tolist(), *[0] * (design.shape[1] - self.width)]


def _mean_names(width: int) -> list[str]:
    return [f"task_mean_{k}" for k in range(width)]


def with_prediction(design: Any, predicted: Array) -> Any:
    """Return the columns with a linear prediction as the last ones."""
    return append_columns(design, predicted, [f"linear_{k}" for k in range(predicted.shape[1])])


def linear_encoder(table: Any, marked: Any) -> Any:
    """Return a transformer to numbers for a linear model: gaps filled, levels spread, ends of ranges held.

    Beyond the range of fit a column keeps its end: a line fitted to few rows, or to past months, misleads there.
    """
    names = list(table.columns) if is_frame(table) else list(range(table.shape[1]))
    levels = _levels(table, marked, names)
    spread_out = [
        j for j, name in enumerate(names) if name in levels
    ]  # scikit-learn 1.6 finds no polars column by name
    numbers = [j for j, name in enumerate(names) if name not in levels]
    steps: list[Any] = []
    if numbers:
        filled = make_pipeline(SimpleImputer(keep_empty_features=True), MinMaxScaler(clip=True))
        steps.append(("numbers", filled, numbers))
    if levels:
        spread = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=30, sparse_output=False)
        steps.append(("levels", spread, spread_out))
    return ColumnTransformer(steps)


def _levels(table: Any, marked: Any, names: list[Any]) -> list[Any]:
    if isinstance(marked, str):  # "from_dtype"
        if not is_frame(table) or not hasattr(table, "iloc"):
            return []
        return [name for name in names if str(table[name].dtype) == "category"]
    if marked is None:
        return []
    given = np.asarray(marked)
    if given.dtype == bool:
        return [name for name, chosen in zip(names, given.tolist(), strict=True) if chosen]
    if given.dtype.kind in "UO":
        return given.tolist()
    return [names[j] for j in given.tolist()]
