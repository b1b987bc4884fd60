"""Four questions of a newcomer, answered on simulated tasks: the tables of docs/choosing.md.

    OMP_NUM_THREADS=1 python benchmarks/choosing.py

Ten tasks of ten columns (question 4: twenty old tasks and five new ones), ``make_related_tasks`` at its defaults: the
slopes explain half of the variance inside a task, the intercepts differ with variance 1. Every model is linear, so that
its expected squared error on new rows is known exactly; it is given in units of the noise variance: 1 is what nobody
can beat, 2 what the true mean of each task has, on average. After ± stands the half width of a 95 % interval of the
mean over the draws. Takes under three minutes on one core.
"""

from __future__ import annotations

import platform
import time
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from numpy.typing import NDArray
from scipy import stats
from sklearn.linear_model import RidgeCV

import crosstask as ct
from crosstask.datasets import RelatedTasks, make_related_tasks

Array = NDArray[np.float64]
RELATEDNESS = (0.0, 0.5, 0.9, 1.0)
SIZES = (10, 20, 40, 80, 160, 320)  # the last only prolongs the own model's learning curve
N_DRAWS = 7
N_OLD, N_NEW = 20, 5
OLD_ROWS = 40
NEW_ROWS = (5, 10, 20, 80)
NEW = np.arange(N_OLD, N_OLD + N_NEW)


def own() -> Any:
    return ct.MultiTaskRegressor("independent")


def pooled() -> Any:
    return ct.MultiTaskRegressor("pooled")


def tied() -> Any:
    return ct.MultiTaskRegressor("mean_tied")


def guard(mode: str = "balanced") -> Any:
    return ct.TransferGuard([("own", own()), ("pooled", pooled()), ("tied", tied())], mode=mode, random_state=0)


def first_rows(task: NDArray[Any], n_rows: int) -> NDArray[Any]:
    """Return the positions of the first rows of each task, so that a smaller table lies inside the larger one."""
    return np.concatenate([np.flatnonzero(task == t)[:n_rows] for t in np.unique(task)])


def expected_error(coef: Array, intercept: Array, truth: RelatedTasks, tasks: Any = slice(None)) -> Array:
    """Return the expected squared error on new rows of each task, in units of the noise variance."""
    off = np.square(coef - truth.coef[tasks]).sum(axis=-1) + np.square(intercept - truth.intercept[tasks])
    return 1.0 + off / truth.noise**2


def errors(truth: RelatedTasks, n_rows: int, models: dict[str, Any]) -> dict[str, Array]:
    """Fit each model on the first rows of each task, and return its expected error in each task."""
    at = first_rows(truth.task, n_rows)
    X, y, task = truth.X[at], truth.y[at], truth.task[at]
    found: dict[str, Array] = {}
    for name, model in models.items():
        if name == "blind":
            fitted = model.fit(X, y)
        else:
            fitted = model.fit(X, y, task=task)
            fitted = fitted.export() if isinstance(fitted, ct.TransferGuard) else fitted
        found[name] = expected_error(np.asarray(fitted.coef_), np.asarray(fitted.intercept_), truth)
    return found


def mean_and_half(values: Any) -> tuple[float, float]:
    """Return the mean over the draws, and half the width of its 95 % interval."""
    values = np.asarray(values, dtype=float)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(half)


def shown(values: Any, digits: int = 2) -> str:
    mean, half = mean_and_half(values)
    return f"{mean:.{digits}f} ± {half:.{digits}f}"


def change(values: Any) -> str:
    mean, half = mean_and_half(values)
    return f"{mean:+.1f} ± {half:.1f}"


def line(*cells: object) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def header(*cells: str) -> None:
    print()
    line(*cells)
    line(*["---"] * len(cells))


def learning_curves() -> dict[tuple[float, int], list[dict[str, Array]]]:
    """Return the errors in each task, for each relatedness, number of rows and draw."""
    found: dict[tuple[float, int], list[dict[str, Array]]] = {}
    for relatedness in RELATEDNESS:
        for seed in range(N_DRAWS):
            truth = make_related_tasks(10, max(SIZES), 10, relatedness=relatedness, random_state=seed)
            for n_rows in SIZES:
                models = {
                    "own": own(),
                    "blind": RidgeCV(np.logspace(-3, 3, 13)),
                    "pooled": pooled(),
                    "tied": tied(),
                }
                if n_rows < max(SIZES):
                    models["guard"] = guard()
                found.setdefault((relatedness, n_rows), []).append(errors(truth, n_rows, models))
    return found


