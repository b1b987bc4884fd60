"""Time budgets: what `crosstask advise` takes on School (60 s) and heart (20 s), and the flagship on 900 shops (120 s).

The command runs as a process of its own, so that imports and compilation count. Prints the seconds against the budget,
the answer, and who was left out. School is read from school.npz in the folder CROSSTASK_DATA (default ../shared/data).
Call with names of rows to run only those: ``python benchmarks/advise.py heart``.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn

import crosstask as ct
from crosstask.datasets import load_heart

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def make_shops(
    n_tasks: int = 900, n_rows: int = 150, n_columns: int = 20, seed: int = 0
) -> tuple[pd.DataFrame, pd.Series]:
    """Draw weeks of shops whose slopes scatter about common ones."""
    rng = np.random.default_rng(seed)
    slopes = rng.standard_normal(n_columns) + 0.5 * rng.standard_normal((n_tasks, n_columns))
    shop = np.repeat(np.arange(n_tasks), n_rows)
    X = rng.standard_normal((len(shop), n_columns))
    level = 3.0 * rng.standard_normal(n_tasks)
    sold = level[shop] + (X * slopes[shop]).sum(axis=1) + np.sqrt(n_columns) * rng.standard_normal(len(shop))
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(n_columns)])
    return frame.assign(shop=[f"shop {t:03d}" for t in shop]), pd.Series(sold, name="sold")


def command(table: pd.DataFrame, target: str, task: str, budget: int) -> None:
    """Time the command on a table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        table.to_csv(path, index=False)
        options = ["--target", target, "--task", task, "--time-budget", str(budget)]
        start = time.perf_counter()
        run = [sys.executable, "-c", "from crosstask.cli import main; main()", "advise", str(path), *options]
        shown = subprocess.run(run, capture_output=True, text=True, check=True).stdout
        spent = time.perf_counter() - start
    said(f"crosstask advise, {table[task].nunique()} tasks, {len(table)} rows", spent, budget)
    print("\n".join(line for line in shown.splitlines() if "left out" in line or "best left alone" in line))


def flagship(budget: int) -> None:
    """Time the flagship's fit on 900 shops, and ask it for every shop."""
    X, y = make_shops()
    start = time.perf_counter()
    model = ct.CrossTaskRegressor(task_column="shop", time_budget=budget, random_state=0).fit(X, y)
    said("CrossTaskRegressor.fit, 900 shops x 150 weeks x 20 columns", time.perf_counter() - start, budget)
    answered = X.groupby("shop").head(1)
    print(f"{np.isfinite(model.predict(answered)).sum()} of {answered['shop'].nunique()} shops are answered;", end=" ")
    print(f"compared: {', '.join(model.candidates_)}")
    print("\n".join(text for code, text in model.findings_ if code in ("left-out", "fewer-folds", "over-budget")))


def said(what: str, spent: float, budget: int) -> None:
    """Print one line."""
    print(f"{what}: {spent:.1f} s of {budget} s ({100 * spent / budget - 100:+.0f} %)", flush=True)


def school() -> pd.DataFrame:
    """Return School as a table."""
    held = np.load(DATA / "school.npz", allow_pickle=True)
    frame = pd.DataFrame(held["X"], columns=[f"x{j}" for j in range(held["X"].shape[1])])
    return frame.assign(school=held["task"], mark=held["y"])


def main(names: list[str]) -> None:
    """Run what was asked for."""
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, scikit-learn {sklearn.__version__}"
    print(f"{platform.machine()}, {os.cpu_count()} cores; {versions}")
    if "heart" in names:
        command(load_heart(), "ill", "hospital", 20)
    if "school" in names and (DATA / "school.npz").exists():
        command(school(), "mark", "school", 60)
    elif "school" in names:
        print(f"School was not run: there is no {DATA / 'school.npz'}; set CROSSTASK_DATA.")
    if "shops" in names:
        flagship(120)


if __name__ == "__main__":
    main(sys.argv[1:] or ["heart", "school", "shops"])
