"""What the two estimators that descend from sources share."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from crosstask.transfer._descent import Descent, SideBySide, descend
from crosstask.transfer._folds import Folds, deal_folds, hold_out, no_folds
from crosstask.transfer._predict import LinearModel
from crosstask.transfer._target import Target, read_target


class FineTunedBase(LinearModel):
    """What the regressor and the classifier share."""

    source: Any
    history_: dict[str, NDArray[Any]]
    n_iter_: int
    _losses: tuple[str, ...]
    _classification: bool

    def __init__(
        self,
        source: Any,
        loss: Any,
        learning_rate: Any,
        max_iter: int,
        early_stopping: bool,
        validation_fraction: float | None,
        cv: Any,
        n_iter_no_change: int,
        tol: float,
        alpha: float,
        fit_intercept: bool,
        standardize: bool,
        random_state: Any,
    ) -> None:
        self.source = source
        self.loss = loss
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.cv = cv
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.random_state = random_state

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        self._check()
        target = read_target(self, X, y, sample_weight, classification=self._classification)
        early = bool(self.early_stopping) and len(target.y) > 1
        folds = self._folds(target) if early else no_folds(target)
        problems = SideBySide(target, folds, float(self.alpha), self.fit_intercept)
        start = target.source_coef.mean(axis=0) if target.n_sources else np.zeros((target.n_outputs, len(target.scale)))
        self.learning_rate_ = self._step(problems)
        found = descend(
            problems,
            start,
            self.learning_rate_,
            max_iter=int(self.max_iter),
            tol=float(self.tol),
            patience=int(self.n_iter_no_change) if early else None,
        )
        self._keep(target, found, early)

    def _keep(self, target: Target, found: Descent, early: bool) -> None:
        self._set_coefficients(target, found.coef, found.intercept)
        self.n_iter_ = found.n_iter
        self.n_steps_tried_ = len(found.train_loss) - 1
        self.best_loss_ = float(found.validation_loss[found.n_iter])
        self.history_ = {
            "iteration": np.arange(len(found.train_loss)),
            "train_loss": found.train_loss,
            "validation_loss": found.validation_loss,
        }
        if not early and not found.converged:
            warnings.warn(
                f"{type(self).__name__} took max_iter={self.max_iter} steps without reaching tol={self.tol}: raise "
                "max_iter, or keep early_stopping=True.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _step(self, problems: SideBySide) -> float:
        smoothness = max(problems.smoothness(), 1e-12)
        if isinstance(self.learning_rate, str):
            return 1.0 / smoothness
        if not 0.0 < float(self.learning_rate) < 2.0 / smoothness:
            raise ValueError(
                f"learning_rate={self.learning_rate}: on these rows the descent converges for steps between 0 and "
                f"{2.0 / smoothness:.3g}; 'auto' takes half of that."
            )
        return float(self.learning_rate)

    def _folds(self, target: Target) -> Folds:
        if self.validation_fraction is not None:
            return hold_out(float(self.validation_fraction), target, self.random_state)
        return deal_folds(self.cv, target, self.random_state)

    def _check(self) -> None:
        if self.loss not in self._losses:
            raise ValueError(
                f"loss={self.loss!r} is unknown to {type(self).__name__}: use {' or '.join(self._losses)}."
            )
        if isinstance(self.learning_rate, str) and self.learning_rate != "auto":
            raise ValueError(f"learning_rate={self.learning_rate!r}: give 'auto' or a positive number.")
        if not float(self.alpha) >= 0.0 or np.isinf(self.alpha):
            raise ValueError(f"alpha={self.alpha}: give a finite penalty, 0 or more.")
        if self.max_iter < 1 or self.n_iter_no_change < 1:
            raise ValueError(
                f"max_iter={self.max_iter}, n_iter_no_change={self.n_iter_no_change}: both must be at least 1."
            )
