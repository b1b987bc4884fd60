"""Couplings on three tables: usps_kang (ten one-against-rest tasks), nlschools (133 classes), Parkinsons (42 patients).

    python benchmarks/couplings.py [usps_kang] [nlschools] [parkinsons]

usps_kang: 1000 / 500 / 500 pictures to train, choose alpha and test (Kang, Grauman and Sha 2011); error of the ten
one-against-rest tasks, and of the digit whose task is surest. The other two: half of the rows of each class, or 20 rows
of each patient, train; alpha by 3 folds and 15 alphas; RMSE over 5 draws. usps_kang.npz and nlschools.npz are looked
for in the folder CROSSTASK_DATA (default ../shared/data); they state no licence or a GPL, so they are not shipped.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import sklearn

import crosstask as ct
from crosstask.datasets import load_parkinsons

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def couplings() -> dict[str, Any]:
    centre = ct.Pooled(weight=0.0)
    return {
        "independent": ct.Independent(),
        "pooled": ct.Pooled(),
        "mean_tied": ct.MeanTied(centre_weight=1.0),
        "feature_norm": ct.FeatureNorm(),
        "trace_norm": ct.TraceNorm(),
        "clustered": ct.Clustered(),
        "robust_centre": ct.robust_centre(),
        "centre + trace norm": ct.Decomposed(centre, ct.TraceNorm()),
    }


def usps_kang() -> None:
    path = DATA / "usps_kang.npz"
    if not path.exists():
        print(f"{path} is missing: set CROSSTASK_DATA to the folder that holds usps_kang.npz.")
        return
    held = np.load(path)
    X, digit, fold = held["X"].astype(float), held["y"].astype(int), held["fold"]
    Y = (digit[:, None] == np.unique(digit)).astype(float)
    train, check, test = (np.flatnonzero(fold == k) for k in range(3))
    both = np.concatenate([train, check])
    folds = [(np.arange(len(train)), np.arange(len(train), len(both)))]
    print(f"usps_kang, {len(train)} / {len(check)} / {len(test)} rows, {X.shape[1]} columns; error, %")
    print(f"{'':22s}{'one against rest':>18s}{'digit':>8s}{'alpha':>10s}{'s':>8s}")
    for name in ("independent", "feature_norm", "trace_norm", "clustered"):
        start = time.perf_counter()
        chosen = ct.MultiTaskClassifier(couplings()[name], cv=folds, n_alphas=12, tol=1e-4)
        alpha = chosen.fit(X[both], Y[both]).alpha_
        if isinstance(alpha, np.ndarray):  # "independent" has one for each task; here one for all, as for the others
            alpha = float(chosen.path_["alpha"][np.argmin(chosen.path_["cv_loss"])])
        model = ct.MultiTaskClassifier(couplings()[name], alpha=alpha, tol=1e-4).fit(X[train], Y[train])
        proba = model.predict_proba(X[test])[..., 1]
        single = 100.0 * np.mean((proba > 0.5) != Y[test])
        surest = 100.0 * np.mean(proba.argmax(axis=1) != Y[test].argmax(axis=1))
        seconds = time.perf_counter() - start
        print(f"{name:22s}{single:18.2f}{surest:8.1f}{alpha:10.2g}{seconds:8.1f}", flush=True)


def nlschools() -> None:
    path = DATA / "nlschools.npz"
    if not path.exists():
        print(f"{path} is missing: set CROSSTASK_DATA to the folder that holds nlschools.npz.")
        return
    held = np.load(path)
    table(held["X"].astype(float), held["y"].astype(float), held["task"], lambda size: size // 2, "nlschools")


def parkinsons() -> None:
    df = load_parkinsons()
    task, target = df.attrs["task"], df.attrs["target"]
    X = df.drop(columns=[task, target]).to_numpy(dtype=float)
    table(X, df[target].to_numpy(), df[task].to_numpy(), lambda size: 20, "parkinsons")


def table(X: Any, y: Any, task: Any, n_train: Any, title: str) -> None:
    print(f"{title}: {len(y)} rows, {X.shape[1]} columns, {len(np.unique(task))} tasks; RMSE over 5 draws")
    for name, coupling in couplings().items():
        errors, start = [], time.perf_counter()
        for seed in range(5):
            rng = np.random.default_rng(seed)
            rows = [rng.permutation(np.flatnonzero(task == t)) for t in np.unique(task)]
            train = np.concatenate([own[: n_train(len(own))] for own in rows])
            test = np.setdiff1d(np.arange(len(y)), train)
            model = ct.MultiTaskRegressor(coupling, cv=3, n_alphas=15).fit(X[train], y[train], task=task[train])
            errors.append(np.sqrt(np.mean((y[test] - model.predict(X[test], task=task[test])) ** 2)))
        seconds = (time.perf_counter() - start) / 5
        print(f"{name:22s}{np.mean(errors):8.3f} +- {np.std(errors, ddof=1):.3f}{seconds:8.1f} s", flush=True)


def main(only: list[str]) -> int:
    machine = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
    print(f"crosstask {ct.__version__}, scikit-learn {sklearn.__version__}, NumPy {np.__version__}, {machine}")
    for part in (usps_kang, nlschools, parkinsons):
        if not only or part.__name__ in only:
            part()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
