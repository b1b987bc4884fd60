"""The commands and their options."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

FIT_EXAMPLES = """
Examples:

  crosstask fit patients.csv --target ill --task hospital --report report.html

  crosstask fit sales.csv.gz --target sold --task shop --time day -o model.skops

  crosstask fit scores.csv --target score --task school --candidates linear --time-budget 60

  crosstask fit years.parquet --target ill --task hospital --batches -o model.skops
"""

PREDICT_EXAMPLES = """
Example:

  crosstask predict model.skops new_patients.csv -o predictions.csv
"""

ADVISE_EXAMPLES = """
Example:

  crosstask advise sales.csv --target sold --task shop --time-budget 60 --report report.html
"""

AFFINITY_EXAMPLES = """
Example:

  crosstask affinity sales.csv --target sold --task shop --plot who.svg --pairs pairs.csv
"""

SUMMARIZE_EXAMPLES = """
Examples:

  crosstask summarize north.csv --target cost --task hospital -o north.stats

  crosstask fit --statistics north.stats south.stats -o model.skops
"""

ADD_TASK_EXAMPLES = """
Example:

  crosstask add-task model.skops new_hospital.csv -o model_2.skops
"""

CHECK_EXAMPLES = """
Examples:

  crosstask check model.skops january.csv

  crosstask check model.skops december.csv --target ill -o remarks.csv
"""

COMPARE_EXAMPLES = """
Example:

  crosstask compare model.skops model_2.skops
"""

DEMO_EXAMPLES = """
Examples:

  crosstask demo

  crosstask demo heart --seed 1

  crosstask demo parkinsons --report parkinsons.html
"""

EXAMPLES = """
Examples:

  crosstask demo heart

  crosstask fit patients.csv --target ill --task hospital --report report.html -o model.skops

  crosstask predict model.skops new_patients.csv -o predictions.csv
