"""The joint objective written down once more, for cvxpy."""

from __future__ import annotations

import itertools

import cvxpy as cp
import numpy as np

from crosstask.couplings import (
    Clustered,
    Decomposed,
    ElementNorm,
    FeatureNorm,
    FusedInTime,
    GraphTied,
    Independent,
    MeanTied,
    Pooled,
    SharedSubspace,
    TaskCovariance,
    TaskNorm,
    TraceNorm,
    TwoLevels,
)
from crosstask.losses import Huber, Logistic, Poisson, Quantile, Squared, SquaredHinge


def penalty(coupling, W, T, K):  # noqa: C901 (a case for each coupling)
    """R(W) as a cvxpy expression and constraints; W is a list of (K, d) expressions."""
    match coupling:
        case Independent():
            return 0.5 * sum(cp.sum_squares(w) for w in W), []
        case Pooled():
            return 0.5 * cp.sum_squares(W[0]), [w == W[0] for w in W[1:]]
        case MeanTied():
            centre = cp.Variable(W[0].shape)
            tied = sum(cp.sum_squares(w - centre) for w in W)
            return 0.5 * tied + 0.5 * coupling.centre_weight * cp.sum_squares(centre), []
        case FeatureNorm():
            d = W[0].shape[1]
            return sum(cp.norm(cp.hstack([w[:, j] for w in W])) for j in range(d)), []
        case ElementNorm():
            return sum(cp.sum(cp.abs(w)) for w in W), []
        case TaskNorm():
            return sum(cp.norm(w, "fro") for w in W), []
        case TraceNorm():
            return cp.normNuc(cp.vstack(W)), []
        case TaskCovariance():
            rows = cp.vstack([cp.reshape(w, (1, w.size), order="C") for w in W])
            omega = cp.Variable((T, T), PSD=True)
            value = 0.5 * cp.matrix_frac(rows, omega) + 0.5 * coupling.ridge * cp.sum_squares(rows)
            return value, [cp.trace(omega) == 1]
        case SharedSubspace():
            return box_penalty(cp.vstack(W).T, coupling.outside, coupling.n_components)
        case Clustered():
            rows = cp.vstack([cp.reshape(w, (1, w.size), order="C") for w in W])
            mean = cp.sum(rows, axis=0) / T
            apart = (np.eye(T) - 1.0 / T) @ rows
            value, constraints = box_penalty(apart, coupling.within, coupling.n_clusters - 1)
            return value + 0.5 * coupling.centre_weight * cp.sum_squares(mean), constraints
        case FusedInTime():
            order = range(T) if coupling.order is None else coupling.order
            return sum(cp.sum(cp.abs(W[t] - W[s])) for s, t in itertools.pairwise(order)), []
        case GraphTied():
            tied = sum(a * cp.sum_squares(W[s] - W[t]) for s, t, a in weighted_edges(coupling, T))
            return 0.5 * tied + 0.5 * coupling.ridge * sum(cp.sum_squares(w) for w in W), []
        case TwoLevels():
            centre, groups = cp.Variable(W[0].shape), {g: cp.Variable(W[0].shape) for g in coupling.groups}
            own = sum(cp.sum_squares(w - groups[g]) for w, g in zip(W, coupling.groups, strict=True))
            between = coupling.between * sum(cp.sum_squares(u - centre) for u in groups.values())
            return 0.5 * (own + between + coupling.centre_weight * cp.sum_squares(centre)), []
        case Decomposed():
            held = [[cp.Variable(w.shape) for w in W] for _ in coupling.parts]
            pieces = [penalty(part, own, T, K) for part, own in zip(coupling.parts, held, strict=True)]
            sums = [w == sum(own[t] for own in held) for t, w in enumerate(W)]
            value = sum(part.weight * piece[0] for part, piece in zip(coupling.parts, pieces, strict=True))
            return value, [*sums, *(c for piece in pieces for c in piece[1])]
    raise TypeError(coupling)


