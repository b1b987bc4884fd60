"""Whether a fitted model still suits the rows that come now."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.auto._profile import STABLE
from crosstask.auto._roles import find_roles
from crosstask.auto._values import array_values, frame_values
from crosstask.lifecycle._harm import harms
from crosstask.lifecycle._remarks import Remark, Remarks, listed
from crosstask.tasks import TaskIndex, as_task_ids, column_names, is_frame, n_rows, pop_column
from crosstask.tasks._frames import as_table

LEVEL = 0.01  # of the test of one column, divided by their number
GAPS = 0.1  # a share of missing values that grew by less is not told
OUTSIDE, SURPRISE = 0.01, 0.05
FEWEST = 20  # rows of which a shift can be told


def check(model: Any, X: Any, y: Any = None, *, task: Any = None) -> Remarks:
    """Look at new rows before a fitted model predicts them: what is absent, unknown, out of range, shifted, or harmed.

    Parameters
    ----------
    model : fitted estimator
        With tasks. Levels, gaps, ranges and shift are known for the flagship, which remembers its table; harm for the
        flagship and ``TransferGuard``, which keep each task's own model.
    X : table of shape (n_rows, n_columns)
        New rows, as ``predict`` takes them.
    y : array-like of shape (n_rows,), optional
        What came true. Then the guarded model is compared with each task's own on these rows, and with its own loss at
        ``fit``.
    task : array-like of shape (n_rows,), optional
        Task ids, where no column of X holds them.

    Returns
    -------
    Remarks
        A frame (code, task, column, before, after, sentence) that prints as sentences, the gravest first; codes are
        "missing_column", "extra_column", "unreadable", "task_ids", "unseen_task", "unseen_level", "missing_values",
        "range", "shift", "harmed", "worse" and "new_class". Empty: nothing to note.

    Raises
    ------
    ValueError
        If X has no rows, the tasks are not given, or y does not fit X.

    Notes
    -----
    Shift is told where a chi squared test over ten bins rejects at 1 % divided by the number of columns *and* the
    population stability index exceeds 0.1: with many rows any difference is certain and most do not matter. It looks
    at all rows together; where the tasks come in other shares than at ``fit``, their columns do too.

    Values are out of range where more than 1 % lie beyond all of ``fit`` by more than a tenth of their range.

    A task is harmed where the 95 % interval of its gain over its own model (paired bootstrap over the new rows) lies
    below zero; it does worse where a 95 % interval of its new loss lies above its held-out loss at ``fit``. One task in
    forty is named by chance in either. Fewer than 5 rows of a task are not judged, nor the shift of fewer than 20.

    When not to use it: as a proof that nothing changed. Without y nobody can tell whether y depends on X as it did.

    Examples
    --------
    >>> import pandas as pd
    >>> import crosstask as ct
    >>> df = pd.DataFrame({"shop": ["a", "b"] * 30, "price": [i % 7 for i in range(60)]})
    >>> df["sales"] = 20.0 - 2.0 * df["price"] + 5.0 * (df["shop"] == "b")
    >>> model = ct.CrossTaskRegressor("linear", task_column="shop").fit(df[["shop", "price"]], df["sales"])
    >>> ct.check(model, pd.DataFrame({"shop": ["a", "c"], "price": [3, 50]}))
    task 'c' (1 of 2 rows) was not in fit: it is served by what the known tasks share.
    column 'price': 50 % of the values lie outside of what fit saw.
    """
    if not hasattr(model, "tasks_"):
        raise ValueError(f"{type(model).__name__} is no fitted model of tasks: check takes one that is fitted.")
    table = as_table(X)
    if n_rows(table) == 0:
        raise ValueError("X has no rows (0 sample(s)): there is nothing to check.")
    notes = _columns(model, table)
    if any(note.code == "missing_column" for note in notes):
        return Remarks.of(notes)
    if is_frame(table) and hasattr(model, "feature_names_in_"):
        table = table[list(model.feature_names_in_)]
    ids, spelled = _ids(model, table, task)
    notes = [*spelled, *notes]
    if spelled:
        return Remarks.of(notes)
    notes = _unseen(model, ids) + notes
    if hasattr(model, "reader_"):
        read, matrix = _read(model, table)
        notes += read
        if matrix is None:
            return Remarks.of(notes)
        notes += _shifts(model, matrix)
    if y is not None:
        notes = harms(model, table, y, ids) + notes
    return Remarks.of(notes)


def _columns(model: Any, table: Any) -> list[Remark]:
    names, known = column_names(table), getattr(model, "feature_names_in_", None)
    if names is None or known is None:
        wanted = int(getattr(model, "n_features_in_", table.shape[1]))
        if table.shape[1] == wanted:
            return []
        said = f"X has {table.shape[1]} columns, and the model was fitted on {wanted}."
        return [Remark("missing_column" if table.shape[1] < wanted else "extra_column", said)]
    lost = [str(name) for name in known if str(name) not in names]
    extra = [name for name in names if name not in {str(one) for one in known}]
    notes = [
        Remark("missing_column", f"column {name!r} is missing: no row can be predicted.", column=name) for name in lost
    ]
    return notes + [Remark("extra_column", f"column {name!r} is not used by the model.", column=name) for name in extra]


def _ids(model: Any, table: Any, task: Any) -> tuple[NDArray[Any], list[Remark]]:
    """Return the code of each row's task, and what is wrong with the ids."""
    column, n = getattr(model, "task_column", None), n_rows(table)
    if model.door_ == "wide":
        raise ValueError("check looks at rows of one task each, and the model was fitted on a wide target.")
    if column is None and task is None and len(model.tasks_) > 1:
        raise ValueError("check was not told which task each row belongs to: pass task=.")
    if column is None and task is None:
        return np.repeat(model.tasks_, n), []
    values = pop_column(table, column)[1] if column is not None else task
    where = f"column {column!r}" if column is not None else "task="
    try:
        ids = as_task_ids(values, n, where)
        TaskIndex(model.tasks_).encode(ids, where)
    except ValueError as error:
        return np.zeros(0, dtype=np.intp), [Remark("task_ids", str(error))]
    return ids, []


