"""Plain gradient descent from a source, on all rows and on every fold side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.special import expit, softmax

from crosstask.transfer._folds import Folds
from crosstask.transfer._path import log_loss
from crosstask.transfer._selection import CAUTION, mean_and_error
from crosstask.transfer._target import Target
from crosstask.transfer._unwrap import Floats


@dataclass(frozen=True)
class Descent:
    """The model after the chosen number of steps, and the losses on the way."""

    coef: Floats
    intercept: Floats
    n_iter: int
    converged: bool
    train_loss: Floats
    validation_loss: Floats


class SideBySide:
    """B descents on the same rows with different weights: the last trains on all rows, the others on one fold each.

    Columns are centred (implicitly, so that sparse rows stay sparse), and the intercept, which nothing holds back,
    is minimised exactly at every step: step 0 is the source's slopes with the target's own intercept.

    Parameters
    ----------
    target : Target
        Rows and sources.
    folds : Folds
        Rows that each fold trains on and holds out; there may be no fold.
    alpha : float
        Ridge penalty toward zero.
    fit_intercept : bool
        Whether an intercept is learnt.
    """

    def __init__(self, target: Target, folds: Folds, alpha: float, fit_intercept: bool) -> None:
        self.alpha, self.fit_intercept = alpha, fit_intercept
        self.classification, self.n_outputs = target.classes is not None, target.n_outputs
        train = np.vstack([folds.train, target.weight])
        self.test = folds.test
        self.rows, self.indicator = target.X, target.indicator()
        if target.classes is not None:
            train = self._add_prior_rows(target, train)
        self.train = train / train[:, : len(target.y)].sum(axis=1, keepdims=True)  # prior rows do not count in n
        self.mean = target.mean if fit_intercept else np.zeros_like(target.mean)
        self.curvature = 1.0 if not self.classification else 0.25 if self.n_outputs == 1 else 0.5
        self.constant = np.zeros((len(train), self.n_outputs))

    def _add_prior_rows(self, target: Target, train: Floats) -> Floats:
        """Half a row of each class at the target's mean, for descents that train without some class."""
        assert target.classes is not None
        n_classes = len(target.classes)
        present = np.stack([(train * (target.y == k)).any(axis=1) for k in range(n_classes)])
        lacking = ~present.all(axis=0)
        if not lacking.any():
            return train
        at_mean = np.tile(target.mean, (n_classes, 1))
        stack: Any = sparse.vstack if sparse.issparse(self.rows) else np.vstack
        self.rows = stack([self.rows, at_mean])
        ideal = np.eye(n_classes) if self.n_outputs > 1 else np.arange(2.0)[:, None]
        self.indicator = np.vstack([self.indicator, ideal])
        prior = np.repeat(np.where(lacking, 0.5, 0.0)[:, None], n_classes, axis=1)
        self.test = np.hstack([self.test, np.zeros((len(self.test), n_classes))])
        return np.hstack([train, prior])

    def smoothness(self) -> float:
        """Largest curvature L of any of the objectives; steps up to 1 / L never raise one, above 2 / L they diverge."""
        largest = max(_largest_singular(self.rows, self.mean, np.sqrt(share)) for share in self.train) ** 2
        return self.curvature * largest + self.alpha

    def linear(self, coef: Floats) -> Floats:
        """Linear predictors (n, B, K) of coefficients (d, B K), with the intercepts that fit them best."""
        shape = (-1, *self.constant.shape)
        slope_part = (np.asarray(self.rows @ coef) - self.mean @ coef).reshape(shape)
        if self.fit_intercept:
            self._fit_constant(slope_part)
        return slope_part + self.constant

    def _fit_constant(self, slope_part: Floats) -> None:
        share = self.train.T[:, :, None]
        target = self.indicator[:, None, :]
        if not self.classification:
            self.constant = np.sum(share * (target - slope_part), axis=0)
            return
        for _ in range(100):
            p = self.probability(slope_part + self.constant)
            gradient = np.sum(share * (p - target), axis=0)
            if float(np.abs(gradient).max()) < 1e-12:
                return
            step = self._newton_step(share, p, gradient)
            self.constant = self.constant - np.clip(step, -2.0, 2.0)  # far from the optimum Newton overshoots

    def _newton_step(self, share: Floats, p: Floats, gradient: Floats) -> Floats:
        if self.n_outputs == 1:
            return gradient / np.maximum(np.sum(share * p * (1.0 - p), axis=0), 1e-12)
        weighted = share * p
        hessian = -np.einsum("nbk,nbl->bkl", weighted, p)
        diagonal = np.arange(self.n_outputs)
        hessian[:, diagonal, diagonal] += weighted.sum(axis=0) + 1e-12
        hessian += 1.0 / self.n_outputs  # a common shift of all intercepts changes nothing: fix it at zero
        return np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]

    def probability(self, z: Floats) -> Floats:
        """Expected target values: z itself under the squared loss."""
        if not self.classification:
            return z
        return expit(z) if self.n_outputs == 1 else softmax(z, axis=2)

    def gradient(self, coef: Floats, z: Floats) -> Floats:
        """Gradient (d, B K) of every objective."""
        error = self.train.T[:, :, None] * (self.probability(z) - self.indicator[:, None, :])
        flat = error.reshape(len(error), -1)
        moment: Floats = np.asarray(self.rows.T @ flat) - self.mean[:, None] * flat.sum(axis=0)
        return moment + self.alpha * coef

    def losses(self, z: Floats) -> tuple[float, Floats]:
        """Mean loss of the last descent on its own rows, and of each fold on the rows it held out."""
        loss = log_loss(self.indicator, z) if self.classification else (self.indicator - z[:, :, 0]) ** 2 / 2.0
        held_out = np.sum(self.test.T * loss[:, :-1], axis=0) / self.test.sum(axis=1)
        return float(self.train[-1] @ loss[:, -1]), held_out


