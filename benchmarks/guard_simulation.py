"""Simulated related tasks for the guard: closed-form ridge candidates, vectorised over replications.

Task t has the coefficients w_t = sqrt(r) w_0 + sqrt(1 - r) e_t, scaled to length 1, with relatedness r; a flipped
task has -w_t. x is standard normal in 10 dimensions and the noise has variance 1, so that R2 = .5. The expected
squared error on new rows is known: 1 + |estimate - w_t|^2 + intercept^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NAMES = ("own", "pooled", "indicator", "mean-tied", "task mean")
ALPHAS = np.array([1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0])
N_FEATURES = 10


@dataclass(frozen=True)
class Cell:
    """One cell of the grid: replications x tasks.

    Parameters
    ----------
    residuals : ndarray of shape (n_replications, n_tasks, n_rows, n_candidates)
        y minus out-of-fold prediction.
    centred : ndarray of shape (n_replications, n_tasks, n_rows)
        y minus its task mean.
    excess : ndarray of shape (n_replications, n_tasks, n_candidates, n_features + 1)
        Estimated minus true coefficients of the candidates refitted on all rows, intercept last.
    flipped : ndarray of shape (n_tasks,)
        Which tasks have their sign flipped.
    fold : ndarray of shape (n_rows,)
        The fold each row was held out in.
    """

    residuals: Array
    centred: Array
    excess: Array
    flipped: NDArray[np.bool_]
    fold: NDArray[np.intp]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of tables and of tasks."""
        return self.residuals.shape[0], self.residuals.shape[1]

    def risk(self, weights: Array) -> Array:
        """Expected squared error of the mixture with weights (n_replications, n_tasks, n_candidates)."""
        return 1.0 + np.square(np.einsum("rtc,rtcd->rtd", weights, self.excess)).sum(axis=-1)


def simulate(
    n_rows: int, relatedness: float, n_flipped: int, *, n_tasks: int = 10, n_replications: int = 50, seed: int = 0
) -> Cell:
    """Draw one cell and return out-of-fold residuals and refitted coefficients of every candidate."""
    rng = np.random.default_rng([seed, n_rows, round(100 * relatedness), n_flipped, n_tasks])
    shape = (n_replications, n_tasks)
    common = rng.standard_normal((n_replications, 1, N_FEATURES))
    own = rng.standard_normal((*shape, N_FEATURES))
    truth = np.sqrt(relatedness) * common + np.sqrt(1.0 - relatedness) * own
    truth /= np.linalg.norm(truth, axis=-1, keepdims=True)
    flipped = np.arange(n_tasks) < n_flipped
    truth[:, flipped] *= -1.0
    X = rng.standard_normal((*shape, n_rows, N_FEATURES))
    y = np.einsum("rtnd,rtd->rtn", X, truth) + rng.standard_normal((*shape, n_rows))
    residuals, excess, fold = cross_fit(X, y)
    excess[..., :-1] -= truth[:, :, None]
    return Cell(residuals, y - y.mean(axis=2, keepdims=True), excess, flipped, fold)


def cross_fit(X: Array, y: Array) -> tuple[Array, Array, NDArray[np.intp]]:
    """Return residuals of rows held out (R, T, n, C), coefficients of the refitted candidates, and the folds."""
    n_rows = y.shape[2]
    Z = np.concatenate([X, np.ones((*X.shape[:-1], 1)), y[..., None]], axis=-1)
    n_folds = 10 if n_rows < 50 else 5
    fold = np.arange(n_rows) % n_folds
    moments = np.stack([np.einsum("rtni,rtnj->rtij", Z[:, :, fold == k], Z[:, :, fold == k]) for k in range(n_folds)])
    residuals = np.empty((*y.shape, len(NAMES)))
    for k in range(n_folds):
        coefficients = fit_candidates(np.delete(moments, k, axis=0))
        held_out = fold == k
        predicted = np.einsum("rtnd,rtcd->rtnc", Z[:, :, held_out, :-1], coefficients)
        residuals[:, :, held_out] = y[:, :, held_out, None] - predicted
    return residuals, fit_candidates(moments), fold


