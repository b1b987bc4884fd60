"""What runs now: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

Report = Callable[[int, int, str], None]


@contextmanager
def progress(title: str) -> Generator[Report]:
    """Give a function to be called with (done, total, what runs now)."""
    if sys.stderr.isatty():
        with _bar(title) as report:
            yield report
    else:
        yield _lines()


def memory_first(report: Report, out: Any) -> Report:
    """Print what memory will be held as a line that stays, and pass on all else."""

    def tell(done: int, total: int, now: str) -> None:
        if now.startswith("memory: "):
            out.print(f"{now[:1].upper()}{now[1:]}.", markup=False)
        else:
            report(done, total, now)

    return tell


@contextmanager
def _bar(title: str) -> Generator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[now]}", style="dim"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        job = bar.add_task(title, total=None, now="")

        def report(done: int, total: int, now: str) -> None:
            bar.update(job, completed=done, total=total, now=now)

        yield report


def _lines() -> Report:
    """One line for each step; the text before a colon names the step. Where nobody knows the total, all the text."""
    last = [""]

    def report(done: int, total: int, now: str) -> None:
        step = now.split(":", maxsplit=1)[0]
        if step != last[0]:
            last[0] = step
            print(f"{done}/{total} {step}" if total else now, file=sys.stderr, flush=True)  # noqa: T201

    return report
