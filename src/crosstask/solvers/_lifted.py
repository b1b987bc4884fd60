"""A sum of parts, as one problem in which the columns are repeated for each part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosstask.couplings import Decomposed
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State

Array = NDArray[np.float64]


def lifted(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers for ``Decomposed``: x'w = x'v_1 + .. + x'v_m, with the parts' penalties on the v_k.

    The loss, the intercepts and the residual, whose scaled form is dual to all parts at once, are those of the sum.
    """
    from crosstask.solvers._path import algorithm_for

    coupling = cast("Decomposed", problem.coupling)
    if all(part.rotation_invariant for part in coupling.parts) and problem.data.X.shape[0] < problem.data.n_features:
        turned, Q = problem.rotated()
        begin = None if init is None else _turned(init, Q)
        yield from (_turned(state, Q.T) for state in lifted(turned, alphas, options, begin))
        return
    m = len(coupling.parts)
    T, K, d = problem.data.n_tasks, problem.n_outputs, problem.data.n_features
    beside = replace(
        problem, data=replace(problem.data, X=_repeated(problem.data.X, m)), coupling=coupling.side_by_side()
    )
    begin = None
    if init is not None and init.parts is not None:
        begin = replace(init, V=init.parts.transpose(1, 2, 0, 3).reshape(T, K, m * d), parts=None)
    for state in algorithm_for(beside)(beside, alphas, options, begin):
        parts = state.V.reshape(T, K, m, d).transpose(2, 0, 1, 3)
        yield replace(state, V=parts.sum(axis=0), parts=parts)


def _repeated(X: Any, times: int) -> Any:
    if sparse.issparse(X):
        return sparse.hstack([X] * times, format="csr")
    return np.tile(X, (1, times))


def _turned(state: State, Q: Array) -> State:
    return replace(state, V=state.V @ Q, parts=None if state.parts is None else state.parts @ Q)
