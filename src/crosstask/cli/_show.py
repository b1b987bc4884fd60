"""What the command prints: a short table, the verdict in words, and what to mind."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from crosstask.report._scale import gain_text, interval_text, loss_text
from crosstask.report._tables import held_out_table
from crosstask.report._words import SAID, brief, headline, lead, plural, summary

if TYPE_CHECKING:
    from rich.console import Console

    from crosstask.report import HeldOut, ReportData, TaskResult

MANY = 20
ENDS = 5
STYLES = {"share": "blue", "blend": "cyan", "alone": "dark_orange3", "borrowed": "magenta"}


def console() -> Console:
    """Return the console of what is printed for the user."""
    import sys

    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else 100)


def show(data: ReportData, out: Console) -> None:
    """Print the verdict, what it rests on, and the findings; rows that no model has seen come before the folds."""
    out.print()
    if data.held_out is not None:
        _held_out(data.held_out, plural(data.task_word, 1), out)
    else:
        _table(data, out)
    out.print()
    out.print(headline(data), style="bold", markup=False)
    out.print(lead(data), markup=False)
    if data.held_out is not None:
        out.print("\nThe rows of the fit, by folds:\n")
        _table(data, out)
        out.print()
        out.print(summary(data), markup=False)
    if len(data.tasks) <= MANY:
        out.print()
        items([task.reason for task in data.tasks], out)
    if data.findings:
        out.print("\nTo mind:")
        items(brief(data.findings), out)


def items(sentences: list[str], out: Console) -> None:
    """Print sentences as a list whose lines stay indented where they wrap."""
    from rich.padding import Padding
    from rich.text import Text

    for sentence in sentences:
        out.print(Text("  · "), end="")
        lines = Text(sentence).wrap(out, max(out.width - 4, 20))
        out.print(lines[0])
        if len(lines) > 1:
            out.print(Padding(Text("\n").join(lines[1:]), (0, 0, 0, 4), expand=False))


def _table(data: ReportData, out: Console) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(escape(plural(data.task_word, 1)), overflow="fold")
    for name in ("rows", f"own {data.loss}", f"guarded {data.loss}", "gain", "interval"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    tasks = sorted(data.tasks, key=lambda task: -task.gain if math.isfinite(task.gain) else math.inf)
    shown: list[TaskResult | None] = list(tasks)
    if len(tasks) > MANY:
        shown = [*tasks[:ENDS], None, *tasks[-ENDS:]]
    for task in shown:
        if task is None:
            table.add_row(f".. {len(tasks) - 2 * ENDS} more", *[""] * 6, style="dim")
            continue
        table.add_row(
            escape(task.name),
            f"{task.rows:,}",
            loss_text(task.own_loss),
            loss_text(task.guarded_loss),
            gain_text(task.gain),
            interval_text(task.low, task.high),
            f"[{STYLES[task.code]}]{SAID[task.code]}[/]",
        )
    out.print(table)


def _held_out(held: HeldOut, task_word: str, out: Console) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    header, rows = held_out_table(held)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(escape(task_word), overflow="fold")
    for name in header:
        table.add_column(name, justify="right")
    for name, *texts in rows:
        table.add_row(escape(name), *texts)
    out.print(table)
