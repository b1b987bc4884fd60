"""Squared loss with a sum of parts, on per-task moments; what all tasks share is eliminated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import Decomposed, Pooled, Stacked
from crosstask.solvers._accelerated import feature_steps, minimise_quadratic
from crosstask.solvers._moments import STEPS, Moments
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]


def parts(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers for ``Decomposed`` by accelerated proximal gradient on all parts at once.

    The parts see one gradient, that of their sum; m parts make its curvature m times as large. A part that all tasks
    share is not stepped but solved for: given the others it is a linear system of the size of one task.
    """
    with one_blas_thread():
        coupling = cast("Decomposed", problem.coupling)
        held = Moments(problem)
        sum_of = _Sum(held, coupling)
        T, d, m = problem.data.n_tasks, problem.data.n_features, sum_of.m
        step = np.tile(feature_steps(held.G, sum_of.others), m) / m
        blocks = np.zeros((T, 1, m * d)) if init is None or init.parts is None else sum_of.others_in(init.parts)
        latest: list[tuple[float, float]] = []
        for alpha in alphas:
            sum_of.at(float(alpha))

            def gradient(blocks: Array) -> Array:
                return np.tile(held.gradient(sum_of.slopes(blocks)), m)

            def stop(blocks: Array, steps: int, last: float, alpha: float = float(alpha)) -> bool:
                V = sum_of.slopes(blocks)
                latest[:] = [held.certify(V, held.gradient(V), alpha, sum_of.penalty(blocks))]
                n_iter = -(-steps // STEPS)
                return options.done(alpha, State(V, held.intercept, *latest[0], n_iter, sum_of.split(blocks)))

            blocks, n_steps = minimise_quadratic(
                gradient, sum_of.others, float(alpha), step, blocks, stop, STEPS * options.max_iter
            )
            objective, gap = latest[0]
            V, split = sum_of.slopes(blocks), sum_of.split(blocks)
            yield State(V, held.intercept, objective, gap, -(-n_steps // STEPS), split)


class _Sum:
    """Slopes as a sum: blocks of shape (T, 1, m d), and the best common slopes for them, if there are such."""

    def __init__(self, held: Moments, coupling: Decomposed) -> None:
        given = coupling.parts
        common = [k for k, part in enumerate(given) if isinstance(part, Pooled)]
        self.place = common[0] if common and len(given) > 1 else None
        self.others = Stacked([part for k, part in enumerate(given) if k != self.place], coupling.weight)
        self.m = len(self.others.parts)
        self.held = held
        self.ridge = 0.0 if self.place is None else coupling.weight * given[self.place].weight
        if self.place is not None:
            self.total = held.g.sum(axis=(0, 1))
            self.values, self.vectors = np.linalg.eigh(held.G.sum(axis=0))
            self.least = 1e-13 * len(self.values) * max(self.values.max(initial=0.0), 1e-300)

    def at(self, alpha: float) -> None:
        """Prepare the system of the common slopes, [sum_t G_t + alpha c] w_0 = sum_t g_t - G_t v_t."""
        if self.place is None:
            return
        held = np.maximum(self.values, 0.0) + alpha * self.ridge
        self.inverse = np.divide(1.0, held, out=np.zeros_like(held), where=self.values > self.least)

    def slopes(self, blocks: Array) -> Array:
        """Return W."""
        own = blocks.reshape(len(blocks), 1, self.m, -1).sum(axis=2)
        return own + self._common(own) if self.place is not None else own

    def penalty(self, blocks: Array) -> float:
        """Return the sum of the parts' penalties."""
        value = self.others.value(blocks)
        if self.ridge > 0:
            w0 = self._common(blocks.reshape(len(blocks), 1, self.m, -1).sum(axis=2))
            value += 0.5 * self.ridge * float(w0 @ w0)
        return value

    def split(self, blocks: Array) -> Array:
        """Return the parts in their order, shape (m, T, 1, d)."""
        own = blocks.reshape(len(blocks), 1, self.m, -1).transpose(2, 0, 1, 3)
        if self.place is None:
            return own
        shared = np.broadcast_to(self._common(own.sum(axis=0)), own.shape[1:])
        return np.insert(own, self.place, shared, axis=0)

    def others_in(self, split: Array) -> Array:
        """Return the blocks of parts that were split."""
        own = split if self.place is None else np.delete(split, self.place, axis=0)
        return own.transpose(1, 2, 0, 3).reshape(own.shape[1], 1, -1)

    def _common(self, own: Array) -> Array:
        right = self.total - np.einsum("tij,tj->i", self.held.G, own[:, 0])
        return self.vectors @ (self.inverse * (self.vectors.T @ right))
