"""The plan of a contest: pilot fits of its candidates, its folds as jobs, and workers that memory bears."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend

from crosstask.allocation import Job, Plan, Workers, choose_workers, longest_first
from crosstask.allocation._machine import accelerator, free_bytes, held_bytes, processors
from crosstask.allocation._pilot import Forecast, forecast_all, forecast_within
from crosstask.allocation._schedule import PROCESS_BYTES, finish
from crosstask.guard._candidates import prepared
from crosstask.guard._contest import Contest

LOCAL = ("SequentialBackend", "ThreadingBackend", "LokyBackend", "MultiprocessingBackend")


def make_plan(contest: Contest, *, limit: float | None = None) -> Plan:
    """Try the candidates out on parts of the rows, and plan their fits.

    Under a time budget the pilots have a share of it only, so that nothing may be known of some candidates.

    Parameters
    ----------
    contest : Contest
        Not begun.
    limit : float, optional
        Bytes that may be taken; None: what is free.
    """
    limit = free_bytes() if limit is None else limit
    wanted: Any = effective_n_jobs(contest.n_jobs)
    backend: Any = get_active_backend()[0]
    processes, local = not getattr(backend, "uses_threads", False), type(backend).__name__ in LOCAL
    forecast = _forecast(contest)
    if contest.pace is not None:
        contest.pace.expected = forecast.seconds
    jobs, left_out, refused = _within_memory(contest, _jobs(contest, forecast), limit, processes and wanted > 1)
    workers = choose_workers(
        jobs, int(wanted), processors=processors(), processes=processes, limit=limit, settled=not local
    )
    rows = contest.work.rows
    return Plan(
        jobs=_in_rounds(contest, jobs, workers),
        workers=workers,
        n_tasks=rows.n_tasks,
        n_rows=len(rows.codes),
        left_out=left_out,
        refused=refused,
        limit=limit,
        held=held_bytes(),
        processes=processes,
    )


def _forecast(contest: Contest) -> Forecast:
    """What a fit of each candidate takes on the rows of a fold."""
    rows, pace = contest.work.rows, contest.pace
    assert rows.y is not None
    models = [
        (name, prepared(e, class_weight=contest.work.class_weight, seed=contest.seed + c, folds=None, unseen="error"))
        for c, (name, e) in enumerate(contest.candidates)
    ]
    n = contest.rows_of_a_fold if contest.folds else len(rows.codes)
    if pace is None:
        return forecast_all(models, rows.X, rows.y, rows.task, n=n)
    core = {contest.candidates[c][0] for c in contest.core}
    models.sort(key=lambda pair: pair[0] in core)  # the core is fitted in any case: its pilots come last
    return forecast_within(models, rows.X, rows.y, rows.task, n=n, seconds=pace.budget, core=core)


def _jobs(contest: Contest, forecast: Forecast) -> list[Job]:
    rows = contest.work.rows
    n, gpu = len(rows.codes), accelerator() if any(map(_is_network, contest.candidates)) else None
    jobs: list[Job] = []
    for candidate in contest.candidates:
        name = candidate[0]
        seconds, memory = (table.get(name, np.nan) for table in (forecast.seconds, forecast.memory))
        seconds = np.nan if np.isinf(seconds) else seconds
        device, reason = _device(candidate, gpu)
        for fold in (*range(len(contest.folds)), None):
            size = n if fold is None else len(contest.folds[fold][0])
            grown = size / (contest.rows_of_a_fold if contest.folds else n)
            jobs.append(
                Job(name, fold, "all", rows.n_tasks, size, seconds * grown, memory * grown, device, reason=reason)
            )
    return jobs


def _is_network(candidate: tuple[str, Any]) -> bool:
    return "device" in {name.split("__")[-1] for name in candidate[1].get_params(deep=True)}


def _device(candidate: tuple[str, Any], gpu: str | None) -> tuple[str, str]:
    """Where a candidate runs, and why."""
    if not _is_network(candidate):
        return "processor", "no network, so it has no use for another device"
    devices = {v for k, v in candidate[1].get_params(deep=True).items() if k.split("__")[-1] == "device"}
    if devices != {"auto"}:
        return str(devices.pop()), "its parameter device says so"
    return (
        ("processor", "a network, and this machine has no GPU")
        if gpu is None
        else (gpu, "a network, and this machine has a GPU")
    )


def _within_memory(
    contest: Contest, jobs: list[Job], limit: float, processes: bool
) -> tuple[list[Job], list[tuple[str, str]], str]:
    """Take out the candidates that do not fit in memory even alone; say which of those that must be there do not."""
    room = limit - PROCESS_BYTES * processes
    core = {contest.candidates[c][0] for c in contest.core}
    left_out, refused = dict[str, str](), ""
    for job in jobs:
        if job.method in left_out or not job.memory > room:
            continue
        text = f"a fit needs about {job.memory / 1e9:.2g} GB, and there are {max(room, 0.0) / 1e9:.2g}"
        left_out[job.method] = text
        if job.method in core and not refused:
            refused = (
                f"{job.method!r} is always compared, and {text}: give fewer rows or columns, or gather TaskStatistics "
                "batch by batch and call MultiTaskRegressor.fit_statistics."
            )
    kept = [job for job in jobs if job.method not in left_out]
    return kept, list(left_out.items()), refused


def _in_rounds(contest: Contest, jobs: list[Job], workers: Workers) -> list[Job]:
    """Place the jobs: all at once, or fold by fold where candidates may leave in between."""
    if contest.race is None and contest.pace is None:
        return longest_first(jobs, workers.number)
    placed: list[Job] = []
    for fold in (*range(len(contest.folds)), None):
        late = finish(placed)
        part = longest_first([job for job in jobs if job.fold == fold], workers.number)
        placed += [replace(job, start=job.start + late) for job in part]
    return placed
