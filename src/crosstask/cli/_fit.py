"""``crosstask fit``: from a table to a model, a verdict and a report."""

from __future__ import annotations

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstask.cli._progress import progress
from crosstask.cli._run import BadInputError

if TYPE_CHECKING:
    from rich.console import Console

    from crosstask.cli._target import Kind
    from crosstask.report import HeldOut


@dataclass(frozen=True)
class FitRequest:
    """The options of ``crosstask fit``."""

    table: Path
    target: str
    task: str
    time: str | None
    group: str | None
    report: Path | None
    output: Path | None
    time_budget: float | None
    candidates: str
    mode: str
    classification: bool | None
    encoding: str
    seed: int
    jobs: int
    force: bool


def fit_table(request: FitRequest) -> None:
    """Read, check, fit, print and write; every refusal comes before the work."""
    from crosstask.cli._show import console
    from crosstask.cli._tables import read_table
    from crosstask.cli._target import make_problem

    check_outputs([request.report, request.output], force=request.force)
    frame = read_table(request.table, text=[request.task], encoding=request.encoding)
    roles = {"--time": request.time, "--group": request.group}
    asked: Kind | None = None
    if request.classification is not None:
        asked = "classification" if request.classification else "regression"
    problem = make_problem(
        frame, request.table, target=request.target, task=request.task, roles=roles, kind=asked
    )  # fmt: skip
    out = console()
    for note in problem.notes:
        out.print(note, markup=False)
    options = {
        "task_column": request.task,
        "time_column": request.time,
        "group_column": request.group,
        "candidates": request.candidates,
        "mode": request.mode,
        "time_budget": request.time_budget,
        "random_state": request.seed,
        "n_jobs": request.jobs,
    }
    model = fit_model(problem.kind, problem.X, problem.y, options, out)
    finish(model, out, report=request.report, output=request.output, force=request.force)


def check_outputs(paths: list[Path | None], *, force: bool) -> None:
    """Refuse files that may not be written, before any work starts.

    Raises
    ------
    BadInputError
        In one line.
    """
    from crosstask.persistence import check_output

    named = [path for path in paths if path is not None]
    if len({path.absolute() for path in named}) < len(named):
        raise BadInputError(f"{named[0]} is named for two outputs: give them different names.")
    for path in named:
        try:
            check_output(path, force=force)
        except FileExistsError as error:
            raise BadInputError(f"{path} exists already: choose another name, or add --force to replace it.") from error
        except OSError as error:
            raise BadInputError(str(error)) from error


def fit_model(kind: Kind, X: Any, y: Any, options: dict[str, Any], out: Console) -> Any:
    """Fit the flagship with a progress bar; warnings are collected and printed as lines.

    Raises
    ------
    BadInputError
        If the estimator refuses the data.
    """
    import crosstask

    flagship = crosstask.CrossTaskClassifier if kind == "classification" else crosstask.CrossTaskRegressor
    with progress("fitting") as report, guarded(out):
        model = flagship(**options, verbose=report).fit(X, y)
    model.verbose = 0  # the bar is gone, and a saved model holds no function of this process
    return model


@contextmanager
def guarded(out: Console) -> Generator[None]:
    """Make refusals of the data one line, and warnings notes that follow the work."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        try:
            yield
        except (ValueError, TypeError) as error:
            if _ours(error):
                raise BadInputError(str(error)) from error
            raise
    for text in dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, UserWarning)):
        out.print(f"Note: {' '.join(text.split())}", markup=False)


def _ours(error: BaseException) -> bool:
    """Tell whether a check of this package or of scikit-learn raised the error, not a fault within."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = "" if trace is None else str(trace.tb_frame.f_globals.get("__name__", ""))
    return module.startswith(("crosstask.", "sklearn.utils"))


def finish(
    model: Any,
    out: Console,
    *,
    report: Path | None,
    output: Path | None,
    force: bool,
    held_out: HeldOut | None = None,
) -> None:
    """Print what was found, and write the files."""
    from crosstask.cli._show import show
    from crosstask.persistence import save
    from crosstask.report import collect, write_report

    data = replace(collect(model), held_out=held_out)
    show(data, out)
    if report is not None:
        write_report(data, report, force=force)
        out.print(f"\nReport: {report}", markup=False)
    if output is not None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            save(model, output, force=force)
        out.print(f"Model:  {output}", markup=False)
        for one in caught:
            out.print(f"Note: {one.message}", markup=False)
