"""Linear estimators on four hospitals: how to share, how to brake the centre, and whose alpha it is.

    python benchmarks/linear.py [--seeds 30] [--rows 20]

Mean log loss over the hospitals' remaining rows, after some rows of each were drawn for training without regard to y.
The data are the UCI Heart Disease data (Janosi, Steinbrunn, Pfisterer, Detrano; CC BY 4.0), shipped with the package;
gaps are filled with the median of the training rows. alpha is chosen by task-aware folds unless C stands there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import crosstask as ct
from crosstask.datasets import load_heart
from crosstask.multitask import _choice


def logistic() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1))


def models() -> dict[str, tuple[Callable[[], Any], float]]:
    """Name -> (estimator, rows of the crowd in a task's own choice of alpha)."""
    usual = _choice.CROWD
    rows: dict[str, tuple[Callable[[], Any], float]] = {
        "IndependentTasks, C = .1": (lambda: ct.IndependentTasks(logistic()), usual),
        "PooledTasks, indicators, C = .1": (lambda: ct.PooledTasks(logistic()), usual),
        "EasyAdapt, C = .1": (lambda: ct.EasyAdapt(logistic()), usual),
        "pooled, alpha = .125": (lambda: ct.MultiTaskClassifier("pooled", alpha=0.125), usual),
        "independent": (lambda: ct.MultiTaskClassifier("independent"), usual),
        "independent, own rows only": (lambda: ct.MultiTaskClassifier("independent"), 0.0),
        "independent, one alpha": (lambda: ct.MultiTaskClassifier("independent"), 1e12),
        "pooled": (lambda: ct.MultiTaskClassifier("pooled"), usual),
        "mean_tied": (lambda: ct.MultiTaskClassifier("mean_tied"), usual),
        "feature_norm": (lambda: ct.MultiTaskClassifier("feature_norm"), usual),
    }
    for c in (0.0, 0.1, 3.0):
        rows[f"MeanTied(centre_weight={c:g})"] = (
            lambda c=c: ct.MultiTaskClassifier(ct.MeanTied(centre_weight=c)),
            usual,
        )
    return rows


def draw(seed: int, n: int, site: Any, table: Any) -> tuple[Any, Any]:
    """Return (X with gaps filled, mask of the training rows)."""
    rng, train = np.random.default_rng(seed), np.zeros(len(site), dtype=bool)
    for name in np.unique(site):
        train[rng.choice(np.flatnonzero(site == name), n, replace=False)] = True
    median = table[train].median().fillna(0.0)
    return table.fillna(median).to_numpy(), train


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--rows", type=int, default=20)
    options = parser.parse_args()
    frame = load_heart()
    site, y = frame["hospital"].to_numpy().astype(str), frame["ill"].to_numpy()
    table = frame.drop(columns=["hospital", "ill"]).astype(float)
    print(f"crosstask {ct.__version__}, scikit-learn {sklearn.__version__}, {options.rows} rows a hospital")
    print(f"{'':34s}{'log loss':>9s}{'+-':>7s}{'worst draw':>12s}{'s / fit':>9s}")
    usual = _choice.CROWD
    for name, (make, crowd) in models().items():
        losses, seconds = [], 0.0
        for seed in range(options.seeds):
            X, train = draw(seed, options.rows, site, table)
            _choice.CROWD = crowd
            start = time.perf_counter()
            model = make().fit(X[train], y[train], task=site[train])
            seconds += time.perf_counter() - start
            p = model.predict_proba(X[~train], task=site[~train])[:, 1]
            loss = -np.log(np.where(y[~train] == 1, p, 1 - p).clip(1e-15))
            losses.append(np.mean([loss[site[~train] == s].mean() for s in np.unique(site)]))
        _choice.CROWD = usual
        figures = (np.mean(losses), np.std(losses) / len(losses) ** 0.5, np.max(losses), seconds / options.seeds)
        print("{:34s}{:9.3f}{:7.3f}{:12.3f}{:9.2f}".format(name, *figures), flush=True)


if __name__ == "__main__":
    main()
