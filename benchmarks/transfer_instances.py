"""TrAdaBoost on the heart data, and how many votes a bad source gets.

    python benchmarks/transfer_instances.py [heart | votes]

Heart: twenty draws of a few labelled patients of one hospital, all patients of the other three as sources, tested on
the hospital's other patients. Gaps are filled and columns standardised on the training rows. The data are shipped with
the package (Janosi, Steinbrunn, Pfisterer, Detrano; CC BY 4.0).
"""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crosstask.datasets import load_heart
from crosstask.transfer import TrAdaBoostClassifier

N_DRAWS = 20
SETTINGS = (("va", 40), ("switzerland", 20), ("cleveland", 40))


def logistic() -> LogisticRegression:
    return LogisticRegression(max_iter=2000)


def alone(X: np.ndarray, y: np.ndarray) -> Any:
    return (logistic() if len(np.unique(y)) > 1 else DummyClassifier()).fit(X, y)


def heart() -> None:
    """Print the mean accuracy of each way, and the worst draw against the base fitted to the target alone."""
    df = load_heart()
    y, site = df["ill"].to_numpy().astype(int), df["hospital"].to_numpy().astype(str)
    measured = df.drop(columns=["ill", "hospital"]).to_numpy(dtype=float)
    print("\n### Heart: accuracy, means of twenty draws\n")
    print("| hospital, labels | target alone | pooled | TrAdaBoost as published | TrAdaBoostClassifier | rounds |")
    print("|---|---|---|---|---|---|")
    for target, n in SETTINGS:
        found: list[list[float]] = []
        for seed in range(N_DRAWS):
            rng = np.random.default_rng(seed)
            own = np.flatnonzero(site == target)
            few = rng.choice(own, n, replace=False)
            rest, train = np.setdiff1d(own, few), np.r_[np.flatnonzero(site != target), few]
            prepare = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(measured[train])
            X = prepare.transform(measured)
            scores = [alone(X[few], y[few]).score(X[rest], y[rest])]
            scores.append(logistic().fit(X[train], y[train]).score(X[rest], y[rest]))
            for early in (False, True):
                model = TrAdaBoostClassifier(
                    logistic(), early_stopping=early, target_task=target, random_state=seed
                ).fit(X[train], y[train], task=site[train])
                scores.append(float(np.mean(model.predict(X[rest]) == y[rest])))
            found.append([*scores, model.n_rounds_])
        means = np.mean(found, axis=0)
        shown = " | ".join(f"{value:.3f}" for value in means[:-1])
        print(f"| {target}, {n} | {shown} | {means[-1]:.1f} |", flush=True)


def votes() -> None:
    """Print the mean share of votes of a bad and of a good source, fifty seeds each."""
    print("\n### Share of the votes, sources='best', fifty seeds\n\n| bad source | its share | the good source's |")
    print("|---|---|---|")
    task = np.repeat(["bad", "good", "new"], [60, 60, 40])
    bad = task == "bad"
    for kind in ("flipped", "permuted", "constant"):
        shares = []
        for seed in range(50):
            rng = np.random.default_rng(seed)
            X = rng.normal(size=(160, 4))
            y = (X @ [1.5, -1.0, 0.5, 0.0] + 0.5 * rng.normal(size=160) > 0).astype(int)
            y[bad] = {"flipped": 1 - y[bad], "permuted": rng.permutation(y[bad]), "constant": 0}[kind]
            options: dict[str, Any] = {"n_estimators": 10, "early_stopping": False, "target_task": "new"}
            model = TrAdaBoostClassifier(logistic(), sources="best", **options).fit(X, y, task=task)
            shares.append(model.source_share_)
        mean = np.mean(shares, axis=0)
        print(f"| {kind} | {mean[0]:.3f} | {mean[1]:.3f} |", flush=True)


def main(which: str | None) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("crosstask", "scikit-learn", "numpy", "scipy"))
    print(f"{packages}, Python {platform.python_version()}")
    if which in (None, "votes"):
        votes()
    if which in (None, "heart"):
        heart()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
