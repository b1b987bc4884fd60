"""Stages of boosting, composed of scikit-learn's histogram boosting: on y directly, or on an offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from crosstask.multitask.boosting._table import without_empty_columns
from crosstask.multitask.boosting._targets import Target

Array = NDArray[np.float64]

_TREES_A_ROUND = 20  # of the log loss: with 5 fits take longer and are no better; the squared error needs one round


@dataclass(frozen=True)
class DirectStage:
    """Boosting of y itself."""

    model: Any

    def decide(self, design: Any) -> Array:
        """Return predictions or log odds, of shape (n_rows, n_outputs)."""
        return _decision(self.model, design)


@dataclass(frozen=True)
class OffsetStage:
    """Sum of regressions, each round on the offset of all before it."""

    rounds: list[list[Any]]

    def decide(self, design: Any) -> Array:
        """Return what is added to the offset, of shape (n_rows, n_outputs)."""
        return np.sum([[model.predict(design) for model in models] for models in self.rounds], axis=0).T


def fit_direct(design: Array, target: Target, options: dict[str, Any]) -> DirectStage:
    """Fit boosting of y."""
    kind: Any = HistGradientBoostingRegressor if target.n_classes == 0 else HistGradientBoostingClassifier
    model = kind(early_stopping=False, **options)
    labels = target.y if target.n_classes == 0 else target.y.astype(np.intp)
    return DirectStage(model.fit(without_empty_columns(design), labels, sample_weight=target.given_weight))


def direct_losses(stage: DirectStage, design: Array, held: Target) -> Array:
    """Return the loss of each held-out row after 1, 2, .. trees, of shape (n_iter, n_rows)."""
    if held.n_classes == 0:
        return np.array([held.loss(p[:, None]) for p in stage.model.staged_predict(design)])
    staged = stage.model.staged_decision_function(design)
    return np.array([held.loss(np.reshape(F, (len(held.y), -1))) for F in staged])


def fit_offset(
    design: Array,
    target: Target,
    offset: Array,
    options: dict[str, Any],
    watched: tuple[Any, Target, Array] | None = None,
) -> tuple[OffsetStage, Array]:
    """Fit boosting on an offset, and return the losses of watched rows (design, target, offset) after 0, 1, .. trees.

    The squared error takes one round of ``max_iter`` trees on the residuals. scikit-learn's boosting has no offset for
    the log loss: it takes rounds of a few trees, each on the gradient at the sum of all before it.
    """
    boosting: Any = HistGradientBoostingRegressor
    n_iter = int(options["max_iter"])
    chunk = n_iter if target.n_classes == 0 else _TREES_A_ROUND
    total, columns = offset.copy(), without_empty_columns(design)
    rounds: list[list[Any]] = []
    losses: list[Array] = []
    seen = np.zeros((0, 1)) if watched is None else watched[2]
    if watched is not None:
        losses.append(watched[1].loss(seen))
    for done in range(0, n_iter, chunk):
        response = target.response(total)
        size = {**options, "max_iter": min(chunk, n_iter - done)}
        models = [
            boosting(early_stopping=False, **size).fit(columns, response[:, k], target.given_weight)
            for k in range(target.n_outputs)
        ]
        rounds.append(models)
        if done + chunk < n_iter:
            total = total + np.stack([model.predict(columns) for model in models], axis=1)
        if watched is not None:
            staged = [np.array(list(model.staged_predict(watched[0]))) for model in models]
            steps = np.stack(staged, axis=2)
            losses += [watched[1].loss(seen + step) for step in steps]
            seen = seen + steps[-1]
    return OffsetStage(rounds), np.array(losses)


def _decision(model: Any, design: Any) -> Array:
    if isinstance(model, HistGradientBoostingClassifier):
        return np.reshape(model.decision_function(design), (design.shape[0], -1))
    return np.asarray(model.predict(design), dtype=np.float64)[:, None]
