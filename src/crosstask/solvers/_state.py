"""What algorithms are given and what they hand back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from crosstask.solvers._problem import Problem

Array = NDArray[np.float64]


#: Hears of progress: (done, total, text).
Tell = Callable[[int, int, str], object]


@dataclass(frozen=True)
class State:
    """An answer in the solver's coordinates: slopes (T, K, d), and intercepts (T, K) at the task means."""

    V: Array
    b: Array
    objective: float
    gap: float
    n_iter: int
    parts: Array | None = None  # (m, T, K, d): what V is the sum of


class Watch:
    """Keeps the best iterate of the alpha in hand, for a fit that is interrupted, and tells who wants to know."""

    def __init__(self, tell: Tell | None = None) -> None:
        self.tell = tell
        self.alpha: float | None = None
        self.best: State | None = None

    def see(self, alpha: float, state: State, max_iter: int) -> None:
        """Take note of an iterate whose gap is known."""
        if self.best is None or alpha != self.alpha or state.gap <= self.best.gap:
            self.alpha, self.best = alpha, replace(state, V=state.V.copy())
        if self.tell is not None:
            self.tell(
                state.n_iter, max_iter, f"alpha={alpha:.3g}: objective {state.objective:.6g}, gap {state.gap:.1e}"
            )


@dataclass(frozen=True)
class Options:
    """When to stop, and who watches."""

    tol: float
    max_iter: int
    watch: Watch | None = None

    def done(self, alpha: float, state: State) -> bool:
        """Tell whether an iterate ends the search, after the watch has seen it."""
        if self.watch is not None:
            self.watch.see(alpha, state, self.max_iter)
        return state.gap <= self.tol or state.n_iter >= self.max_iter


#: An algorithm answers for each alpha in turn, and may start from the answer before.
Algorithm = Callable[[Problem, Array, Options, State | None], Iterator[State]]


def cold_start(problem: Problem) -> State:
    """Return the null model."""
    shape = (problem.data.n_tasks, problem.n_outputs, problem.data.n_features)
    return State(np.zeros(shape), problem.null_intercept, problem.null_objective, float("inf"), 0)