def one_or_many(curves: dict[tuple[float, int], list[dict[str, Array]]]) -> None:
    """Question 1: the mean error of each way, over the tasks."""
    print("\n1. one model or many: expected squared error, noise = 1")
    header("relatedness", "rows a task", "own models", "one model, tasks ignored", "pooled", "mean_tied", "guard")
    for relatedness in RELATEDNESS:
        for n_rows in (10, 20, 40, 160):
            draws = curves[relatedness, n_rows]
            ways = ("own", "blind", "pooled", "tied", "guard")
            line(f"{relatedness:g}", n_rows, *(shown([draw[way].mean() for draw in draws]) for way in ways))


def rows_saved(curves: dict[tuple[float, int], list[dict[str, Array]]]) -> None:
    """Question 2: how many more rows the own models would need."""
    print("\n2. rows a task that the guard saves, by the own models' curve up to 320 rows")
    header("relatedness", *(f"{n} rows" for n in SIZES[:-1]))
    for relatedness in RELATEDNESS:
        own_curve = np.array([[draw["own"].mean() for draw in curves[relatedness, n]] for n in SIZES]).T
        guarded = np.array([[draw["guard"].mean() for draw in curves[relatedness, n]] for n in SIZES[:-1]]).T
        guarded = np.hstack([guarded, own_curve[:, -1:]])  # the guard is not fitted there, and the column not shown
        saved = ct.rows_saved(SIZES, own_curve, guarded, greater_is_better=False)
        cells = [
            f"{b + ' ' if b else ''}{s:+.0f} ({low:+.0f} to {high:+.0f})"
            for b, s, low, high in zip(saved.bound, saved.saved, saved.low, saved.high, strict=True)
        ]
        line(f"{relatedness:g}", *cells[:-1])


def harm(curves: dict[tuple[float, int], list[dict[str, Array]]]) -> None:
    """Question 3: strangers, and two turned tasks among eight relatives; per cent against the own model."""
    ways = ("pooled", "tied", "guard", "cautious")
    print(
        "\n3. expected squared error against the task's own model, per cent; in brackets: share of the tasks above +5 %"
    )
    header("tasks", "rows a task", "pooled", "mean_tied", "guard", "guard, cautious")
    for outliers in (0, 2):
        for n_rows in (20, 80):
            draws: list[dict[str, Array]] = []
            for seed in range(N_DRAWS):
                relatedness = 0.9 if outliers else 0.0
                options: dict[str, Any] = {"relatedness": relatedness, "outlier_tasks": outliers, "random_state": seed}
                truth = make_related_tasks(10, max(SIZES), 10, **options)
                models: dict[str, Any] = {"cautious": guard("cautious")}
                if outliers:
                    models |= {"own": own(), "pooled": pooled(), "tied": tied(), "guard": guard()}
                draw = errors(truth, n_rows, models)
                draw = draw if outliers else draw | curves[0.0, n_rows][seed]
                draw["turned"] = truth.outlier.astype(np.float64)
                draws.append(draw)
            groups = {"unrelated": False} if not outliers else {"the 8 related ones": False, "the 2 turned ones": True}
            for name, turned in groups.items():
                line(name, n_rows, *(_against_own(draws, way, turned) for way in ways))


def _against_own(draws: list[dict[str, Array]], way: str, turned: bool) -> str:
    means, harmed = [], []
    for draw in draws:
        these = draw["turned"] == turned
        ratio = draw[way][these] / draw["own"][these]
        means.append(100.0 * (draw[way][these].mean() / draw["own"][these].mean() - 1.0))
        harmed.append((ratio > 1.05).mean())
    return f"{change(means)} ({100.0 * np.mean(harmed):.0f} %)"


