"""Trans-GLM and Trans-Lasso against what R recorded, and what detection and intervals promise.

Run with ``python benchmarks/transfer_glm.py [case | settings | lasso | properties | intervals] [number of draws]``.
The records are read from $CROSSTASK_DATA/glmtrans_reference (default ../shared/data).
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
import pandas as pd
from numpy.typing import NDArray

from crosstask.transfer import TransGLMRegressor, TransLasso

Array = NDArray[np.float64]
DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
N_COLUMNS, N_ACTIVE, N_TARGET, N_SOURCE, N_SOURCES = 500, 10, 150, 100, 10


def simulate(h: float, n_informative: int, seed: int) -> tuple[Array, Array, NDArray[np.intp], Array]:
    """Draw X, y, task and the target's slopes as glmtrans's ``models`` describes: 0 the target, 1 to 10 the sources."""
    rng = np.random.default_rng(seed)
    p, s = N_COLUMNS, N_ACTIVE
    root = np.linalg.cholesky(0.5 ** np.abs(np.subtract.outer(np.arange(p), np.arange(p))))
    slopes = np.zeros(p)
    slopes[:s] = 0.5
    X = [rng.standard_normal((N_TARGET, p)) @ root.T]
    y = [X[0] @ slopes + rng.standard_normal(N_TARGET)]
    common = 0.3 * rng.standard_normal(p)
    for k in range(N_SOURCES):
        rows = rng.standard_normal((N_SOURCE, p)) @ root.T + rng.standard_normal((N_SOURCE, 1)) * common
        sign = rng.choice([-1.0, 1.0], p)
        if k < n_informative:
            own, intercept = slopes + h / p * sign, 0.0
        else:
            own, intercept = 2.0 * h / p * sign, 0.5
            own[np.concatenate([np.arange(s, 2 * s), rng.choice(np.arange(2 * s, p), s, replace=False)])] += 0.5
        X.append(rows)
        y.append(rows @ own + intercept + rng.standard_normal(N_SOURCE))
    task = np.repeat(np.arange(N_SOURCES + 1), [N_TARGET] + [N_SOURCE] * N_SOURCES)
    return np.vstack(X), np.concatenate(y), task, slopes


def case() -> None:
    """Compare the one recorded case, step by step."""
    folder = DATA / "glmtrans_reference"
    X = pd.read_csv(folder / "case_X.csv.gz", header=None).to_numpy()
    table, coef = pd.read_csv(folder / "case_y.csv.gz"), pd.read_csv(folder / "case_coef.csv")
    found = pd.read_csv(folder / "case_detection.csv")
    options: dict[str, Any] = {"alpha": found["lam_transfer"][0], "debias_alpha": found["lam_debias"][0]}
    model = TransGLMRegressor(0, **options).fit(X, table["y"], task=table["domain"])
    print("\n### The recorded case, at the recorded lambdas\n")
    print(model.sources_)
    print("\n| | largest difference from R |\n|---|---|")
    for name, ours, recorded in (
        ("pooled step", model.pooled_coef_, coef["w_a"]),
        ("both steps", model.coef_, coef["glmtrans_auto"]),
    ):
        print(f"| {name} | {np.abs(ours - recorded.to_numpy()[1:]).max():.1e} |")
    rows = (table["domain"] <= 5).to_numpy()
    y, scale = table["y"].to_numpy()[rows], X[rows].std(axis=0)

    def objective(w: Array) -> float:
        return float(0.5 * np.var(y - X[rows] @ w) + options["alpha"] * np.abs(scale * w).sum())

    print(f"\nObjective of the pooled step: R's is {objective(coef['w_a'].to_numpy()[1:]):.9f}, ours "
          f"{objective(model.pooled_coef_):.9f}.")  # fmt: skip


def settings(n_draws: int) -> None:
    """Fit fresh draws of the recorded settings, and hold their errors against the recorded ones."""
    record = pd.read_csv(DATA / "glmtrans_reference" / "sim_gaussian_p500_K10.csv")
    print(f"\n### The recorded settings, {n_draws} fresh draws each\n")
    print("| h | informative | rep | R's l2 error | ours | ratio | exact set | R's seconds | ours, median |")
    print("|---|---|---|---|---|---|---|---|---|")
    ratios: list[float] = []
    exact_of: list[float] = []
    for i, row in record.iterrows():
        h, informative = float(row["h"]), int(row["Ka"])
        errors, exact, seconds = [], [], []
        for draw in range(n_draws):
            X, y, task, slopes = simulate(h, informative, 1000 * int(str(i)) + draw)
            start = time.process_time()
            model = TransGLMRegressor(0).fit(X, y, task=task)
            seconds.append(time.process_time() - start)
            errors.append(float(np.linalg.norm(model.coef_ - slopes)))
            kept = model.sources_["weight"].to_numpy() > 0
            exact.append(bool(np.array_equal(kept, np.arange(N_SOURCES) < informative)))
        ratio = float(np.mean(errors) / row["glmtrans_auto"])
        ratios.append(ratio)
        exact_of.append(float(np.mean(exact)))
        cells = [f"{h:g}", informative, row["rep"], f"{row['glmtrans_auto']:.3f}", f"{np.mean(errors):.3f}"]
        cells += [f"{ratio:.2f}", f"{np.mean(exact):.0%}", f"{row['sec_glmtrans']:.1f}", f"{np.median(seconds):.2f}"]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    print(f"\nMean ratio {np.mean(ratios):.3f}, exact in {np.mean(exact_of):.1%}; seconds are of one core.")


def lasso(n_draws: int) -> None:
    """Fit Trans-Lasso on fresh draws of the recorded settings, with and without the test of each source."""
    record = pd.read_csv(DATA / "glmtrans_reference" / "sim_gaussian_p500_K10.csv").groupby(["h", "Ka"])
    print(f"\n### Trans-Lasso on the recorded settings, {n_draws} fresh draws each: mean l2 error\n")
    print("| h | informative | R's TransLasso, mean of 2 | tested sources | all sources | TransGLM | seconds, tested |")
    print("|---|---|---|---|---|---|---|")
    for (h, informative), rows in record:
        errors, seconds = np.zeros((n_draws, 3)), []
        for draw in range(n_draws):
            X, y, task, slopes = simulate(float(h), int(informative), 7000 + draw)
            for i, model in enumerate((TransLasso(0), TransLasso(0, sources="all"), TransGLMRegressor(0))):
                start = time.process_time()
                errors[draw, i] = np.linalg.norm(model.fit(X, y, task=task).coef_ - slopes)
                if i == 0:
                    seconds.append(time.process_time() - start)
        ours = " | ".join(f"{error:.3f}" for error in errors.mean(axis=0))
        print(
            f"| {h} | {informative} | {rows['translasso'].mean():.3f} | {ours} | {np.median(seconds):.1f} |", flush=True
        )


def properties(n_seeds: int) -> None:
    """Print the mean weight of sources that cannot help."""
    print(f"\n### Weight of sources that cannot help, {n_seeds} seeds, 60 rows a task, 20 columns\n")
    quick: dict[str, Any] = {"n_alphas": 20, "cv": 5}
    models = {f"TransGLM, level {level}": TransGLMRegressor(0, level=level, **quick) for level in (0.01, 0.05, 0.2)}
    models |= {"TransLasso": TransLasso(0, **quick), "TransLasso, all sources": TransLasso(0, sources="all", **quick)}
    print("| source | " + " | ".join(models) + " |\n|---|" + "---|" * len(models))
    names = ("like the target", "sign turned", "y shuffled", "y constant")
    weights = np.zeros((len(models), n_seeds, 4))
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        X, task = rng.standard_normal((300, 20)), np.repeat(np.arange(5), 60)
        z = X[:, :4].sum(axis=1)
        y = np.where(task == 2, -z, z) + rng.standard_normal(300)
        y[task == 3] = rng.permutation(y[task == 3])
        y[task == 4] = 1.0
        for i, model in enumerate(models.values()):
            weights[i, seed] = model.fit(X, y, task=task).sources_["weight"]
    for k, name in enumerate(names):
        print(f"| {name} | " + " | ".join(f"{mean:.3f}" for mean in weights[:, :, k].mean(axis=1)) + " |")


def intervals(n_seeds: int) -> None:
    """Count how often confidence intervals hold the truth."""
    covered, width = np.zeros((n_seeds, 2)), np.zeros(n_seeds)
    for seed in range(n_seeds):
        rng = np.random.default_rng(seed)
        X, task = rng.standard_normal((300, 100)), np.repeat([0, 1, 2], 100)
        slopes = np.repeat([0.5, 0.0], [5, 95])
        y = X @ slopes + rng.standard_normal(300)
        model = TransGLMRegressor(0, n_alphas=25, cv=5, intervals=True).fit(X, y, task=task)
        table = model.confidence_intervals(0.95).to_numpy()
        inside = (table[:, 1] <= slopes) & (slopes <= table[:, 2])
        covered[seed], width[seed] = (inside[:5].mean(), inside[5:].mean()), (table[:, 2] - table[:, 1]).mean()
    print(f"\n### Intervals of level .95, {n_seeds} seeds, 100 rows and 100 columns, two helpful sources\n")
    print("| coefficients | covered | width |\n|---|---|---|")
    for k, name in enumerate(("not zero", "zero")):
        print(f"| {name} | {covered[:, k].mean():.3f} | {width.mean():.2f} |")


def main(which: str | None, n: int) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("crosstask", "scikit-learn", "numpy", "numba"))
    print(f"{packages}, Python {platform.python_version()}, {platform.machine()}")
    if which in (None, "case"):
        case()
    if which in (None, "settings"):
        settings(n or 20)
    if which in (None, "lasso"):
        lasso(n or 5)
    if which in (None, "properties"):
        properties(n or 50)
    if which in (None, "intervals"):
        intervals(n or 30)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
