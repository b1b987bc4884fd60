"""The linear shared model that boosting may start from, with predictions out of fold for the rows of fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from crosstask.couplings import MeanTied
from crosstask.losses import as_loss
from crosstask.model_selection import task_folds
from crosstask.multitask._classifier import MultiTaskClassifier
from crosstask.multitask._regressor import MultiTaskRegressor
from crosstask.multitask._support import Folds, IntVector
from crosstask.multitask._tuning import Objective, held_out_decisions
from crosstask.multitask.boosting._design import linear_encoder
from crosstask.multitask.boosting._targets import Target
from crosstask.solvers import alpha_grid
from crosstask.tasks import TaskData
from crosstask.tasks._data import column_scale

Array = NDArray[np.float64]

_COUPLING = MeanTied(centre_weight=1.0)  # "mean_tied" of the linear estimators
_FOLDS, _N_ALPHAS, _N_ALPHAS_LOGISTIC = 5, 12, 10


class LinearStart(BaseEstimator):
    """Slopes tied to a shared centre, intercepts free, on filled and spread columns."""

    def __init__(
        self, categories: Any = (), n_classes: int = 0, unseen_task: str = "mean", random_state: Any = None
    ) -> None:
        self.categories = categories
        self.n_classes = n_classes
        self.unseen_task = unseen_task
        self.random_state = random_state

    def fit_out_of_fold(self, table: Array, codes: IntVector, target: Target, folds: Folds) -> Array:
        """Fit to all rows, and return the predictor of each row from a fit without it, of shape (n_rows, n_outputs).

        The given folds are used where they hold out each row once.
        """
        self.encoder_ = linear_encoder(table.shape[1], np.asarray(self.categories, dtype=np.intp))
        matrix = np.asarray(self.encoder_.fit_transform(table), dtype=np.float64)
        held = np.bincount(np.concatenate([test for _, test in folds]), minlength=len(codes))
        if not (held == 1).all():
            folds = task_folds(_FOLDS, matrix, None, task=codes, random_state=self.random_state)
        labels = target.y if self.n_classes == 0 else target.y.astype(np.intp)
        alpha, out = self._held_out(matrix, labels, codes, target, folds)
        kind: Any = MultiTaskRegressor if self.n_classes == 0 else MultiTaskClassifier
        model = kind(alpha=alpha, unseen_task="pooled" if self.unseen_task == "pooled" else "mean")
        self.model_ = model.fit(matrix, labels, task=codes, sample_weight=target.weight)
        return out

    def _held_out(
        self, matrix: Array, labels: Any, codes: IntVector, target: Target, folds: Folds
    ) -> tuple[float, Array]:
        """Return the alpha whose path predicts held-out rows best, and what it predicts for each."""
        n_classes = self.n_classes or None
        data = TaskData.from_arrays(matrix, labels, codes, sample_weight=target.weight, n_classes=n_classes)
        data = data.scaled(column_scale(data))
        loss = as_loss("squared") if n_classes is None else as_loss("logistic", n_classes=n_classes)
        objective, coupling = Objective(loss, fit_intercept=True, task_weight="rows", max_iter=1000), _COUPLING
        n_alphas = _N_ALPHAS if n_classes is None else _N_ALPHAS_LOGISTIC
        alphas = alpha_grid(objective.problem(data, coupling), n_alphas)
        found = np.zeros((n_alphas, len(codes), target.n_outputs))
        position = np.argsort(data.order)
        for train, test in folds:
            held, z = held_out_decisions(data, (position[train], position[test]), objective, coupling, alphas)
            found[:, held.order] = z
        best = int(np.argmin([target.mean_loss(z) for z in found]))
        return float(alphas[best]), found[best]

    def decide(self, table: Array, codes: IntVector) -> Array:
        """Return the predictor, of shape (n_rows, n_outputs)."""
        matrix = np.asarray(self.encoder_.transform(table), dtype=np.float64)
        return self._decide(self.model_, matrix, codes)

    def _decide(self, model: Any, matrix: Array, codes: IntVector) -> Array:
        z = model.predict(matrix, task=codes) if self.n_classes == 0 else model.decision_function(matrix, task=codes)
        return np.asarray(z, dtype=np.float64).reshape(len(matrix), -1)
