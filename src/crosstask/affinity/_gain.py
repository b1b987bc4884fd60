"""The predicted gain of each task from pooling each other one, from moments alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crosstask.affinity._moments import RANK, Moments
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]
AT_ONCE = 8_000_000  # numbers in one batch of matrices


@dataclass(frozen=True)
class PairwiseGains:
    """Rows are sources, columns are targets; the diagonal is NaN.

    Parameters
    ----------
    gain : ndarray of shape (T, T)
        Excess risk of the target's own model less that of the pooled one, a row of the target.
    error : ndarray of shape (T, T)
        Standard error of the gain.
    p_value : ndarray of shape (T, T)
        Of the test that both tasks have the same slopes; symmetric.
    own_risk : ndarray of shape (T,)
        Excess risk of each task's own model, a row.
    ridge : float
        The common ridge.
    """

    gain: Array
    error: Array
    p_value: Array
    own_risk: Array
    ridge: float


def pairwise_gains(moments: Moments, ridge: float | None = None) -> PairwiseGains:
    r"""Return the noise-debiased plug-in gains of all ordered pairs.

    With :math:`Q = (G_i + G_j + \lambda I)^{-1}` the pooled model of tasks i and j is :math:`Q (c_i + c_j)`. Its
    excess risk on task j, weighted by the second moments of j, is

    .. math::
        n_j R_{ij} = \max\bigl(0, |u|^2_{G_j} - s_i^2 \,\mathrm{tr}(G_j Q G_i Q)
            - s_j^2 (r_j - 2\,\mathrm{tr}(G_j Q) + \mathrm{tr}(G_j Q G_j Q))\bigr)
            + s_i^2 \,\mathrm{tr}(G_j Q G_i Q) + s_j^2 \,\mathrm{tr}(G_j Q G_j Q),
        \qquad u = Q (c_i + c_j) - G_j^+ c_j

    the first part the squared bias less the noise in its estimate, the rest the variance. The own model has the same
    risk with task i left out; the gain is the difference.
    """
    T = moments.n_tasks
    ridge = moments.common_ridge() if ridge is None else ridge
    own = own_risk(moments, ridge)
    gain, error, p_value = (np.full((T, T), np.nan) for _ in range(3))
    with one_blas_thread():
        for i, j in _pairs(T, moments.gram.shape[1]):
            _fill(moments, ridge, own, i, j, gain, error)
            p_value[i, j] = p_value[j, i] = _same_slopes(moments, i, j)
    return PairwiseGains(gain, error, p_value, own, ridge)


def gains_alone(moments: Moments, ridge: float) -> Array:
    """Return the gains of :func:`pairwise_gains` without errors and tests, which cost twice as much again."""
    T = moments.n_tasks
    own, gain = own_risk(moments, ridge), np.full((T, T), np.nan)
    with one_blas_thread():
        for i, j in _pairs(T, moments.gram.shape[1]):
            _fill(moments, ridge, own, i, j, gain, None)
    return gain


def _pairs(T: int, d: int) -> Iterator[tuple[IntVector, IntVector]]:
    first, second = np.triu_indices(T, 1)
    size = max(1, AT_ONCE // max(d * d, 1))
    for start in range(0, len(first), size):
        yield first[start : start + size], second[start : start + size]


def own_risk(moments: Moments, ridge: float) -> Array:
    """Excess risk of each task's own ridge on a new row."""
    with one_blas_thread():
        values, vectors = np.linalg.eigh(moments.gram)
    values = np.maximum(values, 0.0)
    h = np.einsum("tji,tj->ti", vectors, moments.xy)
    kept = values / (values + ridge)
    there = values > RANK * values[:, -1:]
    apart = np.divide(((1.0 - kept) * h) ** 2, values, out=np.zeros_like(h), where=there).sum(axis=1)
    noise = moments.noise * (moments.rank - 2.0 * kept.sum(axis=1) + (kept**2).sum(axis=1))
    in_sample = np.maximum(apart - noise, 0.0) + moments.noise * (kept**2).sum(axis=1)
    return _on_new_rows(in_sample, moments.noise, kept.sum(axis=1) / moments.n, moments.n)


def _on_new_rows(in_sample: Array, noise: Array, leverage: Array, n: Array) -> Array:
    """Turn n times the risk on the rows of the fit into the risk of a new row, as leaving one out does.

    A row left out is missed by 1 / (1 - h) times as much, and its own noise is no longer in the fit.
    """
    return np.maximum(in_sample / n - noise * leverage**2, 0.0) / (1.0 - leverage) ** 2


