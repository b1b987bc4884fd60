"""One column of a raw table, of any make, as one of four plain vectors: numbers, truth values, dates or text."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Make = Literal["number", "boolean", "date", "text", "category"]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_LEADING_ZERO = re.compile(r"[+-]?0\d+")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?Z?")
MISSING_WORDS = frozenset({"", "?", "-", "na", "n/a", "#n/a", "nan", "null", "none", "nat", "<na>", "missing"})


@dataclass(frozen=True)
class Values:
    """A column as it came: ``data`` is float64 (NaN = missing), datetime64[us] (NaT) or object (str or None)."""

    make: Make
    data: NDArray[Any]

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where the value is missing."""
        if self.make == "date":
            return np.isnat(self.data)
        if self.data.dtype == object:
            return np.array([value is None for value in self.data], dtype=bool)
        return np.isnan(self.data)


def frame_values(series: Any, name: str) -> Values:
    """Read one column of a pandas or polars data frame.

    Raises
    ------
    ValueError
        If the column holds complex numbers.
    TypeError
        If it holds things that are neither numbers, dates nor text.
    """
    import narwhals.stable.v1 as nw

    dtype = nw.from_native(series, series_only=True).dtype
    if dtype == nw.Categorical or dtype == nw.Enum:
        as_list = series.tolist() if hasattr(series, "iloc") else series.to_list()
        return Values("category", _as_text(np.asarray([None if _gap(v) else v for v in as_list], dtype=object)))
    if dtype == nw.Boolean or dtype.is_numeric():
        make: Make = "boolean" if dtype == nw.Boolean else "number"
        if hasattr(series, "iloc"):
            return Values(make, series.to_numpy(dtype=np.float64, na_value=np.nan))
        import polars as pl

        return Values(make, np.asarray(series.cast(pl.Float64).to_numpy(), dtype=np.float64))
    if dtype == nw.Datetime or dtype == nw.Date:
        if getattr(dtype, "time_zone", None):  # the wall clock of the place: its weekdays are what people mean
            series = series.dt.tz_localize(None) if hasattr(series, "iloc") else series.dt.replace_time_zone(None)
        return Values("date", np.asarray(series.to_numpy()).astype("datetime64[us]"))
    if dtype == nw.Duration:
        days = np.asarray(series.to_numpy()).astype("timedelta64[us]")
        return Values("number", np.where(np.isnat(days), np.nan, days / np.timedelta64(1, "D")))
    return array_values(np.asarray(series.to_numpy()), name)


def array_values(values: NDArray[Any], name: str) -> Values:
    """Read one column of an array; see :func:`frame_values`."""
    kind = values.dtype.kind
    if kind == "b":
        return Values("boolean", values.astype(np.float64))
    if kind in "iuf":
        return Values("number", values.astype(np.float64))
    if kind == "c":
        raise ValueError(f"Complex data not supported: column {name!r} holds complex numbers; pass two real columns.")
    if kind == "M":
        return Values("date", values.astype("datetime64[us]"))
    if kind == "m":
        return Values("number", np.where(np.isnat(values), np.nan, values / np.timedelta64(1, "D")))
    return _object_values(values.astype(object), name)


def _object_values(values: NDArray[Any], name: str) -> Values:
    present = np.array([not _gap(value) for value in values], dtype=bool)
    kinds = {_kind(value, name) for value in values[present]}
    if kinds == {"complex"}:
        raise ValueError(f"Complex data not supported: column {name!r} holds complex numbers; pass two real columns.")
    if kinds == {"boolean"} or kinds == {"number"} or kinds == {"boolean", "number"}:
        data = np.full(len(values), np.nan)
        data[present] = values[present].astype(np.float64)
        return Values("boolean" if kinds == {"boolean"} else "number", data)
    if kinds == {"date"}:
        dates = np.full(len(values), np.datetime64("NaT"), dtype="datetime64[us]")
        dates[present] = [_wall_clock(value) for value in values[present]]
        return Values("date", dates)
    values = values.copy()
    values[~present] = None
    return Values("text", _as_text(values))


def _kind(value: Any, name: str) -> str:
    if isinstance(value, str):
        return "text"
    if isinstance(value, (bool, np.bool_)):
        return "boolean"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return "number"
    if isinstance(value, (dt.date, np.datetime64)):
        return "date"
    if isinstance(value, (complex, np.complexfloating)):
        return "complex"
    try:
        float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"column {name!r} holds a {type(value).__name__} ({value!r:.40}): "
            "argument must be a string or a number, or a date."
        ) from error
    return "number"


def _wall_clock(value: Any) -> np.datetime64:
    if isinstance(value, dt.datetime):
        value = value.replace(tzinfo=None)
    return np.datetime64(value, "us")


def _gap(value: Any) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)  # NaN and NaT differ from themselves
    except (TypeError, ValueError):  # pandas.NA refuses to be a truth value
        return True


def _as_text(values: NDArray[Any]) -> NDArray[Any]:
    """Spell every value as text: 1.0 as '1', spaces around it removed, blank as missing."""
    text = np.empty(len(values), dtype=object)
    for i, value in enumerate(values):
        if value is None:
            continue
        whole = isinstance(value, (float, np.floating)) and float(value).is_integer()
        text[i] = (str(int(value)) if whole else str(value)).strip() or None
    return text


def is_number(text: str) -> bool:
    """Tell whether a text is a plain number: '7', '-1.5', '2e3'; not '1,5', and not the code '007'."""
    return _NUMBER.fullmatch(text) is not None and _LEADING_ZERO.fullmatch(text) is None


def is_date(text: str) -> bool:
    """Tell whether a text is a date as ISO 8601 writes it, with or without a time."""
    if _ISO_DATE.fullmatch(text) is None:
        return False
    try:
        np.datetime64(text.rstrip("Z").replace(" ", "T"))
    except ValueError:
        return False
    return True


def is_missing_word(text: str) -> bool:
    """Tell whether a text in a column of numbers or dates only says that the value is missing."""
    return text.lower() in MISSING_WORDS


def text_to_numbers(text: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Return the numbers that a column of text spells.

    Raises
    ------
    ValueError
        If a text is not a plain number; the first is shown.
    """
    return _converted(text, name, "numbers", is_number, float, np.nan, np.float64)


def text_to_dates(text: NDArray[Any], name: str) -> NDArray[np.datetime64]:
    """Return the dates that a column of text spells; see :func:`text_to_numbers`."""
    return _converted(
        text,
        name,
        "dates",
        is_date,
        lambda value: np.datetime64(value.rstrip("Z").replace(" ", "T"), "us"),
        np.datetime64("NaT"),
        "datetime64[us]",
    )


def _converted(text: Any, name: str, what: str, fits: Any, convert: Any, missing: Any, dtype: Any) -> NDArray[Any]:
    out = np.full(len(text), missing, dtype=dtype)
    for i, value in enumerate(text):
        if value is None or is_missing_word(value):
            continue
        if not fits(value):
            raise ValueError(
                f"column {name!r} held {what} in fit, but here it has {value!r:.40} in row {i}: "
                "write it as in the table that the model was fitted on, or leave it empty."
            )
        out[i] = convert(value)
    return out
