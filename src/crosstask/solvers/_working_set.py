"""Working sets for FeatureNorm and the squared loss: solve on few features, check all, take in what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crosstask.solvers._certificate import relative
from crosstask.solvers._designs import Design, Features, OwnRows, SharedRows
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State, cold_start
from crosstask.solvers._subproblems import OwnSubproblem, SharedSubproblem, bounds, lengths
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]
SMALLEST_SET = 32
INNER = 0.3  # part of the gap down to which a working set is solved before all features are looked at again


class Subproblem(Protocol):
    """The problem on some features."""

    features: Features

    def extend(self, features: Features) -> None:
        """Take features in."""
        ...

    def descend(self, W: Array, residual: Array, cut: float, small: float, max_sweeps: int) -> int:
        """Descend until the gap on these features is below ``small``; return the number of sweeps.

        Slopes (m, T) and residual are changed in place.
        """
        ...


def working_sets(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers where each task has its own rows; only products of the columns in use are formed."""
    with one_blas_thread():
        design = OwnRows(problem)
        yield from _follow(problem, design, OwnSubproblem(design), alphas, options, init)


def shared_working_sets(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers where all tasks share their rows, which are kept once."""
    with one_blas_thread():
        design = SharedRows(problem)
        yield from _follow(problem, design, SharedSubproblem(design), alphas, options, init)


def _follow(
    problem: Problem, design: Design, sub: Subproblem, alphas: Array, options: Options, init: State | None
) -> Iterator[State]:
    V = np.array((init or cold_start(problem)).V[:, 0].T, order="C")
    residual = _residual(design, V)
    gradient = design.correlate(residual)
    for alpha in alphas:
        cut = float(alpha) * problem.coupling.weight
        best, sweeps = -np.inf, 0
        while True:
            length = lengths(gradient)
            objective, dual = bounds(design.target, residual, V, length, cut)
            best = max(best, dual)
            state = State(V.T[:, None], problem.null_intercept, objective, relative(problem, objective - best), sweeps)
            if options.done(float(alpha), state):
                break
            _take_in(sub, V, length, cut)
            W = V[sub.features]
            sweeps += sub.descend(W, residual, cut, INNER * (objective - best), options.max_iter - sweeps)
            V[sub.features] = W
            gradient = design.correlate(residual)
        yield replace(state, V=state.V.copy())


def _residual(design: Design, V: Array) -> Array:
    used = np.flatnonzero(lengths(V))
    return design.predict(design.columns(used), V[used]) - design.target if len(used) else -design.target


def _take_in(sub: Subproblem, V: Array, length: Array, cut: float) -> None:
    """Take in the features in use and the most violating ones, at most as many as are in use already."""
    known = np.isin(np.arange(len(V)), sub.features)
    used = lengths(V) > 0
    wanted = np.flatnonzero(~known & (used | (length > cut)))
    room = max(SMALLEST_SET, 2 * int(used.sum())) - int((used & known).sum())
    if len(wanted) > room:
        priority = np.where(used[wanted], np.inf, length[wanted])
        wanted = wanted[np.argsort(-priority)[:room]]
    if len(wanted):
        sub.extend(np.sort(wanted))
