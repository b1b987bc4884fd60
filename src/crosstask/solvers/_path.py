"""One alpha, many alphas, and which alphas."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from crosstask.couplings import Coupling, Decomposed, ElementNorm, FeatureNorm, Independent, MeanTied, Pooled, TaskNorm
from crosstask.losses import Loss, Squared
from crosstask.solvers._block_descent import block_descent
from crosstask.solvers._closed_form import closed_form, closed_form_coefficients
from crosstask.solvers._designs import rows_are_shared
from crosstask.solvers._element_descent import element_descent
from crosstask.solvers._lifted import lifted
from crosstask.solvers._moments import moments
from crosstask.solvers._newton import newton
from crosstask.solvers._parts import parts
from crosstask.solvers._problem import Problem
from crosstask.solvers._proximal_gradient import proximal_gradient
from crosstask.solvers._restricted import newton_on_working_sets, newton_or_rows
from crosstask.solvers._solution import Solution
from crosstask.solvers._state import Algorithm, Options, State, Tell, Watch
from crosstask.solvers._task_by_task import task_by_task
from crosstask.solvers._threads import one_blas_thread
from crosstask.solvers._working_set import shared_working_sets, working_sets
from crosstask.tasks import TaskData

Array = NDArray[np.float64]
LARGEST_MOMENTS = 20_000_000  # numbers in the second moments of all tasks
SMALL_MOMENTS = LARGEST_MOMENTS // 10  # the same, where products with the rows cost less
NARROW = 64  # features up to which all moments are cheaper than looking for those that matter
WIDE = 128  # features from which Newton's method looks for those that matter

_ALGORITHMS: dict[tuple[type[Loss], type[Coupling]], Algorithm] = {
    (Squared, Independent): closed_form,
    (Squared, Pooled): closed_form,
    (Squared, MeanTied): closed_form,
    (Squared, TaskNorm): closed_form,
    (Squared, ElementNorm): element_descent,
    (Squared, FeatureNorm): block_descent,
    (Squared, Coupling): moments,
}


def solve(
    problem: Problem,
    alpha: float,
    *,
    tol: float = 1e-6,
    max_iter: int = 1000,
    init: Solution | None = None,
    tell: Tell | None = None,
) -> Solution:
    """Minimise the joint objective at one alpha.

    Parameters
    ----------
    problem : Problem
        Data, loss and coupling.
    alpha : float
        Strength of the coupling, positive.
    tol : float, default=1e-6
        Bound on the relative duality gap.
    max_iter : int, default=1000
        Most iterations.
    init : Solution, optional
        Where to start; the answer does not depend on it, the time does.
    tell : callable, optional
        Called as (iterations done, ``max_iter``, text) whenever the gap of an iterate is known.

    Returns
    -------
    Solution

    Warns
    -----
    ConvergenceWarning
        If the gap stays above ``tol``, or the fit was interrupted (``KeyboardInterrupt``): then the best iterate so far
        is returned, with its gap.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.couplings import MeanTied
    >>> from crosstask.losses import Squared
    >>> data = TaskData.from_arrays([[0.0], [1.0], [0.0], [1.0]], [0.0, 1.0, 0.0, 3.0], [0, 0, 1, 1])
    >>> solve(Problem(data, Squared(), MeanTied()), alpha=0.125).coef.ravel()
    array([1.5, 2.5])
    """
    return solve_path(problem, [alpha], tol=tol, max_iter=max_iter, init=init, tell=tell)[0]


def solve_path(
    problem: Problem,
    alphas: Iterable[float],
    *,
    tol: float = 1e-6,
    max_iter: int = 1000,
    init: Solution | None = None,
    tell: Tell | None = None,
) -> list[Solution]:
    """Minimise the joint objective at each alpha in turn, each answer starting the next (give large alphas first).

    Parameters and warnings are those of ``solve``; the warning comes once, for the worst alpha. After an interruption
    the alphas that were not reached repeat the last iterate, with an infinite gap.
    """
    values = _checked(alphas)
    if not len(values):
        return []
    algorithm = algorithm_for(problem)
    shift = problem.rows.shift
    begin = None
    if init is not None:
        at_means = init.intercept + np.einsum("tkd,td->tk", init.coef, shift)
        begin = State(
            init.coef, at_means * float(problem.fit_intercept), init.objective, init.gap, init.n_iter, init.parts
        )
    watch = Watch(tell)
    states, interrupted = _states(algorithm(problem, values, Options(tol, max_iter, watch), begin), len(values), watch)
    path = [_solution(problem, s, float(a), algorithm, tol) for s, a in zip(states, values, strict=True)]
    if interrupted:
        stopped = path[interrupted - 1]
        warnings.warn(
            f"{stopped.solver} was interrupted after {stopped.n_iter} iterations at alpha={stopped.alpha:.3g}: the "
            f"best iterate so far is kept, with a relative duality gap of {stopped.gap:.2g} (tol={tol:.2g}). Fit again "
            "to finish, or raise tol or alpha to be done sooner.",
            ConvergenceWarning,
            stacklevel=2,
        )
        return path
    worst = max(path, key=lambda s: s.gap)
    if not worst.converged:
        warnings.warn(_what_went_wrong(worst, tol, max_iter), ConvergenceWarning, stacklevel=2)
    return path


def _what_went_wrong(worst: Solution, tol: float, max_iter: int) -> str:
    stopped = f"{worst.solver} stopped after {worst.n_iter} iterations at alpha={worst.alpha:.3g}"
    if worst.n_iter >= max_iter:
        return (
            f"{stopped} with a relative duality gap of {worst.gap:.2g}, above tol={tol:.2g}: raise max_iter (now "
            f"{max_iter}), standardize the columns, or raise tol or alpha."
        )
    return (
        f"{stopped}: the relative duality gap stays at {worst.gap:.2g}, above tol={tol:.2g}, and more iterations do "
        "not lower it: raise tol or alpha, or standardize the columns."
    )


def _states(answers: Iterator[State], n_alphas: int, watch: Watch) -> tuple[list[State], int]:
    """Collect an answer for each alpha, and the number of those begun when the user interrupted; 0 without that."""
    states: list[State] = []
    try:
        states.extend(answers)
    except KeyboardInterrupt:
        if watch.best is None:
            raise
        states = [*states, watch.best][:n_alphas]
        begun = len(states)
        return states + [replace(states[-1], gap=float("inf"))] * (n_alphas - begun), begun
    return states, 0


def path_coefficients(
    problem: Problem, alphas: Iterable[float], *, tol: float = 1e-4, max_iter: int = 1000
) -> tuple[Array, Array]:
    """Return slopes (A, T, K, d) and intercepts (A, T, K) along a path, without certificates where they are exact.

    Made for cross-validation, where only predictions count: nothing warns, and ``tol`` is looser.
    """
    values = _checked(alphas)
    algorithm = algorithm_for(problem)
    if algorithm is closed_form:
        with one_blas_thread():
            V, b = closed_form_coefficients(problem, values)
        intercepts = b - np.einsum("atkd,td->atk", V, problem.rows.shift)
        return V, _fill_empty(problem, V, intercepts)
    states = list(algorithm(problem, values, Options(tol, max_iter), None))
    slopes = np.stack([state.V for state in states])
    intercepts = np.stack([state.b for state in states]) - np.einsum("atkd,td->atk", slopes, problem.rows.shift)
    return slopes, _fill_empty(problem, slopes, intercepts)


def path_decisions(
    problem: Problem, alphas: Iterable[float], data: TaskData, *, tol: float = 1e-4, max_iter: int = 1000
) -> Array:
    """Return the predictors (A, n_pairs, K) on other rows of the same tasks, for each alpha of a path."""
    slopes, b = path_coefficients(problem, alphas, tol=tol, max_iter=max_iter)
    A, T, K, d = slopes.shape
    with one_blas_thread():
        flat = data.decision(slopes.transpose(1, 0, 2, 3).reshape(T, A * K, d), b.transpose(1, 0, 2).reshape(T, A * K))
    return flat.reshape(-1, A, K).transpose(1, 0, 2)


def alpha_grid(problem: Problem, n_alphas: int = 30) -> Array:
    """Return alphas from the largest useful one down to the smallest, equally spaced in the logarithm.

    For a norm they run from the smallest alpha at which nothing is left but what is free, down to 1e-3 of it
    (1e-4 for ``FeatureNorm``); for a quadratic coupling, from 1 % to 99 % of the degrees of freedom.
    """
    largest, smallest = problem.coupling.alpha_range(problem)
    return np.geomspace(largest, smallest, n_alphas)


def _checked(alphas: Iterable[float]) -> Array:
    values = np.atleast_1d(np.asarray(list(alphas), dtype=np.float64))
    if not np.isfinite(values).all() or (values <= 0).any():
        raise ValueError(f"alpha must be positive and finite, got {values.min()}: give a small alpha to couple weakly.")
    return values


def algorithm_for(problem: Problem) -> Algorithm:
    """Look the pair up; what is not there gets Newton's method, and large moments give way to the rows."""
    loss = type(problem.loss)
    rows = proximal_gradient
    found = _ALGORITHMS.get((loss, type(problem.coupling)), _ALGORITHMS.get((loss, Coupling), newton))
    if isinstance(problem.coupling, Decomposed):
        found = parts if loss is Squared else lifted
    T, d, n = problem.data.n_tasks, problem.data.n_features, problem.data.n_pairs
    if found is closed_form:
        rank = min(d, int(np.diff(problem.data.offsets).max(initial=1)))
        return found if T * d * rank <= 2 * LARGEST_MOMENTS else rows
    if found is newton:
        chooses = type(problem.coupling) in (FeatureNorm, ElementNorm) and d > WIDE
        if chooses and isinstance(problem.coupling, ElementNorm) and problem.n_outputs == 1:
            return task_by_task
        return newton_on_working_sets if chooses else newton_or_rows(problem)
    if found is block_descent:
        return _by_features(problem)
    if found in (moments, parts, element_descent):
        small = T * d * d <= (LARGEST_MOMENTS if T * d <= 4 * n else SMALL_MOMENTS)
        large: dict[Algorithm, Algorithm] = {parts: lifted, element_descent: task_by_task}
        return found if small else large.get(found, rows)
    return found