"""


class Candidates(StrEnum):
    """Sets of candidate models."""

    default = "default"
    linear = "linear"


class Mode(StrEnum):
    """How eager the guard is to share."""

    balanced = "balanced"
    cautious = "cautious"
    bold = "bold"


class Priority(StrEnum):
    """What matters most."""

    accuracy = "accuracy"
    protection = "protection"
    speed = "speed"


class Demo(StrEnum):
    """Tables that come with the package."""

    heart = "heart"
    parkinsons = "parkinsons"
    sentences = "sentences"


app = typer.Typer(
    name="crosstask",
    help="Learn across tasks: a model for every hospital, shop or machine, and a plain verdict on which of them "
    "help one another.",
    epilog=EXAMPLES,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def command() -> Callable[..., Any]:
    """Return the command as a callable of its arguments."""
    return typer.main.get_command(app).main


def _version(asked: bool) -> None:
    if asked:
        import crosstask

        typer.echo(f"crosstask {crosstask.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    del version
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(epilog=FIT_EXAMPLES)
def fit(
    table: Annotated[
        list[Path],
        typer.Argument(help="CSV (comma, semicolon or tab; .gz too) or Parquet; files of sites with --statistics."),
    ],
    target: Annotated[str | None, typer.Option("--target", help="The column to predict.")] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="The column that says which task a row belongs to.")
    ] = None,
    statistics: Annotated[
        bool,
        typer.Option("--statistics", help="Fit from what crosstask summarize has written at each site, without rows."),
    ] = False,
    batches: Annotated[
        bool,
        typer.Option("--batches", help="Read a table larger than memory by passes; a linear model, without a guard."),
    ] = False,
    feature: Annotated[
        list[str] | None, typer.Option("--feature", help="With --batches: a column to use; again for more.")
    ] = None,
    time: Annotated[
        str | None, typer.Option("--time", help="A column of dates or times: later rows are never learned from.")
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="A column of groups that no fold may split, such as the patient.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write a report, an HTML page.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Save the model here.")] = None,
    time_budget: Annotated[
        float | None, typer.Option("--time-budget", min=1.0, help="Seconds after which no new candidate is begun.")
    ] = None,
    candidates: Annotated[
        Candidates, typer.Option(help="linear: an exactly linear model, with coefficients in the report.")
    ] = Candidates.default,
    mode: Annotated[Mode, typer.Option(help="How eager the guard is to share.")] = Mode.balanced,
    classification: Annotated[
        bool | None,
        typer.Option("--classification/--regression", help="What the target is, if it is not recognised rightly."),
    ] = None,
    encoding: Annotated[str, typer.Option(help="Of a CSV file.")] = "utf-8",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same model.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for all cores.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> None:
    """Fit a guarded model for every task of a table."""
    if statistics:
        from crosstask.cli._summaries import fit_statistics

        others = {"--target": target, "--task": task, "--time": time, "--group": group, "--report": report}
        _refuse_with_statistics([name for name, value in others.items() if value is not None])
        fit_statistics(table, output=output, force=force)
        return
    path, target, task = _one_table(table, target, task)
    if batches:
        from crosstask.cli._batches import BatchRequest, fit_batches

        others = {"--time": time, "--group": group, "--report": report, "--time-budget": time_budget}
        file = _only_a_model([name for name, value in others.items() if value is not None], output)
        fit_batches(BatchRequest(path, target, task, feature, file, classification, force))
        return
    if feature:
        raise typer.BadParameter("--feature goes with --batches: without it, leave columns out of the table")
    from crosstask.cli._fit import FitRequest, fit_table

    fit_table(
        FitRequest(
            table=path,
            target=target,
            task=task,
            time=time,
            group=group,
            report=report,
            output=output,
            time_budget=time_budget,
            candidates=candidates.value,
            mode=mode.value,
            classification=classification,
            encoding=encoding,
            seed=seed,
            jobs=jobs,
            force=force,
        )
    )


def _refuse_with_statistics(given: list[str]) -> None:
    if given:
        raise typer.BadParameter(
            f"{given[0]} does not go with --statistics: the files name the target and the tasks, and hold no rows"
        )


def _only_a_model(given: list[str], output: Path | None) -> Path:
    if given:
        raise typer.BadParameter(f"{given[0]} does not go with --batches, which makes a model and nothing else")
    if output is None:
        raise typer.BadParameter("--batches needs -o: a model file is all that it makes")
    return output


def _one_table(tables: list[Path], target: str | None, task: str | None) -> tuple[Path, str, str]:
    if len(tables) > 1:
        raise typer.BadParameter(
            f"{len(tables)} files were given, and fit reads one table: add --statistics if they are files of sites"
        )
    for option, value in (("--target", target), ("--task", task)):
        if value is None:
            raise typer.BadParameter(f"Missing option '{option}'")
    return tables[0], str(target), str(task)


Table = Annotated[Path, typer.Argument(help="CSV (comma, semicolon or tab; .gz too) or Parquet.")]
Target = Annotated[str, typer.Option("--target", help="The column to predict.")]
Task = Annotated[str, typer.Option("--task", help="The column that says which task a row belongs to.")]
Time = Annotated[
    str | None, typer.Option("--time", help="A column of dates or times: later rows are never learned from.")
]
Group = Annotated[
    str | None, typer.Option("--group", help="A column of groups that no fold may split, such as the patient.")
]
Kind = Annotated[
    bool | None,
    typer.Option("--classification/--regression", help="What the target is, if it is not recognised rightly."),
]
Encoding = Annotated[str, typer.Option(help="Of a CSV file.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]


@app.command(epilog=ADVISE_EXAMPLES)
def advise(
    table: Table,
    target: Target,
    task: Task,
    time: Time = None,
    group: Group = None,
    for_task: Annotated[str | None, typer.Option("--for", help="The one task that the verdict is about.")] = None,
    priority: Annotated[Priority, typer.Option(help="What matters most.")] = Priority.accuracy,
    time_budget: Annotated[float, typer.Option("--time-budget", min=1.0, help="Seconds.")] = 60.0,
    report: Annotated[Path | None, typer.Option("--report", help="Write a report, an HTML page.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Save the fitted model here.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write the advice as JSON.")] = None,
    classification: Kind = None,
    encoding: Encoding = "utf-8",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same model.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for all cores.")] = 1,
    force: Force = False,
) -> None:
    """One model each, one for all, or something between? Look, compare, and say what to do."""
    from crosstask.cli._advise import Question, advise_table

    advise_table(
        Question(table, target, task, time, group, classification, encoding),
        report=report,
        output=output,
        json=json,
        force=force,
        target_task=for_task,
        priority=priority.value,
        time_budget=time_budget,
        random_state=seed,
        n_jobs=jobs,
    )


@app.command(epilog=SUMMARIZE_EXAMPLES)
def summarize(
    table: Annotated[Path, typer.Argument(help="Parquet, a folder of Parquet files, or CSV; read by batches.")],
    target: Target,
    task: Task,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file of statistics to write.")],
    feature: Annotated[
        list[str] | None, typer.Option("--feature", help="A column of numbers to use; again for more. All by default.")
    ] = None,
    folds: Annotated[int, typer.Option(min=0, help="Folds kept apart, to be held out at the centre; 0 for none.")] = 5,
    min_rows: Annotated[int, typer.Option(min=1, help="Fewest rows that a task may have in a fold.")] = 10,
    drop_small: Annotated[bool, typer.Option("--drop-small", help="Leave smaller tasks out.")] = False,
    drop_gaps: Annotated[bool, typer.Option("--drop-gaps", help="Leave rows with gaps out.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Write the moments of each task of a table, which travel in the place of its rows."""
    from crosstask.cli._summaries import SummaryRequest, summarize_table

    summarize_table(
        SummaryRequest(
            table=table,
            target=target,
            task=task,
            output=output,
            features=feature or [],
            folds=folds,
            min_rows=min_rows,
            drop=drop_small,
            drop_gaps=drop_gaps,
            force=force,
        )
    )


