"""What a column of the raw table is, learnt once from the values, without looking at the target."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.auto._values import (
    Values,
    is_date,
    is_missing_word,
    is_number,
    text_to_dates,
    text_to_numbers,
)

Schema = dict[str, Any]
Finding = tuple[str, str]

MAX_CODES = 6  # whole numbers of so few values are often codes of categories (1 = typical, 2 = atypical, ..)
MAX_LEVELS = 254  # boosting takes 255 categories; one is left for "other"
OTHER = "other"
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_DROPPED = ("empty", "constant", "identifier")


def learn_column(values: Values, name: str) -> tuple[Schema, list[Finding]]:
    """Return the schema of one column, a plain dict, and what is worth telling about it.

    The schema has ``name``, ``kind`` ("number", "boolean", "category", "date", "constant", "empty" or
    "identifier"), ``missing`` (share of the rows), ``categories`` (list of text, or None), ``outputs`` (names of
    the columns that it becomes; none for the last three kinds); for a date, ``first`` (ISO day); for a number of
    three to six whole values, ``codes`` (these values).
    """
    findings: list[Finding] = []
    if values.make == "text":
        values = _recognise_text(values, name, findings)
    missing = values.missing
    schema: Schema = {
        "name": name,
        "kind": values.make,
        "missing": float(missing.mean()),
        "categories": None,
        "outputs": [],
    }
    present = values.data[~missing]
    if len(present) == 0:
        schema["kind"] = "empty"
        findings.append(("empty-column", f"column {name!r} is empty and was left out."))
    elif values.make in ("text", "category"):
        _learn_levels(schema, present, findings)
    elif values.make == "date":
        _learn_dates(schema, present)
    elif np.all(present == present[0]) and not missing.any():
        schema["kind"] = "constant"
    elif values.make == "number":
        _learn_codes(schema, present)
    if schema["kind"] == "constant":
        findings.append(("constant-column", f"column {name!r} has the same value in every row and was left out."))
    elif schema["kind"] not in _DROPPED and not schema["outputs"]:
        schema["outputs"] = [name]
    return schema, findings


def _learn_codes(schema: Schema, present: NDArray[np.float64]) -> None:
    distinct = np.unique(present[:1000])
    if len(distinct) > MAX_CODES:
        return
    distinct = np.unique(present)
    if 3 <= len(distinct) <= MAX_CODES and len(present) >= 10 * len(distinct) and np.all(distinct == np.rint(distinct)):
        schema["codes"] = distinct.tolist()


def _recognise_text(values: Values, name: str, findings: list[Finding]) -> Values:
    """Turn text that spells numbers or dates into numbers or dates."""
    said = [text for text in values.data if text is not None and not is_missing_word(text)]
    numbers = sum(map(is_number, said))
    if said and numbers == len(said):
        findings.append(("numbers-as-text", f"column {name!r} spells numbers as text and was read as numbers."))
        return Values("number", text_to_numbers(values.data, name))
    if said and all(map(is_date, said)):
        return Values("date", text_to_dates(values.data, name))
    if numbers >= 0.8 * len(said) > 0:
        odd = sorted({text for text in said if not is_number(text)})
        findings.append(
            (
                "almost-numbers",
                f"column {name!r} would be numbers but for {len(odd)} other value(s) such as {odd[0]!r:.40}; "
                "it was read as text: correct or empty them if they should be numbers.",
            )
        )
    return values


def _learn_levels(schema: Schema, present: NDArray[Any], findings: list[Finding]) -> None:
    """Keep the levels that two rows or more have, the most frequent first; the rest is 'other'."""
    name, n = schema["name"], len(present)
    counts = Counter(present.tolist())
    if len(counts) == 1 and schema["missing"] == 0.0:
        schema["kind"] = "constant"
        return
    if len(counts) > (0.9 * n if n >= 20 else n - 0.5) and n >= 5:
        schema["kind"] = "identifier"
        findings.append(
            (
                "identifier-dropped",
                f"column {name!r} has {len(counts)} different texts in {n} rows, as names and numbers of cases have: "
                "it was left out (free text must become numbers first, for example by TfidfVectorizer).",
            )
        )
        return
    ranked = sorted(counts, key=lambda level: (-counts[level], level))
    kept = [level for level in ranked if counts[level] >= 2 and level != OTHER][:MAX_LEVELS] or ranked[:1]
    if len(kept) < len(counts):
        kept.append(OTHER)
        findings.append(
            (
                "rare-levels",
                f"column {name!r}: {len(counts) - len(kept) + 1} rare categories are treated as one, {OTHER!r}.",
            )
        )
    schema["kind"], schema["categories"] = "category", kept


def _learn_dates(schema: Schema, present: NDArray[Any]) -> None:
    days = present.astype("datetime64[D]")
    schema["first"] = str(days.min())
    if present.min() == present.max() and schema["missing"] == 0.0:
        schema["kind"] = "constant"
        return
    name = schema["name"]
    schema["outputs"] = [name]
    distinct = np.unique(days)
    if distinct[-1] - distinct[0] > np.timedelta64(366, "D") and len(np.unique(month_of(distinct))) > 1:
        schema["outputs"].append(f"{name}: month")
    if len(distinct) >= 14 and len(np.unique(weekday_of(distinct))) > 1:
        schema["outputs"].append(f"{name}: weekday")


def month_of(days: NDArray[Any]) -> NDArray[np.int64]:
    """Return the month of each date, January = 0."""
    return days.astype("datetime64[M]").astype(np.int64) % 12


def weekday_of(days: NDArray[Any]) -> NDArray[np.int64]:
    """Return the weekday of each date, Monday = 0 (1 January 1970 was a Thursday)."""
    return (days.astype("datetime64[D]").astype(np.int64) + 3) % 7


def output_levels(schema: Schema) -> list[Any]:
    """Return, for each output of a column, the names of its categories (text), its codes (numbers), or None."""
    levels: list[Any] = []
    for output in schema["outputs"]:
        if schema["kind"] == "date" and output != schema["name"]:
            levels.append(MONTHS if output.endswith(": month") else WEEKDAYS)
        else:
            levels.append(schema["categories"] or schema.get("codes"))
    return levels


def is_category(levels: Any) -> bool:
    """Tell whether the levels of an output make it a category, and not a number."""
    return levels is not None and isinstance(levels[0], str)


def read_column(schema: Schema, values: Values) -> list[NDArray[np.float64]]:
    """Return the outputs of one column as float vectors with NaN where the value is missing.

    Raises
    ------
    ValueError
        If the values are not what the column held in fit, or are infinite.
    """
    kind, name = schema["kind"], schema["name"]
    if not schema["outputs"]:
        return []
    if kind == "category":
        return [_codes(schema, values)]
    if kind == "date":
        return _date_outputs(schema, _as_dates(values, name))
    data = text_to_numbers(values.data, name) if values.data.dtype == object else values.data
    if values.make == "date":
        raise ValueError(f"column {name!r} held numbers in fit, but here it holds dates: pass the same column.")
    infinite = np.flatnonzero(np.isinf(data))
    if len(infinite):
        shown = ", ".join(map(str, infinite[:5])) + (", .." if len(infinite) > 5 else "")
        raise ValueError(
            f"Input X contains infinity in column {name!r} (row {shown}): "
            "leave the value empty where it is not known, or write the largest sensible number."
        )
    return [data]


def _codes(schema: Schema, values: Values) -> NDArray[np.float64]:
    levels = schema["categories"]
    position = {level: float(code) for code, level in enumerate(levels)}
    rest = position.get(OTHER, np.nan)
    if values.data.dtype == object:
        text = values.data.tolist()
    else:  # the column held categories in fit; numbers are spelt as fit spelt them
        present = ~values.missing
        whole = [str(int(v)) if float(v).is_integer() else str(v) for v in values.data[present].tolist()]
        spelt = np.full(len(values.data), None, dtype=object)
        spelt[present] = whole
        text = spelt.tolist()
    return np.array([np.nan if value is None else position.get(value, rest) for value in text], dtype=np.float64)


def _as_dates(values: Values, name: str) -> NDArray[Any]:
    if values.make == "date":
        return values.data
    if values.data.dtype == object:
        return text_to_dates(values.data, name)
    if np.isnan(values.data).all():
        return np.full(len(values.data), np.datetime64("NaT"), dtype="datetime64[us]")
    raise ValueError(f"column {name!r} held dates in fit, but here it holds numbers: pass dates.")


def _date_outputs(schema: Schema, dates: NDArray[Any]) -> list[NDArray[np.float64]]:
    missing = np.isnat(dates)
    outputs: list[NDArray[np.float64]] = []
    for output in schema["outputs"]:
        if output == schema["name"]:
            value = (dates - np.datetime64(schema["first"], "us")) / np.timedelta64(1, "D")
        else:
            value = (month_of if output.endswith(": month") else weekday_of)(dates).astype(np.float64)
        outputs.append(np.where(missing, np.nan, value))
    return outputs