def _by_features(problem: Problem) -> Algorithm:
    """Choose how features are descended on: with all moments, some of them, or none."""
    data = problem.data
    T, d, n = data.n_tasks, data.n_features, data.n_pairs
    dense = not sparse.issparse(data.X)
    if rows_are_shared(problem) and (dense or data.X.shape[0] * d <= LARGEST_MOMENTS):
        return shared_working_sets
    if d > NARROW and (data.table_row is None or n * d <= LARGEST_MOMENTS) and (dense or n * d <= LARGEST_MOMENTS):
        return working_sets
    small = T * d * d <= (LARGEST_MOMENTS if T * d <= 4 * n else SMALL_MOMENTS)
    return block_descent if small else newton_on_working_sets


def _solution(problem: Problem, state: State, alpha: float, algorithm: Algorithm, tol: float) -> Solution:
    intercept = state.b - np.einsum("tkd,td->tk", state.V, problem.rows.shift)
    intercept = _fill_empty(problem, state.V[None], intercept[None])[0]
    return Solution(
        coef=state.V,
        intercept=intercept,
        alpha=alpha,
        objective=state.objective,
        gap=state.gap,
        n_iter=state.n_iter,
        solver=getattr(algorithm, "__name__", "solver"),
        converged=state.gap <= tol,
        centre=_centre(problem.coupling, state),
        parts=state.parts,
    )


def _centre(coupling: Coupling, state: State) -> Array | None:
    if isinstance(coupling, Decomposed) and state.parts is not None:
        return coupling.centre_of(state.parts)
    return coupling.centre(state.V)


def _fill_empty(problem: Problem, V: Array, intercepts: Array) -> Array:
    """Let tasks without rows predict, at the mean row, what the others predict there on average."""
    totals = problem.data.totals
    if (totals > 0).all() or not problem.fit_intercept:
        return intercepts
    share = totals / totals.sum()
    at_centre = V @ (share @ problem.rows.shift)
    average = np.einsum("t,atk->ak", share, intercepts + at_centre)
    return np.where((totals > 0)[None, :, None], intercepts, average[:, None] - at_centre)
