"""Ridge problems with an offset, solved for all folds, all strengths and a path of alphas at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from crosstask.losses import Logistic, Loss, Multinomial, Squared
from crosstask.transfer._folds import Folds
from crosstask.transfer._newton_path import newton_path
from crosstask.transfer._target import Target
from crosstask.transfer._unwrap import Floats

STEP_TOL = 1e-7  # nats: an alpha of the path is done when no problem's next step can gain more
MAX_STEPS = 200
HOPELESS = 1.5  # a held-out log loss risen by half does not come down again at still smaller alphas


@dataclass(frozen=True)
class FoldDesign:
    """The training rows of each fold in coordinates where their second moments are diagonal.

    A ridge penalty does not see a rotation, and no coefficient leaves the span of the rows, so the d columns
    shrink to r = min(n, d) coordinates.

    Parameters
    ----------
    rows : ndarray of shape (F, n, r)
        All rows, held-out ones too; ``rows' diag(train) rows`` is diagonal.
    moment : ndarray of shape (F, r)
        That diagonal.
    train, test : ndarray of shape (F, n)
        Shares of the training weights (sum 1, prior rows apart), and the held-out weights.
    indicator : ndarray of shape (n, K)
        Target values.
    offset : ndarray of shape (S, n, K)
        Linear predictors of the sources, without intercept.
    n_columns : int
        Number d of columns before the rotation.
    total : float
        Sum of the sample weights.
    loss : Loss
        What is minimised and, on held-out rows, judged by.
    fit_intercept : bool
        Whether an intercept is learnt.
    """

    rows: Floats
    moment: Floats
    train: Floats
    test: Floats
    indicator: Floats
    offset: Floats
    n_columns: int
    total: float
    loss: Loss
    fit_intercept: bool

    @property
    def curvature(self) -> float:
        """Upper bound of the loss's second derivative in one linear predictor; for counts, which have none, mean y."""
        bound = self.loss.smoothness
        return bound if np.isfinite(bound) else float((self.train @ self.indicator).mean())

    @property
    def largest_curvature(self) -> float:
        """Upper bound of the objective's curvature in any direction, without the penalty."""
        return self.curvature * float(self.moment.max(initial=0.0))

    @property
    def weakest_alpha(self) -> float:
        """Where the path of a loss for classes or counts ends.

        There a coefficient of a column of average variance 1 is held as by a normal prior of deviation 3, under which
        one standard deviation of x multiplies the odds by 20. Classes that a plane separates in a few rows would ask
        for less and less, and every row that is then held out on the wrong side costs ever more.
        """
        if not (self.loss.classifies or self.loss.log_link):
            return 0.0
        return float(self.moment.sum(axis=1).mean()) / max(self.n_columns, 1) / (9.0 * self.total)

    def path_loss(self, alphas: Floats, strengths: Floats) -> Floats:
        """Mean held-out loss of each fold, for (A,) alphas and (G, S) strengths: shape (F, A, G).

        Infinite where a logistic path was left because its loss had risen by half.
        """
        offset = np.einsum("gs,snk->ngk", strengths, self.offset)
        if isinstance(self.loss, Logistic | Multinomial):
            return self._logistic(alphas, offset)
        if isinstance(self.loss, Squared):
            return self._squared(alphas, offset[:, :, 0])
        return newton_path(self, alphas, offset[:, :, 0])

    def _squared(self, alphas: Floats, offset: Floats) -> Floats:
        residual = self.indicator - offset  # (n, G)
        inverse = np.where(np.isinf(alphas), 0.0, 1.0) / (
            self.moment[:, :, None] + np.where(np.isinf(alphas), 1.0, alphas) + 1e-300
        )
        constant = (self.train @ residual)[:, None, :] if self.fit_intercept else 0.0
        correlation = np.swapaxes(self.rows, 1, 2) @ (self.train[:, :, None] * residual)
        coef = correlation[:, :, None, :] * inverse[:, :, :, None]  # (F, r, A, G)
        shape = (len(self.rows), -1, len(alphas) * offset.shape[1])
        fitted = (self.rows @ coef.reshape(shape)).reshape(len(self.rows), -1, len(alphas), offset.shape[1])
        error = (residual - constant)[:, :, None, :] - fitted
        return _mean_over(self.test, error**2 / 2.0)

    def _logistic(self, alphas: Floats, offset: Floats) -> Floats:
        n_folds, n, r = self.rows.shape
        n_strengths, n_outputs = offset.shape[1:]
        offset = offset.reshape(n, -1)
        coef, constant = np.zeros((n_folds, r, offset.shape[1])), np.zeros((n_folds, 1, offset.shape[1]))
        losses = np.full((n_folds, len(alphas), n_strengths), np.inf)
        least = np.full(n_strengths, np.inf)
        for a in np.argsort(-alphas):  # from the largest, each start where the last ended
            coef, constant = self._descend(float(alphas[a]), offset, coef, constant, n_outputs)
            z = offset + self.rows @ coef + constant
            loss = log_loss(self.indicator, z.reshape(n_folds, n, n_strengths, n_outputs))
            losses[:, a] = _mean_over(self.test, loss)
            mean = losses[:, a].mean(axis=0)
            least = np.minimum(least, mean)
            if (mean > HOPELESS * least).all():
                break
        return losses

    def _descend(
        self, alpha: float, offset: Floats, coef: Floats, constant: Floats, n_outputs: int
    ) -> tuple[Floats, Floats]:
        """Accelerated descent in the metric of the curvature bound, restarted where it overshoots."""
        bound = self.curvature
        moved = np.concatenate([coef, constant], axis=1)
        metric = np.empty((len(self.rows), coef.shape[1] + 1, 1))
        metric[:, :-1, 0] = bound * self.moment + (0.0 if np.isinf(alpha) else alpha)
        metric[:, -1, 0] = bound * self.train.sum(axis=1)
        inverse = 1.0 / np.maximum(metric, 1e-300)
        inverse[:, :-1] *= 0.0 if np.isinf(alpha) else 1.0
        inverse[:, -1] *= float(self.fit_intercept)
        penalty = np.zeros_like(metric)
        penalty[:, :-1] = 0.0 if np.isinf(alpha) else alpha
        rows = np.concatenate([self.rows, np.ones((*self.rows.shape[:2], 1))], axis=2)
        columns = np.ascontiguousarray(np.swapaxes(rows * self.train[:, :, None], 1, 2))
        ahead, momentum = moved, np.ones((len(rows), 1, moved.shape[2]))
        for _ in range(MAX_STEPS):
            error = _probability(offset + rows @ ahead, n_outputs) - _tiled(self.indicator, offset.shape[1])
            step = inverse * (columns @ error + penalty * ahead)
            new = ahead - step
            if float(np.max(np.sum(metric * step**2, axis=1))) < 2.0 * STEP_TOL:
                return new[:, :-1], new[:, -1:]
            overshoots = np.sum(metric * step * (new - moved), axis=1, keepdims=True) > 0.0
            momentum = np.where(overshoots, 1.0, momentum)
            following = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
            ahead = new + np.where(overshoots, 0.0, (momentum - 1.0) / following) * (new - moved)
            moved, momentum = new, following
        return moved[:, :-1], moved[:, -1:]


