"""What transfers, and what only seems to: seven ways to use a source's coefficients, side by side.

Each target gives 20 or 40 labelled rows; everything else of it is the test. Means over 20 draws. Run with
``python benchmarks/transfer_parameters.py [heart | related]``; heart is read from $CROSSTASK_DATA/heart.csv.gz
(default ../shared/data).
"""

from __future__ import annotations

import os
import platform
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crosstask.datasets import make_related_tasks
from crosstask.transfer import FineTunedClassifier, PriorClassifier

Array = NDArray[np.float64]
N_DRAWS = 20
C = 1.0  # of every plain LogisticRegression here; scikit-learn's default
EARLY = 3  # L-BFGS iterations of the warm start that is stopped early


@dataclass(frozen=True)
class Draw:
    """Source rows, labelled target rows, and target rows to test on; columns scaled by the source."""

    X_source: Array
    y_source: NDArray[Any]
    X: Array
    y: NDArray[Any]
    X_test: Array
    y_test: NDArray[Any]


def related(n_rows: int, relatedness: float) -> Iterator[Draw]:
    """Two simulated tasks whose slopes have this correlation, twenty features."""
    for seed in range(N_DRAWS):
        options: dict[str, Any] = {"kind": "classification", "relatedness": relatedness, "random_state": seed}
        tasks = make_related_tasks(2, [400, n_rows], 20, **options)
        fresh = tasks.draw([1, 4000], random_state=1000 + seed)
        old, new = tasks.task == 0, fresh.task == 1
        yield Draw(tasks.X[old], tasks.y[old], tasks.X[~old], tasks.y[~old], fresh.X[new], fresh.y[new])


def heart(source: str, target: str, n_rows: int) -> Iterator[Draw]:
    """Patients of one hospital as the source, a few labelled ones of another as the target."""
    import pandas as pd

    path = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    table = pd.read_csv(path / "heart.csv.gz")
    measured = table.drop(columns=["num", "site"])
    measured[["chol", "trestbps"]] = measured[["chol", "trestbps"]].replace(0.0, np.nan)  # 0: not measured
    ill = (table["num"] > 0).to_numpy().astype(int)
    old, new = (table["site"] == source).to_numpy(), (table["site"] == target).to_numpy()
    prepare = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()).fit(measured[old])
    X = prepare.transform(measured)
    for seed in range(N_DRAWS):
        few, rest, y_few, y_rest = train_test_split(
            X[new], ill[new], train_size=n_rows, stratify=ill[new], random_state=seed
        )
        yield Draw(X[old], ill[old], few, y_few, rest, y_rest)


def cold(draw: Draw, source: LogisticRegression) -> Any:
    return LogisticRegression(C=C, tol=1e-8, max_iter=10_000).fit(draw.X, draw.y)


def coef_set(draw: Draw, source: LogisticRegression) -> Any:
    model = LogisticRegression(C=C, tol=1e-8, max_iter=10_000)
    model.coef_, model.intercept_, model.classes_ = source.coef_.copy(), source.intercept_.copy(), source.classes_
    return model.fit(draw.X, draw.y)


def warm_to_the_end(draw: Draw, source: LogisticRegression) -> Any:
    return _warm(draw, source, 10_000)


def warm_stopped(draw: Draw, source: LogisticRegression) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _warm(draw, source, EARLY)


def _warm(draw: Draw, source: LogisticRegression, max_iter: int) -> Any:
    model = LogisticRegression(C=C, tol=1e-8, max_iter=max_iter, warm_start=True)
    model.coef_, model.intercept_ = source.coef_.copy(), source.intercept_.copy()
    return model.fit(draw.X, draw.y)


def fine_tuned_to_the_end(draw: Draw, source: LogisticRegression) -> Any:
    alpha = 1.0 / (C * len(draw.y))
    options: dict[str, Any] = {"alpha": alpha, "standardize": False, "max_iter": 100_000}
    return FineTunedClassifier(FrozenEstimator(source), early_stopping=False, **options).fit(draw.X, draw.y)


