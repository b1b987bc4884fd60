"""42 patients, motor_UPDRS: random rows, and forward in time; RMSE over all test rows, rivals in the same run.

    python benchmarks/parkinsons.py [--seeds 5] [--rows 5,10,20,40] [--jobs 2] [--candidates default]

Random: n rows of each patient train, the others test. Forward: of the first 2n rows of each patient every second
trains, rows from the 80th on test; ``time_column="test_time"`` is named. The data are the UCI Parkinsons
Telemonitoring data (Tsanas, Little 2009; CC BY 4.0), shipped with the package. Rivals are plain scikit-learn: ridge by
cross-validation on standardised columns, one for each patient ("single"), one for all ("pooled"), with the patient as
0/1 columns ("indicator"), and with a copy of the columns for each patient ("easyadapt"). The last line simulates sales
of 12 shops, none of which has anything to share, where one week raises all sales at once: with folds cut in time, that
week creates no gain.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crosstask import CrossTaskRegressor
from crosstask.datasets import load_parkinsons


def ridge() -> Any:
    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15)))


def rivals(X: np.ndarray, y: np.ndarray, who: np.ndarray, train: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
    patients = np.unique(who)
    flags = (who[:, None] == patients[None]).astype(float)
    mean, single = np.empty(len(y)), np.empty(len(y))
    for name in patients:
        here, mine = who == name, train[who[train] == name]
        mean[here] = y[mine].mean()
        single[here] = ridge().fit(X[mine], y[mine]).predict(X[here])
    scaled = StandardScaler().fit(X[train]).transform(X)
    copies = np.hstack([scaled, flags, *(scaled * flags[:, [k]] for k in range(len(patients)))])
    designs = {"pooled": scaled, "indicator": np.hstack([scaled, flags]), "easyadapt": copies}
    answers = {"task mean": mean, "single": single}
    for name, D in designs.items():
        answers[name] = RidgeCV(np.logspace(-3, 4, 15)).fit(D[train], y[train]).predict(D)
    return {name: answer[test] for name, answer in answers.items()}


def one_draw(n: int, seed: int, forward: bool, candidates: str) -> tuple[dict[str, float], float, list[str]]:
    df = load_parkinsons()
    task, time_name, target = df.attrs["task"], df.attrs["time"], df.attrs["target"]
    df = df.sort_values([task, time_name], kind="stable").reset_index(drop=True)
    who, y = df[task].to_numpy(), df[target].to_numpy()
    place = df.groupby(task).cumcount().to_numpy()
    if forward:
        train, test = np.flatnonzero((place < 2 * n) & (place % 2 == 0)), np.flatnonzero(place >= 80)
    else:
        rng = np.random.RandomState(seed)
        train = np.concatenate([rng.choice(np.flatnonzero(who == p), n, replace=False) for p in np.unique(who)])
        test = np.setdiff1d(np.arange(len(y)), train)
    features = df.drop(columns=[target])
    X = features.drop(columns=[task]).to_numpy(dtype=float)
    answers = rivals(X, y, who, train, test)
    start = time.perf_counter()
    model = CrossTaskRegressor(
        candidates, task_column=task, time_column=time_name if forward else None, random_state=seed
    )
    model.fit(features.iloc[train], y[train])
    seconds = time.perf_counter() - start
    answers["crosstask"] = model.predict(features.iloc[test])
    matrix = model.reader_.transform(features.drop(columns=[task]).iloc[test])
    for name, fitted in model.candidates_.items():
        answers["  " + name] = fitted.predict(matrix, task=who[test])
    errors = {name: float(np.sqrt(np.mean((y[test] - answer) ** 2))) for name, answer in answers.items()}
    return errors, seconds, [code for code, _ in model.findings_]


def common_shock(seed: int, in_time: bool, size: float = 6.0) -> tuple[float, float]:
    """Return mean gain over own models, out of fold, of shops with unrelated slopes and one week of higher sales.

    The shops share their level and the absence of a trend, so without a shock (``size=0``) some gain is true.
    """
    rng = np.random.RandomState(seed)
    days, shops = 60, 12
    table = pd.DataFrame({"day": np.tile(np.arange(days), shops), "shop": np.repeat(np.arange(shops), days)})
    X = rng.normal(size=(len(table), 3))
    slopes = rng.normal(size=(shops, 3))
    shock = size * ((table["day"] >= 30) & (table["day"] < 37))
    sales = 10.0 + np.einsum("ij,ij->i", X, slopes[table["shop"]]) + shock + rng.normal(size=len(table))
    table = table.assign(price=X[:, 0], promotion=X[:, 1], weather=X[:, 2])
    model = CrossTaskRegressor(task_column="shop", time_column="day" if in_time else None, random_state=seed)
    gain = model.fit(table, sales).gain_
    return float(np.average(gain["gain"], weights=gain["own_loss"])), float((gain["low"] > 0).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", default="5,10,20,40")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--candidates", default="default")
    parser.add_argument("--only", choices=["random", "forward", "shock"], default=None)
    options = parser.parse_args()
    for forward in (False, True):
        if options.only not in (None, "forward" if forward else "random"):
            continue
        for n in map(int, options.rows.split(",")):
            seeds = range(1 if forward else options.seeds)
            work = (delayed(one_draw)(n, seed, forward, options.candidates) for seed in seeds)
            draws = Parallel(n_jobs=options.jobs)(work)
            print(f"\n{n} rows a patient, {'forward in time' if forward else f'random, {len(draws)} draws'}; ", end="")
            print(f"a fit takes {np.median([draw[1] for draw in draws]):.1f} s; RMSE")
            for name in draws[0][0]:
                errors = [draw[0].get(name, np.nan) for draw in draws]
                print(f"  {name:16s}{np.mean(errors):7.3f}")
            warned = sum("ordered-rows" in draw[2] for draw in draws)
            print(f"  rows that look ordered in time reported in {warned} of {len(draws)} fits", flush=True)
    if options.only in (None, "shock"):
        for in_time, size in ((False, 6.0), (True, 6.0), (True, 0.0)):
            work = (delayed(common_shock)(seed, in_time, size) for seed in range(options.seeds))
            mean, sure = np.mean(Parallel(n_jobs=options.jobs)(work), axis=0)
            week = "a week's shock common to 12 shops" if size else "the same without the shock"
            folds = "folds cut in time" if in_time else "random folds"
            print(f"{week}, {folds}: gain {100 * mean:+.1f} %, sure in {100 * sure:.0f} %")


if __name__ == "__main__":
    main()
