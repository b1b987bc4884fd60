"""From a table to advice: look, choose what to compare, compare, and say what to do."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from crosstask.advisor._advice import Advice
from crosstask.advisor._curve import curve_of
from crosstask.advisor._diagnose import diagnose
from crosstask.advisor._findings import Finding, by_severity, findings_of, power_finding, size_findings
from crosstask.advisor._shortlist import ALWAYS, Choice, shortlist, with_dropped
from crosstask.affinity import TaskAffinity
from crosstask.affinity._affinity import affinity_of
from crosstask.affinity._read import looks_like_classes
from crosstask.auto import CrossTaskClassifier, CrossTaskRegressor
from crosstask.auto._candidates import DataShape, make_candidates
from crosstask.auto._encoder import NumericEncoder
from crosstask.auto._open import open_table
from crosstask.auto._parts import each_pair, target_of
from crosstask.auto._reader import TableReader
from crosstask.auto._roles import find_roles
from crosstask.guard._pace import check_budget
from crosstask.tasks import TaskData, TaskRows

PRIORITIES = {"accuracy": "balanced", "protection": "cautious", "speed": "balanced"}
MOST_TASKS = 1000  # for the matrix of all pairs
SAID_TOO = ("ordered-rows", "fewer-folds", "over-budget")
SPARE = 0.95  # share of what is left of the budget that the comparison may plan with


def advise(
    X: Any,
    y: Any,
    *,
    task: Any = None,
    task_column: str | int | None = None,
    target_task: Any = None,
    time_column: str | int | None = None,
    group_column: str | int | None = None,
    time_budget: float | None = 60.0,
    priority: str = "accuracy",
    classification: bool | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    verbose: Any = 0,
) -> Advice:
    """Answer "one model each, one for all, or something between?" for a raw table with tasks.

    First it looks: rows against columns, noise, levels and slopes of the tasks, tasks unlike the others, groups, and
    what can be told from so many rows at all. Then it chooses what to compare and says why, compares on held-out rows,
    and mixes task by task under the guard. What it recommends has been compared with one model for each task.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns)
        pandas, polars or NumPy; text, categories, dates and gaps allowed.
    y : array-like of shape (n_rows,) or (n_rows, n_tasks)
        The target.
    task : array-like of shape (n_rows,), optional
        Task ids, where no column of X holds them.
    task_column, time_column, group_column : str or int, optional
        Columns of X, as in :class:`~crosstask.CrossTaskRegressor`.
    target_task : task id, optional
        The one task that the verdict is about.
    time_budget : float or None, default=60
        Seconds; the dearest candidates are left out, and named.
    priority : {"accuracy", "protection", "speed"}, default="accuracy"
        "protection": the guard's mode "cautious"; "speed": the cheap candidates only.
    classification : bool, optional
        Whether y holds classes; None: text, truth values, or two numbers 0 or -1 and 1.
    n_jobs, random_state, verbose
        As in :class:`~crosstask.CrossTaskRegressor`.

    Returns
    -------
    Advice
        Prints as an answer; ``.verdict``, ``.findings``, ``.frame()``, ``.affinity``, ``.estimator``, ``.to_json()``,
        ``.to_markdown()``, ``.to_html()``, ``.report(path)``. Where Ctrl-C stops the comparison, an advice without
        estimator: what was known by then (``.interrupted``).

    Raises
    ------
    ValueError
        If an option is unknown, ``target_task`` is no task of the table, or the estimator refuses the data.

    Notes
    -----
    When not to use it: where you know the model that you want; then give it to :class:`~crosstask.TransferGuard`.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, shop = rng.standard_normal((160, 3)), np.repeat(["a", "b", "c", "odd"], 40)
    >>> y = np.where(shop == "odd", -1, 1) * X.sum(axis=1) + 0.5 * rng.standard_normal(160)
    >>> advice = advise(X, y, task=shop, random_state=0)
    >>> [one.code for one in advice.findings if "odd" in one.text]
    ['CT007']
    """
    start = perf_counter()
    if time_budget is not None:
        check_budget(time_budget)
    if priority not in PRIORITIES:
        raise ValueError(f"priority={priority!r} is not known: use {', '.join(map(repr, PRIORITIES))}.")
    classes = looks_like_classes(y) if classification is None else classification
    flagship: Any = CrossTaskClassifier if classes else CrossTaskRegressor
    model = flagship(
        task_column=task_column,
        time_column=time_column,
        group_column=group_column,
        mode=PRIORITIES[priority],
        n_jobs=n_jobs,
        random_state=random_state,
        verbose=verbose,
    )
    rows, data, shape, names, read = look(model, X, y, task)
    target = _target(target_task, rows)
    diagnosis = diagnose(data)
    affinity = _affinity(data, rows)
    looked = perf_counter() - start
    listed = make_candidates("default", shape)
    left_out = [("boosting", text) for code, text in listed.findings if code == "boosting-left-out"]
    names_listed = [name for name, _ in listed.models] + ["groups"] * (diagnosis.worth_of_groups > 0)
    choices = shortlist(names_listed, diagnosis, priority, left_out)
    model.candidates = [one.name for one in choices if one.kept]
    if time_budget is not None:
        model.time_budget = max(SPARE * (time_budget - looked), 0.1)
    found = findings_of(diagnosis, rows.tasks, names, read)
    try:
        opened = open_table(model, X, y, task, None)
        model._close_table(opened)
    except KeyboardInterrupt:
        standing = getattr(getattr(model, "guard_", None), "_standing", {})
        seconds = {"look": looked, "compare": perf_counter() - start - looked}
        return Advice(None, diagnosis, by_severity(found), choices, affinity, seconds, target, dict(standing))
    choices = with_dropped(choices, model.guard_.dropped_)
    gains = model.gain_
    found += [Finding("CT009", "note", text) for code, text in model.findings_ if code in SAID_TOO]
    found += power_finding(diagnosis.n, gains["low"].to_numpy(), gains["high"].to_numpy())
    compared = perf_counter() - start
    left = None if time_budget is None else SPARE * time_budget - compared
    curve, shared = curve_of(model, opened.matrix, target_of(opened.rows), opened.rows.task, left)
    seconds = {"look": looked, "compare": compared - looked, "curve": perf_counter() - start - compared}
    return Advice(
        model, diagnosis, by_severity(found), choices, affinity, seconds, target, curve=curve, curve_of=shared
    )


def advice_of(model: Any) -> Advice:
    """Return what a fitted flagship knows, as an advice: its verdict, candidates and findings, without a diagnosis."""
    summary, gains = model.training_summary_, model.gain_
    n, tasks = gains["n"].to_numpy(dtype=np.float64), model.tasks_
    found = size_findings(n, tasks) + power_finding(n, gains["low"].to_numpy(), gains["high"].to_numpy())
    found += [Finding("CT009", "note", text) for code, text in model.findings_ if code != "left-out"]
    kept = [Choice(name, True, ALWAYS.get(name, "compared on every fold")) for name in model.candidates_]
    left = [Choice(name, False, "") for name, _, _ in model.guard_.dropped_]
    choices = with_dropped(kept + left, model.guard_.dropped_)
    return Advice(model, None, by_severity(found), choices, None, {"compare": float(summary["seconds"]["all"])})


def read_affinity(X: Any, y: Any, *, task_column: str | int, classification: bool | None = None) -> TaskAffinity:
    """Return the affinity of the tasks of a raw table, read and encoded as the flagship does.

    Parameters
    ----------
    X, y, task_column, classification
        As in :func:`advise`.

    Returns
    -------
    TaskAffinity
    """
    classes = looks_like_classes(y) if classification is None else classification
    flagship: Any = CrossTaskClassifier if classes else CrossTaskRegressor
    rows, data, *_ = look(flagship(task_column=task_column), X, y, None)
    return affinity_of(data, rows.tasks)


def look(model: Any, X: Any, y: Any, task: Any) -> tuple[TaskRows, TaskData, DataShape, list[str], Any]:
    """Read the table as the flagship does, and encode it once for the diagnosis."""
    from sklearn.base import clone

    opened: Any = clone(model)
    rows = opened._open_fit(X, y, task, None)
    roles = find_roles(opened, rows.door == "column")
    reader = TableReader(roles.names)
    table = roles.feature_table(rows.X)
    matrix = each_pair(reader.fit(table).transform(table), rows)
    encoder = NumericEncoder(reader.output_names_, reader.output_levels_)
    encoded = encoder.fit(matrix).transform(matrix)
    values = target_of(rows)
    n_classes = None
    if is_classifier(opened):
        labels, values = np.unique(values, return_inverse=True)
        n_classes = len(labels)
    data = TaskData.from_arrays(encoded, values.reshape(-1), rows.codes, n_classes=n_classes)
    shape = DataShape(reader.output_names_, reader.output_levels_, len(rows.codes), rows.n_tasks, is_classifier(opened))
    return rows, data, shape, encoder.names_out_, list(reader.findings_)


def _target(target_task: Any, rows: TaskRows) -> str | None:
    if target_task is None:
        return None
    known = [str(name) for name in rows.tasks]
    if str(target_task) not in known:
        shown = ", ".join(known[:8]) + (", .." if len(known) > 8 else "")
        raise ValueError(f"target_task={target_task!r} is no task of the table; its tasks are {shown}.")
    return str(target_task)


def _affinity(data: TaskData, rows: TaskRows) -> TaskAffinity | None:
    return affinity_of(data, rows.tasks) if 2 <= rows.n_tasks <= MOST_TASKS else None