def box_penalty(M, low, budget):
    """min tr M' Theta^-1 M / 2 over low I <= Theta <= I with trace of at most size low + budget (1 - low)."""
    size = M.shape[0]
    theta = cp.Variable((size, size), symmetric=True)
    eye = np.eye(size)
    inside = [theta - low * eye >> 0, eye - theta >> 0, cp.trace(theta) <= size * low + budget * (1 - low)]
    return 0.5 * cp.matrix_frac(M, theta), inside


def weighted_edges(coupling, T):
    """(s, t, a) of each pair that a graph ties."""
    if coupling.edges is not None:
        return [(*edge, 1.0) if len(edge) == 2 else edge for edge in coupling.edges]
    A = coupling.weights if coupling.weights is not None else -np.asarray(coupling.laplacian)
    return [(s, t, A[s][t]) for s, t in itertools.combinations(range(T), 2)]


def row_losses(loss, y, z, weight):
    """Weighted sum of the losses of some rows, as a cvxpy expression; z is an expression of shape (n, K)."""
    first = z[:, 0]
    sign = 2.0 * y - 1.0
    match loss:
        case Squared():
            return 0.5 * cp.sum(cp.multiply(weight, cp.square(y - first)))
        case Huber():
            return 0.5 * cp.sum(cp.multiply(weight, cp.huber(y - first, loss.delta)))
        case Quantile():  # the infimum over e of e^2 / 4h + |r - e| / 2 is half the Huber function of r, 2h wide
            half = cp.huber(y - first, loss.smoothing) / (4.0 * loss.smoothing) + loss.smoothing / 4.0
            return cp.sum(cp.multiply(weight, half + (loss.quantile - 0.5) * (y - first)))
        case Poisson():
            constant = np.where(y > 0, y * np.log(np.maximum(y, 1e-300)), 0.0) - y
            return cp.sum(cp.multiply(weight, cp.exp(first) - cp.multiply(y, first) + constant))
        case Logistic():
            return cp.sum(cp.multiply(weight, cp.logistic(first) - cp.multiply(y, first)))
        case SquaredHinge():
            return cp.sum(cp.multiply(weight, cp.square(cp.pos(1.0 - cp.multiply(sign, first)))))
    hot = np.eye(z.shape[1])[y.astype(int)]
    return cp.sum(cp.multiply(weight, cp.log_sum_exp(z, axis=1) - cp.sum(cp.multiply(hot, z), axis=1)))


def joint_optimum(problem, alpha):
    """Optimal value by an interior-point method that knows nothing of ours."""
    data = problem.data
    T, d, K = data.n_tasks, data.n_features, problem.n_outputs
    X = data.pair_rows()
    X = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    codes, s, y = data.codes, data.sample_weight, data.y
    real = np.ones(len(y), bool) if data.is_prior is None else ~data.is_prior
    n_t = np.bincount(codes, s * real, T)
    n = n_t.sum()
    c = np.ones(T) if problem.task_weight == "rows" else n / (T * n_t)
    W = [cp.Variable((K, d)) for _ in range(T)]
    b = [cp.Variable(K) if problem.fit_intercept else np.zeros(K) for _ in range(T)]
    offset = np.zeros((len(y), K)) if problem.offset is None else np.reshape(problem.offset, (len(y), K))
    loss = 0
    for t in range(T):
        rows = np.flatnonzero(codes == t)
        weight = c[t] * s[rows] / n
        z = X[rows] @ W[t].T + np.ones((len(rows), 1)) @ cp.reshape(b[t], (1, K), order="C") + offset[rows]
        loss += row_losses(problem.loss, y[rows], z, weight)
    value, constraints = penalty(problem.coupling, W, T, K)
    task = cp.Problem(cp.Minimize(loss + alpha * problem.coupling.weight * value), constraints)
    return task.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
