"""Linear regression of many tasks at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from crosstask.couplings import Coupling
from crosstask.losses import Loss, as_loss
from crosstask.multitask._linear import LinearTasks
from crosstask.tasks import TaskData, TaskRows


class MultiTaskRegressor(LinearTasks, RegressorMixin, BaseEstimator):
    def __init__(
        self,
        coupling: str | Coupling = "mean_tied",
        *,
        loss: str | Loss = "squared",
        alpha: float | str = "auto",
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

    def predict(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return x'w_t + b_t of each row, shape (n_rows,), or of each (row, task) at the wide door."""
        return self._linear(X, task)[..., 0]

    def _read_target(self, rows: TaskRows, matrix: Any) -> tuple[TaskData, Loss]:
        loss = as_loss(self.loss)
        if loss.classifies:
            raise ValueError(
                f"loss={self.loss!r} is for classes, and MultiTaskRegressor predicts amounts: "
                "use loss='squared', or MultiTaskClassifier."
            )
        return TaskData.from_rows(rows, matrix, rows.y), loss
