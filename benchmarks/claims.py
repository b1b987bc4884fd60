"""What sharing is said to be good for, tested claim by claim; one that does not hold is printed as failing.

    OMP_NUM_THREADS=1 python benchmarks/claims.py [accuracy] [cost] [transfer] [unseen]

A claim about error holds if the 95 % interval of its paired gain over the draws lies above zero; where sharing is said
to cost nothing, if the interval does not lie below -1 %. Claims about cost compare minima of three interleaved
repeats. Everything runs on data that ship with the
package or are simulated; on two busy cores the parts took 2 to 3 minutes each.
"""

from __future__ import annotations

import argparse
import gc
import pickle
import platform
import time
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from scipy import stats
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import crosstask as ct
from crosstask.datasets import load_heart, load_parkinsons, make_related_tasks

Array = NDArray[np.float64]
N_DRAWS = 6
failing: list[str] = []


def say(claim: str, holds: bool, evidence: str) -> None:
    """Print one claim, and remember it if it fails."""
    print(f"  {'holds' if holds else 'FAILS'}  {claim}: {evidence}", flush=True)
    if not holds:
        failing.append(claim)


def paired_gain(alone: list[float], shared: list[float]) -> tuple[float, float, float]:
    """Return the mean of 1 - shared / alone in per cent, and its 95 % interval over the draws."""
    gain = 100.0 * (1.0 - np.array(shared) / np.array(alone))
    half = stats.t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / np.sqrt(len(gain))
    return float(gain.mean()), float(gain.mean() - half), float(gain.mean() + half)


def say_gain(claim: str, alone: list[float], shared: list[float], *, costs_nothing: bool = False) -> None:
    mean, low, high = paired_gain(alone, shared)
    holds = high >= -1.0 if costs_nothing else low > 0.0
    say(
        claim,
        holds,
        f"{np.mean(alone):.4g} -> {np.mean(shared):.4g}, {mean:+.1f} % less (95 %: {low:+.1f} to {high:+.1f})",
    )


def log_loss(p: Array, y: NDArray[Any], task: NDArray[Any]) -> float:
    """Return the log loss of class 1, averaged over tasks."""
    loss = -np.log(np.maximum(np.where(y == 1, p, 1.0 - p), 1e-6))
    return float(np.mean([loss[task == t].mean() for t in np.unique(task)]))


def squared(p: Array, y: Array, task: NDArray[Any]) -> float:
    return float(np.mean([((p - y)[task == t] ** 2).mean() for t in np.unique(task)]))


def heart() -> tuple[Array, NDArray[Any], NDArray[Any]]:
    frame = load_heart()
    X = frame.drop(columns=["ill", "hospital"]).to_numpy(dtype=float)
    return X, frame["ill"].to_numpy().astype(int), np.unique(frame["hospital"], return_inverse=True)[1]


def parkinsons() -> tuple[Array, Array, NDArray[Any]]:
    frame = load_parkinsons()
    X = frame.drop(columns=["motor_UPDRS", "patient"]).to_numpy(dtype=float)
    return X, frame["motor_UPDRS"].to_numpy(), np.unique(frame["patient"], return_inverse=True)[1]


def split(task: NDArray[Any], n_rows: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(np.flatnonzero(task == t))[:n_rows] for t in np.unique(task)]
    train = np.sort(np.concatenate(drawn))
    return train, np.setdiff1d(np.arange(len(task)), train)


def filled(X: Array, train: NDArray[Any]) -> Array:
    median = np.nan_to_num(np.nanmedian(X[train], axis=0))
    return np.where(np.isnan(X), median, X)


