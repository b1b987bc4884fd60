"""Reading a column or an array of times as numbers or datetime64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.model_selection._read import number_of_rows
from crosstask.tasks._frames import column_values


def read_times(splitter: Any, X: Any, time: Any) -> NDArray[Any]:
    """Return the time of each row as finite numbers or datetime64; an array goes before the column.

    Raises
    ------
    ValueError
        If no times were given, one is missing, or text is not ISO 8601.
    """
    column = splitter.time_column
    if time is not None:
        values, where = time, "time="
    elif column is not None:
        values, where = column_values(X, column, "times"), f"column {column!r}"
    else:
        name = type(splitter).__name__
        raise ValueError(
            f"{name} was not told the time of each row: give {name}(time_column=..), or pass time= to split "
            "(with metadata routing: params={'time': ..})."
        )
    times = as_times(values, where)
    if len(times) != number_of_rows(X):
        raise ValueError(f"{where} has {len(times)} times for {number_of_rows(X)} rows of X; give one for each row.")
    return times


def as_times(values: Any, where: str) -> NDArray[Any]:
    """Return times as a vector of finite numbers or datetime64.

    Raises
    ------
    ValueError
        If a time is missing or infinite, or text is not ISO 8601.
    """
    array = _plain_array(values)
    if array.ndim != 1:
        raise ValueError(f"{where} must be one-dimensional, one time a row; it has shape {array.shape}.")
    if array.dtype.kind in "OUST":
        array = _from_text(array, where)
    if array.dtype.kind in "biu":
        return array.astype(np.int64)
    missing = np.isnat(array) if array.dtype.kind == "M" else ~np.isfinite(array)
    if missing.any():
        raise ValueError(
            f"{where} has {int(missing.sum())} missing or infinite times (first at row {int(missing.argmax())}): "
            "drop these rows."
        )
    return array


def _plain_array(values: Any) -> NDArray[Any]:
    moments: Any = getattr(values, "dt", None)
    if getattr(moments, "tz", None) is not None:  # one instant may be written in several time zones
        values = moments.tz_convert("UTC").dt.tz_localize(None)
    elif hasattr(moments, "to_timestamp") and str(getattr(values, "dtype", "")).startswith("period"):
        values = moments.to_timestamp()
    return np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)


def _from_text(array: NDArray[Any], where: str) -> NDArray[Any]:
    first = next((value for value in array.tolist() if value is not None and value == value), None)
    try:
        if isinstance(first, (int, float)):
            return array.astype(np.float64)
        return np.array([None if value != value else value for value in array.tolist()], dtype="datetime64[us]")
    except (TypeError, ValueError):
        raise ValueError(
            f"{where} holds {first!r}, which is neither a number nor a date in ISO 8601 (2024-01-31): "
            "convert it first, for example with pandas.to_datetime."
        ) from None
