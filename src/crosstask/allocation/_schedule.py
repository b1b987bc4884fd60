"""Jobs on workers: the longest first, and no more at a time than memory bears."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from crosstask.allocation._how import How

PROCESS_BYTES = 3.8e8  # what a process that has imported scikit-learn and this package holds
PROCESS_SECONDS = 3.0  # until such processes stand ready; they are reused afterwards


@dataclass(frozen=True)
class Job:
    """One fit.

    Parameters
    ----------
    method : str
        Name of the candidate.
    fold : int or None
        The fold that is held out; None for the fit on all rows.
    group : str
        The tasks that are fitted together: "all", or the name of a group.
    n_tasks, n_rows : int
        Tasks and rows that are fitted.
    seconds, memory : float
        What the fit is expected to take; memory in bytes; NaN where nothing is known.
    device : str
        "processor", or the name of the accelerator.
    reason : str
        Why it runs as it does.
    worker : int
        Which worker is expected to run it.
    start : float
        Seconds after the first job at which it is expected to begin.
    """

    method: str
    fold: int | None
    group: str
    n_tasks: int
    n_rows: int
    seconds: float
    memory: float
    device: str = "processor"
    reason: str = ""
    worker: int = 0
    start: float = 0.0


def known(value: float) -> float:
    """Return the value, 0 where it is not known."""
    return 0.0 if np.isnan(value) else value


def longest_first(jobs: Sequence[Job], n_workers: int) -> list[Job]:
    """Give each job, the longest first, to the worker that is free first.

    The last job ends at most 4/3 - 1/(3M) times as late as under the best assignment to M workers (Graham, Bounds on
    multiprocessing timing anomalies, SIAM Journal on Applied Mathematics 17, 1969). Jobs come back in that order.
    """
    free = [(0.0, worker) for worker in range(n_workers)]
    placed: list[Job] = []
    for job in sorted(jobs, key=lambda job: -known(job.seconds)):
        start, worker = heapq.heappop(free)
        placed.append(replace(job, worker=worker, start=start))
        heapq.heappush(free, (start + known(job.seconds), worker))
    return placed


def finish(jobs: Sequence[Job]) -> float:
    """Return the second at which the last job ends."""
    return max((job.start + known(job.seconds) for job in jobs), default=0.0)


def together_bytes(jobs: Sequence[Job], n_workers: int, processes: bool) -> float:
    """Return the most memory that so many jobs take at a time, and the processes that run them."""
    largest = sorted((known(job.memory) for job in jobs), reverse=True)[:n_workers]
    return float(sum(largest)) + (PROCESS_BYTES * n_workers if processes and n_workers > 1 else 0.0)


@dataclass(frozen=True)
class Workers:
    """How many fits run at a time, and why.

    Parameters
    ----------
    number : int
        Fits at a time.
    threads : int
        Threads that each may use below.
    reason : str
        Why it is not more.
    """

    number: int
    threads: int
    reason: str

    @property
    def how(self) -> How:
        """How each fit runs; one of one worker may do as it likes."""
        return How(self.threads, True) if self.number > 1 else How()


def choose_workers(
    jobs: Sequence[Job], wanted: int, *, processors: int, processes: bool, limit: float, settled: bool = False
) -> Workers:
    """Return how many fits run at a time.

    No more than are asked for, than there are jobs, than the memory bears, and than pay: processes take seconds to
    stand ready. Parallelism is at one level, so that each of M fits has the processors / M for its threads, one of one
    worker all of them.

    Parameters
    ----------
    wanted : int
        What ``n_jobs`` asks for.
    processes : bool
        Whether a worker is a process of its own.
    limit : float
        Bytes that may be taken.
    settled : bool
        Whether the number is that of the caller's own backend (Dask, say) and stays.
    """
    number, reason = wanted, f"{wanted} fit{'s' * (wanted != 1)} at a time, as n_jobs says"
    if len(jobs) < number:
        number, reason = max(len(jobs), 1), f"there are {len(jobs)} fits only"
    if settled:
        return Workers(number, max(processors // number, 1), reason)
    while number > 1 and together_bytes(jobs, number, processes) > limit:
        number -= 1
        reason = f"{number + 1} fits at a time would need more than the {limit / 1e9:.1f} GB there are"
    alone = finish(longest_first(jobs, 1))
    if number > 1 and processes and finish(longest_first(jobs, number)) + PROCESS_SECONDS >= alone:
        number, reason = 1, f"{number} processes would take longer to start than they save of {alone:.1f} s"
    return Workers(number, max(processors // number, 1), reason)
