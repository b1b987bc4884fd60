"""Sums over rows at given coefficients: what Newton's method needs of the rows, wherever they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from crosstask.losses import Loss
from crosstask.solvers._threads import one_blas_thread
from crosstask.tasks import TaskData
from crosstask.tasks._operators import Batch, RowOperator

Array = NDArray[np.float64]
AT_ONCE = 1 << 21  # predictors that are in memory at once
STRAIGHT = 1e-3  # of the majoriser, where a row has slope and no curvature


@dataclass(frozen=True)
class Question:
    """What the centre asks of every site: J fits in progress, each at its coefficients.

    Parameters
    ----------
    tasks : ndarray of shape (T,)
        Task ids of all sites.
    coef : ndarray of shape (J, T, d)
        Slopes.
    intercept : ndarray of shape (J, T)
        Intercepts at ``origin``.
    origin : ndarray of shape (J, T, d)
        What is taken from each task's rows.
    held_out : ndarray of int of shape (J,)
        The fold whose rows are only judged; -1 where all rows are fitted.
    """

    tasks: NDArray[Any]
    coef: Array
    intercept: Array
    origin: Array
    held_out: NDArray[np.intp]


@dataclass(frozen=True)
class Answer:
    """What a site sends back: sums over its rows, for its tasks.

    Parameters
    ----------
    tasks : ndarray of shape (S,)
        The site's task ids.
    value : ndarray of shape (J, S)
        Loss of the rows that are fitted.
    gradient : ndarray of shape (J, S, d + 1)
        Its derivative in slopes and intercept.
    hessian : ndarray of shape (J, S, d + 1, d + 1)
        Its second derivative.
    held_loss : ndarray of shape (J, S)
        Loss of the rows held out.
    """

    tasks: NDArray[Any]
    value: Array
    gradient: Array
    hessian: Array
    held_loss: Array

    @classmethod
    def empty(cls, tasks: NDArray[Any], n_fits: int, n_features: int) -> Self:
        """Return sums over no rows."""
        J, S, p = n_fits, len(tasks), n_features + 1
        return cls(tasks, np.zeros((J, S)), np.zeros((J, S, p)), np.zeros((J, S, p, p)), np.zeros((J, S)))


def add_row_sums(answer: Answer, question: Question, data: TaskData, folds: NDArray[Any], loss: Loss) -> None:
    """Add the sums over some rows to those of their tasks; ``folds`` holds the fold of each row of ``data``."""
    asked, place = np.searchsorted(question.tasks, data.tasks), np.searchsorted(answer.tasks, data.tasks)
    with one_blas_thread():
        for fits in _of_one_origin(question.held_out, max(AT_ONCE // max(data.n_pairs, 1), 1)):
            rows = RowOperator(data, question.origin[fits[0], asked])
            W, b = question.coef[fits][:, asked], question.intercept[fits][:, asked]
            held = folds == question.held_out[fits[0]]
            for batch in rows.batches():
                _add_batch(answer, fits, place, batch, data, held, (W[:, batch.tasks], b[:, batch.tasks]), loss)


def _of_one_origin(held_out: NDArray[np.intp], most: int) -> Iterator[NDArray[np.intp]]:
    """Yield fits that leave out the same fold, whose rows have the same origin; at most so many at a time."""
    for fold in np.unique(held_out):
        fits = np.flatnonzero(held_out == fold)
        for first in range(0, len(fits), most):
            yield fits[first : first + most]


def _add_batch(
    answer: Answer,
    fits: NDArray[np.intp],
    place: NDArray[np.intp],
    batch: Batch,
    data: TaskData,
    held: NDArray[np.bool_],
    at: tuple[Array, Array],
    loss: Loss,
) -> None:
    """Add the sums over the rows of some tasks, at slopes (A, B, d) and intercepts (A, B)."""
    from crosstask.summaries._kernels import weighted_scatters  # brings the compiler along

    tasks, X, pairs, mask = batch
    weight = data.sample_weight[pairs] if mask is None else np.where(mask, data.sample_weight[pairs], 0.0)
    W, b = at
    z = X @ W.transpose(1, 2, 0) + b.T[:, None]  # (B, m, A)
    y = np.broadcast_to(data.y[pairs][..., None], z.shape).reshape(-1)
    out, flat = held[pairs][..., None], z.reshape(-1)
    fitted = np.where(out, 0.0, weight[..., None])
    row_loss = loss.row_value(y, flat).reshape(z.shape) * weight[..., None]
    cell = np.ix_(fits, place[tasks])
    answer.value[cell] += np.where(out, 0.0, row_loss).sum(axis=1).T
    answer.held_loss[cell] += np.where(out, row_loss, 0.0).sum(axis=1).T
    share = np.broadcast_to(fitted, z.shape).reshape(-1)
    slope = loss.gradient(y, flat, share)
    curvature = loss.curvature(y, flat, share)
    straight = (slope != 0) & (curvature == 0)
    if straight.any():
        curvature = np.where(straight, STRAIGHT * loss.majoriser(y, flat, share), curvature)
    ones = np.concatenate([X, np.ones((*X.shape[:2], 1))], axis=2)
    answer.gradient[cell] += (slope.reshape(z.shape).transpose(0, 2, 1) @ ones).transpose(1, 0, 2)
    weights = np.ascontiguousarray(curvature.reshape(z.shape).transpose(0, 2, 1))
    second = np.zeros((*weights.shape[:2], ones.shape[2], ones.shape[2]))
    weighted_scatters(ones, weights, second)
    second += np.tril(second, -1).swapaxes(2, 3)
    answer.hessian[cell] += second.transpose(1, 0, 2, 3)