def accuracy() -> None:
    """The same model, alike tuned, with and without a tie between the tasks."""
    print("accuracy on rows of known tasks: each task alone -> shared (mean tied), alike tuned")
    X, y, task = heart()
    alone, shared = [], []
    for seed in range(20):
        train, test = split(task, 20, seed)
        E = filled(X, train)
        for losses, coupling in ((alone, "independent"), (shared, "mean_tied")):
            model = ct.MultiTaskClassifier(coupling).fit(E[train], y[train], task=task[train])
            losses.append(log_loss(model.predict_proba(E[test], task=task[test])[:, 1], y[test], task[test]))
    say_gain("heart, 20 patients a hospital, log loss", alone, shared)
    X, y, task = parkinsons()
    alone, shared = [], []
    for seed in range(5):
        train, test = split(task, 20, seed)
        for losses, coupling in ((alone, "independent"), (shared, "mean_tied")):
            model = ct.MultiTaskRegressor(coupling).fit(X[train], y[train], task=task[train])
            losses.append(squared(model.predict(X[test], task=task[test]), y[test], task[test]))
    say_gain("parkinsons, 20 rows a patient, squared error", alone, shared)
    for relatedness in (0.9, 0.0):
        alone, shared, guarded = [], [], []
        for seed in range(10):
            data = make_related_tasks(10, 40, 10, relatedness=relatedness, random_state=seed)
            new = data.draw(200, random_state=100 + seed)
            own: Any = ct.MultiTaskRegressor("independent")
            tied: Any = ct.MultiTaskRegressor("mean_tied")
            guard = ct.TransferGuard([("own", own), ("tied", tied)], random_state=0)
            for losses, model in ((alone, own), (shared, tied), (guarded, guard)):
                model.fit(data.X, data.y, task=data.task)
                losses.append(squared(model.predict(new.X, task=new.task), new.y, new.task))
        if relatedness:
            say_gain("simulated, 10 related tasks x 40 rows", alone, shared)
        else:
            say_gain("simulated, nothing to share, costs nothing", alone, shared, costs_nothing=True)
            say_gain("the same, guarded, costs nothing", alone, guarded, costs_nothing=True)


def interleaved(makers: dict[str, Callable[[], Any]], repeats: int = 3) -> dict[str, tuple[float, Any]]:
    """Return the least processor time of each maker, and what it made."""
    best: dict[str, tuple[float, Any]] = {}
    for _ in range(repeats):
        for name, make in makers.items():
            start = time.process_time()
            made = make()
            spent = time.process_time() - start
            best[name] = (min(spent, best[name][0]) if name in best else spent, made)
    return best


def peak(make: Callable[[], Any]) -> float:
    """Return the MB that fitting and keeping the models takes at most, beyond what was there."""
    gc.collect()
    tracemalloc.start()
    made = make()
    most = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    del made
    return most


def cost() -> None:
    """One shared model against T separate ones: seconds, memory, size."""
    data, few = (make_related_tasks(n_tasks, 40, 20, random_state=0) for n_tasks in (200, 20))

    def each(make: Callable[[], Any], data: Any = data) -> Callable[[], list[Any]]:
        parts = [np.flatnonzero(data.task == t) for t in np.unique(data.task)]
        return lambda: [make().fit(data.X[rows], data.y[rows]) for rows in parts]

    def boosting() -> Any:
        return HistGradientBoostingRegressor(max_iter=50, max_leaf_nodes=15, min_samples_leaf=5)

    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "200 ridges": (
            each(lambda: make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 20)))),
            lambda: ct.MultiTaskRegressor("mean_tied").fit(data.X, data.y, task=data.task),
        ),
        "20 boostings": (
            each(boosting, few),
            lambda: ct.PooledTasks(boosting(), "category").fit(few.X, few.y, task=few.task),
        ),
        "200 ridges, guarded": (
            each(lambda: make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 20)))),
            lambda: ct.CrossTaskRegressor(["own", "pooled", "mean tied"], random_state=0).fit(
                data.X, data.y, task=data.task
            ),
        ),
    }
    print(
        "cost of a fit, 40 rows a task, 20 columns: separate scikit-learn models (RidgeCV, 20 alphas, leave-one-out; "
        "histogram boosting) -> one shared model (mean tied, alpha by folds; boosting with the task as a category; the "
        "flagship with own, pooled and mean tied)"
    )
    for name, (separate, shared) in pairs.items():
        shared()  # compiles what compiles
        found = interleaved({"separate": separate, "shared": shared})
        (slow, models), (quick, model) = found["separate"], found["shared"]
        say(f"{name}: less processor time", quick < slow, f"{slow:.2f} s -> {quick:.2f} s ({slow / quick:.2f} times)")
        before, after = peak(separate), peak(shared)
        say(f"{name}: less memory", after < before, f"peak of {before:.1f} MB -> {after:.1f} MB")
        large, small = (len(pickle.dumps(kept)) / 1e3 for kept in (models, model))
        say(f"{name}: smaller model", small < large, f"pickle of {large:.0f} kB -> {small:.0f} kB")


