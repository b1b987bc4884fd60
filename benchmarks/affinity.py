"""Does an affinity rank sources by what they are worth? python benchmarks/affinity.py [--draws 20].

Simulated tasks with known truth (three crowds, two tasks of the opposite sign, 10 columns, R2 = .5): the mean over
targets of Spearman's correlation between what each measure says of the sources and what pooling them really gains.
Then the seconds for the 139 x 139 matrix of School, from the folder that CROSSTASK_DATA names (default ../shared/data).
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import sklearn
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.affinity.simulation import Crowds, make_crowds

from crosstask import task_affinity
from crosstask.affinity._gain import pairwise_gains
from crosstask.affinity._moments import working_rows
from crosstask.affinity._pooling import Fold, pooled_slopes
from crosstask.model_selection import task_folds
from crosstask.tasks import TaskData

MEASURES = ("predicted gain", "cross-validated gain", "p-value of equal slopes", "cosine of slopes", "distance of X")


def cross_validated(working, codes: np.ndarray) -> np.ndarray:
    """Gain of every ordered pair over ten folds."""
    T = codes.max() + 1
    source, target = np.indices((T, T)).reshape(2, -1)
    alone = np.eye(T, dtype=bool)
    own, pooled = np.zeros(T * T), np.zeros(T * T)
    for train, test in task_folds(10, np.zeros((len(codes), 1)), task=codes, random_state=0):
        fold = Fold.cut(working, train, test)
        ridge = fold.train.common_ridge()
        own += fold.losses(pooled_slopes(fold.train, alone[target], ridge), target)
        pooled += fold.losses(pooled_slopes(fold.train, alone[target] | alone[source], ridge), target)
    return (own - pooled).reshape(T, T)


def measures(given: Crowds) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What each measure says, sources by targets, and the true gains."""
    working = working_rows(TaskData.from_arrays(given.X, given.y, given.task))[0]
    moments = working.moments()
    found = pairwise_gains(moments)
    slopes = np.linalg.solve(moments.gram + found.ridge * np.eye(moments.gram.shape[1]), moments.xy[..., None])[..., 0]
    unit = slopes / np.linalg.norm(slopes, axis=1, keepdims=True)
    place = np.stack([given.X[given.task == t].mean(axis=0) for t in range(len(unit))])
    said = (
        found.gain,
        cross_validated(working, working.data.codes),
        found.p_value,
        unit @ unit.T,
        -np.linalg.norm(place[:, None] - place, axis=2),
    )
    return dict(zip(MEASURES, said, strict=True)), given.true_gains(found.ridge)


def simulated(draws: int) -> None:
    print("| rows a task | shift in X | " + " | ".join(MEASURES) + " |")
    print("|---|---|" + "---|" * len(MEASURES))
    for n_rows in (20, 50, 150):
        for shifted in (False, True):
            rank: dict[str, list[float]] = {name: [] for name in MEASURES}
            for seed in range(draws):
                said, true = measures(make_crowds(n_rows, seed, shifted=shifted))
                for j in range(len(true)):
                    others = np.arange(len(true)) != j
                    for name, values in said.items():
                        rank[name].append(stats.spearmanr(values[others, j], true[others, j])[0])
            means = " | ".join(f"{np.mean(rank[name]):.2f}" for name in MEASURES)
            print(f"| {n_rows} | {'yes' if shifted else 'no'} | {means} |")


def school() -> None:
    path = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).parents[2] / "shared" / "data")) / "school.npz"
    if not path.exists():
        print(f"School is left out: {path} is not there; set CROSSTASK_DATA to the folder that holds school.npz.")
        return
    data = np.load(path)
    seconds = []
    for _ in range(3):
        start, processor = perf_counter(), process_time()
        found = task_affinity(data["X"], data["y"], task=data["task"])
        seconds.append((perf_counter() - start, process_time() - processor))
    wall, processor = np.median(seconds, axis=0)
    print(f"School, 139 x 139 pairs: {processor:.2f} s of one processor, {wall:.2f} s by the clock (medians of 3)")
    processor = process_time()
    groups = found.groups()
    print(f"its groups: {process_time() - processor:.1f} s of one processor; {str(groups).splitlines()[0]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, scikit-learn {sklearn.__version__}\n")
    simulated(arguments.draws)
    print()
    school()
