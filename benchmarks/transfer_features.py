"""Alignment of features: the twelve pairs of Office-Caltech10 (SURF), and what mapping costs under label shift.

    python benchmarks/transfer_features.py [office | shift]

Office-Caltech10 (Gong et al. 2012) is read from $CROSSTASK_DATA/office_caltech10_surf.npz (default ../shared/data). Its
protocol: rows divided by their sum, z-scores inside each domain, all labelled rows of the source, no label of the
target.
"""

from __future__ import annotations

import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import SVC

from crosstask.transfer import (
    CORAL,
    JDA,
    KMM,
    TCA,
    DomainClassifierWeights,
    ImportanceWeighted,
    LabelledRows,
    LabelShiftClassifier,
    SubspaceAlignment,
)

DOMAINS = ("caltech", "amazon", "webcam", "dslr")
PAIRS = [(a, b) for a in DOMAINS for b in DOMAINS if a != b]


def neighbour() -> Any:
    return LabelledRows(KNeighborsClassifier(1))


def svm(C: float = 0.01) -> Any:
    return LabelledRows(SVC(kernel="linear", C=C))


def between_units(aligner: Any) -> Any:
    """Rows of length one: before, so that the means differ; after, as the published protocol has it."""
    return make_pipeline(Normalizer(), aligner, Normalizer(), neighbour())


OFFICE: list[tuple[str, str, Callable[[], Any]]] = [
    ("1-NN", "31.4", neighbour),
    ("linear SVM, C = 0.01", "", svm),
    ("PCA(40) of all rows, 1-NN", "43.6", lambda: make_pipeline(PCA(40, svd_solver="full"), neighbour())),
    ("SubspaceAlignment(40), 1-NN", "", lambda: make_pipeline(SubspaceAlignment("t", n_components=40), neighbour())),
    ("SubspaceAlignment(40), SVM", "41.5", lambda: make_pipeline(SubspaceAlignment("t", n_components=40), svm())),
    ("CORAL, SVM", "48.8", lambda: make_pipeline(CORAL("t"), svm())),
    *((f"TCA(30, mu={mu:g}), 1-NN", "46.2", lambda mu=mu: between_units(TCA("t", mu=mu))) for mu in (0.1, 1.0, 10.0)),
    *((f"JDA(30, mu={mu:g}), 1-NN", "46.8", lambda mu=mu: between_units(JDA("t", mu=mu))) for mu in (1.0, 3.0, 10.0)),
]