def fine_tuned(draw: Draw, source: LogisticRegression) -> Any:
    return FineTunedClassifier(FrozenEstimator(source)).fit(draw.X, draw.y)


def prior(draw: Draw, source: LogisticRegression) -> Any:
    return PriorClassifier(FrozenEstimator(source)).fit(draw.X, draw.y)


def own_tuned(draw: Draw, source: LogisticRegression) -> Any:
    return PriorClassifier().fit(draw.X, draw.y)


def source_only(draw: Draw, source: LogisticRegression) -> Any:
    return PriorClassifier(FrozenEstimator(source), alpha=np.inf, strength=1.0).fit(draw.X, draw.y)


def both_together(draw: Draw, source: LogisticRegression) -> Any:
    X, y = np.vstack([draw.X_source, draw.X]), np.concatenate([draw.y_source, draw.y])
    return LogisticRegression(C=C, max_iter=10_000).fit(X, y)


WAYS: list[tuple[str, Callable[[Draw, LogisticRegression], Any]]] = [
    ("cold fit on the target", cold),
    ("coef_ set before fit", coef_set),
    ("warm_start, run to the end", warm_to_the_end),
    ("fine-tuned, run to the end", fine_tuned_to_the_end),
    (f"warm_start, {EARLY} iterations", warm_stopped),
    ("FineTunedClassifier", fine_tuned),
    ("PriorClassifier", prior),
    ("target only, tuned", own_tuned),
    ("source + target's intercept", source_only),
    ("rows of both, one model", both_together),
]


def table(title: str, draws: Iterator[Draw]) -> None:
    """Print one table: means over the draws, and how far the coefficients are from the cold fit's."""
    results = np.array([_one_draw(draw) for draw in draws])  # (draws, ways, 4)
    n = len(results)
    print(f"\n### {title}\n")
    print("| way | log loss | better than cold | AUC | accuracy | distance from cold |")
    print("|---|---|---|---|---|---|")
    for i, (name, _) in enumerate(WAYS):
        gain = results[:, 0, 0] - results[:, i, 0]
        error = gain.std(ddof=1) / np.sqrt(n)
        loss, auc, accuracy, _ = results[:, i].mean(axis=0)
        distance = results[:, i, 3].max()
        shown = f"{distance:.0e}" if 0 < distance < 1e-3 else f"{distance:.2g}"
        better = f"{gain.mean():+.3f} ± {error:.3f}"
        print(f"| {name} | {loss:.3f} | {better} | {auc:.3f} | {accuracy:.3f} | {shown} |")


def _one_draw(draw: Draw) -> list[list[float]]:
    source = LogisticRegression(C=C, max_iter=10_000).fit(draw.X_source, draw.y_source)
    cold_coef = cold(draw, source).coef_
    out: list[list[float]] = []
    for _, way in WAYS:
        model = way(draw, source)
        p = model.predict_proba(draw.X_test)
        out.append(
            [
                log_loss(draw.y_test, p),
                roc_auc_score(draw.y_test, p[:, 1]),
                accuracy_score(draw.y_test, p[:, 1] > 0.5),
                float(np.abs(model.coef_ - cold_coef).max()),
            ]
        )
    return out


def main(which: str | None) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("crosstask", "scikit-learn", "numpy", "scipy"))
    print(f"{packages}, Python {platform.python_version()}; {N_DRAWS} draws, ± one standard error of the mean")
    if which in (None, "related"):
        for relatedness in (0.9, 0.5, 0.0):
            for n_rows in (20, 40):
                title = f"Simulated, slopes of correlation {relatedness}, {n_rows} target rows"
                table(title, related(n_rows, relatedness))
    if which in (None, "heart"):
        for source, target in (("cleveland", "hungarian"), ("cleveland", "va"), ("va", "cleveland")):
            for n_rows in (20, 40):
                table(f"Heart, {source} to {target}, {n_rows} target rows", heart(source, target, n_rows))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
