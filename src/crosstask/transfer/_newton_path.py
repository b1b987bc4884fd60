"""Held-out losses along a path of alphas for any smooth loss: Newton's method on all folds and strengths at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from crosstask.losses import Loss
from crosstask.transfer._unwrap import Floats

if TYPE_CHECKING:
    from crosstask.transfer._path import FoldDesign

BLEND = 0.05  # of the majoriser in the curvature: on the straight pieces of a loss Newton's step would have no end
STEP_TOL = 1e-6  # of the null model's loss: an alpha is done when no problem's next step can gain more
MAX_STEPS = 50


def newton_path(design: FoldDesign, alphas: Floats, offset: Floats) -> Floats:
    """Mean held-out loss of each fold.

    Parameters
    ----------
    design : FoldDesign
        Rows of one linear predictor.
    alphas : ndarray of shape (A,)
        Penalties, infinity among them.
    offset : ndarray of shape (n, G)
        Predictors of the centre for each of G choices of strengths.

    Returns
    -------
    ndarray of shape (F, A, G)
        Losses.
    """
    n_folds, n, r = design.rows.shape
    problems = _Batch(design, offset)
    slopes, constant = np.zeros((n_folds, offset.shape[1], r)), np.zeros((n_folds, offset.shape[1], 1))
    losses = np.empty((n_folds, len(alphas), offset.shape[1]))
    ones = np.ones((n_folds, n, 1)) if design.fit_intercept else np.ones((n_folds, n, 0))
    both = np.concatenate([design.rows, ones], axis=2)
    for a in np.argsort(-alphas):  # from the largest, each start where the last ended
        if np.isinf(alphas[a]):
            if design.fit_intercept:
                constant = problems.descend(ones, np.zeros(1), constant)
        else:
            start = np.concatenate([slopes, constant[..., : ones.shape[2]]], axis=2)
            penalty = np.append(np.full(r, alphas[a]), np.zeros(ones.shape[2]))
            found = problems.descend(both, penalty, start)
            slopes, constant = found[..., :r], found[..., r:]
        z = problems.offset + slopes @ np.swapaxes(design.rows, 1, 2) + (constant if design.fit_intercept else 0.0)
        held_out = np.einsum("fn,fgn->fg", design.test, problems.row_loss(z))
        losses[:, a] = held_out / design.test.sum(axis=1, keepdims=True)
    return losses


class _Batch:
    """F folds times G strengths, each a problem of its own with coefficients in the last axis of (F, G, p)."""

    def __init__(self, design: FoldDesign, offset: Floats) -> None:
        self.loss: Loss = design.loss
        self.offset = offset.T[None]
        self.shape = (len(design.rows), *offset.T.shape)
        self.y = np.broadcast_to(design.indicator[:, 0], self.shape).ravel()
        self.weight = np.broadcast_to(design.train[:, None], self.shape).ravel()
        null = float(np.max(self._mean(np.broadcast_to(self.offset, self.shape))))
        self.least_gain = STEP_TOL * max(null, 1e-300)

    def row_loss(self, z: Floats) -> Floats:
        """Loss of every row, shape (F, G, n)."""
        return self.loss.row_value(self.y, z.ravel()).reshape(self.shape)

    def _mean(self, z: Floats) -> Floats:
        return np.sum(self.weight.reshape(self.shape) * self.row_loss(z), axis=2)

    def _slope_and_curvature(self, z: Floats) -> tuple[Floats, Floats]:
        at = (self.y, z.ravel(), self.weight)
        curvature = (1.0 - BLEND) * self.loss.curvature(*at) + BLEND * self.loss.majoriser(*at)
        return self.loss.gradient(*at).reshape(self.shape), curvature.reshape(self.shape)

    def descend(self, rows: Floats, penalty: Floats, theta: Floats) -> Floats:
        """Minimise mean loss + sum penalty theta^2 / 2 over theta (F, G, p), for rows (F, n, p)."""
        columns = np.swapaxes(rows, 1, 2)
        z = self.offset + theta @ columns
        value = self._mean(z) + 0.5 * np.sum(penalty * theta**2, axis=2)
        for _ in range(MAX_STEPS):
            slope, curvature = self._slope_and_curvature(z)
            gradient = slope @ rows + penalty * theta
            hessian = np.stack([(columns * curvature[:, g, None]) @ rows for g in range(self.shape[1])], axis=1)
            hessian += np.diag(penalty + 1e-12)
            step = -np.linalg.solve(hessian, gradient[..., None])[..., 0]
            foretold = np.sum(gradient * step, axis=2)  # twice the gain that the quadratic model promises, negative
            if float(-foretold.min()) < 2.0 * self.least_gain:
                break
            moved, part = step @ columns, np.ones((*value.shape, 1))
            ahead = value
            for _ in range(40):
                ahead = self._mean(z + part * moved) + 0.5 * np.sum(penalty * (theta + part * step) ** 2, axis=2)
                too_far = ahead > value + 1e-4 * part[..., 0] * foretold + 1e-14 * np.abs(value)
                if not too_far.any():
                    break
                part = np.where(too_far[..., None], 0.5 * part, part)
            theta, z, value = theta + part * step, z + part * moved, ahead
        return theta
