"""The target's rows, checked and standardised, with the sources' coefficients in the same layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

from crosstask.losses import Loss
from crosstask.tasks import TaskData, column_scale, numeric_matrix
from crosstask.tasks._doors import check_target
from crosstask.tasks._frames import as_table, check_one_target_a_row
from crosstask.transfer._sources import LinearSource, per_class, read_sources, union_of_classes
from crosstask.transfer._unwrap import Floats


@dataclass(frozen=True)
class Target:
    """One target task, ready for a solver: columns divided by their standard deviation, not centred.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, d)
        Scaled columns.
    y : ndarray of shape (n,)
        Real numbers, or positions in ``classes``.
    weight : ndarray of shape (n,)
        Positive sample weights.
    scale : ndarray of shape (d,)
        What the columns were divided by.
    mean : ndarray of shape (d,)
        Weighted means of the scaled columns.
    source_coef : ndarray of shape (S, K, d)
        Coefficients of the sources on the scaled columns; K = 1 for regression and two classes.
    classes : ndarray or None
        Union of the classes of target and sources; None for regression.
    kept : ndarray of shape (n,)
        Positions of these rows among those given to fit (rows of weight zero are left out).
    """

    X: Any
    y: NDArray[Any]
    weight: Floats
    scale: Floats
    mean: Floats
    source_coef: Floats
    classes: NDArray[Any] | None
    kept: NDArray[np.intp]

    @property
    def n_outputs(self) -> int:
        """Number K of linear predictors."""
        return int(self.source_coef.shape[1])

    @property
    def n_sources(self) -> int:
        """Number S of sources."""
        return int(self.source_coef.shape[0])

    def data(self) -> TaskData:
        """Return the rows as one task, with prior rows where some class has none."""
        n_classes = None if self.classes is None else len(self.classes)
        task = np.zeros(len(self.y))
        data = TaskData.from_arrays(self.X, self.y, task, sample_weight=self.weight, n_classes=n_classes)
        return data if n_classes is None else data.with_prior_rows()

    def indicator(self) -> Floats:
        """Target values of shape (n, K): y itself, the second class, or one column for each class."""
        if self.classes is None or self.n_outputs == 1:
            return self.y.astype(np.float64)[:, None]
        return (self.y[:, None] == np.arange(len(self.classes))).astype(np.float64)


def read_target(
    estimator: Any, X: Any, y: Any, sample_weight: Any, *, classification: bool, loss: Loss | None = None
) -> Target:
    """Check the caller's rows, set ``n_features_in_`` and ``classes_``, and bring the sources to the same columns.

    Raises
    ------
    ValueError
        If rows, weights or sources cannot be used.
    """
    name = type(estimator).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    table = as_table(X)
    validate_data(estimator, table, skip_check_array=True)
    values = check_target(column_or_1d(y, warn=True), classification)
    matrix = numeric_matrix(estimator, table).astype(np.float64, copy=False)
    check_one_target_a_row(matrix, values)
    weight = _check_sample_weight(sample_weight, matrix, dtype=np.float64, ensure_non_negative=True)
    kept = np.flatnonzero(weight > 0)
    if not len(kept):
        raise ValueError("sample_weight is zero in every row: give at least one row a positive weight.")
    if len(kept) < len(weight):
        matrix, values, weight = matrix[kept], values[kept], weight[kept]
    names = getattr(estimator, "feature_names_in_", None)
    sources = read_sources(estimator.source, matrix, names, classification, loss)
    classes = None
    if classification:
        values, classes = _encode(values, sources, name)
        estimator.classes_ = classes
    data = TaskData.from_arrays(matrix, values, np.zeros(len(values)), sample_weight=weight)
    scale = column_scale(data) if estimator.standardize else np.ones(matrix.shape[1])
    scaled = data.scaled(scale).X
    mean = np.asarray(scaled.T @ (weight / weight.sum())).reshape(-1)
    return Target(scaled, values, weight, scale, mean, _stack(sources, classes, scale), classes, kept)


def _encode(values: NDArray[Any], sources: list[LinearSource], name: str) -> tuple[NDArray[np.intp], NDArray[Any]]:
    own = np.unique(values)
    classes = union_of_classes(own, sources)
    if len(classes) < 2:
        raise ValueError(
            f"y has one class only ({own.tolist()[0]!r}), and no source knows another class: {name} needs samples of "
            "at least two classes, or a source that has seen them."
        )
    return np.searchsorted(classes, values), classes


def _stack(sources: list[LinearSource], classes: NDArray[Any] | None, scale: Floats) -> Floats:
    """Coefficients of all sources on the scaled columns, of shape (S, K, d)."""
    n_outputs = 1 if classes is None or len(classes) == 2 else len(classes)
    rows = [
        source.coef if classes is None else per_class(source, classes, f"source {i}")
        for i, source in enumerate(sources)
    ]
    return np.array(rows, dtype=np.float64).reshape(len(sources), n_outputs, len(scale)) * scale
