"""What an affinity is computed from: second moments of each task, of y itself or of logistic working responses."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosstask.couplings import Pooled
from crosstask.losses import Logistic
from crosstask.solvers import Problem, alpha_grid, solve
from crosstask.solvers._threads import one_blas_thread
from crosstask.tasks import TaskData, TaskMoments, column_scale

Array = NDArray[np.float64]
PRIOR_FREEDOM = 4.0  # degrees of freedom that the other tasks' noise counts in a task's own estimate
RANK = 1e-9  # directions with less than this share of the largest second moment are taken as not observed


@dataclass(frozen=True)
class Moments:
    """Moments of the tasks about their own means, with the noise that goes with them.

    Parameters
    ----------
    n : ndarray of shape (T,)
        Rows (sum of weights).
    gram : ndarray of shape (T, d, d)
        G_t = sum x x'.
    xy : ndarray of shape (T, d)
        c_t = sum x y.
    yy : ndarray of shape (T,)
        sum y^2.
    noise : ndarray of shape (T,)
        s_t^2, the variance of a row about its task's own linear model.
    rank : ndarray of shape (T,)
        Rank of G_t.
    freedom : ndarray of shape (T,)
        Degrees of freedom of the noise, infinite where the variance is known (working responses).
    explained : ndarray of shape (T,)
        c_t' G_t^+ c_t.
    """

    n: Array
    gram: Array
    xy: Array
    yy: Array
    noise: Array
    rank: Array
    freedom: Array
    explained: Array

    @classmethod
    def of(cls, statistics: TaskMoments, *, known_noise: bool = False) -> Moments:
        """Add noise and ranks to plain moments; the noise of working responses is one."""
        n, gram = statistics.weight, statistics.gram
        with one_blas_thread():
            values, vectors = np.linalg.eigh(gram)
        there = values > RANK * np.maximum(values[:, -1:], 1e-300)
        h = np.einsum("tji,tj->ti", vectors, statistics.xy)
        explained = np.divide(h * h, values, out=np.zeros_like(h), where=there).sum(axis=1)
        rank = there.sum(axis=1).astype(np.float64)
        if known_noise:
            noise, freedom = np.ones_like(n), np.full(len(n), np.inf)
        else:
            noise, freedom = _noise(n, statistics.yy, explained, rank)
        return cls(n, gram, statistics.xy, statistics.yy, noise, rank, freedom, explained)

    @property
    def n_tasks(self) -> int:
        """Number of tasks."""
        return len(self.n)

    def common_ridge(self) -> float:
        """Return the lambda of |y - Xw|^2 + lambda |w|^2 that predicts best by Mallows' Cp, one for all tasks.

        One lambda is the right number where slopes of all tasks have one prior variance; it makes a pooled fit
        symmetric in its two tasks.
        """
        with one_blas_thread():
            values, vectors = np.linalg.eigh(self.gram)
        values = np.maximum(values, 0.0)
        h2 = np.einsum("tji,tj->ti", vectors, self.xy) ** 2
        top = max(float(values.max(initial=0.0)), 1e-300)
        candidates = top * np.geomspace(1e-6, 1e2, 81)
        best, chosen = np.inf, candidates[0]
        for ridge in candidates:
            kept = values / (values + ridge)
            gained = (h2 * (1.0 + ridge / (values + ridge)) / (values + ridge)).sum(axis=1)
            cp = float(((self.yy - gained) / self.noise + 2.0 * kept.sum(axis=1)).sum())
            if cp < best:
                best, chosen = cp, ridge
        return float(chosen)


def _noise(n: Array, yy: Array, explained: Array, rank: Array) -> tuple[Array, Array]:
    """Residual variances, each drawn toward the common one as a few degrees of freedom would."""
    freedom = np.maximum(n - 1.0 - rank, 0.0)
    residual = np.where(freedom > 0, np.maximum(yy - explained, 0.0), 0.0)
    if freedom.sum() > 0:
        common = residual.sum() / freedom.sum()
    else:  # no task has more rows than columns: half of the scatter is as good a guess as any
        common = 0.5 * yy.sum() / max(float(np.maximum(n - 1.0, 1.0).sum()), 1.0)
    common = max(common, 1e-12 * max(float(yy.sum() / n.sum()), 1e-300))
    total = freedom + PRIOR_FREEDOM
    return (residual + PRIOR_FREEDOM * common) / total, total


def standardised(data: TaskData) -> tuple[TaskData, NDArray[np.intp]]:
    """Divide each column by its deviation inside the tasks, so that one ridge suits all, and say which ones are left.

    A column that is constant in every task is left out: the intercepts hold all that it tells.
    """
    data = replace(data, X=data.X.toarray()) if sparse.issparse(data.X) else data
    statistics = TaskMoments.of(data)
    inside = np.sqrt(np.maximum(np.einsum("tjj->j", statistics.gram) / statistics.weight.sum(), 0.0))
    varies = inside > 1e-7 * column_scale(data)
    scaled = replace(data, X=data.X[:, varies] / inside[varies].astype(data.X.dtype))
    return scaled, np.flatnonzero(varies)


def varies_inside_tasks(data: TaskData) -> bool:
    """Tell whether any column says something of slopes, and whether there is anything that slopes could explain."""
    return data.n_features > 0 and len(standardised(data)[1]) > 0 and target_varies_inside_tasks(data)


def target_varies_inside_tasks(data: TaskData) -> bool:
    """Tell whether y takes two values in any task, rounding aside; classes are not asked."""
    if data.n_classes is not None:
        return True
    y, n = data.y, np.maximum(np.bincount(data.codes, minlength=data.n_tasks), 1)
    mean = np.bincount(data.codes, y, data.n_tasks) / n
    return bool(np.any(np.abs(y - mean[data.codes]) > 1e-12 * np.abs(y).max(initial=0.0)))


@dataclass(frozen=True)
class Working:
    """Rows whose squared error stands for the loss: y itself, or the logistic loss to second order.

    Parameters
    ----------
    data : TaskData
        Rows with the weights of the working responses.
    target : ndarray of shape (n_pairs,)
        y, or eta + (y - p) / (p (1 - p)) at the pooled model.
    columns : ndarray of shape (n_columns,)
        Positions in the caller's X of the columns that are left.
    known_noise : bool
        Whether the noise has variance one by construction.
    labels : ndarray of shape (n_pairs,), optional
        0 or 1, for the log loss.
    """

    data: TaskData
    target: Array
    columns: NDArray[np.intp]
    known_noise: bool
    labels: Array | None = None

    def own_loss(self, own_risk: Array, ridge: float) -> Array:
        """Return the loss that each task's own ridge should have on new rows: squared error, or log loss.

        The log loss is that on the rows of the fit, plus what a row left out would add: tr(G_t H_t) / n_t.
        """
        found = self.moments()
        if self.labels is None:
            return found.noise + own_risk
        statistics, d = self.statistics(), found.xy.shape[1]
        with one_blas_thread():
            inverse = np.linalg.inv(found.gram + ridge * np.eye(d))
        coef = (inverse @ found.xy[..., None])[..., 0]
        level = statistics.mean_y - (statistics.mean_x * coef).sum(axis=1)
        eta = np.clip(self.data.decision(coef[:, None], level[:, None])[:, 0], -30.0, 30.0)
        log_loss = np.logaddexp(0.0, eta) - self.labels * eta
        counts = np.maximum(np.bincount(self.data.codes, minlength=self.data.n_tasks), 1)
        left_out = np.einsum("tab,tba->t", found.gram, inverse)
        return (np.bincount(self.data.codes, log_loss, self.data.n_tasks) + left_out) / counts

    def statistics(self, pairs: NDArray[np.intp] | None = None) -> TaskMoments:
        """Return the moments of some pairs, all of them by default."""
        if pairs is None:
            return TaskMoments.of(self.data, target=self.target)
        return TaskMoments.of(self.data.take(pairs), target=self.target[np.sort(pairs)])

    def moments(self, pairs: NDArray[np.intp] | None = None) -> Moments:
        """Return the moments of some pairs with their noise; n counts rows."""
        statistics = self.statistics(pairs)
        found = Moments.of(statistics, known_noise=self.known_noise)
        if not self.known_noise:
            return found
        codes = self.data.codes if pairs is None else self.data.codes[pairs]
        rows = np.bincount(codes, minlength=self.data.n_tasks).astype(np.float64)
        return replace(found, n=rows)


def working_rows(data: TaskData) -> list[Working]:
    """Return what to take moments of: y for regression, one working response for each class but one otherwise.

    Logistic losses are expanded at the pooled model with free intercepts, one Newton step from every other model.
    """
    data, columns = standardised(data)
    if data.n_features == 0:
        raise ValueError(
            "no column of X varies inside a task, so nothing tells one task's slopes from another's: add features."
        )
    if not target_varies_inside_tasks(data):
        raise ValueError(
            "y does not vary inside any task, so there is nothing for the columns to explain: check the target column, "
            "or predict the mean of each task."
        )
    if data.n_classes is None:
        return [Working(data, data.y, columns, known_noise=False)]
    classes = range(1, 2) if data.n_classes == 2 else range(data.n_classes)
    return [_logistic(replace(data, y=(data.y == k).astype(np.float64), n_classes=2), columns) for k in classes]


def _logistic(data: TaskData, columns: NDArray[np.intp]) -> Working:
    padded = data.with_prior_rows()
    problem = Problem(padded, Logistic(), Pooled())
    alphas = alpha_grid(problem, 3)
    pooled = solve(problem, float(alphas[1]), tol=1e-4)
    eta = data.decision(pooled.coef, pooled.intercept)[:, 0]
    p = 1.0 / (1.0 + np.exp(-np.clip(eta, -30.0, 30.0)))
    curvature = np.maximum(p * (1.0 - p), 1e-4)
    weighted = replace(data, sample_weight=data.sample_weight * curvature, n_classes=None)
    return Working(weighted, eta + (data.y - p) / curvature, columns, known_noise=True, labels=data.y)