def new_task() -> None:
    """Question 4: twenty old tasks of forty rows, and five new ones."""
    print(f"\n4. new tasks beside {N_OLD} old ones of {OLD_ROWS} rows: their expected squared error, noise = 1")
    without: dict[float, list[dict[str, float]]] = {}
    found: dict[tuple[float, int], list[dict[str, float]]] = {}
    for relatedness in RELATEDNESS:
        for seed in range(N_DRAWS):
            options: dict[str, Any] = {"relatedness": relatedness, "random_state": 1000 + seed}
            truth = make_related_tasks(N_OLD + N_NEW, max(NEW_ROWS), 10, **options)
            old = np.flatnonzero(truth.task < N_OLD)
            old = old[first_rows(truth.task[old], OLD_ROWS)]
            guarded = guard().fit(truth.X[old], truth.y[old], task=truth.task[old])
            without.setdefault(relatedness, []).append(no_row(truth, old, guarded.candidates_["tied"], seed))
            for n_rows in NEW_ROWS:
                found.setdefault((relatedness, n_rows), []).append(new_rows(truth, old, guarded, n_rows))
    header("relatedness", "mean of the old tasks", "DescribedTasks, telling descriptors", "DescribedTasks, noise")
    for relatedness, draws in without.items():
        line(f"{relatedness:g}", *(shown([draw[way] for draw in draws]) for way in ("average", "telling", "noise")))
    names = ("own model alone", "PriorRegressor", "add_task", "fitted again with all", "guard.add_task")
    ways = ("own", "prior", "add_task", "refit", "guard")
    header("relatedness", "rows of each new task", *names)
    for (relatedness, n_rows), draws in found.items():
        line(f"{relatedness:g}", n_rows, *(shown([draw[way] for draw in draws]) for way in ways))


def no_row(truth: RelatedTasks, old: NDArray[Any], shared: Any, seed: int) -> dict[str, float]:
    """Serve the new tasks without a row: descriptors that tell all that two numbers can, or nothing."""
    average = expected_error(shared.coef_.mean(axis=0), shared.intercept_.mean(), truth, NEW)
    stacked = np.column_stack([truth.intercept, truth.coef])
    left, values, _ = np.linalg.svd(stacked - stacked.mean(axis=0), full_matrices=False)
    noise = np.random.default_rng(seed).standard_normal((len(stacked), 2))
    found = {"average": float(average.mean())}
    at = np.vstack([np.zeros(truth.X.shape[1]), np.eye(truth.X.shape[1])])  # predictions here are the coefficients
    for name, descriptors in {"telling": left[:, :2] * values[:2], "noise": noise}.items():
        model = ct.DescribedTasks(tied(), pd.DataFrame(descriptors, columns=["first", "second"]))
        model.fit(truth.X[old], truth.y[old], task=truth.task[old])
        predicted = np.array([model.predict(at, task=np.full(len(at), t)) for t in NEW])
        coef = predicted[:, 1:] - predicted[:, :1]
        found[name] = float(expected_error(coef, predicted[:, 0], truth, NEW).mean())
    return found


def new_rows(truth: RelatedTasks, old: NDArray[Any], guarded: Any, n_rows: int) -> dict[str, float]:
    """Learn the new tasks from their first rows, in each way; ``guarded`` is the guard of the old tasks."""
    new = np.flatnonzero(truth.task >= N_OLD)
    new = new[first_rows(truth.task[new], n_rows)]
    X, y, task = truth.X[new], truth.y[new], truth.task[new]
    both = np.concatenate([old, new])
    shared = guarded.candidates_["tied"]
    models = {
        "add_task": deepcopy(shared).add_task(X, y, task=task),
        "refit": tied().fit(truth.X[both], truth.y[both], task=truth.task[both]),
        "guard": deepcopy(guarded).add_task(X, y, task=task).export(),
    }
    coefs = {name: (model.coef_[NEW], model.intercept_[NEW]) for name, model in models.items()}
    source = ct.source_task(shared)
    for name in ("own", "prior"):
        fits: list[Any] = []
        for t in NEW:
            alone: Any = own() if name == "own" else ct.PriorRegressor(source, random_state=0)
            given = {"task": task[task == t]} if name == "own" else {}
            fits.append(alone.fit(X[task == t], y[task == t], **given))
        coefs[name] = np.vstack([fit.coef_ for fit in fits]), np.hstack([fit.intercept_ for fit in fits])
    return {name: float(expected_error(*found, truth, NEW).mean()) for name, found in coefs.items()}


def main() -> None:
    start = time.perf_counter()
    versions = f"crosstask {ct.__version__}, scikit-learn {sklearn.__version__}, NumPy {np.__version__}"
    print(f"{versions}, Python {platform.python_version()}, {platform.machine()}; {N_DRAWS} draws")
    curves = learning_curves()
    one_or_many(curves)
    rows_saved(curves)
    harm(curves)
    new_task()
    print(f"\n{time.perf_counter() - start:.0f} s, {time.process_time():.0f} s of one core")


if __name__ == "__main__":
    main()
