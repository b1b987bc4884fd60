"""Targets and weights as they come in: what is missing, what is of the wrong kind, what cures it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, column_or_1d

Pair = tuple[NDArray[np.intp], NDArray[np.intp]]
WIDE = "the wide target"


def wide_names(y: Any, targets: NDArray[Any]) -> NDArray[Any]:
    """Return the names of the columns of a wide target: their positions, where it has none.

    Raises
    ------
    ValueError
        If two columns have one name.
    """
    if not hasattr(y, "columns"):
        return np.arange(targets.shape[1])
    names = list(y.columns)
    if len(set(names)) < len(names):
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{WIDE} has {names.count(repeated)} columns named {repeated!r}: rename all but one.")
    return np.fromiter(names, dtype=object, count=len(names))


def missing_values(targets: NDArray[Any]) -> NDArray[np.bool_]:
    """Tell which values are NaN, None, NaT or NA."""
    if targets.dtype.kind in "fc":
        return np.isnan(targets)
    if targets.dtype.kind in "mM":
        return np.isnat(targets)
    if targets.dtype.kind == "O":
        return np.vectorize(_is_absent, otypes=[bool])(targets)
    return np.zeros(targets.shape, dtype=bool)


def _is_absent(value: Any) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN and NaT differ from themselves
    except (TypeError, ValueError):  # pandas.NA refuses to be a truth value
        return True


def check_target(targets: NDArray[Any], classification: bool) -> NDArray[Any]:
    """Return y as a checked vector: finite floats for regression, class labels for classification.

    Raises
    ------
    ValueError
        If y is missing somewhere, is not finite, or is of the wrong kind.
    """
    vector = column_or_1d(targets)
    missing = missing_values(vector)
    if missing.any():
        raise ValueError(
            f"Input y contains NaN: {int(missing.sum())} of {len(vector)} targets are missing (first at row "
            f"{int(missing.argmax())}); drop these rows, for a row without a target teaches nothing."
        )
    if not classification:
        return _numbers(vector)
    if vector.dtype.kind == "f" and np.isinf(vector).any():
        raise ValueError("Input y contains infinity or a value too large for a class label: check the target column.")
    if vector.dtype.kind == "O":
        vector = np.array(vector.tolist())
    check_classification_targets(vector)
    return vector


def _numbers(vector: NDArray[Any]) -> NDArray[Any]:
    try:
        return check_array(vector, ensure_2d=False, dtype="float64", input_name="y")
    except (TypeError, ValueError):
        text = next((value for value in vector.tolist() if isinstance(value, str)), None)
        if text is None:
            raise
        raise ValueError(
            f"y holds text ({text!r}), but a regressor predicts numbers: convert y, or use a classifier."
        ) from None


def check_weights(sample_weight: Any, n: int, n_tasks: int, pair: Pair | None) -> NDArray[np.float64] | None:
    """Return the weight of each pair, None where none were given.

    Parameters
    ----------
    sample_weight : array-like of shape (n,), (n, n_tasks) or (), optional
        As the caller gave them.
    n, n_tasks : int
        Rows of X, and tasks.
    pair : tuple of ndarray (table_row, column), optional
        At the wide door: the row, and the column of the target, that each pair comes from.

    Raises
    ------
    ValueError
        If the shape is wrong, or a weight is negative, missing or no number, or all are zero.
    """
    if sample_weight is None:
        return None
    try:
        weight = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("sample_weight holds values that are not numbers: give one number for each row.") from None
    if weight.ndim == 0:
        weight = np.full(n, float(weight))
    if pair is not None and weight.shape == (n, n_tasks):
        weight = weight[pair]
    elif weight.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar; got shape {weight.shape} for {n} rows.")
    elif len(weight) != n:
        raise ValueError(f"sample_weight.shape == {weight.shape}, expected {(n,)}: give one weight for each row.")
    elif pair is not None:
        weight = weight[pair[0]]
    if not np.isfinite(weight).all():
        raise ValueError("sample_weight holds NaN or infinite values: give finite weights.")
    if (weight < 0).any():
        raise ValueError(
            f"sample_weight has {int((weight < 0).sum())} negative values: weights count repetitions, give 0 or more."
        )
    if not weight.any():
        raise ValueError("sample_weight is zero in every row: give at least one row a positive weight.")
    return weight
