"""Guarded transfer to a target with few labels, beside what it chooses from: accuracy, means over draws.

    python benchmarks/transfer.py [heart | amazon | digits] [draws]

heart: a few labelled patients of one hospital, all patients of the other three as one source. As in the study that set
the levels, gaps are filled and columns scaled over all 920 rows. amazon: reviews of one kind of goods to another, words
weighed by tf-idf, logarithms of counts. digits: MNIST (5000) to USPS, and how many labels of USPS
the transfer is worth; CROSSTASK_PICTURE names a file for the picture. The data are read from $CROSSTASK_DATA (default
../shared/data).
"""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import _guarded
from crosstask import (
    EasyAdapt,
    IndependentTasks,
    PooledTasks,
    PriorClassifier,
    TransferGuard,
    TransferToEach,
    rows_saved,
)

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
WAYS = ("source only", "target only", "pooled", "prior", "guarded")


def plain() -> LogisticRegression:
    return LogisticRegression(max_iter=500)


def heart(site: str, n_rows: int, n_draws: int) -> None:
    """Print the mean accuracies on the other patients of one hospital."""
    table = pd.read_csv(DATA / "heart.csv.gz")
    y, new = (table["num"] > 0).to_numpy().astype(int), (table["site"] == site).to_numpy()
    X = table.drop(columns=["num", "site"])
    X[["chol", "trestbps"]] = X[["chol", "trestbps"]].replace(0, np.nan)  # 0: not measured
    X = X.fillna(X.median())
    rows = ((X - X.mean()) / X.std()).to_numpy()
    found = np.empty((n_draws, len(WAYS)))
    for seed in range(n_draws):
        few, rest = train_test_split(np.flatnonzero(new), train_size=n_rows, stratify=y[new], random_state=seed)
        everybody = np.concatenate([np.flatnonzero(~new), few])
        source = plain().fit(rows[~new], y[~new])
        task = np.where(new[everybody], "target", "others")
        candidates = [
            ("own", IndependentTasks(plain())),
            ("pooled", PooledTasks(plain())),
            ("prior", TransferToEach(PriorClassifier(n_alphas=8, cv=3), plain())),
        ]
        guard = TransferGuard(candidates, cv=5, random_state=0).fit(rows[everybody], y[everybody], task=task)
        found[seed] = (
            source.score(rows[rest], y[rest]),
            plain().fit(rows[few], y[few]).score(rows[rest], y[rest]),
            plain().fit(rows[everybody], y[everybody]).score(rows[rest], y[rest]),
            PriorClassifier(source).fit(rows[few], y[few]).score(rows[rest], y[rest]),
            guard.score(rows[rest], y[rest], task=np.repeat("target", len(rest))),
        )
    print(f"| {site}, {n_rows} rows | " + " | ".join(f"{mean:.3f}" for mean in found.mean(axis=0)) + " |")


def linear(C: float, C_own: float, **options: Any) -> list[tuple[str, Any]]:
    """Return the candidates: the target's own model, pooled rows, pooled with equal weights, and EasyAdapt."""

    def logistic(strength: float) -> LogisticRegression:
        return LogisticRegression(C=strength, max_iter=300, **options)

    return [
        ("own", IndependentTasks(logistic(C_own))),
        ("pooled", PooledTasks(logistic(C), encode_task="none")),
        ("equal weights", PooledTasks(logistic(C), encode_task="none", task_weight="equal")),
        ("easy adapt", EasyAdapt(logistic(C))),
    ]


def header(what: str) -> None:
    names = ("own", "pooled", "equal weights", "easy adapt", "guarded")
    print(f"\n| {what} | " + " | ".join(names) + " | draws |\n|" + "---|" * (len(names) + 2))


def line(what: str, scores: list[dict[str, float]]) -> pd.DataFrame:
    table = pd.DataFrame(scores)
    cells = " | ".join(f"{mean:.3f}" for mean in table.mean())
    print(f"| {what} | {cells} | {len(table)} |", flush=True)
    return table


def amazon(n_draws: int) -> None:
    """Print the accuracies on the test reviews of the second kind of goods."""
    data = _guarded.amazon(DATA)
    header("reviews, labels of the target")
    pairs = [(a, b) for a in _guarded.DOMAINS for b in _guarded.DOMAINS if a != b]
    for a, b in sorted(pairs, key=lambda pair: pair != ("books", "kitchen")):
        X, y = data[b, "train"]
        for n in (50, 200, 1000):
            scores = []
            for seed in range(n_draws):
                few = np.random.default_rng(seed).choice(len(y), n, replace=False)
                source, target, test = _guarded.weighed_words(data[a, "train"][0], X[few], data[b, "test"][0])
                rows = (source, data[a, "train"][1]), (target, y[few]), (test, data[b, "test"][1])
                scores.append(_guarded.accuracies(*rows, linear(3.0, 10.0)))
            line(f"{a} to {b}, {n}", scores)


def digits(n_draws: int) -> None:
    """Print the accuracies on USPS's test part, and how many labels the guarded transfer is worth."""
    source, rest, test = _guarded.digits(DATA)
    header("labels a class")
    sizes, tables = (1, 3, 10, 30), []
    for n in sizes:
        scores = []
        for seed in range(n_draws):
            few = _guarded.a_few_of_each(rest[1], n, np.random.default_rng(seed))
            target = (rest[0][few], rest[1][few])
            scores.append(_guarded.accuracies(source, target, test, linear(0.1, 1.0, tol=1e-3)))
        tables.append(line(str(n), scores))
    own, guarded = (np.column_stack([table[name] for table in tables]) for name in ("own", "guarded"))
    found = rows_saved(10 * np.array(sizes), own, guarded)
    print(f"\n{found}\n\n{found.frame().round(3).to_string(index=False)}")
    if picture := os.environ.get("CROSSTASK_PICTURE"):
        found.plot().figure.savefig(picture)


def main(which: str | None, n_draws: int) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("crosstask", "scikit-learn", "numpy"))
    print(f"{packages}, Python {platform.python_version()}")
    if which in (None, "heart"):
        print("\n| target | " + " | ".join(WAYS) + " |\n|" + "---|" * (len(WAYS) + 1))
        heart("va", 40, n_draws or 20)
        heart("switzerland", 20, n_draws or 20)
    if which in (None, "amazon"):
        amazon(n_draws or 3)
    if which in (None, "digits"):
        digits(n_draws or 5)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
