"""The guard on real tables: draw a few rows a task, fit, and compare on the rows that are left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crosstask.guard import TransferGuard
from crosstask.guard._assess import evidence_of
from crosstask.guard._rules import guard_weights
from crosstask.multitask import IndependentTasks, MultiTaskClassifier, MultiTaskRegressor, PooledTasks

SIZES = (10, 20, 40, 80)
N_TASKS = 25
SEPARATE = np.array([True, False, False, False, True])  # own and task mean share nothing between tasks
MODES = ("balanced", "cautious", "bold")
ALPHAS = np.logspace(-2, 4, 13)


@dataclass(frozen=True)
class Table:
    """One real table; classification where y holds labels."""

    name: str
    X: NDArray[np.float64]
    y: NDArray[Any]
    task: NDArray[Any]
    classification: bool = False


def load_tables(folder: Path) -> list[Table]:
    """Read school, parkinsons (motor UPDRS) and nlschools from the folder; heart ships with the package."""
    from crosstask.datasets import load_heart

    tables = []
    for name in ("school", "parkinsons", "nlschools"):
        with np.load(folder / f"{name}.npz", allow_pickle=False) as stored:
            X, y, task = stored["X"].astype(float), stored["y"].astype(float), stored["task"]
        X = X[:, X.std(axis=0) > 0]
        tables.append(Table(name, X, y[:, 0] if y.ndim == 2 else y, task))
    heart = load_heart()
    X = heart.drop(columns=["hospital", "ill"]).to_numpy(dtype=float)
    tables.append(Table("heart", X, heart["ill"].to_numpy(), heart["hospital"].to_numpy(dtype=str), True))
    return tables


def candidates(classification: bool) -> list[tuple[str, Any]]:
    """Return own, pooled, pooled with free intercepts, mean-tied and the task mean."""
    if classification:

        def logistic() -> Any:
            model = LogisticRegression(C=0.1, max_iter=1000)
            return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), model)

        def linear(coupling: str) -> Any:
            return MultiTaskClassifier(coupling)

        constant, pooled = DummyClassifier(strategy="prior"), logistic()
        return [
            ("own", IndependentTasks(logistic())),
            ("pooled", PooledTasks(pooled, "none")),
            ("indicator", linear("pooled")),
            ("mean-tied", linear("mean_tied")),
            ("task mean", IndependentTasks(constant)),
        ]
    ridge = make_pipeline(StandardScaler(), RidgeCV(ALPHAS))
    return [
        ("own", MultiTaskRegressor("independent")),
        ("pooled", PooledTasks(ridge, "none")),
        ("indicator", MultiTaskRegressor("pooled")),
        ("mean-tied", MultiTaskRegressor("mean_tied")),
        ("task mean", IndependentTasks(DummyRegressor())),
    ]


def run_table(table: Table, n_rows: int, seeds: int) -> dict[str, dict[str, float]]:
    """Mean test loss over tasks and draws: of every candidate, and of the mixture under every rule."""
    totals: dict[str, list[float]] = {}
    for seed in range(seeds):
        for name, loss in _one_draw(table, n_rows, seed).items():
            totals.setdefault(name, []).append(loss)
    means = {name: float(np.mean(losses)) for name, losses in totals.items()}
    rules = {name: means.pop(name) for name in MODES} if means else {}
    return {"candidates": means, "rules": rules}


def _one_draw(table: Table, n_rows: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng([seed, n_rows])
    ids, counts = np.unique(table.task, return_counts=True)
    able = ids[counts >= n_rows + 5]
    if len(able) < 4:
        return {}
    train, test = [], []
    for task in rng.permutation(able)[:N_TASKS]:
        rows = rng.permutation(np.flatnonzero(table.task == task))
        train.append(rows[:n_rows])
        test.append(rows[n_rows : n_rows + 200])
    fit, new = np.concatenate(train), np.concatenate(test)
    X = table.X
    if table.classification:
        X = SimpleImputer(keep_empty_features=True).fit(X[fit]).transform(X)
    guard = TransferGuard(candidates(table.classification), random_state=seed, keep_oof=True)
    guard.fit(X[fit], table.y[fit], task=table.task[fit])
    return _losses(guard, table, X, fit, new)


def _losses(guard: Any, table: Table, X: Any, fit: NDArray[Any], new: NDArray[Any]) -> dict[str, float]:
    codes = np.searchsorted(guard.tasks_, table.task[fit])
    n_classes = len(guard.classes_) if table.classification else 0
    y = np.searchsorted(guard.classes_, table.y[fit]) if n_classes else table.y[fit]
    held = np.isfinite(guard.oof_).all(axis=(1, 2))
    kind = {"scoring": "log_loss" if n_classes else "squared", "q": 0.5, "linear": False, "n_classes": n_classes}
    kind["separate"] = SEPARATE
    ones, fold = np.ones(held.sum()), np.zeros(held.sum(), dtype=np.intp)
    n_tasks = len(guard.tasks_)
    evidence = evidence_of(guard.oof_[held], y[held], codes[held], ones, fold, n_tasks, own=0, **kind)
    one_class = np.array([bool(why) for why in guard._why_borrowed])
    said = {}
    for name, model in guard.candidates_.items():
        answer = (model.predict_proba if n_classes else model.predict)(X[new], task=table.task[new])
        said[name] = answer.reshape(len(new), -1)
    stacked = np.stack(list(said.values()), axis=1)
    new_codes = np.searchsorted(guard.tasks_, table.task[new])
    mixed = {name: said[name] for name in said}
    for mode in MODES:
        weights = guard_weights(evidence, mode, one_class).task
        mixed[mode] = np.einsum("ncK,nc->nK", stacked, weights[new_codes])
    return {name: _mean_loss(p, table.y[new], new_codes, guard, n_classes) for name, p in mixed.items()}


def _mean_loss(p: NDArray[Any], y: NDArray[Any], codes: NDArray[Any], guard: Any, n_classes: int) -> float:
    if n_classes:
        observed = np.searchsorted(guard.classes_, y)
        rows = -np.log(np.maximum(p[np.arange(len(y)), observed], 1e-6))
    else:
        rows = (p[:, 0] - y) ** 2
    return float(np.mean([rows[codes == t].mean() for t in np.unique(codes)]))