def fit_candidates(moments: Array) -> Array:
    """Fit every candidate, alpha by cross-validation over the given folds; returns (.., n_candidates, d + 1)."""
    groups = np.array_split(moments, min(5, len(moments)))
    total = moments.sum(axis=0)
    errors = [0.0, 0.0, 0.0, 0.0]
    for group in groups:
        held_out = group.sum(axis=0)
        fitted = _paths(total - held_out)
        for c, path in enumerate(fitted):
            errors[c] = errors[c] + _sse(path, held_out)
    paths = _paths(total)
    chosen = [_pick(paths[0], errors[0])]
    chosen += [
        _pick(path, error.sum(axis=-1, keepdims=True)) for path, error in zip(paths[1:], errors[1:], strict=True)
    ]
    mean = np.zeros_like(chosen[0])
    mean[..., -1] = total[..., -2, -1] / total[..., -2, -2]
    return np.stack([*chosen, mean], axis=-2)


def _pick(path: Array, error: Array) -> Array:
    best = np.broadcast_to(error, path.shape[:-1]).argmin(axis=0)
    return np.take_along_axis(path, best[None, ..., None], axis=0)[0]


def _sse(path: Array, moments: Array) -> Array:
    coefficients = np.concatenate([path, np.full((*path.shape[:-1], 1), -1.0)], axis=-1)
    return np.einsum("a...i,...ij,a...j->a...", coefficients, moments, coefficients, optimize=True)


def _centre(moments: Array) -> tuple[Array, Array, Array, Array, Array]:
    n = moments[..., -2, -2]
    x_mean, y_mean = moments[..., :-2, -2] / n[..., None], moments[..., -2, -1] / n
    gram = moments[..., :-2, :-2] - n[..., None, None] * x_mean[..., :, None] * x_mean[..., None, :]
    cross = moments[..., :-2, -1] - (n * y_mean)[..., None] * x_mean
    return n, x_mean, y_mean, gram, cross


def _ridge(gram: Array, cross: Array, penalty: Array) -> Array:
    """Solve (G + penalty) w = c for a leading axis of penalties."""
    value, vector = np.linalg.eigh(gram)
    rotated = np.einsum("...ji,...j->...i", vector, cross)
    return np.einsum("...ij,a...j->a...i", vector, rotated / (np.maximum(value, 0.0) + penalty[..., None]))


def _paths(moments: Array) -> tuple[Array, Array, Array, Array]:
    """Coefficients, intercept last, (n_alphas, n_replications, n_tasks, d + 1): own, pooled, indicator, mean-tied."""
    n, x_mean, y_mean, gram, cross = _centre(moments)
    steps = ALPHAS[:, None, None]

    def with_intercept(slopes: Array, x: Array, y: Array) -> Array:
        slopes = np.broadcast_to(slopes, (len(ALPHAS), *x_mean.shape))
        return np.concatenate([slopes, (y - np.einsum("...d,a...d->a...", x, slopes))[..., None]], axis=-1)

    own = with_intercept(_ridge(gram, cross, steps * n), x_mean, y_mean)
    n_all, x_all, y_all, gram_all, cross_all = _centre(moments.sum(axis=1, keepdims=True))
    pooled = with_intercept(_ridge(gram_all, cross_all, steps * n_all), x_all, y_all)
    within, within_cross = gram.sum(axis=1, keepdims=True), cross.sum(axis=1, keepdims=True)
    indicator = with_intercept(_ridge(within, within_cross, steps * n_all), x_mean, y_mean)
    tied = with_intercept(_mean_tied(gram, cross, steps * n_all / 10.0), x_mean, y_mean)
    return own, pooled, indicator, tied


def _mean_tied(gram: Array, cross: Array, penalty: Array) -> Array:
    """Minimise sum_t SSE_t + penalty |w_t - w_0|^2 over w_t and w_0, both in closed form."""
    value, vector = np.linalg.eigh(gram)
    value = np.maximum(value, 0.0)
    inverse = np.einsum("...ij,a...j,...kj->a...ik", vector, 1.0 / (value + penalty[..., None]), vector, optimize=True)
    solved = np.einsum("a...ij,...j->a...i", inverse, cross)
    lam = penalty[:, :, 0]
    identity = np.eye(gram.shape[-1])
    # lam sum_t (w_0 - w_t) = 0 with w_t = (G_t + lam)^-1 (c_t + lam w_0), a hair of ridge where nothing is identified
    left = identity * (gram.shape[1] + 1e-8) - lam[..., None, None] * inverse.sum(axis=2)
    centre = np.linalg.solve(left, solved.sum(axis=2)[..., None])[..., 0]
    return solved + penalty[..., None] * np.einsum("a...ij,a...j->a...i", inverse, centre[:, :, None])