def first_at(losses: list[float], steps: list[int], wanted: float) -> float:
    """Return the first step at which the loss is as low as wanted, infinite if never."""
    return next((float(step) for step, loss in zip(steps, losses, strict=True) if loss <= wanted + 1e-12), np.inf)


def transfer() -> None:
    """A target with a source of related slopes: steps and labels to the loss that the target alone reaches."""
    steps, labels = [1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000], [20, 40, 80, 160, 320]
    print(
        "transfer, simulated, 20 columns, source of 1000 rows: target alone (cold) -> transferred; means over 6 draws"
    )
    for relatedness in (0.9, 0.0):
        cold_path, warm_path = np.zeros((N_DRAWS, len(steps))), np.zeros((N_DRAWS, len(steps)))
        cold, prior = np.zeros((N_DRAWS, len(labels))), np.zeros((N_DRAWS, len(labels)))
        to_end = np.zeros((N_DRAWS, 2))
        for seed in range(N_DRAWS):
            options: dict[str, Any] = {"kind": "classification", "relatedness": relatedness, "intercept_spread": 0.0}
            data = make_related_tasks(2, [1000, labels[-1]], 20, random_state=seed, **options)
            fresh = data.draw([1, 3000], random_state=500 + seed)
            old, there = data.task == 0, fresh.task == 1
            X, y, new, observed = data.X[~old], data.y[~old], fresh.X[there], fresh.y[there]
            source = LogisticRegression(C=0.1).fit(data.X[old], data.y[old])
            frozen = FrozenEstimator(source)

            def loss(model: Any, new: Any = new, observed: Any = observed) -> float:
                p = model.predict_proba(new)[:, 1]
                return log_loss(p, observed, np.zeros(len(observed)))

            for k, n_steps in enumerate(steps):
                plain: dict[str, Any] = {"max_iter": n_steps, "early_stopping": False, "tol": 0.0}
                cold_path[seed, k] = loss(ct.FineTunedClassifier(None, **plain).fit(X[:40], y[:40]))
                warm_path[seed, k] = loss(ct.FineTunedClassifier(frozen, **plain).fit(X[:40], y[:40]))
            for k, n in enumerate(labels):
                tuned = LogisticRegressionCV(
                    Cs=np.logspace(-3, 1, 7),
                    cv=5,
                    scoring="neg_log_loss",
                    l1_ratios=(0.0,),
                    use_legacy_attributes=False,
                )
                cold[seed, k] = loss(tuned.fit(X[:n], y[:n]))
                prior[seed, k] = loss(ct.PriorClassifier(frozen).fit(X[:n], y[:n]))
            to_end[seed] = iterations(source, X, y)
        tag = f"slopes of correlation {relatedness}"
        wanted = float(cold_path.mean(axis=0).min())
        steps_cold, steps_warm = (first_at([*path.mean(axis=0)], steps, wanted) for path in (cold_path, warm_path))
        say(
            f"{tag}: fewer steps to equal loss, 40 labels",
            steps_warm < steps_cold,
            f"{steps_cold:g} -> {steps_warm:g} gradient steps to a test log loss of {wanted:.3f}",
        )
        say(
            f"{tag}: fewer iterations to the end of a convex fit",
            to_end[:, 1].mean() < to_end[:, 0].mean(),
            f"{to_end[:, 0].mean():.1f} -> {to_end[:, 1].mean():.1f} L-BFGS iterations, to the same model",
        )
        for n in (80, 320):
            wanted = float(cold.mean(axis=0)[labels.index(n)])
            needed = first_at([*prior.mean(axis=0)], labels, wanted)
            evidence = f"{n} -> {needed:g} labels to a test log loss of {wanted:.3f}"
            say(f"{tag}: fewer labels to the loss of {n} cold ones", needed < n, evidence)
        evidence = ", ".join(
            f"{n}: {a:.3f} -> {b:.3f}" for n, a, b in zip(labels, cold.mean(axis=0), prior.mean(axis=0), strict=True)
        )
        print(f"         log loss by labels, cold -> transferred: {evidence}")


