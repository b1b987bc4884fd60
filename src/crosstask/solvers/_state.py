"""What algorithms are given and what they hand back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crosstask.solvers._problem import Problem

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """When to stop."""

    tol: float
    max_iter: int


@dataclass(frozen=True)
class State:
    """An answer in the solver's coordinates: slopes (T, K, d), and intercepts (T, K) at the task means."""

    V: Array
    b: Array
    objective: float
    gap: float
    n_iter: int
    parts: Array | None = None  # (m, T, K, d): what V is the sum of


#: An algorithm answers for each alpha in turn, and may start from the answer before.
Algorithm = Callable[[Problem, Array, Options, State | None], Iterator[State]]


def cold_start(problem: Problem) -> State:
    """Return the null model."""
    shape = (problem.data.n_tasks, problem.n_outputs, problem.data.n_features)
    return State(np.zeros(shape), problem.null_intercept, problem.null_objective, float("inf"), 0)
