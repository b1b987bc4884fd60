"""Logistic and multinomial regression of many tasks at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight

from crosstask.couplings import Coupling
from crosstask.losses import Loss, as_loss
from crosstask.multitask._linear import LinearTasks
from crosstask.multitask._wrapper import learn_classes
from crosstask.tasks import TaskData, TaskRows


class MultiTaskClassifier(LinearTasks, ClassifierMixin, BaseEstimator):
    classes_: NDArray[Any]

    def __init__(
        self,
        coupling: str | Coupling = "mean_tied",
        *,
        loss: str | Loss = "logistic",
        alpha: float | str = "auto",
        class_weight: dict[Any, float] | str | None = None,
        task_column: str | int | None = None,
        task_weight: str = "rows",
        fit_intercept: bool = True,
        standardize: bool = True,
        unseen_task: str = "error",
        cv: Any = None,
        n_alphas: int = 30,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: Any = 0,
    ) -> None:
        self.coupling = coupling
        self.loss = loss
        self.alpha = alpha
        self.class_weight = class_weight
        self.task_column = task_column
        self.task_weight = task_weight
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.unseen_task = unseen_task
        self.cv = cv
        self.n_alphas = n_alphas
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def decision_function(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the log odds of the second class, shape (n_rows,), or the predictors of all classes.

        At the wide door a second axis runs over the tasks.
        """
        z = self._linear(X, task)
        if z.shape[-1] == 1:
            return z[..., 0]
        return z[..., 1] - z[..., 0] if len(self.classes_) == 2 else z

    def predict_proba(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the probability of each class, columns in the order of ``classes_``.

        At the wide door the shape is (n_rows, n_tasks, n_classes).
        """
        z = self.decision_function(X, task=task)
        if len(self.classes_) > 2:
            return softmax(z, axis=-1)
        return np.stack([expit(-z), expit(z)], axis=-1)

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the most probable class of each row, or of each (row, task) at the wide door."""
        z = self.decision_function(X, task=task)
        return self.classes_[z.argmax(axis=-1) if len(self.classes_) > 2 else (z > 0).astype(np.intp)]

    def _read_target(self, rows: TaskRows, matrix: Any) -> tuple[TaskData, Loss]:
        assert rows.y is not None
        self.classes_ = learn_classes(rows.y, self)
        n_classes, positions = len(self.classes_), np.searchsorted(self.classes_, rows.y)
        loss = as_loss(self.loss, n_classes=n_classes)
        if not loss.classifies:
            raise ValueError(
                f"loss={self.loss!r} is for amounts, and MultiTaskClassifier predicts classes: "
                "use loss='logistic' or 'multinomial', or MultiTaskRegressor."
            )
        if self.class_weight is not None:
            given = 1.0 if rows.sample_weight is None else rows.sample_weight
            rows = replace(rows, sample_weight=given * compute_sample_weight(self.class_weight, rows.y))
        return TaskData.from_rows(rows, matrix, positions, n_classes=n_classes), loss
