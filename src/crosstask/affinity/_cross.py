"""The cross-learning score: how each task's own model does on every other task, for any estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier

from crosstask.model_selection import task_folds
from crosstask.tasks import TaskRows, take_rows

Array = NDArray[np.float64]


def cross_learning(estimator: Any, rows: TaskRows, random_state: Any) -> tuple[Array, Array, Array]:
    """Return gain, standard error (sources by targets) and own loss (T,).

    gain_ij = mean loss of task j's own model, out of fold, less that of task i's model on the rows of j.
    """
    long = rows.long()
    assert long.y is not None
    members = [np.flatnonzero(long.codes == t) for t in range(long.n_tasks)]
    classes = np.unique(long.y) if is_classifier(estimator) else None
    own = [_own_losses(estimator, long, part, classes, random_state) for part in members]
    T = long.n_tasks
    gain, error = np.full((T, T), np.nan), np.full((T, T), np.nan)
    for i, part in enumerate(members):
        model = clone(estimator).fit(take_rows(long.X, part), long.y[part])  # type: ignore[union-attr]
        for j, rest in enumerate(members):
            if i == j:
                continue
            difference = own[j] - _losses(model, take_rows(long.X, rest), long.y[rest], classes)
            gain[i, j] = difference.mean()
            error[i, j] = difference.std(ddof=1) / np.sqrt(len(rest)) if len(rest) > 1 else np.nan
    return gain, error, np.array([losses.mean() for losses in own])


def _own_losses(estimator: Any, rows: TaskRows, part: NDArray[np.intp], classes: Any, random_state: Any) -> Array:
    assert rows.y is not None
    X, y = take_rows(rows.X, part), rows.y[part]
    losses = np.empty(len(part))
    strata = y if classes is not None else None
    for train, test in task_folds(None, X, strata, random_state=0 if random_state is None else random_state):
        model = clone(estimator).fit(take_rows(X, train), y[train])  # type: ignore[union-attr]
        losses[test] = _losses(model, take_rows(X, test), y[test], classes)
    return losses


def _losses(model: Any, X: Any, y: NDArray[Any], classes: NDArray[Any] | None) -> Array:
    """Squared errors, or log losses where the model gives probabilities, else misses."""
    if classes is None:
        return (np.asarray(model.predict(X), dtype=np.float64) - y) ** 2
    if not hasattr(model, "predict_proba"):
        return (np.asarray(model.predict(X)) != y).astype(np.float64)
    probability = np.full((len(y), len(classes)), 1e-12)
    probability[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    chosen = probability[np.arange(len(y)), np.searchsorted(classes, y)]
    return -np.log(np.clip(chosen, 1e-12, 1.0))