@app.command(epilog=AFFINITY_EXAMPLES)
def affinity(
    table: Table,
    target: Target,
    task: Task,
    pairs: Annotated[Path | None, typer.Option("--pairs", help="Write every pair as CSV.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Draw the heat map: .svg, .png or .pdf.")] = None,
    classification: Kind = None,
    encoding: Encoding = "utf-8",
    force: Force = False,
) -> None:
    """Who helps whom: the predicted gain of each task from pooling each other one."""
    from crosstask.cli._advise import Question, affinity_table

    question = Question(table, target, task, classification=classification, encoding=encoding)
    affinity_table(question, pairs=pairs, plot=plot, force=force)


@app.command(epilog=PREDICT_EXAMPLES)
def predict(
    model: Annotated[Path, typer.Argument(help="A file that `crosstask fit -o` or `save` wrote.")],
    table: Annotated[Path, typer.Argument(help="The new rows: the columns of fit, without the target.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New rows and predictions, CSV or Parquet.")],
    encoding: Annotated[str, typer.Option(help="Of a CSV file.")] = "utf-8",
    trust: Annotated[
        list[str] | None, typer.Option("--trust", help="Admit a type that a refusal named; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """Predict new rows with a saved model."""
    from crosstask.cli._predict import predict_table

    predict_table(model, table, output, encoding=encoding, trusted=trust or [], force=force)


Model = Annotated[Path, typer.Argument(help="A file that `crosstask fit -o` or `save` wrote.")]
Trust = Annotated[list[str] | None, typer.Option("--trust", help="Admit a type that a refusal named; may be repeated.")]
Remarks = Annotated[Path | None, typer.Option("--output", "-o", help="Write the remarks as CSV.")]


@app.command("add-task", epilog=ADD_TASK_EXAMPLES)
def add_task(
    model: Model,
    table: Annotated[Path, typer.Argument(help="Rows of the new task: the columns of fit, with the target.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Save the model with the new task here.")],
    target: Annotated[str | None, typer.Option("--target", help="The target, if fit did not know its name.")] = None,
    encoding: Encoding = "utf-8",
    trust: Trust = None,
    force: Force = False,
) -> None:
    """Learn one more task, and leave the models of the others as they are."""
    from crosstask.cli._later import add_task

    add_task(model, table, target, output, encoding=encoding, trusted=trust or [], force=force)


@app.command(epilog=CHECK_EXAMPLES)
def check(
    model: Model,
    table: Annotated[Path, typer.Argument(help="New rows, with or without the target.")],
    target: Annotated[str | None, typer.Option("--target", help="What came true: are tasks harmed now?")] = None,
    output: Remarks = None,
    encoding: Encoding = "utf-8",
    trust: Trust = None,
    force: Force = False,
) -> None:
    """Say whether a model still suits the rows that come now."""
    from crosstask.cli._later import check_table

    check_table(model, table, target, output, encoding=encoding, trusted=trust or [], force=force)


@app.command(epilog=COMPARE_EXAMPLES)
def compare(
    old: Annotated[Path, typer.Argument(help="The model before.")],
    new: Annotated[Path, typer.Argument(help="The model now.")],
    output: Remarks = None,
    trust: Trust = None,
    force: Force = False,
) -> None:
    """Say what a new fit changed: tasks, verdicts, coefficients."""
    from crosstask.cli._later import compare_models

    compare_models(old, new, output, trusted=trust or [], force=force)


@app.command()
def describe(
    model: Annotated[Path, typer.Argument(help="A file that `crosstask fit -o` or `save` wrote.")],
) -> None:
    """Say what a saved model is, who wrote it, and what it takes."""
    from crosstask.cli._describe import describe_model

    describe_model(model)


@app.command(epilog=DEMO_EXAMPLES)
def demo(
    name: Annotated[Demo, typer.Argument(help="Which table.")] = Demo.heart,
    report: Annotated[Path, typer.Option("--report", help="The HTML page.")] = Path("report.html"),
    time_budget: Annotated[
        float | None, typer.Option("--time-budget", min=1.0, help="Seconds after which no new candidate is begun.")
    ] = None,
    all_rows: Annotated[
        bool, typer.Option("--all-rows", help="heart: fit all 920 patients, and hold none out.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw and of the folds.")] = 0,
    jobs: Annotated[int, typer.Option(help="Processes; -1 for all cores.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace a report that exists.")] = False,
) -> None:
    """See it at work on a real table: four hospitals, 42 patients, or three review sites."""
    from crosstask.cli._demo import run_demo

    run_demo(name.value, report, all_rows=all_rows, seed=seed, time_budget=time_budget, jobs=jobs, force=force)
