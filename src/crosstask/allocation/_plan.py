"""A plan: which fits there will be, where and when each runs and why, and how it came out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from crosstask.allocation._schedule import PROCESS_SECONDS, Job, Workers, finish, known, together_bytes
from crosstask.allocation._watch import Spent

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("method", "group", "fold", "tasks", "rows", "seconds", "megabytes", "worker", "start", "device", "reason"),
    *("actual_seconds", "actual_megabytes"),
)


@dataclass(repr=False)
class Plan:
    """Which fits there will be, what each takes, where and when it runs and why; see :func:`crosstask.plan`.

    Parameters
    ----------
    jobs : list of Job
        In the order in which they begin.
    workers : Workers
        How many at a time.
    n_tasks, n_groups, n_rows : int
        Of the table; ``n_groups`` is the number of groups of tasks that are fitted apart, 1 where there is no such.
    left_out : list of (method, reason)
        Candidates that will not be fitted.
    refused : str
        Why the plan cannot be carried out; empty where it can.
    limit : float
        Bytes that may be taken.
    held : float
        Bytes that this process held when the plan was made.
    processes : bool
        Whether each worker is a process of its own.
    spent : list of Spent
        What the fits took, once they were made.
    took : float
        Seconds from the first fit to the end of the last, NaN before.
    """

    jobs: list[Job]
    workers: Workers
    n_tasks: int
    n_rows: int
    n_groups: int = 1
    left_out: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    refused: str = ""
    limit: float = float("inf")
    held: float = 0.0
    processes: bool = False
    spent: list[Spent] = field(default_factory=list[Spent])
    took: float = float("nan")
    _carry_out: Callable[[Plan], Any] | None = field(default=None, compare=False)

    @property
    def seconds(self) -> float:
        """Seconds that the fits are expected to take, the start of the workers included."""
        return finish(self.jobs) + PROCESS_SECONDS * (self.processes and self.workers.number > 1)

    @property
    def memory(self) -> float:
        """Bytes that this process and its workers are expected to hold at most."""
        return self.held + together_bytes(self.jobs, self.workers.number, self.processes)

    @property
    def actual_memory(self) -> float:
        """Bytes that this process, since it began, and its workers have held at most; NaN before the fits."""
        peaks: dict[int, float] = {}
        for one in self.spent:
            peaks[one.process] = max(peaks.get(one.process, 0.0), one.peak)
        if not peaks:
            return float("nan")
        return sum(peaks.values()) + (self.held if os.getpid() not in peaks else 0.0)

    def fit(self) -> Any:
        """Carry the plan out and return the fitted model; afterwards the plan knows what its fits took.

        Raises
        ------
        MemoryError
            If what must be fitted does not fit in the memory there is; nothing was begun.
        ValueError
            If this is the plan of a fit that was made already.
        """
        if self._carry_out is None:
            raise ValueError("this plan was carried out already: make a new one with crosstask.plan(model, X, y, ..).")
        if self.refused:
            raise MemoryError(self.refused)
        return self._carry_out(self)

    def carried_out(self) -> Plan:
        """Return the plan without what carries it out, for a fitted model to keep."""
        return replace(self, _carry_out=None)

    def frame(self) -> pd.DataFrame:
        """Return one row for each fit; fold -1 is the fit on all rows, and actual values are NaN before the fits."""
        import pandas as pd

        found = {(one.method, one.fold, one.group): one for one in self.spent}
        rows: list[tuple[Any, ...]] = []
        for job in self.jobs:
            one = found.get((job.method, job.fold, job.group))
            actual = (np.nan, np.nan) if one is None else (one.seconds, one.memory / 1e6)
            rows.append(
                (
                    *(job.method, job.group, -1 if job.fold is None else job.fold, job.n_tasks, job.n_rows),
                    *(job.seconds, job.memory / 1e6, job.worker, job.start, job.device, job.reason),
                    *actual,
                )
            )
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def compare(self) -> pd.DataFrame:
        """Return, for each method, what was expected and what came: fits, seconds, megabytes of its largest fit."""
        frame = self.frame()
        by = frame.groupby("method", sort=False)
        return by.agg(
            fits=("seconds", "size"),
            made=("actual_seconds", "count"),
            seconds=("seconds", "sum"),
            actual_seconds=("actual_seconds", "sum"),
            megabytes=("megabytes", "max"),
            actual_megabytes=("actual_megabytes", "max"),
        ).reset_index()

    def places(self) -> dict[tuple[str, int | None], int]:
        """Return the place of each fit (method, fold) in the order in which they begin."""
        return {(job.method, job.fold): place for place, job in enumerate(self.jobs)}

    @property
    def first_line(self) -> str:
        """The plan in a line."""
        groups = f" in {self.n_groups} groups" if self.n_groups > 1 else ""
        return (
            f"{_counted(self.n_tasks, 'task')}{groups}, {_counted(len(self.jobs), 'fit')}, "
            f"{_counted(self.workers.number, 'worker')}, about {_seconds(self.seconds)}, {self.memory / 1e9:.1f} GB"
        )

    @property
    def outcome(self) -> str:
        """What the fits took against what was expected; empty before them."""
        if not self.spent:
            return ""
        made = {(one.method, one.fold, one.group) for one in self.spent}
        less = len(self.jobs) - len(made)
        said = f"took {_seconds(self.took)} ({_seconds(self.seconds)} expected)"
        if less > 0:
            said += f" and made {len(made)} of {len(self.jobs)} fits"
        return f"{said}; held at most {self.actual_memory / 1e9:.1f} GB ({self.memory / 1e9:.1f} expected)"

    def __str__(self) -> str:
        lines = [
            self.first_line,
            f"{self.workers.reason}; the longest begin first, each at the worker that is free first",
        ]
        lines += [self.refused] if self.refused else []
        table = self.compare()
        reasons = {job.method: job.reason for job in self.jobs}
        devices = {job.method: job.device for job in self.jobs}
        width = max((len(name) for name in table["method"]), default=0)
        for row in table.to_dict("records"):
            each = f"{_seconds(row['seconds'] / row['fits'])} each" if row["seconds"] > 0 else "not timed"
            lines.append(
                f"  {row['method']:<{width}}  {_counted(row['fits'], 'fit')}, {each}, "
                f"{known(row['megabytes']):.0f} MB, {devices[row['method']]}: {reasons[row['method']]}"
            )
        lines += [f"  {name} is left out: {reason}" for name, reason in self.left_out]
        return "\n".join([*lines, self.outcome] if self.spent else lines)

    __repr__ = __str__


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _seconds(value: float) -> str:
    return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"
