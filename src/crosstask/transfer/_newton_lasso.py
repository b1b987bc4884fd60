"""The lasso of any smooth loss, by Newton's steps on the coefficients in use (Friedman, Hastie, Tibshirani 2010)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crosstask.losses import Loss, Squared

if TYPE_CHECKING:
    from crosstask.transfer._lasso import LassoPath, RowData

Floats = NDArray[np.float64]
MOST_STEPS = 100
ROUNDING = 1e-12  # of a sum of gradients
SHORTEST = 1e-9  # part of a Newton step


class NewtonLasso:
    """Centred columns, shares of the weights, and Newton's steps."""

    def __init__(self, data: RowData) -> None:
        from crosstask.transfer._lasso import penalty_of

        self.loss, self.options = data.options.loss, data.options
        self.y, self.offset = data.y, data.offset
        total = float(data.weight.sum())
        self.share = data.weight / total
        self.mean = self.share @ data.X
        self.columns = np.asfortranarray(data.X - self.mean)
        self.penalty = penalty_of(self.share @ self.columns**2, self.mean, data.options.standardize)
        if self.loss.classifies:
            self._add_prior_rows(total)

    def _add_prior_rows(self, total: float) -> None:
        present = np.array([(self.share * (self.y == k)).any() for k in (0, 1)])
        if present.all():
            return
        at_mean = float(self.share @ self.offset)
        self.columns = np.asfortranarray(np.vstack([self.columns, np.zeros((2, self.columns.shape[1]))]))
        self.y = np.concatenate([self.y, [0.0, 1.0]])
        self.offset = np.concatenate([self.offset, [at_mean, at_mean]])
        self.share = np.concatenate([self.share, np.full(2, 0.5 / total)])

    def objective(self, z: Floats, coef: Floats, alpha: float) -> float:
        """Return the penalised mean loss."""
        used = coef != 0.0
        penalty = float(self.penalty[used] @ np.abs(coef[used]))
        return self.loss.value(self.y, z, self.share) + alpha * penalty

    def null_intercept(self) -> float:
        """Return the best intercept of zero coefficients."""
        return best_intercept(self.loss, self.y, self.offset, self.share)

    def largest_alpha(self) -> float:
        """Return the least alpha at which every coefficient is zero."""
        from crosstask.transfer._lasso import largest_ratio

        gradient = self.loss.gradient(self.y, self.offset + self.null_intercept(), self.share)
        found = largest_ratio(np.abs(self.columns.T @ gradient), self.penalty)
        return found if found > ROUNDING * float(np.abs(gradient).sum()) else 0.0

    def gap(self, coef: Floats, intercept: float, alpha: float) -> float:
        """Return (primal - dual) / primal at zero coefficients, for an intercept on the columns as they came."""
        slope_part = self.offset + self.columns @ coef
        z = slope_part + best_intercept(self.loss, self.y, slope_part, self.share)
        weighted = self.loss.gradient(self.y, z, self.share)
        over = float(np.max(np.abs(self.columns.T @ weighted) / self.penalty, initial=0.0))
        rounding = ROUNDING * float(np.abs(weighted).sum())
        dual = weighted / self.share * (1.0 if over <= max(alpha, rounding) else alpha / over)
        bound = float(self.share @ (dual * self.offset)) - self.loss.conjugate(self.y, dual, self.share)
        null = self.loss.value(self.y, self.offset + self.null_intercept(), self.share)
        z = slope_part + intercept + self.mean @ coef
        return (self.objective(z, coef, alpha) - bound) / null if null > 0.0 else 0.0

    def path(self, alphas: Floats, start: Floats | None) -> LassoPath:
        """Fit at falling alphas."""
        from crosstask.transfer._lasso import LassoPath

        coef = np.zeros(self.columns.shape[1]) if start is None else start
        intercept, scale, n_iter = self.null_intercept(), self.largest_alpha(), 0
        at_null = self.loss.gradient(self.y, self.offset + intercept, self.share)
        scale = max(scale, 1e-6 * float(np.abs(at_null).sum()), 1e-300)  # nothing to learn: no finer than this
        coefs, intercepts = np.empty((len(alphas), len(coef))), np.empty(len(alphas))
        for a, alpha in enumerate(alphas):
            coef, intercept, steps = self._fit(float(alpha), coef, intercept, scale)
            n_iter += steps
            coefs[a], intercepts[a] = coef, intercept - self.mean @ coef
        return LassoPath(coefs, intercepts, n_iter)

    def _fit(self, alpha: float, coef: Floats, intercept: float, scale: float) -> tuple[Floats, float, int]:
        from crosstask.transfer._kernels import newton_sweeps

        z = self.offset + self.columns @ coef + intercept
        value = self.objective(z, coef, alpha)
        finite = np.isfinite(self.penalty)
        cut = np.multiply(alpha, self.penalty, out=np.full_like(self.penalty, np.inf), where=finite)
        for step in range(MOST_STEPS):
            gradient = self.loss.gradient(self.y, z, self.share)
            violation = self._violation(self.columns.T @ gradient, coef, alpha)
            worst = max(float(violation.max(initial=0.0)), abs(float(gradient.sum())))
            if worst <= np.sqrt(self.options.tol) * scale:
                return coef, intercept, step
            movable = np.flatnonzero((coef != 0.0) | (violation > 0.0))
            curvature = np.maximum(self.loss.curvature(self.y, z, self.share), 1e-9 * self.share)
            still = 1e-3 * worst**2
            new, new_intercept = newton_sweeps(
                self.columns, curvature, gradient, coef, intercept, movable, cut, still, self.options.max_iter
            )
            coef, intercept, z, value = self._shorter(alpha, coef, intercept, new, new_intercept, value)
        return coef, intercept, MOST_STEPS

    def _shorter(
        self, alpha: float, coef: Floats, intercept: float, new: Floats, new_intercept: float, value: float
    ) -> tuple[Floats, float, Floats, float]:
        """Halve the step until the objective does not rise: coefficients, intercept, predictors and objective."""
        part = 1.0
        while True:
            tried, tried_intercept = coef + part * (new - coef), intercept + part * (new_intercept - intercept)
            z = self.offset + self.columns @ tried + tried_intercept
            reached = self.objective(z, tried, alpha)
            if reached <= value + 1e-14 * abs(value) or part < SHORTEST:
                return tried, tried_intercept, z, reached
            part /= 2.0

    def _violation(self, gradient: Floats, coef: Floats, alpha: float) -> Floats:
        """Distance of -gradient to the subdifferential, in units of the standardised columns."""
        finite = np.isfinite(self.penalty)
        scale = np.where(finite, self.penalty, 1.0)
        slope = np.where(finite, gradient / scale, 0.0)
        at_zero = np.maximum(np.abs(slope) - alpha, 0.0)
        return np.where(coef != 0.0, np.abs(slope + alpha * np.sign(coef)), at_zero)


def best_intercept(loss: Loss, y: Floats, offset: Floats, share: Floats) -> float:
    """Return the b that minimises sum_i share_i L(y_i, offset_i + b), by Newton's steps of at most 2."""
    intercept = 0.0
    for _ in range(MOST_STEPS):
        z = offset + intercept
        slope = float(loss.gradient(y, z, share).sum())
        bend = float(loss.curvature(y, z, share).sum())
        step = slope / max(bend, 1e-12)
        if not isinstance(loss, Squared):  # far from the optimum Newton overshoots
            step = float(np.clip(step, -2.0, 2.0))
        intercept -= step
        if abs(step) <= 1e-12 * max(1.0, abs(intercept)):
            break
    return intercept
