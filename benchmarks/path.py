"""What a path of alphas costs: leave-one-out in closed form, and warm starts.

    python benchmarks/path.py [--repeats 5]

1. School (139 schools, 15 362 pupils, 28 columns): 50 alphas of MeanTied with leave-one-out scores, against one fit of
   scikit-learn's Ridge for each school, interleaved; medians. Skipped, and said so, where the data are missing.
2. The first fit of a fresh process, kernels compiled before, less the second fit: seconds of the processor, which other
   work on the machine does not lengthen; numba's own import is part of them.
3. A path of 30 alphas to gap 1e-6 against its hardest alpha alone from a cold start, 20 simulated tasks.

Data: school.npz in the folder CROSSTASK_DATA (default ../shared/data); it states no licence, so it is not shipped.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import Ridge

import crosstask as ct
from crosstask.couplings import FeatureNorm, MeanTied, TraceNorm
from crosstask.losses import Huber, Logistic, Poisson, Quantile, Squared
from crosstask.solvers import Problem, alpha_grid, leave_one_out, solve, solve_path

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def school(repeats: int) -> None:
    path = DATA / "school.npz"
    if not path.exists():
        print(f"{path} is missing: set CROSSTASK_DATA to the folder that holds school.npz.")
        return
    with np.load(path) as held:
        X, y, task = held["X"].astype(float), held["y"].astype(float), held["task"]
    rows = [np.flatnonzero(task == name) for name in np.unique(task)]

    def ours() -> None:
        problem = Problem(ct.TaskData.from_arrays(X, y, task), Squared(), MeanTied(1.0))
        leave_one_out(problem, alpha_grid(problem, 50))

    def ridges() -> None:
        for own in rows:
            Ridge(alpha=1.0).fit(X[own], y[own])

    times = np.array([[seconds(ours), seconds(ridges)] for _ in range(repeats)])
    mine, theirs = np.median(times, axis=0)
    print(f"School, 50 alphas with leave-one-out: {mine:.3f} s; {len(rows)} fits of Ridge: {theirs:.3f} s; ", end="")
    print(f"median ratio {np.median(times[:, 0] / times[:, 1]):.2f}")


FRESH = """
import time, numpy as np, crosstask as ct
X = np.random.default_rng(0).normal(size=(400, 20))
model = ct.MultiTaskRegressor("feature_norm", alpha=0.01)
ct.MultiTaskRegressor("pooled", alpha=0.01).fit(X, X @ np.ones(20), task=np.arange(400) % 4)  # imports, no kernel
for _ in range(2):
    start = time.process_time()
    model.fit(X, X @ np.arange(20.0), task=np.arange(400) % 4)
    print(time.process_time() - start)
"""


def first_fits(repeats: int) -> None:
    times = []
    for _ in range(repeats + 1):  # the first process may compile
        done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
        times.append([float(line) for line in done.stdout.split()])
    first, second = np.median(np.array(times[1:]), axis=0)
    print(f"first fit of a process {first:.3f} s of the processor, second {second:.3f} s: ", end="")
    print(f"kernels cost {first - second:.3f} s")


def simulated(loss: object) -> ct.TaskData:
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(4000, 30)), np.arange(4000) % 20
    W = 0.3 * rng.normal(size=30) * (rng.random(30) < 0.4) + 0.1 * rng.normal(size=(20, 30))
    z = np.einsum("ij,ij->i", X, W[task])
    if isinstance(loss, Logistic):
        return ct.TaskData.from_arrays(X, (z + rng.logistic(size=4000) > 0).astype(float), task, n_classes=2)
    if isinstance(loss, Poisson):
        return ct.TaskData.from_arrays(X, rng.poisson(np.exp(np.clip(z, -3, 3))).astype(float), task)
    return ct.TaskData.from_arrays(X, z + rng.standard_t(3, size=4000), task)


def warm_path(problem: Problem, repeats: int) -> tuple[float, float]:
    """Seconds of the path, and of its hardest alpha from a cold start."""
    alphas = alpha_grid(problem, 30)
    solve(problem, alphas[-1])  # compiles, and counts for nobody
    alone = [min(seconds(lambda a=a: solve(problem, a)) for _ in range(2)) for a in alphas]
    hardest = alphas[int(np.argmax(alone))]
    pairs = [
        (seconds(lambda: solve_path(problem, alphas)), seconds(lambda: solve(problem, hardest))) for _ in range(repeats)
    ]
    path, single = np.median(np.array(pairs), axis=0)
    return float(path), float(single)


def warm_paths(repeats: int) -> None:
    print(f"\n{'30 alphas to gap 1e-6':42s}{'path s':>9s}{'hardest alone s':>17s}{'ratio':>7s}")
    for loss in (Squared(), Huber(1.0), Quantile(0.5, smoothing=0.1), Poisson(), Logistic()):
        for coupling in (MeanTied(1.0), FeatureNorm(), TraceNorm()):
            path, single = warm_path(Problem(simulated(loss), loss, coupling), repeats)
            name = f"{type(loss).__name__}, {coupling}"
            print(f"{name:42s}{path:9.3f}{single:17.3f}{path / single:7.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    print(f"crosstask {ct.__version__}, scikit-learn {sklearn.__version__}, numpy {np.__version__}")
    school(options.repeats)
    first_fits(options.repeats)
    warm_paths(max(options.repeats // 2, 1))


if __name__ == "__main__":
    main()
