"""Is CT004 right? Of gains as large as it says, four in five should be found; of no gain, one in forty.

    OMP_NUM_THREADS=1 python benchmarks/power.py [draws]

Ten tasks of 23 (and 60) rows, 8 or 20 columns, slopes from alike to unlike. The true gain of a task is that of its
guarded model over its own on 4000 new rows; CT004 is computed as `advise` does. Prints, by true gain as a share of the
gain that CT004 names, how often the 95 % interval lies above zero.
"""

from __future__ import annotations

import itertools
import platform
import sys

import numpy as np
import sklearn

from crosstask import MultiTaskRegressor, TransferGuard
from crosstask.advisor._findings import detectable_gain

EDGES = (-np.inf, 0.05, 0.5, 0.8, 1.25, 2.0, np.inf)


def draw(rng: np.random.Generator, n: int, n_tasks: int = 10) -> tuple[np.ndarray, np.ndarray, float]:
    """Return true gains, whether each was found, and the gain that CT004 names."""
    d = int(rng.choice([8, 20]))  # with 20 columns a task's own model is poor, and the gain large
    apart, noise = rng.choice([0.0, 0.2, 0.6]), rng.choice([0.5, 1.5, 3.0])
    slopes = rng.standard_normal(d) + apart * rng.standard_normal((n_tasks, d))

    def rows(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        task = np.repeat(np.arange(n_tasks), size)
        X = rng.standard_normal((len(task), d))
        return X, (X * slopes[task]).sum(axis=1) + noise * rng.standard_normal(len(task)), task

    X, y, task = rows(n)
    candidates = [(name, MultiTaskRegressor(name)) for name in ("independent", "pooled", "mean_tied")]
    guard = TransferGuard(candidates, own="independent", random_state=0).fit(X, y, task=task)
    X, y, task = rows(4000)
    own, guarded = (
        np.bincount(task, (model.predict(X, task=task) - y) ** 2) for model in (guard.candidates_["independent"], guard)
    )
    gain = guard.gain_
    low, high = gain["low"].to_numpy(), gain["high"].to_numpy()
    return 1.0 - guarded / own, low > 0, detectable_gain(low, high)


def main(draws: int) -> None:
    """Print a table for each number of rows."""
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, scikit-learn {sklearn.__version__}"
    print(f"{platform.machine()}; {versions}; {draws} draws of 10 tasks")
    for n in (23, 60):
        rng = np.random.default_rng(n)
        found = [draw(rng, n) for _ in range(draws)]
        named = np.array([one[2] for one in found])
        share = np.concatenate([gain / most for gain, _, most in found])
        shown = np.concatenate([one[1] for one in found])
        print(f"{n} rows a task: CT004 names {100 * np.median(named):.0f} % (median)")
        for low, high in itertools.pairwise(EDGES):
            part = (share > low) & (share <= high)
            if part.any():
                print(f"  true gain {low:g} to {high:g} of it: {100 * shown[part].mean():3.0f} % found of {part.sum()}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
