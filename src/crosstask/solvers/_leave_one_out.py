"""What every row's prediction would be without that row, exactly and without refitting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import Independent, MeanTied, Pooled
from crosstask.losses import Squared
from crosstask.solvers._closed_form import (
    closed_form_coefficients,
    own_slopes,
    pooled_inverse,
    pooled_spectrum,
    task_spectra,
    tie,
    tied_slopes,
)
from crosstask.solvers._problem import Problem
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]
AT_ONCE = 4_000_000  # numbers held for one group of alphas
QUADRATIC = (Independent, Pooled, MeanTied)


class _Sensitivity(NamedTuple):
    """dw_t / dg_t = U diag(1 / (l + a)) U' + A U roots roots' U' A: how slopes follow their task's moments."""

    U: Array  # (T, d, r), or (1, d, r) for all tasks
    inverse: Array  # (A, T, r)
    roots: Array | None  # (A, d, s): of a S^-1, S as in ``tie``


def has_leave_one_out(loss: Any, coupling: Any) -> bool:
    """Tell whether held-out predictions have a closed form."""
    return type(loss) is Squared and type(coupling) in QUADRATIC


def leave_one_out(problem: Problem, alphas: Iterable[float], *, evenly: bool = False) -> Array:
    r"""Return each pair's prediction by the model of all other pairs, for each alpha, shape (A, n_pairs).

    A prediction is linear in y, so a row's own share of it says what is left without it:

    .. math::
        \hat y_{-i} = y_i - \frac{y_i - \hat y_i}{1 - h_i}, \qquad
        h_i = a_i \Bigl( \frac{1}{m_t} + (x_i - \bar x_t)' \frac{\partial w_t}{\partial g_t} (x_i - \bar x_t) \Bigr)

    with a_i the row's weight in the objective, m_t that of its task, and g_t the task's moments with y. The objective
    without the row keeps its n, so that alpha means the same ridge. NaN for the only row of a task.

    ``evenly`` gives every row the mean of the h_i: the squared errors are then those of generalised cross-validation,
    n sum s r^2 / (n - sum h)^2 (Golub, Heath and Wahba 1979). A weight of k counts as k rows in n, which is no less
    than the number of rows: weights of another unit, that add up to 1, are no reason to see fewer. The mean is that of
    the task for ``Independent``, whose tasks are problems of their own.

    Notes
    -----
    Cost: that of the path, and O(n d^2) an alpha for ``MeanTied``, O(n d) an alpha otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.tasks import TaskData
    >>> data = TaskData.from_arrays(np.zeros((3, 1)), [1.0, 2.0, 6.0], [0, 0, 0])
    >>> leave_one_out(Problem(data, Squared(), Independent()), [1.0])
    array([[4. , 3.5, 1.5]])
    """
    values = np.asarray(list(alphas), dtype=np.float64)
    if problem.data.X.shape[0] < problem.data.n_features:
        problem = problem.rotated()[0]
    with one_blas_thread():
        slopes, sensitivity = _solved(problem, values)
        fitted = problem.rows.decision(slopes.transpose(1, 0, 2))
        fitted += problem.null_intercept[problem.data.codes] + problem.fixed
        share = problem.row_weight[:, None] * _own_share(problem, sensitivity, len(values))
    left = 1.0 - (_mean_share(problem, share) if evenly else share)
    alone = left <= 1e-10
    y = problem.data.y[:, None]
    return np.where(alone, np.nan, y - (y - fitted) / np.where(alone, 1.0, left)).T


def _mean_share(problem: Problem, share: Array) -> Array:
    """Mean of the shares (n_pairs, A) over the rows of the one problem that they belong to, copies counted."""
    data = problem.data
    if not isinstance(problem.coupling, Independent):
        return np.broadcast_to(share.sum(axis=0) / max(float(data.sample_weight.sum()), data.n_pairs), share.shape)
    n_rows = np.maximum(problem.task_sums(data.sample_weight[:, None]), np.diff(data.offsets)[:, None])
    return (problem.task_sums(share) / np.maximum(n_rows, 1.0))[data.codes]


def _solved(problem: Problem, alphas: Array) -> tuple[Array, _Sensitivity]:
    """Slopes (A, T, d) and their sensitivity."""
    ridge = alphas[:, None, None] * problem.coupling.weight
    if isinstance(problem.coupling, Pooled):
        values, U, _ = pooled_spectrum(problem)
        slopes = closed_form_coefficients(problem, alphas)[0][:, :, 0]
        return slopes, _Sensitivity(U[None], pooled_inverse(problem, values, alphas)[:, None], None)
    if isinstance(problem.coupling, Independent):
        spectra = task_spectra(problem)
        inverse = 1.0 / (spectra.values + ridge)
        return own_slopes(spectra, inverse), _Sensitivity(spectra.U, inverse, None)
    tied = tie(problem, alphas)
    values, vectors = np.linalg.eigh(tied.schur)
    values = np.maximum(values, 1e-13 * values[:, -1:])
    roots = (tied.span @ vectors) * np.sqrt(ridge / values[:, None])
    return tied_slopes(tied), _Sensitivity(tied.spectra.U, tied.inverse, roots)


def _own_share(problem: Problem, sensitivity: _Sensitivity, n_alphas: int) -> Array:
    """Derivative of each pair's prediction in its own weighted y, shape (n_pairs, A)."""
    U, inverse, roots = sensitivity
    out = np.zeros((problem.data.n_pairs, n_alphas))
    if problem.fit_intercept:
        out += 1.0 / problem.task_sums(problem.row_weight[:, None])[problem.data.codes]
    for tasks, X, pairs, mask in problem.rows.batches():
        own = np.zeros_like(tasks) if len(U) == 1 else tasks
        turned = X @ U[own]
        share = turned**2 @ inverse[:, own].transpose(1, 2, 0)
        if roots is not None:
            per = max(1, AT_ONCE // max(turned[..., 0].size * roots.shape[2], 1))
            for first in range(0, n_alphas, per):
                some = slice(first, first + per)
                share[..., some] += _through_centre(turned, U[own], inverse[some][:, own], roots[some])
        kept = slice(None) if mask is None else mask
        out[pairs[kept].reshape(-1)] += share[kept].reshape(-1, n_alphas)
    return out


def _through_centre(turned: Array, U: Array, inverse: Array, roots: Array) -> Array:
    """|roots' A x|^2 of each row and alpha: (B, m, r) rows in their task's own directions to (B, m, A)."""
    A, d, s = roots.shape
    T, _, r = U.shape
    flat = roots.transpose(1, 0, 2).reshape(d, A * s)
    inside = (U.transpose(0, 2, 1).reshape(T * r, d) @ flat).reshape(T, r, A, s)
    inside *= inverse.transpose(1, 2, 0)[..., None]
    product = (turned @ inside.reshape(T, r, A * s)).reshape(T, turned.shape[1], A, s)
    return np.einsum("tmas,tmas->tma", product, product)
