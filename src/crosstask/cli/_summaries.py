"""``crosstask summarize`` at each site, and ``crosstask fit --statistics`` at the centre."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crosstask.cli._fit import check_outputs, guarded
from crosstask.cli._run import BadInputError
from crosstask.cli._tables import delimiter_of

if TYPE_CHECKING:
    from crosstask import TaskStatistics

COUPLINGS = ("independent", "pooled", "mean_tied", "feature_norm")
SAID = {
    "independent": "a model of its own for each task",
    "pooled": "one set of slopes for all tasks",
    "mean_tied": "slopes tied to a common centre",
    "feature_norm": "features chosen for all tasks at once",
}


@dataclass(frozen=True)
class SummaryRequest:
    """What ``crosstask summarize`` was asked for."""

    table: Path
    target: str
    task: str
    output: Path
    features: list[str]
    folds: int
    min_rows: int
    drop: bool
    drop_gaps: bool
    force: bool


def summarize_table(request: SummaryRequest) -> None:
    """Gather the moments of a table in one pass, and write those of tasks that are not too small.

    Raises
    ------
    BadInputError
        In one line.
    """
    from crosstask import TaskStatistics
    from crosstask.cli._progress import memory_first, progress
    from crosstask.cli._show import console

    check_outputs([request.output], force=request.force)
    out = console()
    with guarded(out), progress("reading") as report:
        try:
            gathered = TaskStatistics.from_table(
                request.table,
                target=request.target,
                task=request.task,
                features=request.features or None,
                n_folds=request.folds,
                missing="drop" if request.drop_gaps else "error",
                delimiter=delimiter_of(request.table),
                checkpoint=request.output.with_name(request.output.name + ".part"),
                verbose=memory_first(report, out),
            )
        except ImportError as error:
            raise BadInputError(str(error)) from error
        small = "drop" if request.drop else "error"
        kept = gathered.without_small(request.min_rows, small)
        kept.save(request.output, min_rows=request.min_rows, force=request.force)
    left_out = len(gathered.tasks_) - len(kept.tasks_)
    if left_out:
        out.print(f"{left_out} task(s) with fewer than {request.min_rows} rows in a fold are left out.", markup=False)
    out.print(f"{kept!r}: {request.output}", markup=False)
    out.print("The file holds sums for each task, which say more of a task the fewer rows it has.", markup=False)


def fit_statistics(files: list[Path], *, output: Path | None, force: bool) -> None:
    """Merge the files of the sites, choose how to share by held-out folds, and save the model.

    Raises
    ------
    BadInputError
        In one line.
    """
    from crosstask import save
    from crosstask.cli._show import console

    check_outputs([output], force=force)
    out = console()
    with guarded(out):
        merged = _merged(files)
        if merged.task_column is None or merged.feature_names_ is None:
            raise BadInputError("these statistics name no columns: write them with crosstask summarize.")
        models = {coupling: _fitted(merged, coupling) for coupling in COUPLINGS}
    losses = {name: float(model.path_["cv_loss"].min()) for name, model in models.items()}
    best = min(losses, key=losses.__getitem__)
    out.print(f"{len(files)} {'file' if len(files) == 1 else 'files'}: {merged!r}", markup=False)
    out.print("Mean squared error on held-out folds:", markup=False)
    for name, loss in sorted(losses.items(), key=lambda item: item[1]):
        out.print(f"  {2 * loss:.6g}  {SAID[name]} ({name}){', chosen' if name == best else ''}", markup=False)
    if output is not None:
        save(models[best], output, force=force)
        out.print(f"Model:  {output}", markup=False)


def _merged(files: list[Path]) -> TaskStatistics:
    from crosstask import TaskStatistics

    parts: list[tuple[Path, TaskStatistics]] = []
    for path in files:
        if not path.is_file():
            raise BadInputError(f"there is no file {path}: give the files that crosstask summarize has written.")
        parts.append((path, TaskStatistics.load(path)))

    def join(one: tuple[Path, TaskStatistics], other: tuple[Path, TaskStatistics]) -> tuple[Path, TaskStatistics]:
        try:
            return one[0], one[1].merge(other[1])
        except ValueError as error:
            raise BadInputError(f"{other[0]} does not go with {one[0]}: {error}") from error

    return reduce(join, parts)[1]


def _fitted(statistics: TaskStatistics, coupling: str) -> Any:
    from crosstask import MultiTaskRegressor

    model = MultiTaskRegressor(coupling, task_column=statistics.task_column, unseen_task="pooled")
    return model.fit_statistics(statistics)
