"""ElementNorm ties no task to another: each is a problem of its own, with working sets of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import FeatureNorm
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State, cold_start

Array = NDArray[np.float64]


def task_by_task(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers for ``ElementNorm`` and one output a row.

    The L1 norm of a single task is its ``FeatureNorm``, whose algorithms know how to leave features out. The gaps of
    the tasks add up.
    """
    from crosstask.solvers._path import algorithm_for

    state = init or cold_start(problem)
    tasks = np.flatnonzero(np.diff(problem.data.offsets))
    alone = [_alone(problem, int(t)) for t in tasks]
    share = np.array([problem.row_weight[problem.data.offsets[t]] for t in tasks])
    share /= [own.row_weight[0] for own in alone]  # of the task's objective in that of all
    null = np.array([own.null_objective for own in alone])
    paths = [
        algorithm_for(own)(own, alphas / part, Options(options.tol, options.max_iter), _of_task(state, int(t)))
        for own, part, t in zip(alone, share, tasks, strict=True)
    ]
    for alpha in alphas:
        options.watch.see(float(alpha), replace(state, gap=float("inf"), n_iter=0), options.max_iter)
        found = [next(path) for path in paths]
        slopes, b = np.zeros_like(state.V), problem.null_intercept.copy()
        slopes[tasks] = [own.V[0] for own in found]
        b[tasks] = [own.b[0] for own in found]
        gap = np.array([own.gap for own in found]) * np.where(null > 1e-30, null, 1.0)
        total = problem.null_objective if problem.null_objective > 1e-30 else 1.0
        state = State(
            V=slopes,
            b=b,
            objective=float(share @ [own.objective for own in found]),
            gap=float(share @ gap) / total,
            n_iter=max(own.n_iter for own in found),
        )
        options.watch.see(float(alpha), state, options.max_iter)
        yield state


def _alone(problem: Problem, t: int) -> Problem:
    """Return one task's part of the problem; its objective is that part, divided by the task's share of the rows."""
    data, own = problem.data, slice(problem.data.offsets[t], problem.data.offsets[t + 1])
    rows = replace(
        data,
        X=data.X[own] if data.table_row is None else data.X,
        y=data.y[own],
        sample_weight=data.sample_weight[own],
        offsets=np.array([0, own.stop - own.start]),
        order=data.order[own],
        tasks=data.tasks[t : t + 1],
        table_row=None if data.table_row is None else data.table_row[own],
        is_prior=None if data.is_prior is None else data.is_prior[own],
        known=None if data.known is None else data.known[own],
    )
    offset = None if problem.offset is None else problem.offset[own]
    return replace(problem, data=rows, coupling=FeatureNorm(problem.coupling.weight), offset=offset)


def _of_task(state: State, t: int) -> State:
    return replace(state, V=state.V[t : t + 1], b=state.b[t : t + 1], parts=None)
