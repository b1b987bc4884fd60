"""What algorithms are given and what they hand back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

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


#: Looks at an iterate without any progress, beyond as many as it took to get there, that end a search.
PATIENCE = 100


ROUNDING = 1e-14  # a relative gap falls no further below this than by chance


class Watch:
    """Keeps the best iterate of the alpha in hand, for a fit that is interrupted, and tells who wants to know.

    It also notices when a search stands still: neither the gap nor the objective falls any more, in more iterations
    than it took to get there. What is left is rounding.
    """

    def __init__(self, tell: Tell | None = None) -> None:
        self.tell = tell
        self.alpha: float | None = None
        self.best: State | None
        self._forget()

    def _forget(self) -> None:
        self.best = None
        self.looks, self.moved = 0, 0
        self.gap, self.objective = float("inf"), float("inf")

    def see(self, alpha: float, state: State, max_iter: int) -> None:
        """Take note of an iterate whose gap is known."""
        if alpha != self.alpha or state.n_iter == 0:
            self.alpha = alpha
            self._forget()
        self.looks += 1
        if max(state.gap, ROUNDING) < 0.9 * self.gap or state.objective < self.objective - 1e-13 * abs(state.objective):
            self.moved = self.looks
            self.gap, self.objective = min(state.gap, self.gap), min(state.objective, self.objective)
        if self.best is None or state.gap <= self.best.gap:
            self.best = replace(state, V=state.V.copy())
        if self.tell is not None:
            self.tell(
                state.n_iter, max_iter, f"alpha={alpha:.3g}: objective {state.objective:.6g}, gap {state.gap:.1e}"
            )

    @property
    def stalled(self) -> bool:
        """Whether the search stands still."""
        return self.looks >= 2 * self.moved + PATIENCE


@dataclass(frozen=True)
class Options:
    """When to stop, and who watches."""

    tol: float
    max_iter: int
    watch: Watch = field(default_factory=Watch)

    def done(self, alpha: float, state: State) -> bool:
        """Tell whether an iterate ends the search, after the watch has seen it."""
        self.watch.see(alpha, state, self.max_iter)
        return state.gap <= self.tol or state.n_iter >= self.max_iter or self.watch.stalled


#: An algorithm answers for each alpha in turn, and may start from the answer before.
Algorithm = Callable[[Problem, Array, Options, State | None], Iterator[State]]


def cold_start(problem: Problem) -> State:
    """Return the null model."""
    shape = (problem.data.n_tasks, problem.n_outputs, problem.data.n_features)
    return State(np.zeros(shape), problem.null_intercept, problem.null_objective, float("inf"), 0)
