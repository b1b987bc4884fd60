"""Looking at the table before any work: the target, the tasks, and whether there is anything to learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from crosstask.cli._run import BadInputError
from crosstask.cli._tables import require_column
from crosstask.tasks import TaskIndex, as_task_ids

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["classification", "regression"]
MOST_CLASSES = 50


@dataclass(frozen=True)
class Problem:
    """A table made ready: features with the task column, target, what kind of target, and what was noticed."""

    X: pd.DataFrame
    y: pd.Series[Any]
    kind: Kind
    notes: list[str]


def make_problem(
    frame: pd.DataFrame, path: Path, *, target: str, task: str, roles: dict[str, str | None], kind: Kind | None
) -> Problem:
    """Check the table, recognise the target, and say aloud what was done.

    Parameters
    ----------
    frame : DataFrame
        The table.
    path : Path
        Its file, for messages.
    target, task : str
        Columns.
    roles : dict
        Further options and the columns they name, such as ``{"--time": "day"}``.
    kind : {"classification", "regression"} or None
        None to recognise it.

    Raises
    ------
    BadInputError
        One line on what cannot be used.
    """
    _check_columns(frame, path, target, task, roles)
    notes: list[str] = []
    known = frame[target].notna()
    if not known.any():
        raise BadInputError(f"column {target!r} of {path} has no value in any of {len(frame)} rows: nothing to learn.")
    if not known.all():
        notes.append(f"{int((~known).sum())} rows without a value of {target!r} were left out.")
        frame = frame[known].reset_index(drop=True)
    frame = _check_tasks(frame, path, task)
    y, kind, said = _recognise(frame[target], path, kind)
    X = frame.drop(columns=target)
    _check_features(X, path, {task, *[name for name in roles.values() if name]})
    return Problem(_with_times(X, roles.get("--time"), path), y, kind, [said, *notes])


def task_values(values: pd.Series[Any], *, numeric: bool) -> pd.Series[Any]:
    """Return task ids as text, or as whole numbers where the model, or the column itself, has numbers."""
    text = as_text(values)
    return text.astype("int64") if numeric and text.str.fullmatch(r"-?\d+").all() else text


def as_text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return ids as stripped text, empty where there is none."""
    return values.astype("object").where(values.notna(), "").astype(str).str.strip()


def _check_columns(frame: pd.DataFrame, path: Path, target: str, task: str, roles: dict[str, str | None]) -> None:
    named = {"--target": target, "--task": task, **{option: name for option, name in roles.items() if name}}
    for option, name in named.items():
        require_column(frame, name, option, path)
    options = list(named)
    for i, option in enumerate(options):
        for other in options[:i]:
            if named[option] == named[other]:
                raise BadInputError(f"{other} and {option} both name the column {named[option]!r}: they must differ.")
    if len(frame.columns) == len(named):
        shown = " and ".join(repr(name) for name in named.values())
        raise BadInputError(f"{path} has no column beside {shown}: there is nothing to predict {target!r} from.")


def _check_tasks(frame: pd.DataFrame, path: Path, task: str) -> pd.DataFrame:
    values = frame[task]
    text = as_text(values)
    missing = text == ""
    if missing.all():
        raise BadInputError(f"column {task!r} of {path} has no value in any row: it must say which task a row is of.")
    if missing.any():
        raise BadInputError(
            f"column {task!r} of {path} has no value in {int(missing.sum())} rows (first in row "
            f"{int(missing.to_numpy().argmax()) + 1}): fill it, for example with 'unknown', or leave these rows out."
        )
    if values.dtype == object or str(values.dtype).startswith(("str", "category")):
        whole = text.str.fullmatch(r"-?(0|[1-9]\d{0,17})")
        frame = frame.assign(**{task: text.astype("int64") if whole.all() else text})
    try:
        where = f"column {task!r}"
        TaskIndex.learn(as_task_ids(frame[task], len(frame), where), where)
    except ValueError as error:
        raise BadInputError(str(error)) from error
    return frame


