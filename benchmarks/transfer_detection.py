"""What sources that cannot help weigh in the stack of sources, and behind the guard.

    python benchmarks/transfer_detection.py [stack | guard] [seeds]

A target, and sources of 60 rows and 20 columns (guard: 8): one like the target, one with its sign turned, one with y
shuffled, one with y constant. In the guard all three sources are of one kind, and what they weigh is the weight of the
pooled model plus that of the transferred one times the strength at which it takes them. Trans-GLM and Trans-Lasso:
``transfer_glm.py properties``; votes of TrAdaBoost: ``transfer_instances.py votes``.
"""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge

from crosstask import IndependentTasks, PooledTasks, TransferGuard, TransferToEach
from crosstask.transfer import PriorRegressor, SourceStacking

KINDS = ("like the target", "sign turned", "y shuffled", "y constant")


def spoiled(y: NDArray[Any], z: NDArray[Any], kind: str, rng: np.random.Generator) -> NDArray[Any]:
    """Return y of a source of this kind; z is the target's rule at its rows."""
    if kind == "sign turned":
        return y - 2.0 * z
    if kind == "y shuffled":
        return rng.permutation(y)
    return np.ones(len(y)) if kind == "y constant" else y


def stack(n_seeds: int) -> None:
    """Print the mean weights of four sources and of the target's own model."""
    print(f"\n### Weights in SourceStacking, {n_seeds} seeds\n")
    print("| source models | target's rows | " + " | ".join(KINDS) + " | own |\n|" + "---|" * 7)
    models: tuple[Any, ...] = (Ridge(), RandomForestRegressor(30, random_state=0))
    classifiers: tuple[Any, ...] = (LogisticRegression(), RandomForestClassifier(30, random_state=0))
    for model, classify in [(m, False) for m in models] + [(m, True) for m in classifiers]:
        for n in (20, 60):
            found = []
            for seed in range(n_seeds):
                rng = np.random.default_rng(seed)
                X, task = rng.standard_normal((n + 240, 20)), np.repeat(np.arange(5), [n, 60, 60, 60, 60])
                z = X[:, :4].sum(axis=1)
                y = z + rng.standard_normal(len(z))
                for k, kind in enumerate(KINDS, 1):
                    y[task == k] = spoiled(y[task == k], z[task == k], kind, rng)
                y = (y > 0).astype(int) if classify else y
                y[np.flatnonzero(task == 4)[0]] = 0 if classify else 1  # one class alone cannot be fitted
                parts = [(X[task == k], y[task == k]) for k in range(5)]
                sources = [FrozenEstimator(type(model)(**model.get_params()).fit(*part)) for part in parts[1:]]
                found.append(SourceStacking(sources).fit(*parts[0]).weights_)
            means = " | ".join(f"{mean:.3f}" for mean in np.mean(found, axis=0))
            print(f"| {type(model).__name__} | {n} | {means} |", flush=True)


def guard(n_seeds: int) -> None:
    """Print what three sources of one kind weigh behind the guard."""
    print(f"\n### Weight of three sources behind the guard, 60 rows a task, {n_seeds} seeds\n")
    print("| the sources | target only | pooled | transferred | the sources' weight |\n|" + "---|" * 5)
    for kind in KINDS:
        found = []
        for seed in range(n_seeds):
            rng = np.random.default_rng(seed)
            X, task = rng.standard_normal((240, 8)), np.repeat(np.arange(4), 60)
            z = X[:, :4].sum(axis=1)
            y = z + rng.standard_normal(240)
            for k in (1, 2, 3):
                y[task == k] = spoiled(y[task == k], z[task == k], kind, rng)
            prior = TransferToEach(PriorRegressor(n_alphas=5, cv=3), Ridge(), pool_sources=True)
            candidates = [("own", IndependentTasks(Ridge())), ("pooled", PooledTasks(Ridge())), ("prior", prior)]
            model = TransferGuard(candidates, cv=5, random_state=0).fit(X, y, task=task)
            weights = model.weights_.loc[0].to_numpy()
            strength = float(np.sum(model.candidates_["prior"].estimators_[0].strength_))
            found.append([*weights, weights[1] + weights[2] * strength])
        print(f"| {kind} | " + " | ".join(f"{mean:.3f}" for mean in np.mean(found, axis=0)) + " |", flush=True)


def main(which: str | None, n_seeds: int) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("crosstask", "scikit-learn", "numpy"))
    print(f"{packages}, Python {platform.python_version()}, {platform.machine()}")
    if which in (None, "stack"):
        stack(n_seeds)
    if which in (None, "guard"):
        guard(n_seeds)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None, int(sys.argv[2]) if len(sys.argv) > 2 else 50)
