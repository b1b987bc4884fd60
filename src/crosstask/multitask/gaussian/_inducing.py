"""The posterior of many rows: exact inside each task, and through inducing rows between tasks (PIC)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from crosstask.multitask.gaussian._covariance import Covariance
from crosstask.multitask.gaussian._likelihood import GPRows

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

_JITTER = 1e-8  # of the variance: inducing rows may be alike


@dataclass(frozen=True)
class OwnRows:
    """The rows of a task that is exact inside: K_tt - V_t'V_t + noise = R R', and what a prediction needs of it.

    Parameters
    ----------
    X_train_ : ndarray of shape (n_t, n_features)
    coef : ndarray of shape (n_t,)
        The task's part of a = Sigma^-1 y.
    reply : ndarray of shape (n_inducing,)
        What the task's rows take back of the inducing rows' coefficients, solve(outer', V_t a_t).
    factor : ndarray of shape (n_t, n_t)
        R.
    seen : ndarray of shape (n_t, n_inducing)
        solve(R, V_t').
    """

    X_train_: Array
    coef: Array
    reply: Array
    factor: Array
    seen: Array


@dataclass(frozen=True)
class InducingPosterior:
    r"""f at (x, t), given y whose covariance is V'V between tasks and exact inside those of ``own``.

    V = solve(outer, K_uf), with u the inducing rows; ``inner`` is the factor of I + V D^-1 V', D what V'V leaves of the
    covariance: a block for each task in ``own``, and a diagonal for the rows of all others.
    """

    X_train_: Array
    codes: Ints
    coef: Array
    outer: Array
    inner: Array
    own: dict[int, OwnRows]

    def at(self, X: Array, codes: Ints, prior: Covariance, *, spread: bool) -> tuple[Array, Array | None]:
        """Return mean and variance of f; ``prior`` is that of the fit, its codes perhaps in other units."""
        q = prior.across(X, codes, self.X_train_, self.codes)
        mean = q @ self.coef
        left, seen = np.empty(0), np.empty((0, 0))
        if spread:
            seen = solve_triangular(self.outer, q.T, lower=True, check_finite=False)
            left = prior.variance(X, codes) - np.sum(seen**2, axis=0)
        for t, rows in self.own.items():
            here = np.flatnonzero(codes == t)
            if not len(here):
                continue
            cross = prior.across(X[here], codes[here], rows.X_train_, _same(t, rows.coef))
            mean[here] += cross @ rows.coef - q[here] @ rows.reply
            if spread:
                apart = solve_triangular(rows.factor, cross.T, lower=True, check_finite=False)
                apart -= rows.seen @ seen[:, here]
                left[here] -= np.sum(apart**2, axis=0)
                seen[:, here] -= rows.seen.T @ apart
        if not spread:
            return mean, None
        left += np.sum(solve_triangular(self.inner, seen, lower=True, check_finite=False) ** 2, axis=0)
        return mean, np.maximum(left, 0.0)


def inducing_posterior(rows: GPRows, prior: Covariance, noise: Array, chosen: Ints, whole: Ints) -> InducingPosterior:
    """Return the posterior of all rows, in which rows of two tasks are tied only through the chosen rows.

    So are two rows of one task, unless ``whole`` holds it: its rows then have their exact covariance.
    """
    X, codes = rows.X[chosen], rows.codes[chosen]
    inside = prior.of_rows(X, codes)
    inside[np.diag_indices_from(inside)] += _JITTER * np.diag(inside)
    outer = cholesky(inside, lower=True, check_finite=False)
    # I + V D^-1 V' is at least the identity: no noise is too small for it.
    inner, right = np.eye(len(chosen)), np.zeros(len(chosen))
    parts: list[tuple[int, Ints, Array, Array, Array]] = []
    for t in np.unique(rows.codes):
        here = np.flatnonzero(rows.codes == t)
        across = prior.across(rows.X[here], rows.codes[here], X, codes)
        V = solve_triangular(outer, across.T, lower=True, check_finite=False)
        factor, seen, y = _whitened(rows, here, prior, float(noise[t]), V, exact=t in whole)
        inner += seen.T @ seen
        right += seen.T @ y
        parts.append((int(t), here, factor, seen, y))
    inner = cholesky(inner, lower=True, check_finite=False)
    half = solve_triangular(inner, right, lower=True, check_finite=False)
    half = solve_triangular(inner, half, lower=True, trans=1, check_finite=False)
    own: dict[int, OwnRows] = {}
    for t, here, factor, seen, y in parts:
        if t in whole:
            left = y - seen @ half
            coef = solve_triangular(factor, left, lower=True, trans=1, check_finite=False)
            reply = solve_triangular(outer, seen.T @ left, lower=True, trans=1, check_finite=False)
            own[t] = OwnRows(rows.X[here], coef, reply, factor, seen)
    coef = solve_triangular(outer, half, lower=True, trans=1, check_finite=False)
    return InducingPosterior(X, codes, coef, outer, inner, own)


def exact_tasks(codes: Ints, n_tasks: int, max_rows: int) -> Ints:
    """Return the tasks whose own rows are kept whole: from the smallest on, while n_t^2 adds up to 4 max_rows^2.

    None of them has more than ``max_rows`` rows.
    """
    sizes = np.bincount(codes, minlength=n_tasks).astype(np.float64)
    order = np.argsort(sizes, kind="stable")
    fits = (np.cumsum(sizes[order] ** 2) <= 4.0 * max_rows**2) & (sizes[order] <= max_rows)
    return np.sort(order[fits]).astype(np.intp)


def _whitened(
    rows: GPRows, here: Ints, prior: Covariance, noise: float, V: Array, *, exact: bool
) -> tuple[Array, Array, Array]:
    """Return (R, solve(R, V'), solve(R, y)) of one task, R R' what V'V leaves of its rows' covariance, and noise."""
    X, codes, errors = rows.X[here], rows.codes[here], noise / rows.weight[here]
    variance = prior.variance(X, codes)
    if not exact:
        root = np.sqrt(np.maximum(variance - np.sum(V**2, axis=0), 0.0) + errors)
        return root, V.T / root[:, None], rows.y[here] / root
    left = prior.of_rows(X, codes) - V.T @ V
    left[np.diag_indices_from(left)] += errors + _JITTER * variance
    factor = cholesky(left, lower=True, overwrite_a=True, check_finite=False)
    seen = solve_triangular(factor, V.T, lower=True, check_finite=False)
    return factor, seen, solve_triangular(factor, rows.y[here], lower=True, check_finite=False)


def _same(task: int, rows: Array) -> Ints:
    return np.full(len(rows), task, dtype=np.intp)
