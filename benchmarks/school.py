"""School: examination marks of 15 362 pupils in 139 schools, on the 10 canonical splits (75 % for training).

Prints the explained variance, on the rows held out, by its two definitions, which the literature mixes up:
"global" is 1 - MSE / variance of all test marks; "per task" is that of each school, averaged by its test rows.
Data: school.npz in the folder CROSSTASK_DATA (default ../shared/data); it states no licence, so it is not shipped.
Alpha is chosen by task-aware cross-validation: as it is by default, 5 folds and 30 alphas, in the first five lines and
for trace_norm; by 3 folds and 15 alphas elsewhere. Seconds are of the processor. "level tied" has no free intercepts: y
less its mean, and a column of ones whose slope, the level of a school, is tied as the other slopes are. Call with names
of lines to run only those: ``python benchmarks/school.py mean_tied``.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn

import crosstask as ct

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
AIMS = {
    "independent": (34.3, 20.0),
    "mean_tied": (38.3, 23.9),
    "feature_norm": (36.2, 21.8),
    "trace_norm": (37.8, 24.0),
    "centre + feature norm": (38.3, 24.0),
    "centre + trace norm": (38.3, 24.0),
    "CrossTask": (38.3, None),
}
QUICKER = {"cv": 3, "n_alphas": 15}  # a third of the fits, where each takes steps


class LevelTied:
    """A coupling without free intercepts: a column of ones stands in for them, and y is less its mean."""

    def __init__(self, coupling: Any, **options: Any) -> None:
        self.model = ct.MultiTaskRegressor(coupling, fit_intercept=False, **options)

    def fit(self, X: Any, y: Any, *, task: Any) -> LevelTied:
        """Fit on y less its mean."""
        self.mean = y.mean()
        self.model.fit(self._with_ones(X), y - self.mean, task=task)
        return self

    def predict(self, X: Any, *, task: Any) -> Any:
        """Return the mean and what is beside it."""
        return self.mean + self.model.predict(self._with_ones(X), task=task)

    def _with_ones(self, X: Any) -> Any:
        varies = np.ptp(X, axis=0) > 0
        return np.column_stack([X[:, varies], np.ones(len(X))])


def models() -> dict[str, Callable[[], Any]]:
    """Rows of the table; the first ones choose alpha by task-aware folds."""
    rows: dict[str, Callable[[], Any]] = {
        name: (lambda name=name: ct.MultiTaskRegressor(name))
        for name in ("independent", "pooled", "mean_tied", "feature_norm")
    }
    rows["mean_tied, centre free"] = lambda: ct.MultiTaskRegressor(ct.MeanTied(centre_weight=0.0))
    centre = ct.Pooled(weight=0.0)
    iterated: dict[str, Any] = {
        "trace_norm": ct.TraceNorm(),
        "task_covariance": ct.TaskCovariance(),
        "clustered": ct.Clustered(),
        "shared_subspace": ct.SharedSubspace(),
        "dirty": ct.dirty(),
        "robust_centre": ct.robust_centre(),
        "centre + feature norm": ct.Decomposed(centre, ct.FeatureNorm()),
        "centre + trace norm": ct.Decomposed(centre, ct.TraceNorm()),
    }
    for name, coupling in iterated.items():
        options = {} if name == "trace_norm" else QUICKER
        rows[name] = lambda coupling=coupling, options=options: ct.MultiTaskRegressor(coupling, **options)
    rows["mean_tied, level tied"] = lambda: LevelTied(ct.MeanTied())
    rows["centre + trace, level tied"] = lambda: LevelTied(ct.Decomposed(centre, ct.TraceNorm()), **QUICKER)
    try:
        from crosstask import CrossTaskRegressor

        rows["CrossTask"] = CrossTaskRegressor
    except (ImportError, AttributeError):
        print("CrossTaskRegressor is not there yet: its line is left out.")
    return rows


def explained_variance(y: Any, predicted: Any, task: Any) -> tuple[float, float]:
    """Return the two definitions in per cent; a school without spread in its test rows is left out of the second."""
    error = (y - predicted) ** 2
    total = 1.0 - error.mean() / y.var()
    own, size = [], []
    for t in np.unique(task):
        rows = task == t
        own.append(1.0 - error[rows].mean() / y[rows].var() if y[rows].var() > 0 else np.nan)
        size.append(rows.sum())
    kept = ~np.isnan(own)
    return 100.0 * total, 100.0 * float(np.average(np.asarray(own)[kept], weights=np.asarray(size)[kept]))


def candidate_scores(model: Any, X: Any, y: Any, task: Any) -> dict[str, float]:
    """Return the global explained variance of each candidate of the flagship on the same rows; nothing for others."""
    if not hasattr(model, "guard_"):
        return {}
    _, matrix = model._rows_to_serve(X, task)
    fitted = model.candidates_.items()
    return {name: explained_variance(y, one.predict(matrix, task=task), task)[0] for name, one in fitted}


def against_candidates(flagship: Any, parts: list[dict[str, float]]) -> None:
    """Print the flagship against the candidate that is best on average, paired over the splits."""
    means = {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}
    best = max(means, key=means.__getitem__)
    difference = flagship - np.array([part[best] for part in parts])
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    print(f"  its best candidate: {best} {means[best]:.2f}; paired difference {difference.mean():+.2f} +- {error:.2f}")
    print("  " + ", ".join(f"{name} {mean:.2f}" for name, mean in means.items()), flush=True)


def main(only: list[str]) -> int:
    path = DATA / "school.npz"
    if not path.exists():
        print(f"{path} is missing: set CROSSTASK_DATA to the folder that holds school.npz.")
        return 0
    data = np.load(path)
    X, y, task = data["X"].astype(float), data["y"].astype(float), data["task"]
    python = f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
    print(f"crosstask {ct.__version__}, scikit-learn {sklearn.__version__}, NumPy {np.__version__}, {python}")
    print(f"{'explained variance, %':26s}{'global':>16s}{'per task':>16s}{'s / fit':>9s}  aim")
    begun = time.process_time()
    for name, make in models().items():
        if only and name not in only:
            continue
        scores, seconds, parts = [], [], []
        for train in data["train_mask"].astype(bool):
            start = time.process_time()
            model = make().fit(X[train], y[train], task=task[train])
            seconds.append(time.process_time() - start)
            predicted = model.predict(X[~train], task=task[~train])
            scores.append(explained_variance(y[~train], predicted, task[~train]))
            parts.append(candidate_scores(model, X[~train], y[~train], task[~train]))
        mean, spread = np.mean(scores, axis=0), np.std(scores, axis=0, ddof=1)
        cells = [f"{m:8.2f} +- {s:4.2f}" for m, s in zip(mean, spread, strict=True)]
        aim = " / ".join("-" if a is None else str(a) for a in AIMS.get(name, ()))
        print(f"{name:26s}{cells[0]:>16s}{cells[1]:>16s}{np.mean(seconds):9.2f}  {aim}", flush=True)
        if parts[0]:
            against_candidates(np.array([score[0] for score in scores]), parts)
    print(f"processor seconds in all: {time.process_time() - begun:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
