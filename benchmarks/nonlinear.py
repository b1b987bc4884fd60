"""Beyond linear: boosting, support vector machines and Gaussian processes of many tasks, peers in the same run.

    OMP_NUM_THREADS=1 python benchmarks/nonlinear.py [boosting] [classes] [forests] [svm] [gp] [gp-large] [--draws 3]

"boosting": RMSE on the rows held out of School, Parkinsons (a random and a forward split) and nlschools, with so many
training rows a task drawn (0: 70 % of each task), and the seconds of processor time of a fit. "classes": mean log loss
over the hospitals of the heart data. Peers are scikit-learn, LightGBM and CatBoost with the task as a category, all
with 100 trees (CatBoost 300) and their other defaults, GPBoost with a random intercept where it is installed, and a
linear EasyAdapt (MultiTaskRegressor, which solves it without the copies). "forests": a random forest of 200 trees, and
one on the linear shared model. "svm": equality with scikit-learn's SVC and SVR, and the linear form against
the Gram form on School. "gp": coverage on simulations (ten for each draw), and RMSE against one process a task;
"gp-large" (only when asked for: half an hour) the same with 500 and 2 000 rows a task.
Data: the folder CROSSTASK_DATA (default ../shared/data); what is missing is left out and named.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings
from typing import Any

import numpy as np
import sklearn
from scipy.stats import rankdata
from sklearn.gaussian_process.kernels import RBF
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss
from sklearn.svm import SVC, SVR

import crosstask as ct
from _nonlinear_data import rows_of_tasks, split, tables
from _nonlinear_peers import ForestOnLines, forest, peers
from crosstask.datasets import load_heart


def show(title: str, scores: dict[str, list[float]], seconds: dict[str, list[float]]) -> dict[str, float]:
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    times = {name: float(np.median(values)) for name, values in seconds.items()}
    line = "".join(f"  {means[name]:9.4f} {times[name]:6.2f}s" for name in means)
    behind = 100 * (means["crosstask"] / means["scikit-learn"] - 1)
    print(f"{title:28s}{line}  {behind:+6.1f} % {times['crosstask'] / times['scikit-learn']:5.1f}x", flush=True)
    return means


def header(names: Any) -> None:
    print(f"{'':28s}" + "".join(f"  {name:>17s}" for name in names) + "   ours against scikit-learn's: error, time")


def ranks(tables: list[dict[str, float]]) -> None:
    names = list(tables[0])
    table = np.array([rankdata([row[name] for name in names]) for row in tables])
    print("mean rank: " + ", ".join(f"{n} {r:.2f}" for n, r in zip(names, table.mean(axis=0), strict=True)), flush=True)


def boosting(draws: int, sizes: list[int], first: int) -> None:
    makers = peers(classification=False)
    header(makers)
    results = []
    for name, (X, y, task, forward) in tables().items():
        for n in sizes:
            scores: dict[str, list[float]] = {key: [] for key in makers}
            seconds: dict[str, list[float]] = {key: [] for key in makers}
            for seed in range(first, first + (1 if forward else draws)):
                train, test = split(task, n, seed, X[:, 2] if forward else None)
                for key, make in makers.items():
                    start = time.process_time()
                    model = make().fit(X[train], y[train], task=task[train])
                    seconds[key].append(time.process_time() - start)
                    error = model.predict(X[test], task=task[test]) - y[test]
                    scores[key].append(float(np.sqrt(np.mean(error**2))))
            results.append(show(f"{name}, {n or 'all'}", scores, seconds))
    ranks(results)


def forests(draws: int) -> None:
    """Print the RMSE of boosting, of a forest, and of one on the linear shared model."""
    rows = {"crosstask": ct.MultiTaskBoostingRegressor, "forest": forest, "forest on lines": ForestOnLines}
    for name, n in (("parkinsons", 20), ("parkinsons", 40), ("school", 20), ("nlschools", 20)):
        if name not in (found := tables()):
            continue
        X, y, task, _ = found[name]
        scores: dict[str, list[float]] = {key: [] for key in rows}
        for seed in range(draws):
            train, test = split(task, n, seed)
            for key, make in rows.items():
                model = make().fit(X[train], y[train], task=task[train])
                error = model.predict(X[test], task=task[test]) - y[test]
                scores[key].append(float(np.sqrt(np.mean(error**2))))
        print(f"{name}, {n}: " + ", ".join(f"{key} {np.mean(v):.3f}" for key, v in scores.items()), flush=True)


def classes(draws: int, sizes: list[int], first: int) -> None:
    makers = peers(classification=True)
    frame = load_heart()
    y, task = frame["ill"].to_numpy().astype(int), np.unique(frame["hospital"], return_inverse=True)[1]
    X = frame.drop(columns=["ill", "hospital"]).to_numpy(dtype=float)
    header(makers)
    results = []
    for n in sizes:
        scores: dict[str, list[float]] = {key: [] for key in makers}
        seconds: dict[str, list[float]] = {key: [] for key in makers}
        for seed in range(first, first + 2 * draws):
            train, test = split(task, n, seed)
            for key, make in makers.items():
                filled = SimpleImputer(strategy="median", keep_empty_features=True).fit(X[train])
                table = filled.transform(X) if key == "easy adapt" else X
                start = time.process_time()
                model = make().fit(table[train], y[train], task=task[train])
                seconds[key].append(time.process_time() - start)
                p = model.predict_proba(table[test], task=task[test])[:, 1]
                sites = [task[test] == t for t in range(4)]
                scores[key].append(float(np.mean([log_loss(y[test][s], p[s], labels=[0, 1]) for s in sites])))
        results.append(show(f"heart, {n or 'all'}", scores, seconds))
    ranks(results)


def svm() -> None:
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(300, 4)), rng.integers(0, 3, size=300)
    y = np.einsum("ij,ij->i", X, rng.normal(size=(3, 4))[task]) + 0.3 * rng.normal(size=300)
    options: Any = {"gamma": 0.25, "tol": 1e-6}
    for ours, theirs, target in ((ct.MultiTaskSVR, SVR, y), (ct.MultiTaskSVC, SVC, np.digitize(y, [-1.0, 1.0]))):
        answer = "predict" if target is y else "decision_function"
        pooled = ours(sharing=1.0, **options).fit(X, target, task=task)
        one = getattr(theirs(**options).fit(X, target), answer)(X)
        apart = ours(sharing=0.0, **options).fit(X, target, task=task)
        gaps = [np.abs(getattr(pooled, answer)(X, task=task) - one).max()]
        for t in range(3):
            here = task == t
            own = getattr(theirs(**options).fit(X[here], target[here]), answer)(X[here])
            gaps.append(np.abs(getattr(apart, answer)(X[here], task=task[here]) - own).max())
        print(f"{ours.__name__}: B all ones against the pooled machine {gaps[0]:.1e}, diagonal {max(gaps[1:]):.1e}")
    found = tables().get("school")
    if found is None:
        return
    X, y, task, _ = found
    X, y = (X - X.mean(0)) / np.maximum(X.std(0), 1e-12), (y - y.mean()) / y.std()
    train, test = split(task, 0, 0)
    print(f"School, linear SVR, sharing .1, {len(train)} rows, largest difference of predictions, processor time")
    for C in (0.01, 0.1, 1.0):
        answers, times = [], []
        for form in ("linear", "gram"):
            start = time.process_time()
            model = ct.MultiTaskSVR("linear", sharing=0.1, C=C, form=form).fit(X[train], y[train], task=task[train])
            times.append(time.process_time() - start)
            answers.append(model.predict(X[test], task=task[test]))
        rmse = np.sqrt(np.mean((answers[0] - y[test]) ** 2))
        gap = np.abs(answers[0] - answers[1]).max()
        print(
            f"  C {C:5.2f}: linear {times[0]:.2f} s, Gram {times[1]:.1f} s ({times[1] / times[0]:.0f} times), "
            f"difference {gap:.1e}, RMSE {rmse:.4f} of the standard deviation",
            flush=True,
        )


def simulate(n: int, seed: int) -> tuple[Any, Any, Any]:
    """Draw rows of three tasks from the model itself."""
    rng = np.random.default_rng(seed)
    X, task = rng.uniform(-2, 2, size=(n, 2)), rng.integers(0, 3, size=n)
    loadings = rng.normal(size=(3, 1))
    B = loadings @ loadings.T + 0.1 * np.eye(3)
    cov = B[task[:, None], task] * RBF(1.0)(X) + 1e-10 * np.eye(n)
    return X, np.linalg.cholesky(cov) @ rng.normal(size=n) + 0.3 * rng.normal(size=n), task


def coverage(draws: int) -> None:
    for n in (60, 100, 200, 400):
        inside: dict[bool, list[float]] = {True: [], False: []}
        for seed in range(10, 10 + draws):
            X, y, task = simulate(n + 200, seed)
            for averaged, found in inside.items():
                model = ct.MultiTaskGPRegressor(rank=1, parameter_uncertainty=averaged)
                low, high = model.fit(X[:n], y[:n], task=task[:n]).predict_interval(X[n:], task=task[n:])
                found.append(float(np.mean((y[n:] >= low) & (y[n:] <= high))))
        cells = [f"{100 * np.mean(v):.1f} +- {100 * np.std(v) / np.sqrt(draws):.1f} %" for v in inside.values()]
        print(
            f"simulated, {n} rows in 3 tasks, 90 % intervals hold: {cells[0]}; certain parameters: {cells[1]}",
            flush=True,
        )


def gp_race(name: str, n: int, draws: int, forms: dict[str, dict[str, Any]]) -> None:
    """Print the RMSE of one process of all tasks in some forms, of one process a task, and of a linear model."""
    scores: dict[str, list[float]] = {key: [] for key in (*forms, "one a task", "linear")}
    times: dict[str, list[float]] = {key: [] for key in scores}
    inside: list[float] = []
    for seed in range(draws):
        found = rows_of_tasks(name, n, seed)
        if found is None:
            return
        (x, u, own), (z, v, to) = found
        models: dict[str, Any] = {key: ct.MultiTaskGPRegressor(n_restarts=0, **forms[key]) for key in forms}
        models["one a task"] = ct.IndependentTasks(ct.MultiTaskGPRegressor(n_restarts=0))
        models["linear"] = ct.MultiTaskRegressor()
        for key, model in models.items():
            start = time.process_time()
            predicted = model.fit(x, u, task=own).predict(z, task=to)
            times[key].append(time.process_time() - start)
            if key in forms:
                low, high = model.predict_interval(z, task=to)
                inside.append(float(np.mean((v >= low) & (v <= high))))
            scores[key].append(float(np.sqrt(np.mean((predicted - v) ** 2))))
    shown = ", ".join(f"{key} {np.mean(values):.4f} ({np.median(times[key]):.1f} s)" for key, values in scores.items())
    held = f"; 90 % intervals of many tasks hold {100 * np.mean(inside):.1f} %"
    print(f"{name}, {n or '70 %'} rows a task: RMSE {shown}{held}", flush=True)


def gp(draws: int) -> None:
    coverage(10 * draws)
    for name, n in (("parkinsons", 10), ("parkinsons", 20), ("sarcos", 30), ("sarcos", 60), ("sarcos", 120)):
        gp_race(name, n, draws, {"many tasks": {}})


def gp_large(draws: int) -> None:
    for name, n in (("parkinsons", 0), ("sarcos", 500), ("sarcos", 2000)):
        gp_race(name, n, draws, {"many tasks": {}, "one kernel": {"own_kernels": False}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--rows", default="20,40,80,0")
    parser.add_argument("--first-seed", type=int, default=100, help="0 to 3 are the draws that the race was tuned on")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    machine = (
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, OMP_NUM_THREADS {threads}"
    )
    print(f"crosstask {ct.__version__}, scikit-learn {sklearn.__version__}, NumPy {np.__version__}, {machine}")
    sizes = [int(n) for n in options.rows.split(",")]
    for part in options.parts or ["boosting", "classes", "svm", "gp"]:
        if part in ("boosting", "classes"):
            (boosting if part == "boosting" else classes)(options.draws, sizes, options.first_seed)
        elif part == "svm":
            svm()
        elif part == "forests":
            forests(options.draws)
        else:
            (gp if part == "gp" else gp_large)(options.draws)


if __name__ == "__main__":
    main()
