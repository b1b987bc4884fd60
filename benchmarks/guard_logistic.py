"""Classes: logistic regressions of many simulated tasks at once, at the alphas that the flagship's prior would choose.

The log odds are 2 x'w_t in 10 columns. Candidates: own, pooled, pooled with free intercepts, mean-tied (tied to a
centre, which is held loosely) and the base rate. With d columns and N rows the slopes have the penalty
d / (2 N) N |w|^2 / 2, as if the log odds of rows had the variance 2. Intercepts have a weight of .1 in the place of the
smoothed prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benchmarks.guard_worlds import slopes
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]
N_FEATURES, N_NEW, NEWTON = 10, 200, 8
PENALTY = N_FEATURES / 2.0
LOOSE = 0.1


@dataclass(frozen=True)
class LogisticWorld:
    """Probability of the class observed on held-out rows (R, T, n, C), and of the second class on new rows.

    ``truth`` (R, T, N_NEW) is that of the data; ``borrowed`` (R, T) marks tasks that have one class.
    """

    held_out: Array
    new: Array
    truth: Array
    flipped: NDArray[np.bool_]
    borrowed: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of tables and of tasks."""
        return self.truth.shape[0], self.truth.shape[1]

    def risk(self, weights: Array) -> Array:
        """Expected log loss on new rows, (R, T)."""
        p = np.clip(np.matmul(self.new, weights[..., None])[..., 0], 1e-6, 1.0 - 1e-6)
        return -(self.truth * np.log(p) + (1.0 - self.truth) * np.log1p(-p)).mean(axis=2)


def draw(
    n_rows: int, relatedness: float, n_flipped: int, *, n_tasks: int = 10, n_tables: int = 50, seed: int = 0
) -> LogisticWorld:
    """Draw tables, and fit the candidates on ten (five from 50 rows on) folds and on all rows."""
    rng = np.random.default_rng([seed, n_rows, round(100 * relatedness), n_flipped, n_tasks, 7])
    W = 2.0 * slopes(rng, (n_tables, n_tasks), relatedness)
    flipped = np.arange(n_tasks) < n_flipped
    W[:, flipped] *= -1.0
    X = rng.standard_normal((n_tables, n_tasks, n_rows + N_NEW, N_FEATURES))
    truth = expit(np.einsum("rtnd,rtd->rtn", X, W))
    y = (rng.random(truth.shape) < truth).astype(np.float64)[:, :, :n_rows]
    X, new = X[:, :, :n_rows], X[:, :, n_rows:]
    n_folds = 10 if n_rows < 50 else 5
    fold = np.arange(n_rows) % n_folds
    held_out = np.empty((*y.shape, 5))
    for k in range(n_folds):
        test = fold == k
        p = probabilities(fit(X[:, :, ~test], y[:, :, ~test]), X[:, :, test])
        held_out[:, :, test] = np.where(y[:, :, test, None] > 0.5, p, 1.0 - p)
    borrowed = (y == y[:, :, :1]).all(axis=2)
    return LogisticWorld(held_out, probabilities(fit(X, y), new), truth[:, :, n_rows:], flipped, borrowed)


def probabilities(coefficients: Array, X: Array) -> Array:
    """Probability of the second class, (R, T, n, C), from slopes with the intercept last (R, T, C, d + 1)."""
    z = np.matmul(X, coefficients[..., :-1].swapaxes(2, 3)) + coefficients[:, :, None, :, -1]
    return np.clip(expit(z), 1e-6, 1.0 - 1e-6)


def fit(X: Array, y: Array) -> Array:
    """Coefficients of all candidates, intercept last, (R, T, 5, d + 1)."""
    R, T, n, d = X.shape
    own = newton(X, y, np.full(d, PENALTY))
    pooled = newton(X.reshape(R, 1, T * n, d), y.reshape(R, 1, T * n), np.full(d, PENALTY))
    level = tied(X, y, PENALTY, None)
    loose = tied(X, y, LOOSE * PENALTY, PENALTY)
    mean = np.zeros((R, T, d + 1))
    rate = (y.sum(axis=2) + 0.5) / (n + 1.0)
    mean[..., -1] = np.log(rate / (1.0 - rate))
    return np.stack([own, np.broadcast_to(pooled, own.shape), level, loose, mean], axis=2)


def newton(X: Array, y: Array, penalty: Array) -> Array:
    """Minimise the logistic loss + penalty |w|^2 / 2 of each (table, task) by Newton's method."""
    Z = np.concatenate([X, np.ones((*X.shape[:-1], 1))], axis=-1)
    ridge, w = np.append(penalty, LOOSE), np.zeros((*X.shape[:2], X.shape[-1] + 1))
    turned = Z.swapaxes(2, 3)
    for _ in range(NEWTON):
        p = expit(np.matmul(Z, w[..., None])[..., 0])
        slope = np.matmul(turned, (p - y)[..., None])[..., 0] + ridge * w
        bend = np.matmul(turned * (p * (1.0 - p))[:, :, None], Z) + np.diag(ridge)
        w = w - np.linalg.solve(bend, slope[..., None])[..., 0]
    return w


def tied(X: Array, y: Array, at_centre: float, to_centre: float | None) -> Array:
    """Minimise over w_0, v_t, b_t the logistic loss at w_0 + v_t + at_centre |w_0|^2 / 2 + to_centre sum |v_t|^2 / 2.

    Without ``to_centre`` there are no v_t. Each Newton step eliminates what belongs to one task.
    """
    Z = np.concatenate([X, np.ones((*X.shape[:-1], 1))], axis=-1)
    d = X.shape[-1]
    mine = slice(None) if to_centre is not None else slice(d, None)
    Z_own, ridge = Z[..., mine], np.append(np.full(d, to_centre or 0.0), LOOSE)[mine]
    centre, own = np.zeros((X.shape[0], d)), np.zeros((*X.shape[:2], Z_own.shape[-1]))
    for _ in range(NEWTON):
        z = np.matmul(X, centre[:, None, :, None])[..., 0] + np.matmul(Z_own, own[..., None])[..., 0]
        p = expit(z)
        s, r = (p * (1.0 - p))[..., None], (p - y)[..., None]
        A = np.matmul((s * Z_own).swapaxes(2, 3), Z_own) + np.diag(ridge)
        B = np.matmul((s * Z_own).swapaxes(2, 3), X)
        C = np.matmul((s * X).swapaxes(2, 3), X).sum(axis=1) + at_centre * np.eye(d)
        g_own = np.matmul(Z_own.swapaxes(2, 3), r) + (ridge * own)[..., None]
        g = np.matmul(X.swapaxes(2, 3), r).sum(axis=1) + at_centre * centre[..., None]
        solved = np.linalg.solve(A, np.concatenate([B, g_own], axis=-1))
        left = C - np.matmul(B.swapaxes(2, 3), solved[..., :d]).sum(axis=1)
        right = g - np.matmul(B.swapaxes(2, 3), solved[..., d:]).sum(axis=1)
        step = np.linalg.solve(left, right)
        centre = centre - step[..., 0]
        own = own - (solved[..., d:] - np.matmul(solved[..., :d], step[:, None]))[..., 0]
    coefficients = np.zeros((*X.shape[:2], d + 1))
    coefficients[..., mine] = own
    coefficients[..., :d] += centre[:, None]
    return coefficients
