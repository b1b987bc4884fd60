"""Four hospitals: mean log loss and AUC over sites, rivals in the same run.

    python benchmarks/heart.py [--seeds 30] [--rows 10,20,40,80] [--jobs 2] [--candidates default]

Rows are drawn without regard to y, so that all drawn rows of Switzerland are ill in a quarter of the draws at 20. The
data are the UCI Heart Disease data (Janosi, Steinbrunn, Pfisterer, Detrano; CC BY 4.0), shipped with the package.
Rivals are plain scikit-learn: logistic regression, C = .1, on columns filled with the median and standardised on the
training rows. "single" is one model a hospital (one class only: the smoothed prior (k + .5) / (n + 1)), "pooled" one
model, "indicator" one model with the hospital as 0/1 columns penalised like slopes, "easyadapt" shared columns plus a
copy of them for each hospital.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crosstask import CrossTaskClassifier
from crosstask.datasets import load_heart


def logistic() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000))


def filled(X: np.ndarray, train: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column may be empty in the draw
        median = np.nanmedian(X[train], axis=0)
    return np.where(np.isnan(X), np.where(np.isnan(median), 0.0, median), X)


def rivals(X: np.ndarray, y: np.ndarray, site: np.ndarray, train: np.ndarray) -> dict[str, np.ndarray]:
    E = filled(X, train)
    sites = np.unique(site)
    flags = (site[:, None] == sites[None]).astype(float)
    single = np.empty(len(y))
    for name in sites:
        here, mine = site == name, train[site[train] == name]
        if len(np.unique(y[mine])) == 1:
            single[here] = (y[mine].sum() + 0.5) / (len(mine) + 1.0)
        else:
            own = filled(X, mine)
            single[here] = logistic().fit(own[mine], y[mine]).predict_proba(own[here])[:, 1]
    copies = np.hstack([E, *(E * flags[:, [k]] for k in range(len(sites)))])
    designs = {"pooled": E, "indicator": np.hstack([E, flags]), "easyadapt": copies}
    shared = {name: logistic().fit(D[train], y[train]).predict_proba(D)[:, 1] for name, D in designs.items()}
    return {"single": single, **shared}


def one_draw(n: int, seed: int, candidates: str) -> tuple[dict[str, Any], float, bool]:
    df = load_heart()
    y, site = df["ill"].to_numpy(), df["hospital"].to_numpy().astype(str)
    table = df.drop(columns="ill")
    X = df.drop(columns=["ill", "hospital"]).to_numpy(dtype=float)
    rng = np.random.RandomState(seed)
    sites = np.unique(site)
    train = np.concatenate([rng.choice(np.flatnonzero(site == name), n, replace=False) for name in sites])
    test = np.setdiff1d(np.arange(len(y)), train)
    p = rivals(X, y, site, train)
    start = time.perf_counter()
    model = CrossTaskClassifier(candidates, task_column="hospital", random_state=seed)
    model.fit(table.iloc[train], y[train])
    seconds = time.perf_counter() - start
    p["crosstask"] = model.predict_proba(table)[:, 1]
    for name, fitted in model.candidates_.items():
        matrix = model.reader_.transform(table.drop(columns="hospital"))
        p["  " + name] = fitted.predict_proba(matrix, task=site)[:, 1]
    scores = {
        name: np.array(
            [
                (
                    log_loss(y[test][here], probability[test][here], labels=[0, 1]),
                    roc_auc_score(y[test][here], probability[test][here]),
                    np.mean((probability[test][here] > 0.5) == y[test][here]),
                )
                for here in (site[test] == s for s in sites)
            ]
        )
        for name, probability in p.items()
    }
    pure = len(np.unique(y[train][site[train] == "switzerland"])) == 1
    return scores, seconds, pure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--rows", default="10,20,40,80")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--candidates", default="default")
    options = parser.parse_args()
    for n in map(int, options.rows.split(",")):
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        work = (delayed(one_draw)(n, seed, options.candidates) for seed in seeds)
        draws = Parallel(n_jobs=options.jobs)(work)
        pure = sum(draw[2] for draw in draws)
        seconds = np.median([draw[1] for draw in draws])
        print(f"\n{n} rows a hospital, {len(draws)} draws ({pure} with one class in Switzerland); ", end="")
        print(f"a fit takes {seconds:.1f} s (median)")
        print(f"{'':14s}{'log loss':>9s}{'+-':>6s}{'AUC':>7s}{'acc':>7s}   log loss by hospital")
        own = np.mean([draw[0]["single"][:, 0] for draw in draws], axis=0)
        for name in draws[0][0]:
            table = np.array([draw[0][name] for draw in draws])
            mean = table.mean(axis=(0, 1))
            error = table[:, :, 0].mean(axis=1).std(ddof=1) / np.sqrt(len(draws)) if len(draws) > 1 else np.nan
            by_site = table[:, :, 0].mean(axis=0)
            shown = "  ".join(
                f"{loss:.3f} ({100 * (loss / alone - 1):+.0f} %)" for loss, alone in zip(by_site, own, strict=True)
            )
            print(f"{name:14s}{mean[0]:9.3f}{error:6.3f}{mean[1]:7.3f}{mean[2]:7.3f}   {shown}")


if __name__ == "__main__":
    main()