def office() -> None:
    """Print accuracies over the twelve pairs, and the seconds of a fit and a prediction."""
    folder = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    data = np.load(folder / "office_caltech10_surf.npz")
    X = {name: data[f"X_{name}"].astype(float) for name in DOMAINS}
    for name, rows in X.items():
        shares = rows / rows.sum(axis=1, keepdims=True)
        spread = shares.std(axis=0)
        X[name] = (shares - shares.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    y = {name: data[f"y_{name}"] for name in DOMAINS}
    short = " ".join(f"{a[0]}>{b[0]}".upper() for a, b in PAIRS)
    print(f"\n### Office-Caltech10, SURF: accuracy in per cent\n\n| method | mean | published | {short} | s a pair |")
    print("|---|---|---|---|---|")
    for label, published, make in OFFICE:
        scores, seconds = [], []
        for a, b in PAIRS:
            model = make()
            rows, known = np.vstack([X[a], X[b]]), np.r_[y[a].astype(float), np.full(len(y[b]), np.nan)]
            task = np.repeat(["s", "t"], [len(y[a]), len(y[b])])
            start = time.perf_counter()
            fit_with_tasks(model, rows, known, task)
            scores.append(100 * np.mean(model.predict(X[b]) == y[b]))
            seconds.append(time.perf_counter() - start)
        each = " ".join(f"{score:.1f}" for score in scores)
        print(f"| {label} | {np.mean(scores):.1f} | {published} | {each} | {np.median(seconds):.2f} |", flush=True)


def fit_with_tasks(model: Any, X: Any, y: Any, task: Any) -> None:
    """Fit a Pipeline whose aligner takes ``task``; the others take none."""
    from sklearn import config_context

    if hasattr(model, "steps") and any(hasattr(step, "target_task") for _, step in model.steps):
        with config_context(enable_metadata_routing=True):
            model.fit(X, y, task=task)
    else:
        model.fit(X, y)


def simulated(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """400 rows of a source, 400 of the target, four columns; what differs has the name of the kind."""
    rng = np.random.default_rng(seed)
    task = np.repeat(["s", "t"], 400)
    target = task == "t"
    y = (rng.random(800) < np.where(target & (kind == "label"), 0.15, 0.5)).astype(float)
    X = rng.normal(size=(800, 4)) + y[:, None] * [1.5, -1.0, 0.0, 0.0]
    if kind == "covariate":  # rows of the target are those with a large first value, by chance
        X = rng.normal(size=(800, 4)) + target[:, None] * [1.2, 0.0, 1.2, 0.0]
        y = (rng.random(800) < 1 / (1 + np.exp(-(X[:, 0] ** 2 - 2.0 * X[:, 1] - 1.0)))).astype(float)
    if kind == "moved":  # the same rows in other units: a stretch and a shift
        X[target] = 2.0 + X[target] @ (np.eye(4) + 0.7 * np.ones((4, 4)))
    return X, y, task


def shift() -> None:
    """Print accuracies on the target, without labels of it."""

    def logistic() -> Any:
        return LogisticRegression()

    ways: list[tuple[str, Callable[[], Any]]] = [
        ("source's model as it stands", lambda: LabelledRows(logistic())),
        ("CORAL", lambda: make_pipeline(CORAL("t", reg_covar=0.01), LabelledRows(logistic()))),
        (
            "SubspaceAlignment(3)",
            lambda: make_pipeline(SubspaceAlignment("t", n_components=3), LabelledRows(logistic())),
        ),
        ("TCA(3)", lambda: make_pipeline(TCA("t", n_components=3, mu=0.01), LabelledRows(logistic()))),
        ("JDA(3)", lambda: make_pipeline(JDA("t", n_components=3, mu=0.01), LabelledRows(logistic()))),
        ("ImportanceWeighted, KMM", lambda: ImportanceWeighted(logistic(), KMM(gamma=0.1), target_task="t")),
        (
            "ImportanceWeighted, domain classifier",
            lambda: ImportanceWeighted(logistic(), DomainClassifierWeights(), target_task="t"),
        ),
        ("LabelShiftClassifier, EM", lambda: LabelShiftClassifier(logistic(), target_task="t")),
        ("LabelShiftClassifier, BBSE", lambda: LabelShiftClassifier(logistic(), "bbse", target_task="t")),
    ]
    warnings.filterwarnings("ignore", "the weights leave")  # as they should where rows are moved
    kinds = ("covariate", "label", "moved", "none")
    print("\n### Simulated, no label of the target: accuracy in per cent, mean of 20 draws\n")
    print("| method | " + " | ".join(kinds) + " |\n|---|" + "---|" * len(kinds))
    for name, make in ways:
        means = []
        for kind in kinds:
            scores = []
            for seed in range(20):
                X, y, task = simulated(kind, seed)
                model, new = make(), task == "t"
                known = np.where(new, np.nan, y)
                if hasattr(model, "target_task"):
                    model.fit(X, known, task=task)
                else:
                    fit_with_tasks(model, X, known, task)
                scores.append(100 * np.mean(model.predict(X[new]) == y[new]))
            means.append(f"{np.mean(scores):.1f}")
        print(f"| {name} | " + " | ".join(means) + " |", flush=True)


def main(which: str | None) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("crosstask", "scikit-learn", "numpy", "scipy"))
    print(f"{packages}, Python {platform.python_version()}")
    if which in (None, "shift"):
        shift()
    if which in (None, "office"):
        office()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
