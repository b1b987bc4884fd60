"""Tasks that only the level of y sets apart from models that share: their own intercept, judged on all at once."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crosstask.guard._evidence import Evidence
from crosstask.guard._losses import LogitMixture, MixtureLoss, QuantileMixture, scores_to_probabilities

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]


def only_level(
    evidence: Evidence,
    tasks: IntVector,
    z: Array,
    y: NDArray[Any],
    losses: tuple[Array, Array],
    overlap: float,
    kind: dict[str, Any],
) -> NDArray[np.bool_]:
    """Tell for some tasks whether an intercept of its own is all that sets a task apart from the shared models.

    True where the intercept lowers the shared models' loss and what remains is not worse than the own model, each by
    Student's test at 2.5 %.

    Parameters
    ----------
    evidence : Evidence
        Held-out rows, sorted by task.
    tasks : ndarray of int
        The tasks in question.
    z : ndarray of shape (n_rows, K)
        What the shared models say of every row.
    y : ndarray of shape (n_rows,)
        Targets, or positions of classes.
    losses : (ndarray of shape (n_rows,), ndarray of shape (n_rows,))
        Losses of the own and of the shared models.
    overlap : float
        By which variances are multiplied, for training sets of different folds overlap.
    kind : dict
        ``n_classes``, ``linear`` and ``scoring`` of the guard.
    """
    place = np.full(evidence.n_tasks, -1, dtype=np.intp)
    place[tasks] = np.arange(len(tasks))
    some = np.flatnonzero(place[evidence.codes] >= 0)
    codes, weight = place[evidence.codes[some]], evidence.weight[some]
    own, shared = losses[0][some], losses[1][some]
    moved = _losses_relevelled(evidence, some, codes, z[some], y[some], kind)
    n = np.bincount(codes, minlength=len(tasks))
    helps = _statistic(shared - moved, weight, codes, n, overlap)
    worse = _statistic(moved - own, weight, codes, n, overlap)
    critical = stats.t.ppf(0.975, np.maximum(n - 1, 1))
    with np.errstate(invalid="ignore"):
        return np.asarray((n > 1) & (helps > critical) & (worse < critical), dtype=bool)


def _losses_relevelled(
    evidence: Evidence, some: IntVector, codes: IntVector, z: Array, y: NDArray[Any], kind: dict[str, Any]
) -> Array:
    """Losses of rows under the shared models with an intercept of the task's own."""
    fold, weight, loss = evidence.fold[some], evidence.weight[some], evidence.loss
    if kind["n_classes"] == 0:
        return loss.exact(evidence.y[some], relevelled(z, evidence.y[some], codes, fold, weight, loss))
    scores = z if kind["linear"] else np.log(z)
    if not kind["linear"] and scores.shape[1] == 2:
        scores = scores[:, 1:] - scores[:, :1]
    target = y.astype(np.float64)[:, None] if scores.shape[1] == 1 else np.eye(kind["n_classes"])[y]
    shifted = relevelled(scores, target, codes, fold, weight, LogitMixture())
    if kind["scoring"] == "brier":
        return loss.value(evidence.y[some], scores_to_probabilities(shifted))
    return LogitMixture().value(target, shifted)


def relevelled(z: Array, y: Array, codes: IntVector, fold: IntVector, weight: Array, loss: MixtureLoss) -> Array:
    """Return shared predictions (n, K) with an intercept of the row's task, which is fitted on its other folds.

    It is the mean (or quantile) of the residuals, or a constant added to the log odds, with half a row of prior for
    each class; zero where the task has no row in another fold.
    """
    shifted, n_tasks = z.copy(), int(codes.max(initial=-1)) + 1
    for k in np.unique(fold):
        train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        rows = (z[train], y[train], weight[train], codes[train])
        if isinstance(loss, QuantileMixture):
            level = _quantiles(rows[1] - rows[0], rows[3], n_tasks, loss.q)
        elif isinstance(loss, LogitMixture):
            level = _logit_levels(*rows, n_tasks)
        else:
            total = np.maximum(_sums(rows[2][:, None], rows[3], n_tasks), 1e-300)
            level = _sums(rows[2][:, None] * (rows[1] - rows[0]), rows[3], n_tasks) / total
        shifted[test] += level[codes[test]]
    return shifted


def _sums(values: Array, codes: IntVector, n_tasks: int) -> Array:
    """Sum rows (n, k) task by task."""
    return np.column_stack([np.bincount(codes, column, n_tasks) for column in values.T]).astype(np.float64)


def _quantiles(values: Array, codes: IntVector, n_tasks: int, q: float) -> Array:
    """Quantile of each task's values (n, 1), between neighbours in proportion, as NumPy's; zero without rows."""
    if not len(values):
        return np.zeros((n_tasks, 1))
    ordered = values[np.lexsort((values[:, 0], codes)), 0]
    n = np.bincount(codes, minlength=n_tasks)
    start = np.cumsum(n) - n
    place = np.maximum(n - 1, 0) * q
    below = np.floor(place).astype(np.intp)
    low = ordered[np.minimum(start + below, len(ordered) - 1)]
    high = ordered[np.minimum(start + np.minimum(below + 1, np.maximum(n - 1, 0)), len(ordered) - 1)]
    return np.where(n > 0, low + (place - below) * (high - low), 0.0)[:, None]


def _logit_levels(z: Array, y: Array, weight: Array, codes: IntVector, n_tasks: int) -> Array:
    """Newton's method on each task's constant (n_tasks, K), steps of at most 2."""
    loss, K = LogitMixture(), z.shape[1]
    level, moving = np.zeros((n_tasks, K)), np.ones(n_tasks, dtype=bool)
    for _ in range(20):
        at = z + level[codes]
        slope = _sums(weight[:, None] * loss.slope(y, at), codes, n_tasks) + 0.5 * level
        bend = _sums((weight[:, None, None] * loss.curvature(y, at)).reshape(-1, K * K), codes, n_tasks)
        step = cast("Array", np.linalg.solve(bend.reshape(-1, K, K) + 0.5 * np.eye(K), slope[..., None]))[..., 0]
        largest = np.abs(step).max(axis=1)
        level -= np.where(moving, 1.0 / np.maximum(1.0, largest / 2.0), 0.0)[:, None] * step
        moving &= largest >= 1e-8
        if not moving.any():
            break
    return level


def _statistic(d: Array, weight: Array, codes: IntVector, n: IntVector, overlap: float) -> Array:
    """Student's statistic of each task's mean; infinite where nothing varies."""
    n_tasks = len(n)
    total = np.bincount(codes, weight, n_tasks)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(codes, weight * d, n_tasks) / total
        squares = np.bincount(codes, (weight * (d - mean[codes])) ** 2, n_tasks)
        variance = squares / total**2 * n / (n - 1) * overlap
        return np.where(variance > 0, mean / np.sqrt(variance), np.sign(mean) * np.inf)