def iterations(source: LogisticRegression, X: Array, y: NDArray[Any]) -> tuple[int, int]:
    """Return the iterations of a cold and of a warm start of the same convex problem."""
    cold = LogisticRegression(tol=1e-8, max_iter=5000).fit(X, y)
    warm = LogisticRegression(tol=1e-8, max_iter=5000, warm_start=True)
    warm.coef_, warm.intercept_ = source.coef_.copy(), source.intercept_.copy()
    return int(cold.n_iter_[0]), int(warm.fit(X, y).n_iter_[0])


def unseen() -> None:
    """Each task left out in turn: the mean answer of separate models against what shared models say."""
    print("unseen tasks: mean prediction of the separate models -> one shared model; each task left out in turn")
    X, y, task = heart()
    alone, shared = [], []
    for seed in range(5):
        for out in np.unique(task):
            train = np.setdiff1d(split(task, 40, seed)[0], np.flatnonzero(task == out))
            E, test = filled(X, train), np.flatnonzero(task == out)
            own: Any = ct.MultiTaskClassifier("independent", unseen_task="mean")
            tied: Any = ct.MultiTaskClassifier("mean_tied", unseen_task="pooled")
            for losses, model in ((alone, own), (shared, tied)):
                model.fit(E[train], y[train], task=task[train])
                losses.append(log_loss(model.predict_proba(E[test], task=task[test])[:, 1], y[test], task[test]))
    say_gain("heart, 40 patients of each of the others, log loss", alone, shared)
    alone, shared = [], []
    for seed in range(20):
        data = make_related_tasks(11, 20, 10, relatedness=0.8, random_state=seed)
        new = data.draw(200, random_state=900 + seed)
        known, there = data.task < 10, new.task == 10
        own = ct.MultiTaskRegressor("independent", unseen_task="mean")
        tied = ct.MultiTaskRegressor("mean_tied", unseen_task="pooled")
        for losses, model in ((alone, own), (shared, tied)):
            model.fit(data.X[known], data.y[known], task=data.task[known])
            losses.append(squared(model.predict(new.X[there], task=new.task[there]), new.y[there], new.task[there]))
    say_gain("simulated, 10 known tasks x 20 rows, squared error", alone, shared)
    X, y, task = parkinsons()
    alone, shared = [], []
    for out in np.unique(task)[::4]:
        train = np.setdiff1d(split(task, 20, 0)[0], np.flatnonzero(task == out))
        test = np.flatnonzero(task == out)
        own = ct.MultiTaskRegressor("independent", unseen_task="mean")
        tied = ct.MultiTaskRegressor("mean_tied", unseen_task="pooled")
        for losses, model in ((alone, own), (shared, tied)):
            model.fit(X[train], y[train], task=task[train])
            losses.append(squared(model.predict(X[test], task=task[test]), y[test], task[test]))
    say_gain("parkinsons, 20 rows of each other patient, squared error", alone, shared)


PARTS: dict[str, Callable[[], None]] = {"accuracy": accuracy, "cost": cost, "transfer": transfer, "unseen": unseen}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []])
    parts = parser.parse_args().parts or list(PARTS)
    warnings.simplefilter("ignore")
    versions = f"crosstask {ct.__version__}, scikit-learn {sklearn.__version__}, NumPy {np.__version__}"
    print(f"{versions}, Python {platform.python_version()}, {platform.machine()}")
    start = time.perf_counter()
    for part in parts:
        PARTS[part]()
    print(f"{len(failing)} claim(s) fail: {'; '.join(failing) or 'none'} ({time.perf_counter() - start:.0f} s)")


if __name__ == "__main__":
    main()
