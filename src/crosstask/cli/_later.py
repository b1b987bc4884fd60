"""``crosstask add-task``, ``check`` and ``compare``: what comes after the first fit."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crosstask.cli._fit import check_outputs, guarded
from crosstask.cli._predict import load_model
from crosstask.cli._run import BadInputError

if TYPE_CHECKING:
    import pandas as pd


def add_task(
    model: Path, table: Path, target: str | None, output: Path, *, encoding: str, trusted: list[str], force: bool
) -> None:
    """Load, read, check, learn the new task and save.

    Raises
    ------
    BadInputError
        In one line.
    """
    from crosstask.cli._show import console
    from crosstask.persistence import save

    check_outputs([output], force=force)
    fitted, said = _loaded(model, trusted)
    if not hasattr(fitted, "add_task"):
        raise BadInputError(f"{model} holds {type(fitted).__name__}, which cannot learn a task later: fit again.")
    frame = _table(table, fitted, encoding)
    target = _target_of(fitted, target, model)
    X, y = _columns(frame, fitted, table, target)
    out = console()
    for note in said:
        out.print(note, markup=False)
    before = set(fitted.tasks_.tolist())
    with guarded(out):
        fitted.add_task(X, _as_labels(fitted, y, table))
    new = [task for task in fitted.tasks_.tolist() if task not in before]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # said at the first fit
        save(fitted, output, force=force)
    for task in new:
        out.print(_verdict(fitted, task), markup=False)
    out.print(f"Model:  {output}", markup=False)


def check_table(
    model: Path,
    table: Path,
    target: str | None,
    output: Path | None,
    *,
    encoding: str,
    trusted: list[str],
    force: bool,
) -> None:
    """Load, read, check the rows and print what is to be noted.

    Raises
    ------
    BadInputError
        In one line.
    """
    from crosstask.cli._show import console
    from crosstask.lifecycle import check

    check_outputs([output], force=force)
    fitted, said = _loaded(model, trusted)
    frame = _table(table, fitted, encoding)
    y = None
    if target is not None:
        X, y = _columns(frame, fitted, table, target)
        y = _as_labels(fitted, y, table)
        frame = frame.loc[X.index].drop(columns=target).reset_index(drop=True)
    frame = _with_ids(frame, fitted)
    out = console()
    with guarded(out):
        remarks = check(fitted, frame, y)
    _print(remarks, said, output, force, out)


def compare_models(old: Path, new: Path, output: Path | None, *, trusted: list[str], force: bool) -> None:
    """Load both and print what changed.

    Raises
    ------
    BadInputError
        In one line.
    """
    from crosstask.cli._show import console
    from crosstask.lifecycle import compare

    check_outputs([output], force=force)
    (before, first), (after, second) = _loaded(old, trusted), _loaded(new, trusted)
    out = console()
    with guarded(out):
        remarks = compare(before, after)
    _print(remarks, [*first, *second], output, force, out)


def _loaded(model: Path, trusted: list[str]) -> tuple[Any, list[str]]:
    fitted, said = load_model(model, trusted)
    if not isinstance(getattr(fitted, "task_column", None), str) or not hasattr(fitted, "feature_names_in_"):
        raise BadInputError(f"{model} was not fitted on a table with a named task column: use it from Python.")
    return fitted, said


def _table(table: Path, fitted: Any, encoding: str) -> pd.DataFrame:
    from crosstask.cli._tables import read_table

    return read_table(table, text=[fitted.task_column], encoding=encoding)


def _target_of(fitted: Any, target: str | None, model: Path) -> str:
    name = target or getattr(fitted, "training_summary_", {}).get("target", {}).get("name")
    if not name:
        raise BadInputError(f"{model} does not say which column was the target: name it with --target.")
    return str(name)


def _columns(frame: pd.DataFrame, fitted: Any, table: Path, target: str) -> tuple[pd.DataFrame, pd.Series[Any]]:
    """Return the columns of fit and the target, of rows that have one."""
    from crosstask.cli._predict import as_fitted
    from crosstask.cli._tables import require_column

    require_column(frame, target, "--target", table)
    known = frame[target].notna()
    if not known.any():
        raise BadInputError(f"column {target!r} of {table} has no value in any of {len(frame)} rows.")
    frame = frame[known]
    names = [name for name in fitted.feature_names_in_ if name in frame.columns]
    X = as_fitted(frame, fitted, table)[0] if len(names) == len(fitted.feature_names_in_) else frame
    return X, frame[target]


def _with_ids(frame: pd.DataFrame, fitted: Any) -> pd.DataFrame:
    from crosstask.cli._target import task_values

    column = str(fitted.task_column)
    if column not in frame.columns:
        return frame
    numeric = np.asarray(fitted.tasks_).dtype.kind in "iu"
    return frame.assign(**{column: task_values(frame[column], numeric=numeric)})


def _as_labels(fitted: Any, y: pd.Series[Any], table: Path) -> Any:
    """Return the target in the type that fit had."""
    import pandas as pd

    classes = getattr(fitted, "classes_", None)
    if classes is not None and np.asarray(classes).dtype.kind == "U":
        return y.astype(str).to_numpy()
    numbers = pd.to_numeric(y, errors="coerce")
    if numbers.isna().any():
        wrong = y[numbers.isna()].iloc[0]
        raise BadInputError(f"column {y.name!r} of {table} holds {wrong!r}, and the model predicts numbers.")
    return numbers.to_numpy()


def _verdict(fitted: Any, task: Any) -> str:
    if not hasattr(fitted, "verdict_"):
        return f"{task} was added."
    verdict = fitted.verdict_
    reason = str(verdict.loc[verdict["task"] == task, "reason"].iloc[0])
    return f"{reason[:1].upper()}{reason[1:]}"


def _print(remarks: Any, said: list[str], output: Path | None, force: bool, out: Any) -> None:
    from crosstask.persistence import write_atomically

    for note in said:
        out.print(note, markup=False)
    out.print(str(remarks)[:1].upper() + str(remarks)[1:], markup=False)
    if output is not None:
        write_atomically(output, remarks.to_csv(index=False).encode(), force=force)
        out.print(f"\nTable:  {output}", markup=False)
