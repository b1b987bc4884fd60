"""What the two estimators that are tied to sources share."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from crosstask.losses import Huber, Logistic, Loss, Poisson, Squared, SquaredHinge, as_loss
from crosstask.transfer._folds import deal_folds
from crosstask.transfer._path import fold_design
from crosstask.transfer._predict import LinearModel
from crosstask.transfer._selection import Selection, alpha_path, given_strength, select
from crosstask.transfer._solve import fit_prior
from crosstask.transfer._target import Target, read_target
from crosstask.transfer._unwrap import Floats

_NAMES: dict[type[Loss], str] = {
    Squared: "squared",
    Huber: "huber",
    Poisson: "poisson",
    Logistic: "logistic",
    SquaredHinge: "squared_hinge",
}


class PriorBase(LinearModel):
    """What the regressor and the classifier share."""

    source: Any
    alpha_: float
    strength_: Floats
    path_: dict[str, Floats] | None
    gap_: float
    n_iter_: int
    _losses: tuple[str, ...]
    _classification: bool

    def __init__(
        self,
        source: Any,
        loss: Any,
        alpha: Any,
        strength: Any,
        cv: Any,
        n_alphas: int,
        fit_intercept: bool,
        standardize: bool,
        tol: float,
        max_iter: int,
        random_state: Any,
        n_jobs: Any,
    ) -> None:
        self.source = source
        self.loss = loss
        self.alpha = alpha
        self.strength = strength
        self.cv = cv
        self.n_alphas = n_alphas
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> None:
        asked = self._asked_loss()
        target = read_target(self, X, y, sample_weight, classification=self._classification, loss=asked)
        loss = self._bound_loss(asked, target)
        chosen = self._choose(target, loss)
        self.alpha_, self.strength_ = chosen.alpha, chosen.strength
        self.path_ = chosen.path() if len(chosen.losses) else None
        fitted = fit_prior(
            target,
            loss,
            chosen.alpha,
            chosen.strength,
            fit_intercept=self.fit_intercept,
            tol=float(self.tol),
            max_iter=int(self.max_iter),
        )
        self._set_coefficients(target, fitted.coef, fitted.intercept)
        self.gap_, self.n_iter_ = fitted.gap, fitted.n_iter
        if not fitted.converged:
            warnings.warn(
                f"{type(self).__name__} stopped at max_iter={self.max_iter} with gap_={fitted.gap:.2g} above "
                f"tol={self.tol}: raise max_iter, or alpha.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _asked_loss(self) -> Loss:
        """Return the loss that the parameter stands for."""
        name = self.loss if isinstance(self.loss, str) else _NAMES.get(type(self.loss))
        if name not in self._losses:
            raise ValueError(
                f"loss={self.loss!r} is unknown to {type(self).__name__}: use {' or '.join(self._losses)}."
            )
        return as_loss(self.loss)

    def _bound_loss(self, asked: Loss, target: Target) -> Loss:
        """Return the loss for this y."""
        if target.classes is not None:
            asked = as_loss(self.loss, n_classes=len(target.classes))
            asked.n_outputs(len(target.classes))  # refuses three classes where the loss is for two
            return asked
        asked.check_target(target.y)
        if asked.log_link and not (target.y > 0).any():
            raise ValueError("loss='poisson' needs a y above zero in some row, and y is zero in all: check the target.")
        return asked.bound_to(target.y, np.zeros(len(target.y), dtype=np.intp), target.weight)

    def _choose(self, target: Target, loss: Loss) -> Selection:
        strength = given_strength(self.strength, target.n_sources)
        alpha = _given_alpha(self.alpha)
        nothing = np.empty((0, 0))
        if target.n_sources == 0:
            strength = np.zeros(0)
        if alpha is not None and strength is not None:
            return Selection(alpha, strength, np.array([alpha]), strength[None, :], nothing, nothing)
        if len(target.y) < 2:  # nothing can be held out: the sources' mean as it stands
            mean = np.full(target.n_sources, 1.0 / max(target.n_sources, 1)) if strength is None else strength
            alpha = np.inf if alpha is None else alpha
            return Selection(alpha, mean, np.array([alpha]), mean[None, :], nothing, nothing)
        folds = deal_folds(self.cv, target, self.random_state)
        design = fold_design(target, folds, loss, fit_intercept=self.fit_intercept)
        if alpha is None:
            alphas = alpha_path(design.largest_curvature, int(self.n_alphas), design.weakest_alpha)
        else:
            alphas = np.array([alpha])
        return select(design.path_loss, alphas, target.n_sources, strength)


def _given_alpha(alpha: Any) -> float | None:
    if isinstance(alpha, str) and alpha == "auto":
        return None
    if isinstance(alpha, str) or not float(alpha) >= 0.0:
        raise ValueError(f"alpha={alpha!r}: give 'auto' or a number, 0 or more (infinity: learn the intercept only).")
    return float(alpha)
