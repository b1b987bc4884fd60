"""The flagship against what people use today, on real tables, with few rows a task.

    OMP_NUM_THREADS=1 python benchmarks/field.py --cache FOLDER [--splits 0-9] [--data school,heart] [--rows 10,20]

Each split draws so many training rows a task, without regard to y (at most 40 tasks of a table, the same ones in all
splits), and judges on up to 100 other rows of each task: squared error of values, log loss of classes, averaged over
the rows of a task, then over the tasks. All rivals are tuned on the same five folds of the training rows: penalties,
rounds and size of trees (CatBoost and the mixed model on three of them, for they take long). ``_field_rivals.py`` and
``_field_mixed.py`` hold the rivals, ``_field_data.py`` the draws, ``_field_table.py`` the tables.

What has been run lies in FOLDER, one file for each (table, rows, split), so that an interrupted run goes on where it
was; ``--only flagship`` runs one method, ``--redo flagship`` runs it anew, ``--table`` prints from the files alone.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import _field_mixed as mixed
import _field_rivals as rivals
from _field_data import NAMES, SIZES, Draw, draw, load_table
from _field_table import print_tables
from crosstask import CrossTaskClassifier, CrossTaskRegressor

PACKAGES = ("crosstask", "scikit-learn", "numpy", "lightgbm", "catboost", "gpboost", "statsmodels")


def flagship(drawn: Draw) -> tuple[Any, dict[str, Any]]:
    """Return the predictions of the flagship at its defaults, and those of each of its candidates."""
    kind: Any = CrossTaskClassifier if drawn.classification else CrossTaskRegressor
    model = kind(random_state=0).fit(drawn.X, drawn.y, task=drawn.task)

    def ask(one: Any, rows: Any) -> Any:
        if drawn.classification:
            return one.predict_proba(rows, task=drawn.task_test)[:, 1]
        return one.predict(rows, task=drawn.task_test)

    _, matrix = model._rows_to_serve(drawn.X_test, drawn.task_test)
    return ask(model, drawn.X_test), {name: ask(one, matrix) for name, one in model.candidates_.items()}


METHODS: dict[str, Callable[[Draw], Any]] = {
    "flagship": flagship,
    "single": rivals.single,
    "single, one penalty": rivals.single_one_penalty,
    "pooled": rivals.pooled,
    "indicator": rivals.indicator,
    "EasyAdapt": rivals.easy_adapt,
    "scikit-learn": rivals.scikit_learn,
    "LightGBM": rivals.lightgbm,
    "CatBoost": rivals.catboost,
    "GPBoost": mixed.gpboost,
    "mixed model": mixed.mixed_model,
}


def judge(drawn: Draw, predicted: Any) -> dict[str, float]:
    """Return the mean loss of each task."""
    loss = rivals.row_loss(np.asarray(predicted), drawn.y_test, drawn.classification)
    return {str(t): float(loss[drawn.task_test == t].mean()) for t in np.unique(drawn.task_test)}


def run_method(name: str, drawn: Draw) -> dict[str, Any]:
    start = time.process_time()
    try:
        answer = METHODS[name](drawn)
    except Exception as error:  # the table shows it
        return {"error": f"{type(error).__name__}: {error}"[:200]}
    found: dict[str, Any] = {"seconds": time.process_time() - start}
    if isinstance(answer, tuple):
        answer, parts = answer
        found["candidates"] = {part: float(np.mean([*judge(drawn, p).values()])) for part, p in parts.items()}
    found["loss"] = judge(drawn, answer)
    return found


def run_cell(drawn: Draw, path: Path, methods: list[str], redo: list[str]) -> None:
    """Run what is missing, and write after each method."""
    results = json.loads(path.read_text()) if path.exists() else {}
    results["shape"] = [*drawn.X.shape, len(np.unique(drawn.task)), len(drawn.y_test)]
    for name in methods:
        if name in results and name not in redo:
            continue
        results[name] = run_method(name, drawn)
        waiting = path.with_suffix(".part")
        waiting.write_text(json.dumps(results))
        waiting.replace(path)


def numbers(text: str) -> list[int]:
    """Read "0-3,7" as 0, 1, 2, 3, 7."""
    ranges = (part.split("-") for part in text.split(","))
    return [k for ends in ranges for k in range(int(ends[0]), int(ends[-1]) + 1)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, default=Path("field-cache"))
    parser.add_argument("--splits", type=numbers, default=numbers("0"))
    parser.add_argument("--data", default=",".join(NAMES))
    parser.add_argument("--rows", type=numbers, default=list(SIZES))
    parser.add_argument("--only", default="", help="methods to run, by name and divided by ';'")
    parser.add_argument("--redo", default="", help="methods to run again, likewise")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    options.cache.mkdir(parents=True, exist_ok=True)
    methods = [name for name in METHODS if not options.only or name in options.only.split(";")]
    names = options.data.split(",")
    if not options.table:
        tables = [table for table in map(load_table, names) if table is not None]
        for split in options.splits:  # all tables in each split, so that an interrupted run has as many of each
            for table in tables:
                for n in options.rows:
                    drawn = draw(table, n, split)
                    if drawn is not None:
                        run_cell(
                            drawn, options.cache / f"{table.name}-{n}-{split}.json", methods, options.redo.split(";")
                        )
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    machine = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, one thread"
    print(f"{versions}, {machine}")
    print_tables(options.cache, names, options.rows, options.splits, methods)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


if __name__ == "__main__":
    main()
