"""Guarded transfer on the heart data, beside source-only, target-only, pooled and prior: accuracy, means over draws.

A few labelled patients of one hospital, all patients of the other three as one source. As in the study that set the
levels, gaps are filled and columns scaled over all 920 rows. Run with ``python benchmarks/transfer.py [draws]``; the
table is read from $CROSSTASK_DATA/heart.csv.gz (default ../shared/data).
"""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from crosstask import IndependentTasks, PooledTasks, PriorClassifier, TransferGuard, TransferToEach

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


def main(n_draws: int) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("crosstask", "scikit-learn", "numpy"))
    print(f"{packages}, Python {platform.python_version()}; {n_draws} draws")
    print("\n| target | " + " | ".join(WAYS) + " |\n|" + "---|" * (len(WAYS) + 1))
    heart("va", 40, n_draws)
    heart("switzerland", 20, n_draws)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