def _unseen(model: Any, ids: NDArray[Any]) -> list[Remark]:
    if not len(ids) or ids.dtype.kind != model.tasks_.dtype.kind:
        return []
    new, counts = np.unique(ids[~np.isin(ids, model.tasks_)], return_counts=True)
    refused = getattr(model, "unseen_task", "error") == "error"
    what = "predict refuses it" if refused else "it is served by what the known tasks share"
    return [
        Remark("unseen_task", f"task {task!r} ({n} of {len(ids)} rows) was not in fit: {what}.", task, after=int(n))
        for task, n in zip(new.tolist(), counts.tolist(), strict=True)
    ]


def _read(model: Any, table: Any) -> tuple[list[Remark], NDArray[np.float64] | None]:
    """Read the table as fit would, and note what it cannot hold."""
    features = pop_column(table, model.task_column)[0] if model.task_column is not None else table
    roles = find_roles(model, model.door_ == "column")
    features = roles.feature_table(features)
    notes = [note for j, schema in enumerate(model.schema_) for note in _levels(schema, features, j)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return notes, model.reader_.transform(features)
    except (ValueError, TypeError) as error:
        return [*notes, Remark("unreadable", str(error))], None


def _levels(schema: dict[str, Any], features: Any, position: int) -> list[Remark]:
    if schema["kind"] != "category":
        return []
    name = schema["name"]
    column = features[name] if is_frame(features) else features[:, position]
    try:
        values = frame_values(column, name) if is_frame(features) else array_values(column, name)
    except (ValueError, TypeError):
        return []  # the reader says it
    known = set(schema["categories"])
    new = [value for value in values.data[~values.missing].tolist() if str(value) not in known]
    if not new:
        return []
    shown = listed(sorted({str(value) for value in new}))
    said = f"column {name!r}: {len(new)} rows have values that fit did not keep as categories ({shown})."
    return [Remark("unseen_level", said, column=name, after=len(new))]


def _shifts(model: Any, matrix: NDArray[np.float64]) -> list[Remark]:
    profile = getattr(model, "_profile", None)
    if profile is None:  # from a file of a version that kept none
        return []
    notes: list[Remark] = []
    shifts = profile.shifts(matrix)
    for one in shifts:
        name = one.name
        if one.missing_after > one.missing_before + GAPS:
            said = (
                f"column {name!r}: {one.missing_after:.0%} of the values are missing, {one.missing_before:.0%} at fit."
            )
            notes.append(Remark("missing_values", _spaced(said), None, name, one.missing_before, one.missing_after))
        if one.outside > OUTSIDE and one.outside_p < SURPRISE:
            said = f"column {name!r}: {one.outside:.0%} of the values lie outside of what fit saw."
            notes.append(Remark("range", _spaced(said), None, name, None, one.outside))
        if len(matrix) >= FEWEST and one.p < LEVEL / len(shifts) and one.index > STABLE:
            moved = f"its mean is {one.mean_after:.4g}, and was {one.mean_before:.4g}"
            said = f"column {name!r} has shifted (stability index {one.index:.2f}): {moved}."
            notes.append(Remark("shift", said, None, name, one.mean_before, one.mean_after))
    return sorted(notes, key=lambda note: ("missing_values", "range", "shift").index(note.code))


def _spaced(text: str) -> str:
    return text.replace("%", " %")
