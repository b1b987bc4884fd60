"""One fit of one candidate on some pairs, and what it says of those held out."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from crosstask.guard._candidates import Candidates, prepared, takes_class_weight, takes_weights
from crosstask.guard._folds import Folds
from crosstask.tasks import TaskRows

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]
FLOOR = 1e-6
"""Probabilities are kept above this before they are mixed, so that one surprise costs at most 14 nats."""


@dataclass(frozen=True)
class Work:
    """What the workers need: the rows, the classes, and how predictions are mixed."""

    rows: TaskRows
    classes: NDArray[Any] | None
    linear: bool
    class_weight: Any
    weight_of_class: Array | None


def fit_one(
    estimator: Any, work: Work, train: IntVector, test: IntVector, inner: Folds | None, seed: int
) -> tuple[Any, IntVector, Array, float]:
    """Fit on some pairs; return the model where nothing is held out, else what it says of the held-out pairs."""
    start = perf_counter()
    final = len(test) == 0
    model = prepared(
        estimator, class_weight=work.class_weight, seed=seed, folds=inner, unseen="pooled" if final else "error"
    )
    part = work.rows.take(train)
    weight = part.sample_weight
    if work.weight_of_class is not None and not takes_class_weight(estimator):
        weight = work.weight_of_class[train] * (1.0 if weight is None else weight)
    options = {"sample_weight": weight} if weight is not None and takes_weights(estimator) else {}
    model.fit(part.X, part.y, task=part.task, **options)
    if final:
        return model, test, np.empty((0, 1)), perf_counter() - start
    known = test[np.isin(work.rows.codes[test], part.codes)]
    if len(known) == 0:
        return None, known, np.empty((0, n_outputs(work.classes, work.linear))), perf_counter() - start
    held_out = work.rows.take(known)
    answer = ask(model, held_out.X, held_out.task, work.classes, work.linear)
    return None, known, answer, perf_counter() - start


def n_outputs(classes: NDArray[Any] | None, linear: bool) -> int:
    """Return the number of columns that are mixed: 1, or one for each class."""
    if classes is None or (linear and len(classes) == 2):
        return 1
    return len(classes)


def ask(model: Any, X: Any, task: NDArray[Any], classes: NDArray[Any] | None, linear: bool) -> Array:
    """Return what is mixed, (n_rows, K): predictions, probabilities of all classes, or scores."""
    if classes is None:
        return np.asarray(model.predict(X, task=task), dtype=np.float64).reshape(X.shape[0], 1)
    known = np.searchsorted(classes, model.classes_)
    if linear and hasattr(model, "decision_function"):
        return _scores(np.asarray(model.decision_function(X, task=task), dtype=np.float64), known, len(classes))
    p = np.full((X.shape[0], len(classes)), FLOOR)
    p[:, known] = np.maximum(model.predict_proba(X, task=task), FLOOR)
    p /= p.sum(axis=1, keepdims=True)
    if not linear:
        return p
    z = np.log(p)
    return z[:, 1:] - z[:, :1] if len(classes) == 2 else z - z.mean(axis=1, keepdims=True)


def _scores(z: Array, known: IntVector, n_classes: int) -> Array:
    if n_classes == 2:
        return z.reshape(-1, 1)
    columns = np.column_stack([-z / 2, z / 2]) if z.ndim == 1 else z
    columns = columns - columns.mean(axis=1, keepdims=True)
    if len(known) == n_classes:
        return columns
    full = np.tile(columns.min(axis=1, keepdims=True) + np.log(FLOOR), (1, n_classes))
    full[:, known] = columns
    return full


def must_have_probabilities(candidates: Candidates, linear: bool) -> None:
    """Refuse classifiers whose predictions cannot be mixed.

    Raises
    ------
    ValueError
        If a classifier has neither probabilities nor, for ``mix="linear"``, scores.
    """
    for name, estimator in candidates:
        if is_classifier(estimator) and not hasattr(estimator, "predict_proba"):
            if linear and hasattr(estimator, "decision_function"):
                continue
            raise ValueError(
                f"candidate {name!r} has no predict_proba, so its predictions cannot be mixed: wrap it in "
                "sklearn.calibration.CalibratedClassifierCV."
            )