def fold_design(target: Target, folds: Folds, loss: Loss, *, fit_intercept: bool) -> FoldDesign:
    """Rotate and shrink the target's columns, fold by fold; the cost is that of one eigenproblem a fold."""
    X = np.asarray(target.X.toarray() if hasattr(target.X, "toarray") else target.X)
    centred = X - target.mean if fit_intercept else X
    offset = np.einsum("nd,skd->snk", centred, target.source_coef)
    if centred.shape[1] > centred.shape[0]:
        centred = np.asarray(np.linalg.qr(centred.T, mode="r")).T
    indicator, train, test = target.indicator(), folds.train, folds.test
    if target.classes is not None:
        centred, indicator, offset, train, test = _with_prior_rows(target, centred, indicator, offset, train, test)
    mean = (train @ centred / train.sum(axis=1, keepdims=True))[:, None, :] * float(fit_intercept)
    train = train / train[:, : len(target.y)].sum(axis=1, keepdims=True)  # prior rows count in the loss, not in n
    rows = centred - mean
    moments = np.swapaxes(rows, 1, 2) @ (train[:, :, None] * rows)
    values, vectors = np.linalg.eigh(moments)
    return FoldDesign(
        rows @ vectors,
        np.maximum(values, 0.0),
        train,
        test,
        indicator,
        offset,
        X.shape[1],
        float(target.weight.sum()),
        loss,
        fit_intercept,
    )


def _with_prior_rows(
    target: Target, centred: Floats, indicator: Floats, offset: Floats, train: Floats, test: Floats
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Half a row of each class at the target's mean, with weight in the folds that train without some class."""
    assert target.classes is not None
    n_classes, n_outputs = len(target.classes), indicator.shape[1]
    present = np.stack([(train * (target.y == k)).any(axis=1) for k in range(n_classes)])
    lacking = ~present.all(axis=0)
    if not lacking.any():
        return centred, indicator, offset, train, test
    share = target.weight / target.weight.sum()
    centred = np.vstack([centred, np.tile(share @ centred, (n_classes, 1))])
    at_mean = np.tile(np.einsum("n,snk->sk", share, offset)[:, None, :], (1, n_classes, 1))
    offset = np.concatenate([offset, at_mean], axis=1)
    ideal = np.eye(n_classes) if n_outputs > 1 else np.arange(2.0)[:, None]
    prior = np.repeat(np.where(lacking, 0.5, 0.0)[:, None], n_classes, axis=1)
    train, test = np.hstack([train, prior]), np.hstack([test, np.zeros_like(prior)])
    return centred, np.vstack([indicator, ideal]), offset, train, test


def log_loss(indicator: Floats, z: Floats) -> Floats:
    """Negative log likelihood in nats; z of shape (.., n, G, K), indicator (n, K), the result (.., n, G)."""
    if z.shape[-1] == 1:
        return np.logaddexp(0.0, z[..., 0]) - indicator * z[..., 0]
    top = z.max(axis=-1, keepdims=True)
    total = top[..., 0] + np.log(np.sum(np.exp(z - top), axis=-1))
    return total - np.einsum("nk,...ngk->...ng", indicator, z)


def _probability(z: Floats, n_outputs: int) -> Floats:
    if n_outputs == 1:
        return expit(z)
    return softmax(z.reshape(*z.shape[:-1], -1, n_outputs), axis=-1).reshape(z.shape)


def _tiled(indicator: Floats, width: int) -> Floats:
    return indicator if indicator.shape[1] == 1 else np.tile(indicator, width // indicator.shape[1])


def _mean_over(test: Floats, loss: Floats) -> Any:
    """Weighted mean over held-out rows; loss of shape (F, n, ..), the result (F, ..)."""
    total = np.einsum("fn,fn...->f...", test, loss)
    return total / test.sum(axis=1).reshape(-1, *[1] * (loss.ndim - 2))
