"""The first half of the flagship's fit: the table is read, candidates are listed, and the guard stands ready."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from crosstask.auto._candidates import CandidateList, DataShape, join_groups, make_candidates
from crosstask.auto._findings import order_finding, table_findings, task_findings
from crosstask.auto._parts import Clock, check_time, each_pair, group_labels, target_of
from crosstask.auto._profile import Profile
from crosstask.auto._reader import TableReader
from crosstask.auto._roles import Roles, find_roles
from crosstask.guard import TransferGuard
from crosstask.guard._open import Opened
from crosstask.guard._pace import Pace, check_budget
from crosstask.multitask._support import caller_rows, explicit_folds, local_folds
from crosstask.tasks import TaskRows

FloatMatrix = NDArray[np.float64]


@dataclass
class OpenedTable:
    """A fit that stands ready.

    Parameters
    ----------
    rows : TaskRows
        As they came through the door.
    matrix : ndarray of shape (n_pairs, n_outputs)
        What the reader made of them.
    listed : CandidateList
        What is compared.
    findings : list of (code, sentence)
        What was noticed so far.
    guard : TransferGuard
        Compares.
    fit : Opened
        Its fit.
    clock : Clock
        Passes progress on.
    start : float
        When the fit began, by ``time.perf_counter``.
    target_name : str or None
        Name of y.
    """

    rows: TaskRows
    matrix: FloatMatrix
    listed: CandidateList
    findings: list[tuple[str, str]]
    guard: TransferGuard
    fit: Opened
    clock: Clock
    start: float
    target_name: Any


def open_table(model: Any, X: Any, y: Any, task: Any, sample_weight: Any) -> OpenedTable:
    """Check and read what came in, list the candidates, and return the fit that stands ready."""
    start = perf_counter()
    _check_options(model)
    rows = model._open_fit(X, y, task, sample_weight)
    if len(rows.codes) < 2:
        raise ValueError("n_samples=1: nothing can be held out of 1 sample; pass at least two rows.")
    _check_classes(model, rows)
    roles = find_roles(model, rows.door == "column")
    table = roles.feature_table(rows.X)
    reader = model.reader_ = TableReader(roles.names).fit(table)
    matrix = each_pair(reader.transform(table), rows)
    model._profile = Profile.of(matrix, reader.output_names_, reader.output_levels_)
    times, groups = times_of(model, matrix, roles), group_labels(rows, roles)
    findings = _first_findings(model, matrix, rows)
    shape = DataShape(reader.output_names_, reader.output_levels_, len(rows.codes), rows.n_tasks, is_classifier(model))
    listed = make_candidates(model.candidates, shape)
    if isinstance(model.candidates, str) and model.candidates != "linear":
        join_groups(listed, shape, matrix, target_of(rows), rows.task)
    clock = Clock(model.verbose)
    guard = _make_guard(model, listed, rows, sample_weight, clock)
    pace = None if model.time_budget is None else Pace(float(model.time_budget), start)
    fit = guard._open_guard(
        pace, matrix, rows.y, task=rows.task, sample_weight=rows.sample_weight, time=times, groups=groups
    )
    return OpenedTable(rows, matrix, listed, findings, guard, fit, clock, start, getattr(y, "name", None))


def _check_options(model: Any) -> None:
    if model.time_budget is not None:
        check_budget(model.time_budget)
    if model.unseen_task not in ("pooled", "error"):
        raise ValueError(f"unseen_task={model.unseen_task!r} is not known: use 'pooled' or 'error'.")


def _check_classes(model: Any, rows: TaskRows) -> None:
    if not is_classifier(model):
        return
    classes = np.unique(target_of(rows))
    if len(classes) < 2:
        raise ValueError(
            f"y holds one class only ({classes.tolist()[0]!r}) over all tasks, and {type(model).__name__} needs two "
            "or more: check that the target column is the right one and that its rows were not filtered."
        )


def times_of(model: Any, matrix: FloatMatrix, roles: Roles) -> NDArray[np.float64] | None:
    """Return the time of each pair, None where no column holds it."""
    if roles.time is None:
        return None
    kind = next(schema["kind"] for schema in model.reader_.schema_ if schema["name"] == roles.time)
    if kind not in ("number", "date"):
        raise ValueError(
            f"time_column={model.time_column!r} was read as {kind}, and the time must be numbers or dates that "
            "differ: write dates as 2026-01-31, or drop time_column."
        )
    times = matrix[:, model.reader_.output_names_.index(roles.time)]
    check_time(times, model.time_column)
    return times


def _first_findings(model: Any, matrix: FloatMatrix, rows: TaskRows) -> list[tuple[str, str]]:
    y, reader = target_of(rows), model.reader_
    findings = list(reader.findings_)
    findings += table_findings(matrix, reader.output_names_, reader.output_levels_, rows.codes, rows.tasks)
    findings += task_findings(y, rows.codes, rows.tasks, is_classifier(model))
    if model.time_column is None and model.group_column is None and model.cv is None:
        value = np.unique(y, return_inverse=True)[1].reshape(-1) if is_classifier(model) else y
        findings += order_finding(np.asarray(value, dtype=np.float64), rows.codes, rows.n_tasks)
    return findings


def _make_guard(model: Any, listed: CandidateList, rows: TaskRows, sample_weight: Any, clock: Any) -> Any:
    cv: Any = model.cv
    if explicit_folds(cv):
        cv = local_folds(cv, caller_rows(rows, sample_weight))
    return TransferGuard(
        listed.models,
        own=listed.own,
        mode=model.mode,
        scoring=model.scoring,
        mix=listed.mix,
        cv=cv,
        class_weight=model.class_weight,
        unseen_task="pooled",
        race=model.time_budget is not None,
        core=sorted(listed.core),
        n_jobs=model.n_jobs,
        random_state=model.random_state,
        verbose=clock,
    )