def _fill(
    moments: Moments, ridge: float, own: Array, i: IntVector, j: IntVector, gain: Array, error: Array | None
) -> None:
    """Fill both directions of some pairs i, j."""
    G, c, eye = moments.gram, moments.xy, np.eye(moments.gram.shape[1])
    Q = np.linalg.inv(G[i] + G[j] + ridge * eye)
    pooled = (Q @ (c[i] + c[j])[..., None])[..., 0]
    QG_j = Q @ G[j]
    QG_i = eye - QG_j - ridge * Q
    crossed = _trace(QG_i, QG_j)
    for source, target, E, F in ((i, j, QG_j, QG_i), (j, i, QG_i, QG_j)):
        s_source, s_target = moments.noise[source], moments.noise[target]
        pull = (G[target] @ pooled[..., None])[..., 0] - c[target]  # G_j u
        apart = (pooled * (pull - c[target])).sum(axis=1) + moments.explained[target]  # u'G_j u
        square, rank = _trace(E, E), moments.rank[target]
        trace = np.einsum("paa->p", E)
        noise = s_source * crossed + s_target * (rank - 2.0 * trace + square)
        leverage = trace / moments.n[target]
        in_sample = np.maximum(apart - noise, 0.0) + s_source * crossed + s_target * square
        gain[source, target] = own[target] - _on_new_rows(in_sample, s_target, leverage, moments.n[target])
        if error is None:
            continue
        w = (Q @ pull[..., None])[..., 0]
        along = s_source * _form(G[source], w) + s_target * (
            np.maximum(apart, 0.0) - 2.0 * (pull * w).sum(axis=1) + _form(G[target], w)
        )
        variance = _variance(E, F, s_source, s_target, along, rank)
        variance += 2.0 * np.maximum(apart - noise, 0.0) ** 2 / moments.n[target]  # of (x'u)^2 over normal rows
        error[source, target] = np.sqrt(variance) / (moments.n[target] * (1.0 - leverage) ** 2)


def _variance(E: Array, F: Array, s_source: Array, s_target: Array, along: Array, rank: Array) -> Array:
    """Variance of |u|^2 for a normal u: 4 u'G C G u + 2 tr(GCGC), the noise in the first term taken out of it."""
    less = E - np.eye(E.shape[1])
    spread = s_source[:, None, None] * (F @ E) + s_target[:, None, None] * (less @ less)
    unseen = (E.shape[1] - rank) * s_target**2  # directions without rows have no part in u
    twice = 2.0 * np.maximum(_trace(spread, spread) - unseen, 0.0)
    return np.maximum(4.0 * along - twice, twice)


def _same_slopes(moments: Moments, i: IntVector, j: IntVector) -> Array:
    """Return the p-value of Chow's test of equal slopes, each task weighted by its own noise."""
    weight = 1.0 / moments.noise
    gram = weight[i, None, None] * moments.gram[i] + weight[j, None, None] * moments.gram[j]
    xy = weight[i, None] * moments.xy[i] + weight[j, None] * moments.xy[j]
    diagonal = np.arange(gram.shape[1])
    scale = np.maximum(gram[:, diagonal, diagonal].max(axis=1), 1e-300)
    gram[:, diagonal, diagonal] += 1e-10 * scale[:, None]
    factor = np.linalg.cholesky(gram)
    together = (xy * np.linalg.solve(gram, xy[..., None])[..., 0]).sum(axis=1)
    rank = (factor[:, diagonal, diagonal] ** 2 > 1e-8 * scale[:, None]).sum(axis=1)
    statistic = np.maximum(weight[i] * moments.explained[i] + weight[j] * moments.explained[j] - together, 0.0)
    tested = moments.rank[i] + moments.rank[j] - rank
    freedom = np.minimum(moments.freedom[i] + moments.freedom[j], 1e9)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = stats.f.sf(statistic / tested, tested, freedom)
    return np.where(tested > 0, p, 1.0)


def _trace(A: Array, B: Array) -> Array:
    """tr(A B) of each pair."""
    return np.einsum("pab,pba->p", A, B)


def _form(G: Array, w: Array) -> Array:
    """Quadratic form w'Gw of each pair."""
    return (w * (G @ w[..., None])[..., 0]).sum(axis=1)
