"""``crosstask advise`` and ``crosstask affinity``: what to do about the tasks of a table, and who helps whom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from crosstask.cli._fit import check_outputs, finish, guarded
from crosstask.cli._progress import progress
from crosstask.cli._run import BEGAN

if TYPE_CHECKING:
    from crosstask.cli._target import Kind, Problem


@dataclass(frozen=True)
class Question:
    """A table, and which of its columns is what."""

    table: Path
    target: str
    task: str
    time: str | None = None
    group: str | None = None
    classification: bool | None = None
    encoding: str = "utf-8"

    def problem(self) -> Problem:
        """Read and check the table."""
        from crosstask.cli._tables import read_table
        from crosstask.cli._target import make_problem

        frame = read_table(self.table, text=[self.task], encoding=self.encoding)
        roles = {"--time": self.time, "--group": self.group}
        asked: Kind | None = None
        if self.classification is not None:
            asked = "classification" if self.classification else "regression"
        return make_problem(frame, self.table, target=self.target, task=self.task, roles=roles, kind=asked)


def advise_table(
    question: Question, *, report: Path | None, output: Path | None, json: Path | None, force: bool, **options: Any
) -> None:
    """Print the advice, and write what was asked for."""
    from crosstask.advisor import advise
    from crosstask.cli._show import console, items
    from crosstask.persistence import write_atomically

    check_outputs([report, output, json], force=force)
    problem = question.problem()
    out = console()
    for note in problem.notes:
        out.print(note, markup=False)
    roles = {"task_column": question.task, "time_column": question.time, "group_column": question.group}
    options["time_budget"] = max(options["time_budget"] - (perf_counter() - BEGAN), 1.0)
    with progress("advising") as tell, guarded(out):
        classes = problem.kind == "classification"
        advice = advise(problem.X, problem.y, classification=classes, verbose=tell, **roles, **options)
    if advice.interrupted:
        _leave_partial(advice, out, report=report, json=json, force=force)
    advice.estimator.verbose = 0
    finish(advice.estimator, out, report=None, output=output, force=force)
    if report is not None:
        advice.report(report, force=force)
        out.print(f"Report: {report}", markup=False)
    out.print(f"\n{advice.first_line}", style="bold", markup=False)
    items([str(one) for one in advice.findings], out)
    out.print("\nCompared:")
    items([f"{one.name}{'' if one.kept else ' (not tried)'}: {one.reason}." for one in advice.shortlist], out)
    if advice.rows_saved:
        out.print(f"\n{advice.rows_saved}", markup=False)
    if advice.estimator.plan_ is not None:
        out.print(f"The fits {advice.estimator.plan_.outcome}.", markup=False)
    if json is not None:
        write_atomically(json, advice.to_json().encode("utf-8"), force=force)
        out.print(f"JSON:   {json}", markup=False)


def _leave_partial(advice: Any, out: Any, *, report: Path | None, json: Path | None, force: bool) -> None:
    """Write what was known when the comparison was interrupted, and stop.

    Raises
    ------
    KeyboardInterrupt
        Always, so that the process ends as any interrupted one does.
    """
    from crosstask.persistence import write_atomically

    out.print(str(advice), markup=False)
    if report is not None:
        advice.report(report, force=force)
        out.print(f"Report: {report} (of what was known)", markup=False)
    if json is not None:
        write_atomically(json, advice.to_json().encode("utf-8"), force=force)
        out.print(f"JSON:   {json} (of what was known)", markup=False)
    raise KeyboardInterrupt


def affinity_table(question: Question, *, pairs: Path | None, plot: Path | None, force: bool) -> None:
    """Print who helps whom, and write the pairs as CSV and the heat map as a picture."""
    from crosstask.advisor import read_affinity
    from crosstask.cli._show import console
    from crosstask.persistence import write_atomically

    check_outputs([pairs, plot], force=force)
    _check_picture(plot)
    problem = question.problem()
    out = console()
    for note in problem.notes:
        out.print(note, markup=False)
    with guarded(out):
        classes = problem.kind == "classification"
        found = read_affinity(problem.X, problem.y, task_column=question.task, classification=classes)
    out.print(str(found), markup=False)
    if problem.y.nunique() == 2 or not classes:
        out.print(f"\n{found.groups()}", markup=False)
    if pairs is not None:
        write_atomically(pairs, found.frame().to_csv(index=False).encode("utf-8"), force=force)
        out.print(f"\nPairs:  {pairs}", markup=False)
    if plot is not None:
        write_atomically(plot, _picture(found, plot.suffix[1:]), force=force)
        out.print(f"Figure: {plot}", markup=False)


def _check_picture(plot: Path | None) -> None:
    from crosstask.cli._run import BadInputError

    if plot is not None and plot.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise BadInputError(f"{plot} is no name of a picture: end it in .svg, .png or .pdf.")


def _picture(found: Any, kind: str) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    found.plot().figure.savefig(buffer, format=kind.lower(), dpi=150)
    return buffer.getvalue()
