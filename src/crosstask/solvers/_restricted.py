"""Any loss, and a coupling that lets features be zero: solve on few features, check all, take in what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import ElementNorm
from crosstask.solvers._certificate import certify
from crosstask.solvers._newton import newton
from crosstask.solvers._problem import Problem
from crosstask.solvers._proximal_gradient import proximal_gradient
from crosstask.solvers._state import Algorithm, Options, State, cold_start
from crosstask.solvers._threads import one_blas_thread
from crosstask.solvers._working_set import INNER, SMALLEST_SET

Array = NDArray[np.float64]
Features = NDArray[np.intp]
LARGEST_HESSIAN = 20_000_000  # numbers in the second derivatives of all tasks
WIDEST_NEWTON = 600  # unknowns of a task for which a system is solved at each step


def newton_on_working_sets(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers by Newton's method on working sets: second derivatives are only formed for the columns in use.

    A working set that outgrows Newton's method is left to proximal gradient.
    """
    with one_blas_thread():
        state = init or cold_start(problem)
        kept = np.flatnonzero(np.abs(state.V).sum(axis=(0, 1)))
        sub = _restrict(problem, kept)
        for alpha in alphas:
            n_iter = 0
            slopes, b = state.V, state.b
            now = certify(problem, slopes, b, sub.decision(slopes[:, :, kept], b), float(alpha))
            while not options.done(float(alpha), State(slopes, b, now.objective, now.gap, n_iter)):
                new = _missing(problem, slopes, now.gradient, kept, float(alpha))
                if len(new):
                    kept = np.union1d(kept, new)
                    if 2 * len(kept) > slopes.shape[2] and newton_or_rows(problem) is newton:
                        kept = np.arange(slopes.shape[2])
                    sub = _restrict(problem, kept)
                begin = State(slopes[:, :, kept], b, now.objective, now.gap, 0)
                goal = Options(INNER * now.gap, options.max_iter - n_iter)
                inner = next(newton_or_rows(sub)(sub, np.array([alpha]), goal, begin))
                slopes, b, n_iter = np.zeros_like(slopes), inner.b, n_iter + max(inner.n_iter, 1)
                slopes[:, :, kept] = inner.V
                now = certify(problem, slopes, b, sub.decision(inner.V, b), float(alpha))
            state = State(slopes, b, now.objective, now.gap, n_iter)
            yield state


def newton_or_rows(problem: Problem) -> Algorithm:
    """Choose Newton's method where the systems that it solves are small, else proximal gradient on the rows."""
    T, d = problem.data.n_tasks, problem.data.n_features
    turns = problem.coupling.rotation_invariant and problem.data.X.shape[0] < d
    width = problem.n_outputs * (problem.data.X.shape[0] if turns else d)
    return newton if T * width**2 <= LARGEST_HESSIAN and width <= WIDEST_NEWTON else proximal_gradient


def _restrict(problem: Problem, features: Features) -> Problem:
    if len(features) == problem.data.n_features:
        return problem
    return replace(problem, data=replace(problem.data, X=problem.data.X[:, features]))


def _missing(problem: Problem, V: Array, gradient: Array, kept: Features, alpha: float) -> Features:
    """Return the features that violate most and are not there yet, at most as many as are in use already."""
    flat = gradient.reshape(-1, gradient.shape[-1])
    by_element = isinstance(problem.coupling, ElementNorm)
    pull = np.abs(flat).max(axis=0) if by_element else np.linalg.norm(flat, axis=0)
    wanted = np.setdiff1d(np.flatnonzero(pull > alpha * problem.coupling.weight), kept)
    used = int(np.any(V, axis=(0, 1)).sum())
    room = max(SMALLEST_SET, 2 * used) - used
    return wanted if len(wanted) <= room else np.sort(wanted[np.argsort(-pull[wanted])[:room]])
