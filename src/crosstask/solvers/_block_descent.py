"""Block coordinate descent on moments for FeatureNorm: one feature of all tasks at a time, solved exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.solvers._moments import Moments
from crosstask.solvers._problem import Problem
from crosstask.solvers._state import Options, State, cold_start
from crosstask.solvers._threads import one_blas_thread

Array = NDArray[np.float64]
SWEEPS = 5  # between two extrapolations
PATIENCE = 4  # rounds, or an eighth of the features in use, before Newton's steps take the place of extrapolation


def block_descent(problem: Problem, alphas: Array, options: Options, init: State | None) -> Iterator[State]:
    """Yield answers for the squared loss, each certified by its duality gap."""
    with one_blas_thread():
        held = Moments(problem)
        V = np.array((init or cold_start(problem)).V)
        for alpha in alphas:
            descent = GroupDescent(held.G[:, None, :, None, :], float(alpha) * problem.coupling.weight)
            n_iter = 0
            while True:
                gradient = held.gradient(V)
                state = State(V, held.intercept, *held.certify(V, gradient, float(alpha)), n_iter)
                if options.done(float(alpha), state):
                    break
                descent.round(V, gradient)
                n_iter += SWEEPS
            yield replace(state, V=V.copy())


class GroupDescent:
    """Descent on q(W) + cut sum_j |W_j| for a quadratic q, with Anderson extrapolation (Bertrand and Massias 2021).

    Where features are nearly dependent that crawls: after some rounds Newton's steps on the features in use follow,
    later where there are many, since a step solves a system of their number for each task.

    Parameters
    ----------
    G : ndarray of shape (T, K, d, K, d)
        Second derivative of q.
    cut : float
        Weight of the group norm.
    """

    def __init__(self, G: Array, cut: float) -> None:
        T, K, d = G.shape[:3]
        self.G = np.ascontiguousarray(G)
        # Above each feature's own (K, K) block stands the diagonal of its absolute row sums.
        self.size = np.abs(np.einsum("tkjmj->tkmj", self.G)).sum(axis=2)
        self.cut = cut
        self.rounds = 0
        # Kept from round to round: for large problems fresh memory costs as much as what is done in it.
        self.seen = np.empty((SWEEPS, 2, T, K, d))
        self.steps, self.ahead, self.work = (
            np.empty((SWEEPS, T * K * d)),
            np.empty((2, T, K, d)),
            np.empty((2, T, K, d)),
        )

    def round(self, W: Array, gradient: Array) -> float:
        """Sweep a few times, extrapolate where that helps, all in place; return how far the objective fell."""
        from crosstask.solvers._kernels import group_sweep

        start, slope = W.copy(), gradient.copy()
        features = np.arange(W.shape[2])
        for sweep in range(SWEEPS):
            group_sweep(self.G, gradient, W, self.size, self.cut, features)
            self.seen[sweep] = W, gradient
            if sweep == 0:
                features = np.flatnonzero(W.any(axis=(0, 1)))
        self.rounds += 1
        if self.rounds <= max(PATIENCE, np.count_nonzero(_lengths(W)) // 8):
            self._extrapolate(start, W, gradient)
        else:
            self._newton(W, gradient)
        return self.fall(start, slope, W, gradient)

    def fall(self, start: Array, slope: Array, W: Array, gradient: Array) -> float:
        """Return how far the objective fell from ``start``, whose gradient is ``slope``, to W."""
        twice = np.vdot(np.add(slope, gradient, out=self.work[0]), np.subtract(start, W, out=self.work[1]))
        return 0.5 * float(twice) + self.cut * (_total_length(start) - _total_length(W))

    def _extrapolate(self, start: Array, W: Array, gradient: Array) -> None:
        """Move to the mixture that would stand still, where the objective falls there.

        The gradient is affine in the slopes and the weights sum to one, so it is mixed as they are.
        """
        for sweep, answer in enumerate(self.seen[:, 0]):
            before = self.seen[sweep - 1, 0] if sweep else start
            np.subtract(answer.reshape(-1), before.reshape(-1), out=self.steps[sweep])
        mix = mixture(self.steps)
        if mix is not None:
            np.dot(mix, self.seen.reshape(SWEEPS, -1), out=self.ahead.reshape(-1))
            ahead, slope = self.ahead
            if self.fall(W, gradient, ahead, slope) > 0.0:
                W[:], gradient[:] = ahead, slope

    def _accept(self, W: Array, gradient: Array, delta: Array) -> bool:
        """Take a step where the objective falls; rows of G where it does not move are not read."""
        T, K, d = W.shape
        used: Any = np.flatnonzero(delta.any(axis=(0, 1)))
        used = used if 2 * len(used) < d else slice(None)
        rows = self.G[:, :, used].reshape(T, -1, K * d)
        moved = (delta[:, :, used].reshape(T, 1, -1) @ rows).reshape(W.shape)
        if not self.fall(W, gradient, W + delta, gradient + moved) > 0.0:
            return False
        np.add(W, delta, out=W)
        np.add(gradient, moved, out=gradient)
        return True

    def _newton(self, W: Array, gradient: Array) -> None:
        """Take Newton's step on the features in use, damped until the objective falls.

        There the norm is smooth with second derivative cut (I - w w' / |w|^2) / |w| for each feature: a diagonal less
        one rank-one term a feature, so the tasks are solved apart and joined by one system of the number of features.
        """
        length = _lengths(W)
        used = np.flatnonzero(length > 0)
        if not len(used):
            return
        T, K, A = len(W), W.shape[1], len(used)
        w, size = W[:, :, used], length[used]
        G = self.G[:, :, used][..., used].reshape(T, K * A, K * A)
        right = -(gradient[:, :, used] + self.cut * w / size).reshape(T, K * A, 1)
        bends = np.zeros((T, K, A, A))
        bends[:, :, np.arange(A), np.arange(A)] = np.sqrt(self.cut / size**3) * w
        U = bends.reshape(T, K * A, A)
        solved = np.linalg.solve(G + np.diag(np.tile(self.cut / size, K)), np.concatenate([right, U], axis=2))
        own, bent = solved[..., 0], solved[..., 1:]
        values, vectors = np.linalg.eigh(np.eye(A) - np.einsum("tij,tik->jk", U, bent))
        along = vectors.T @ np.einsum("tij,ti->j", U, own)
        delta = np.zeros_like(W)
        for damping in (1e-10, 1e-4, 1e-3, 1e-2, 1e-1, 1.0):  # near-equal columns trade slopes almost freely
            step = own + bent @ (vectors @ (along / (np.maximum(values, 0.0) + damping)))
            delta[:, :, used] = step.reshape(T, K, A)
            turned = np.einsum("tkj,tkj->j", W, W + delta) < 0.0  # such a feature is on its way out
            if self._accept(W, gradient, np.where(turned, -W, delta)):
                return


def mixture(steps: Array) -> Array | None:
    """Return the weights, of sum one, with which some steps (S, size) nearly cancel."""
    products = steps @ steps.T
    size = float(np.trace(products))
    if size == 0.0:
        return None
    mix = np.linalg.solve(products + 1e-14 * size * np.eye(len(steps)), np.ones(len(steps)))
    return mix / mix.sum()


def _lengths(W: Array) -> Array:
    flat = W.reshape(-1, W.shape[-1])
    return np.sqrt(np.einsum("ij,ij->j", flat, flat))


def _total_length(W: Array) -> float:
    return float(_lengths(W).sum())
