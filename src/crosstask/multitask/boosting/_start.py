"""The linear shared model that boosting may start from, with predictions out of fold for the rows of fit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from crosstask.model_selection import task_folds
from crosstask.multitask._classifier import MultiTaskClassifier
from crosstask.multitask._regressor import MultiTaskRegressor
from crosstask.multitask._support import Folds, IntVector
from crosstask.multitask.boosting._design import linear_encoder
from crosstask.multitask.boosting._targets import Target

Array = NDArray[np.float64]

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
        self.model_ = self._model(alpha="auto", cv=folds).fit(matrix, labels, task=codes, sample_weight=target.weight)
        out = np.zeros((len(codes), target.n_outputs))
        for train, test in folds:
            if len(np.unique(labels[train])) < max(1, self.n_classes):
                continue  # a fold without a class: the rows held out keep the predictor 0
            fitted = self._model(alpha=self.model_.alpha_, unseen_task="mean")
            fitted.fit(matrix[train], labels[train], task=codes[train], sample_weight=target.weight[train])
            out[test] = self._decide(fitted, matrix[test], codes[test])
        self.model_.path_ = {}
        return out

    def decide(self, table: Array, codes: IntVector) -> Array:
        """Return the predictor, of shape (n_rows, n_outputs)."""
        matrix = np.asarray(self.encoder_.transform(table), dtype=np.float64)
        return self._decide(self.model_, matrix, codes)

    def _model(self, **options: Any) -> Any:
        kind: Any = MultiTaskRegressor if self.n_classes == 0 else MultiTaskClassifier
        n_alphas = _N_ALPHAS if self.n_classes == 0 else _N_ALPHAS_LOGISTIC
        unseen = "pooled" if self.unseen_task == "pooled" else "mean"
        return kind(**{"unseen_task": unseen, "n_alphas": n_alphas, **options})

    def _decide(self, model: Any, matrix: Array, codes: IntVector) -> Array:
        z = model.predict(matrix, task=codes) if self.n_classes == 0 else model.decision_function(matrix, task=codes)
        return np.asarray(z, dtype=np.float64).reshape(len(matrix), -1)