def descend(
    problems: SideBySide, start: Floats, step: float, *, max_iter: int, tol: float, patience: int | None
) -> Descent:
    """Descend from ``start`` (K, d); with ``patience`` stop after so many steps without a lower validation loss.

    Without it, stop when no entry of the gradient exceeds ``tol``.
    """
    n_problems, n_outputs = problems.constant.shape
    coef = np.repeat(start.T[:, None, :], n_problems, axis=1).reshape(start.shape[1], -1)
    train, validation = [], []
    least_gain = tol * problems.losses(problems.linear(np.zeros_like(coef)))[0] if patience is not None else 0.0
    best, best_loss, converged = (0, coef[:, -n_outputs:], problems.constant[-1]), np.inf, False
    for i in range(max_iter + 1):
        z = problems.linear(coef)
        on_train, on_held_out = problems.losses(z)
        mean, error = mean_and_error(on_held_out)
        train.append(on_train)
        validation.append(float(mean))
        judged = float(mean + CAUTION * error) if patience is not None else -float(i)
        if judged < best_loss - (least_gain if i else 0.0):
            best, best_loss = (i, coef[:, -n_outputs:].copy(), problems.constant[-1].copy()), judged
        if converged or i == max_iter or (patience is not None and i - best[0] >= patience):
            break
        change = step * problems.gradient(coef, z)
        coef = coef - change
        converged = patience is None and float(np.abs(change).max()) <= tol * step
    n_iter, slopes, constant = best
    intercept = constant - problems.mean @ slopes if problems.fit_intercept else np.zeros(n_outputs)
    return Descent(slopes.T, intercept, n_iter, converged, np.array(train), np.array(validation))


def _largest_singular(X: Any, mean: Floats, root_share: Floats) -> float:
    """Largest singular value of diag(root_share) (X - 1 mean'); for sparse X of a square 5 % above its estimate."""
    if not sparse.issparse(X):
        return float(np.linalg.norm(root_share[:, None] * (X - mean), 2))
    share, size = root_share**2, 0.0
    v = np.random.default_rng(0).standard_normal(X.shape[1])
    for _ in range(60):
        v = v / max(float(np.linalg.norm(v)), 1e-300)
        image = share * (np.asarray(X @ v) - mean @ v)
        v = np.asarray(X.T @ image) - mean * image.sum()
        size = float(np.linalg.norm(v))
    return float(np.sqrt(1.05 * size))
