"""Transfer of forests: moved thresholds, four hospitals, and 800 columns.

    python benchmarks/transfer_forest.py [moved | heart | office]

moved: two boxes joined by XOR and a step, in the first three of four columns; in the target one of them, or all three,
read .3 more. heart: twenty draws of a few patients of one hospital, a forest of the other three as the source (shipped
with the package; Janosi, Steinbrunn, Pfisterer, Detrano; CC BY 4.0). office: Office-Caltech10 SURF (Gong et al. 2012),
caltech to amazon with three labels a class, from $CROSSTASK_DATA/office_caltech10_surf.npz (default ../shared/data).
Forests of 50 trees throughout (moved: 20).
"""

from __future__ import annotations

import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.impute import SimpleImputer

from crosstask.datasets import load_heart
from crosstask.transfer import TransferForestClassifier, TransferForestRegressor

METHODS = ("ser", "strut", "mix")
HEAD = "source only | target only | pooled | SER | STRUT | mix |"
RULE = "|---" * 7 + "|"
Pair = tuple[np.ndarray, np.ndarray]


def compare(old: Pair, few: Pair, test: Pair, trees: int, seed: int, regression: bool = False) -> list[float]:
    """Return the scores (accuracy, or R2) of the three plain forests and of the three transfers."""
    forest: Any = RandomForestRegressor if regression else RandomForestClassifier
    transfer: Any = TransferForestRegressor if regression else TransferForestClassifier
    both = tuple(np.concatenate(parts) for parts in zip(old, few, strict=True))
    plain = [forest(trees, random_state=seed).fit(*rows) for rows in (old, few, both)]
    moved = [transfer(plain[0], method=method, random_state=seed).fit(*few) for method in METHODS]
    return [model.score(*test) for model in (*plain, *moved)]


def show(name: str, scores: list[list[float]]) -> None:
    print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in np.mean(scores, axis=0)) + " |", flush=True)


def moved() -> None:
    print(
        f"\n### Moved thresholds, 80 target rows: accuracy, then R2; means of ten draws\n\n| columns | {HEAD}\n{RULE}"
    )
    for regression in (False, True):
        for name, columns in (("none moved", []), ("one moved", [0]), ("three moved", [0, 1, 2])):
            scores = []
            for seed in range(10):
                rng = np.random.default_rng(seed)
                X = rng.uniform(-1, 1, (2000, 4))
                y = 2.0 * ((X[:, 0] > 0) ^ (X[:, 1] > 0.2)) + (X[:, 2] > -0.3) + 0.3 * rng.standard_normal(2000)
                y = y if regression else (y > 1.5).astype(int)
                Z = X.copy()
                Z[:, columns] += 0.3
                old, few, rest = slice(600), slice(600, 680), slice(700, None)
                scores.append(compare((X[old], y[old]), (Z[few], y[few]), (Z[rest], y[rest]), 20, seed, regression))
            show(name, scores)


def heart() -> None:
    print(f"\n### Heart: accuracy, means of twenty draws\n\n| hospital, labels | {HEAD}\n{RULE}")
    df = load_heart()
    y, site = df["ill"].to_numpy().astype(int), df["hospital"].to_numpy().astype(str)
    measured = df.drop(columns=["ill", "hospital"]).to_numpy(dtype=float)
    for target, n in (("va", 40), ("switzerland", 20), ("cleveland", 40)):
        scores = []
        for seed in range(20):
            own, others = np.flatnonzero(site == target), np.flatnonzero(site != target)
            few = np.random.default_rng(seed).choice(own, n, replace=False)
            rest = np.setdiff1d(own, few)
            X = SimpleImputer(strategy="median").fit(measured[np.r_[others, few]]).transform(measured)
            scores.append(compare((X[others], y[others]), (X[few], y[few]), (X[rest], y[rest]), 50, seed))
        show(f"{target}, {n}", scores)


def office() -> None:
    print(f"\n### Office-Caltech10, caltech to amazon, 3 labels a class: accuracy, three draws\n\n| | {HEAD}\n{RULE}")
    folder = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    data = np.load(folder / "office_caltech10_surf.npz")
    (X, y), (Z, z) = ((data[f"X_{name}"].astype(float), data[f"y_{name}"]) for name in ("caltech", "amazon"))
    X, Z = (part / part.sum(axis=1, keepdims=True) for part in (X, Z))
    scores = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        few = np.concatenate([rng.choice(np.flatnonzero(z == k), 3, replace=False) for k in np.unique(z)])
        rest = np.setdiff1d(np.arange(len(z)), few)
        scores.append(compare((X, y), (Z[few], z[few]), (Z[rest], z[rest]), 50, seed))
    show("30 labels", scores)
    source = RandomForestClassifier(50, random_state=0).fit(X, y)
    for method in METHODS:
        start = time.process_time()
        TransferForestClassifier(source, method=method, random_state=0).fit(Z, z)
        print(f"{method}: all {len(z)} rows x {Z.shape[1]} columns, {time.process_time() - start:.1f} s of processor")


def main(which: str | None) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("crosstask", "scikit-learn", "numpy", "scipy"))
    print(f"{packages}, Python {platform.python_version()}, {platform.machine()}")
    for study in (moved, heart, office):
        if which in (None, study.__name__):
            study()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
