"""Squared loss with a quadratic coupling or ``TaskNorm``: all alphas exactly from one eigendecomposition per task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import Coupling, Independent, MeanTied, Pooled, TaskNorm
from crosstask.solvers._certificate import free_charge, relative
from crosstask.solvers._designs import SharedRows, rows_are_shared
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State
from crosstask.solvers._task_lengths import held_by_length
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]


class Spectra(NamedTuple):
    """G_t = U_t diag(l_t) U_t' and h_t = U_t'g_t, of sum s (x'w - y)^2 / 2 = w'G w / 2 - g'w + const; zero-padded."""

    U: Array  # (T, d, r)
    values: Array  # (T, r)
    h: Array  # (T, r)


def closed_form(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield the exact answer for each alpha, certified on the rows."""
    del options, init
    with one_blas_thread():
        slopes, b = closed_form_coefficients(problem, alphas)
        at_once = max(1, 4_000_000 // max(problem.data.n_pairs, 1))
        for first in range(0, len(alphas), at_once):
            chunk = slice(first, first + at_once)
            yield from _certified(problem, alphas[chunk], slopes[chunk], b)


def closed_form_coefficients(problem: Problem, alphas: Array) -> tuple[Array, Array]:
    """Return slopes (A, T, 1, d), and the intercepts (T, 1) at the task means, which do not depend on alpha."""
    b = problem.null_intercept
    kind = next(base for base in type(problem.coupling).__mro__ if base in _SLOPES)
    return _SLOPES[kind](problem, alphas)[:, :, None, :], b


def _certified(problem: Problem, alphas: Array, slopes: Array, b: Array) -> Iterator[State]:
    """Certify many alphas at once: they stand where the outputs stand, so that the rows are read once.

    In centred rows the intercepts are exact for every alpha.
    """
    coupling, weight = problem.coupling, problem.row_weight
    target = problem.data.y - problem.fixed[:, 0]
    fitted = problem.rows.decision(slopes[:, :, 0].transpose(1, 0, 2)) + b[problem.data.codes]
    residual = fitted - target[:, None]
    weighted = residual * weight[:, None]
    gradients = problem.rows.adjoint(weighted)
    smooth = 0.5 * np.einsum("ia,ia->a", residual, weighted)
    along = target @ weighted
    for a, alpha in enumerate(alphas):
        V, toward = slopes[a], gradients[:, a, None] / -alpha
        objective = float(smooth[a]) + alpha * coupling.value(V)
        scale = coupling.dual_scale(toward)
        gap = objective + float(smooth[a]) / scale**2 + float(along[a]) / scale
        gap += free_charge(problem, V, gradients[:, a, None])
        if not coupling.is_norm:
            gap += alpha * coupling.conjugate(toward / scale)
        yield State(V, b, objective, relative(problem, gap), 1)


def _independent(problem: Problem, alphas: Array) -> Array:
    spectra = task_spectra(problem)
    ridge = alphas[:, None, None] * problem.coupling.weight
    return own_slopes(spectra, 1.0 / (spectra.values + ridge))


def own_slopes(spectra: Spectra, inverse: Array) -> Array:
    """w_t = U h / (l + a), shape (A, T, d)."""
    return _in_features(spectra.U, spectra.h * inverse)


def _task_norm(problem: Problem, alphas: Array) -> Array:
    spectra = task_spectra(problem)
    cuts = alphas * problem.coupling.weight
    parts = np.stack([held_by_length(spectra.values, spectra.h, float(cut)) for cut in cuts])
    return _in_features(spectra.U, parts)


def _pooled(problem: Problem, alphas: Array) -> Array:
    if problem.data.X.shape[0] < problem.data.n_features:
        turned, Q = problem.rotated()
        return _pooled(turned, alphas) @ Q.T
    values, U, g = pooled_spectrum(problem)
    shared = (U.T @ g * pooled_inverse(problem, values, alphas)) @ U.T
    return np.repeat(shared[:, None], problem.data.n_tasks, axis=1)


def pooled_spectrum(problem: Problem) -> tuple[Array, Array, Array]:
    """Return eigenvalues and eigenvectors of the sum of the tasks' moments, and the sum of their moments with y."""
    d = problem.data.n_features
    gram, g = np.zeros((d, d)), np.zeros(d)
    for B, target, _ in _rooted(problem):
        flat = B.reshape(-1, d)
        gram += flat.T @ flat
        g += target.reshape(-1) @ flat
    values, U = np.linalg.eigh(gram)
    return np.maximum(values, 0.0), U, g


def pooled_inverse(problem: Problem, values: Array, alphas: Array) -> Array:
    """Return 1 / (l + a) of each alpha, shape (A, d); with weight 0, zero where no row has the direction."""
    held = values + alphas[:, None] * problem.coupling.weight
    if problem.coupling.weight > 0:
        return 1.0 / held
    return np.divide(1.0, held, out=np.zeros_like(held), where=held > negligible(values))


def negligible(values: Array) -> float:
    """Return a bound below which eigenvalues are rounding."""
    return 1e-13 * len(values) * max(float(values.max(initial=0.0)), 1e-300)


class Tie(NamedTuple):
    """MeanTied after the tasks are eliminated: schur_a (span' w_0) = span' sum_t U h / (l + a)."""

    spectra: Spectra
    inverse: Array  # (A, T, r): 1 / (l + a)
    span: Array  # (d, s): orthonormal, what the rows of all tasks span
    schur: Array  # (A, s, s)


def tie(problem: Problem, alphas: Array) -> Tie:
    """Return sum_t U l / (l + a) U' + c of each alpha in the span of the rows, and what it is made of."""
    coupling = cast("MeanTied", problem.coupling)
    spectra = task_spectra(problem)
    basis, values = _side_by_side(spectra.U), spectra.values
    inverse = 1.0 / (values + alphas[:, None, None] * coupling.weight)
    span = _range_of((basis * values.reshape(-1)) @ basis.T)
    inside = span.T @ basis
    kept = (values * inverse).reshape(len(alphas), 1, -1)
    schur = np.stack([(inside * row) @ inside.T for row in kept])
    return Tie(spectra, inverse, span, schur + coupling.centre_weight * np.eye(span.shape[1]))


def _mean_tied(problem: Problem, alphas: Array) -> Array:
    if problem.data.X.shape[0] < problem.data.n_features:
        turned, Q = problem.rotated()
        return _mean_tied(turned, alphas) @ Q.T
    return tied_slopes(tie(problem, alphas))


def tied_slopes(tie: Tie) -> Array:
    """w_t = w_0 + U (h - l U'w_0) / (l + a), with schur w_0 = sum_t U h / (l + a); shape (A, T, d)."""
    U, values, h = tie.spectra
    right = (h * tie.inverse).reshape(len(tie.inverse), -1) @ _side_by_side(U).T
    w0 = np.linalg.solve(tie.schur, (right @ tie.span)[..., None])[..., 0] @ tie.span.T
    own = h - values * (w0 @ U).transpose(1, 0, 2)
    return w0[:, None] + _in_features(U, own * tie.inverse)


def _side_by_side(U: Array) -> Array:
    return U.transpose(1, 0, 2).reshape(U.shape[1], -1)


_SLOPES: dict[type[Coupling], Callable[[Problem, Array], Array]] = {
    Independent: _independent,
    Pooled: _pooled,
    MeanTied: _mean_tied,
    TaskNorm: _task_norm,
}


def task_spectra(problem: Problem) -> Spectra:
    """Decompose each task's moments, through the smaller of rows and features."""
    rows = problem.rows
    T, d = problem.data.n_tasks, problem.data.n_features
    r = min(d, int(np.diff(problem.data.offsets).max(initial=1)))
    if rows_are_shared(problem):
        return _shared_spectra(problem)
    U, values, h = np.zeros((T, d, r)), np.zeros((T, r)), np.zeros((T, r))
    for (B, target, tasks), _ in zip(_rooted(problem), rows.batches(), strict=True):
        swapped = B.transpose(0, 2, 1)
        if d <= B.shape[1]:
            size, vectors = np.linalg.eigh(swapped @ B)
            U[tasks], values[tasks] = vectors, np.maximum(size, 0.0)
            h[tasks] = ((target[:, None] @ B) @ vectors)[:, 0]
            continue
        size, vectors = np.linalg.eigh(B @ swapped)
        real = size > 1e-14 * d * size.max(axis=1, initial=0.0, keepdims=True)
        root = np.sqrt(np.where(real, size, 1.0))
        m = B.shape[1]
        U[tasks, :, :m] = swapped @ (vectors * (real / root)[:, None])
        values[tasks, :m] = np.where(real, size, 0.0)
        h[tasks, :m] = root * real * (target[:, None] @ vectors)[:, 0]
    return Spectra(U, values, h)


def _shared_spectra(problem: Problem) -> Spectra:
    """Decompose the one X that all tasks share; U and the values are views."""
    design = SharedRows(problem)
    U, root, right = np.linalg.svd(design.rows, full_matrices=False)
    T = design.n_tasks
    h = (right @ design.target).T * root
    return Spectra(np.broadcast_to(U, (T, *U.shape)), np.broadcast_to(root**2, (T, len(root))), h)


def _rooted(problem: Problem) -> Iterator[tuple[Array, Array, NDArray[np.intp]]]:
    """Yield rows and targets times the root of their weight, padding zero, and the tasks they belong to."""
    root = np.sqrt(problem.row_weight)
    target = problem.data.y - problem.fixed[:, 0] - problem.null_intercept[problem.data.codes, 0]
    for tasks, X, pairs, mask in problem.rows.batches():
        weight = root[pairs] if mask is None else np.where(mask, root[pairs], 0.0)
        yield X * weight[..., None], target[pairs] * weight, tasks


def _range_of(G: Array) -> Array:
    """Orthonormal basis of what the rows span; directions that no row has stay out of the centre."""
    values, vectors = np.linalg.eigh(G)
    return vectors[:, values > negligible(values)]


def _in_features(U: Array, parts: Array) -> Array:
    """U_t parts_at for every alpha and task: (A, T, r) to (A, T, d)."""
    return (U @ parts.transpose(1, 2, 0)).transpose(2, 0, 1)