def _recognise(values: pd.Series[Any], path: Path, kind: Kind | None) -> tuple[pd.Series[Any], Kind, str]:
    name, distinct = str(values.name), values.nunique()
    if distinct == 1:
        only = repr(values.iloc[0]) if isinstance(values.iloc[0], str) else str(values.iloc[0])
        raise BadInputError(f"column {name!r} of {path} is {only} in every row: there is nothing to learn.")
    number = _is_number(values)
    if number and np.isinf(values.to_numpy(dtype=np.float64)).any():
        infinite = np.isinf(values.to_numpy(dtype=np.float64))
        raise BadInputError(
            f"column {name!r} of {path} is infinite in {int(infinite.sum())} rows (first in row "
            f"{int(infinite.argmax()) + 1}): correct these values, or leave the rows out."
        )
    if kind == "regression" and not number:
        raise BadInputError(f"--regression needs numbers, but column {name!r} holds {_text_in(values)}.")
    if not number and kind is None:
        _refuse_dirty_numbers(values, path)
    chosen: Kind = kind or ("regression" if number and distinct > 2 else "classification")
    if chosen == "classification" and distinct > min(MOST_CLASSES, max(len(values) // 2, 2)):
        raise BadInputError(
            f"column {name!r} of {path} has {distinct} different values in {len(values)} rows, too many for classes: "
            f"{'drop --classification to predict it as a number' if number else 'name another --target'}."
        )
    recognised = "as asked" if kind else "recognised from the values"
    if chosen == "regression":
        few = " (if these are labels, add --classification)" if distinct <= 10 else ""
        return values.astype("float64"), chosen, f"Regression of {name!r}, {recognised}{few}."
    labels = _labels(values, number)
    shown = ", ".join(str(label) for label in sorted(labels.unique(), key=str)[:6])
    more = " .." if distinct > 6 else ""
    return labels, chosen, f"Classification of {name!r} ({shown}{more}), {recognised}."


def _is_number(values: pd.Series[Any]) -> bool:
    from pandas.api import types

    return bool(types.is_numeric_dtype(values) and not types.is_bool_dtype(values))


def _text_in(values: pd.Series[Any]) -> str:
    import pandas as pd

    bad = values[pd.to_numeric(values, errors="coerce").isna()]
    return f"{bad.iloc[0]!r}" if len(bad) else "something else"


def _refuse_dirty_numbers(values: pd.Series[Any], path: Path) -> None:
    """A column of numbers with a few words in it is a column of numbers with gaps, not one of many classes."""
    import pandas as pd

    parsed = pd.to_numeric(values.astype(str), errors="coerce")
    if parsed.notna().mean() > 0.5 and parsed.nunique() > 2:
        bad = values[parsed.isna()]
        raise BadInputError(
            f"column {values.name!r} of {path} holds numbers, but also {bad.iloc[0]!r} (row "
            f"{int(parsed.isna().to_numpy().argmax()) + 1}): empty such cells, or add --classification."
        )


def _labels(values: pd.Series[Any], number: bool) -> pd.Series[Any]:
    if not number:
        return values.astype(str)
    whole = values.astype("float64")
    return whole.astype("int64") if (whole == whole.round()).all() else values


def _check_features(X: pd.DataFrame, path: Path, roles: set[str]) -> None:
    features = [name for name in X.columns if name not in roles]
    numbers = [name for name in features if _is_number(X[name])]
    infinite = [repr(name) for name in numbers if np.isinf(X[name].to_numpy(dtype=np.float64)).any()]
    if infinite:
        shown = ", ".join(infinite[:6]) + (" .." if len(infinite) > 6 else "")
        raise BadInputError(f"{path} has infinite values in column {shown}: empty these cells, or correct them.")
    if all(X[name].isna().all() for name in features):
        raise BadInputError(f"{path} has no value in any column that could be learned from.")


def _with_times(X: pd.DataFrame, time: str | None, path: Path) -> pd.DataFrame:
    """Read a time column of text as dates."""
    import pandas as pd

    if time is None:
        return X
    if X[time].isna().any():
        row = int(X[time].isna().to_numpy().argmax()) + 1
        raise BadInputError(f"column {time!r} of {path} has no time in row {row}: fill it, or leave the row out.")
    if _is_number(X[time]) or str(X[time].dtype).startswith("datetime"):
        return X
    try:
        return X.assign(**{time: pd.to_datetime(X[time], format="ISO8601")})
    except (ValueError, TypeError) as error:
        raise BadInputError(
            f"column {time!r} of {path} is neither a number nor a date like 2024-05-31 (for example "
            f"{X[time].iloc[0]!r}): write the dates so."
        ) from error
