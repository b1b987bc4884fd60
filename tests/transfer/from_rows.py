"""One table of three tasks, and every transformer and estimator that learns from the rows of all of them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge

from crosstask.transfer import (
    CORAL,
    JDA,
    KLIEP,
    KMM,
    TCA,
    ULSIF,
    DomainClassifierWeights,
    EasyAdaptFeatures,
    ImportanceWeighted,
    LabelShiftClassifier,
    OptimalTransportMap,
    SubspaceAlignment,
    TrAdaBoostClassifier,
    TrAdaBoostR2,
    TransGLMClassifier,
    TransGLMRegressor,
    TransLasso,
)

TRANSFORMERS: list[Any] = [
    CORAL("t"),
    SubspaceAlignment("t", n_components=2),
    EasyAdaptFeatures("t"),
    TCA("t", n_components=2),
    JDA("t", n_components=2, kernel="rbf", random_state=0),
]
if find_spec("ot") is not None:  # POT, the extra "transport"
    TRANSFORMERS.append(OptimalTransportMap("t"))
WEIGHTS: list[Any] = [KMM(gamma=0.3), KLIEP(gamma=0.3), ULSIF(gamma=0.3), DomainClassifierWeights()]
ESTIMATORS: list[Any] = [
    *(ImportanceWeighted(LogisticRegression(), weights, target_task="t") for weights in WEIGHTS),
    ImportanceWeighted(Ridge(), DomainClassifierWeights(), target_task="t"),
    TrAdaBoostClassifier(LogisticRegression(), n_estimators=2, cv=2, target_task="t", random_state=0),
    TransGLMClassifier("t", n_alphas=10, cv=3),
    TransGLMRegressor("t", n_alphas=10, cv=3),
    TransLasso("t", n_alphas=10, cv=3),
    LabelShiftClassifier(LogisticRegression(), "bbse", target_task="t"),
    TrAdaBoostR2(n_estimators=5, n_steps=3, cv=2, target_task="t", random_state=0),
]


def table(classification: bool = True, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Sites a and b of 30 rows, target t of 24; three features; the classes in text, or a real y."""
    rng = np.random.default_rng(seed)
    site = np.repeat(["a", "b", "t"], [30, 30, 24])
    X = rng.normal(size=(84, 3)) + (site == "t")[:, None] * 0.5
    z = X @ [1.5, -1.0, 0.0] + 0.5 * rng.normal(size=84)
    frame = pd.DataFrame(X, columns=["u", "v", "w"])
    frame.insert(1, "site", site)
    return frame, np.where(z > 0, "yes", "no") if classification else z


def by_column(made: Any) -> Any:
    """Return a clone that reads the tasks from the column ``site``."""
    from sklearn.base import clone

    return clone(made).set_params(task_column="site")
