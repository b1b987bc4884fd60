"""``crosstask fit --batches``: a table that is larger than memory, by passes over its batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crosstask.cli._fit import check_outputs, guarded
from crosstask.cli._run import BadInputError
from crosstask.cli._tables import delimiter_of

ALPHAS = 10  # of the path: each is a fit for every fold, whose sums are in memory at once


@dataclass(frozen=True)
class BatchRequest:
    """What ``crosstask fit --batches`` was asked for."""

    table: Path
    target: str
    task: str
    features: list[str] | None
    output: Path
    classification: bool | None
    force: bool


def fit_batches(request: BatchRequest) -> None:
    """Fit slopes tied to a common centre, alpha by five folds, and save the model.

    Raises
    ------
    BadInputError
        In one line.
    """
    from crosstask import EncodedTasks, MultiTaskClassifier, MultiTaskRegressor, save
    from crosstask.cli._progress import memory_first, progress
    from crosstask.cli._show import console

    check_outputs([request.output], force=request.force)
    out = console()
    with guarded(out):
        classes = request.classification if request.classification is not None else _has_classes(request)
        what = "its two classes" if classes else "amounts"
        if request.classification is None:
            other = "regression" if classes else "classification"
            out.print(f"{request.target} is read as {what} (otherwise add --{other}).", markup=False)
        inner: Any = (MultiTaskClassifier if classes else MultiTaskRegressor)(n_alphas=ALPHAS, unseen_task="mean")
        model = EncodedTasks(inner, task_column=request.task)
        with progress("reading") as report:
            model.fit_table(
                request.table,
                target=request.target,
                features=request.features,
                delimiter=delimiter_of(request.table),
                checkpoint=request.output.with_name(request.output.name + ".part"),
                verbose=memory_first(report, out),
            )
    fitted, loss = model.estimator_, float(model.estimator_.path_["cv_loss"].min())
    names = model.encoder_.names_out_
    out.print(f"{len(fitted.tasks_)} tasks, {len(names)} columns as encoded; slopes tied to a centre.", markup=False)
    said = f"log loss {loss:.4g}" if classes else f"mean squared error {2 * loss:.6g}"
    out.print(f"On held-out folds: {said}, alpha {fitted.alpha_:.3g}.", markup=False)
    save(model, request.output, force=request.force)
    out.print(f"Model:  {request.output}", markup=False)


def _has_classes(request: BatchRequest) -> bool:
    """Tell by the first rows whether the target has two classes: text, truth values, or two different numbers."""
    try:
        from crosstask.summaries._batches import encoded_column, open_table
    except ImportError as error:
        raise BadInputError(str(error)) from error
    table = open_table(
        request.table,
        request.target,
        request.task,
        request.features,
        batch_rows=16_384,
        delimiter=delimiter_of(request.table),
        only_numbers=False,
    )
    if table.kinds[request.target] != "number":
        return True
    first = next(table.chunks(), None)
    if first is None:
        return False
    return sum(value == value for value in encoded_column(first.column(request.target))[0].tolist()) == 2  # NaN is none
