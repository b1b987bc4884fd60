"""Block coordinate descent on the features of a working set, with Anderson extrapolation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstask.solvers._block_descent import SWEEPS, GroupDescent, mixture
from crosstask.solvers._designs import Features, OwnRows, SharedRows

Array = NDArray[np.float64]
BLOCK = 32  # shared features between two products with the rows
ROUNDING = 1e-15  # of the objective: a gap below it is not known
FULLEST = 1.0  # features in a Gram, as a multiple of the mean number of rows of a task


def lengths(V: Array) -> Array:
    """Return the length of each feature of slopes (m, T)."""
    return np.sqrt(np.einsum("jt,jt->j", V, V))


def feasible_scale(correlations: Array, cut: float) -> float:
    """Return by what a residual must be divided so that no feature's correlation with it is above ``cut``."""
    return max(1.0, float(correlations.max(initial=0.0)) / cut)


def may_be_used(correlations: Array, size: Array, gap: float, cut: float) -> NDArray[np.bool_]:
    """Tell which features the duality gap does not prove to be zero, for squared lengths (m, T) of their columns.

    The dual objective is strongly concave, so its best point is within sqrt(2 gap) of the scaled residual; a feature
    whose correlation stays below ``cut`` on that ball is zero at the optimum (Ndiaye, Fercoq, Gramfort and Salmon
    2017).
    """
    return correlations / feasible_scale(correlations, cut) + np.sqrt(2.0 * gap * size.max(axis=1)) >= cut


def bounds(target: Array, residual: Array, V: Array, correlations: Array, cut: float) -> tuple[float, float]:
    """Return the objective and the dual one at the residual, scaled until no feature's correlation is above ``cut``."""
    square, along = float(np.vdot(residual, residual)), float(np.vdot(residual, target))
    scale = feasible_scale(correlations, cut)
    return 0.5 * square + cut * float(lengths(V).sum()), -0.5 * square / scale**2 - along / scale


class OwnSubproblem:
    """Own rows: on the moments of the features while these are few beside the rows, else on the residuals."""

    def __init__(self, design: OwnRows) -> None:
        self.design = design
        self.features: Features = np.empty(0, dtype=np.intp)
        self.rows = np.empty((0, len(design.target)))
        self.gram: Array | None = np.empty((design.n_tasks, 0, 0))
        self.g = np.empty((design.n_tasks, 0))
        self.most = FULLEST * len(design.target) / max(design.n_tasks, 1)

    def extend(self, features: Features) -> None:
        """Take features in; moments are only computed for what is new."""
        new = self.design.columns(features)
        m, k = len(self.features), len(features)
        self.features = np.concatenate([self.features, features])
        if self.gram is not None and m + k <= self.most:
            G = np.empty((self.design.n_tasks, m + k, m + k))
            G[:, :m, :m] = self.gram
            g = np.empty((self.design.n_tasks, m + k))
            g[:, :m] = self.g
            for t, rows in enumerate(self.design.segments):
                np.matmul(new[:, rows], new[:, rows].T, out=G[t, m:, m:])
                if m:
                    G[t, m:, :m] = new[:, rows] @ self.rows[:, rows].T
                    G[t, :m, m:] = G[t, m:, :m].T
                g[t, m:] = new[:, rows] @ self.design.target[rows]
            self.gram, self.g = G, g
        else:
            self.gram = None
        self.rows = np.concatenate([self.rows, new]) if m else new

    def descend(self, W: Array, residual: Array, cut: float, small: float, max_sweeps: int) -> int:
        """Descend until the gap on these features is below ``small``; return the number of sweeps."""
        if self.gram is None:
            return self._on_residuals(W, residual, cut, small, max_sweeps)
        sweeps = self._on_moments(self.gram, W, cut, small, max_sweeps)
        np.subtract(self.design.predict(self.rows, W), self.design.target, out=residual)
        return sweeps

    def _on_moments(self, G: Array, W: Array, cut: float, small: float, max_sweeps: int) -> int:
        own = np.ascontiguousarray(W.T)
        gradient = np.einsum("tij,tj->ti", G, own) - self.g
        null = float(np.vdot(self.design.target, self.design.target))
        descent = GroupDescent(G[:, None, :, None, :], cut)
        sweeps = 0
        while sweeps < max_sweeps:
            descent.round(own[:, None], gradient[:, None])
            sweeps += SWEEPS
            square = null + float(np.vdot(own, gradient - self.g))
            along = float(np.vdot(own, self.g)) - null
            scale = max(1.0, float(lengths(gradient.T).max()) / cut)
            gap = 0.5 * square * (1.0 + 1.0 / scale**2) + along / scale + cut * float(lengths(own.T).sum())
            if gap <= small:
                break
        W[:] = own.T
        return sweeps

    def _on_residuals(self, W: Array, residual: Array, cut: float, small: float, max_sweeps: int) -> int:
        from crosstask.solvers._kernels import residual_sweep

        starts = self.design.starts
        size = np.stack([np.einsum("ji,ji->j", self.rows[:, s], self.rows[:, s]) for s in self.design.segments], axis=1)
        track = Track(W, residual, cut)
        sweeps = 0
        features = np.arange(len(W))
        while sweeps < max_sweeps:
            for _ in range(SWEEPS):
                residual_sweep(self.rows, starts, residual, W, size, cut, features)
                track.note()
                features = np.flatnonzero(W.any(axis=1))
            track.extrapolate()
            sweeps += SWEEPS
            correlations = np.stack([self.rows[:, s] @ residual[s] for s in self.design.segments], axis=1)
            length = lengths(correlations)
            objective, dual = bounds(self.design.target, residual, W, length, cut)
            if objective - dual <= small:
                break
            features = np.flatnonzero(
                W.any(axis=1) | may_be_used(length, size, max(objective - dual, ROUNDING * objective), cut)
            )
        return sweeps


class SharedSubproblem:
    """Shared rows: a block of features at a time on its own products, between two products with all rows."""

    def __init__(self, design: SharedRows) -> None:
        self.design = design
        self.features: Features = np.empty(0, dtype=np.intp)
        self.rows = np.empty((0, len(design.target)))
        self.blocks: list[tuple[slice, Array]] = []

    def extend(self, features: Features) -> None:
        """Take features in."""
        m = len(self.features)
        self.features = np.concatenate([self.features, features])
        self.rows = np.concatenate([self.rows, self.design.columns(features)])
        kept = m // BLOCK  # full blocks stay as they are
        parts = [slice(a, min(a + BLOCK, len(self.rows))) for a in range(kept * BLOCK, len(self.rows), BLOCK)]
        self.blocks = self.blocks[:kept] + [(part, self.rows[part] @ self.rows[part].T) for part in parts]

    def descend(self, W: Array, residual: Array, cut: float, small: float, max_sweeps: int) -> int:
        """Descend until the gap on these features is below ``small``; return the number of sweeps."""
        track = Track(W, residual, cut)
        sweeps = 0
        while sweeps < max_sweeps:
            for _ in range(SWEEPS):
                self._sweep(W, residual, cut)
                track.note()
            track.extrapolate()
            sweeps += SWEEPS
            objective, dual = bounds(self.design.target, residual, W, lengths(self.rows @ residual), cut)
            if objective - dual <= small:
                break
        return sweeps

    def _sweep(self, W: Array, residual: Array, cut: float) -> None:
        from crosstask.solvers._kernels import shared_sweep

        for part, G in self.blocks:
            X, before = self.rows[part], W[part].copy()
            if shared_sweep(G, X @ residual, W[part], cut):
                residual += X.T @ (W[part] - before)


class Track:
    """Slopes and residual over a few sweeps, and the step beyond them (Anderson; Bertrand and Massias 2021)."""

    def __init__(self, W: Array, residual: Array, cut: float) -> None:
        self.W, self.residual, self.cut = W, residual, cut
        self.seen = [(W.copy(), residual.copy())]

    def note(self) -> None:
        """Remember where the descent is."""
        self.seen.append((self.W.copy(), self.residual.copy()))

    def extrapolate(self) -> None:
        """Move to the mixture of what was seen that would stand still, where the objective falls there."""
        mix = mixture(np.diff([W.ravel() for W, _ in self.seen], axis=0))
        if mix is not None:
            # The residual is affine in the slopes and the mixture's weights sum to one.
            W = np.tensordot(mix, [w for w, _ in self.seen[1:]], axes=1)
            residual = np.tensordot(mix, [r for _, r in self.seen[1:]], axes=1)
            if self._objective(W, residual) < self._objective(self.W, self.residual):
                self.W[:], self.residual[:] = W, residual
        self.seen = [(self.W.copy(), self.residual.copy())]

    def _objective(self, W: Array, residual: Array) -> float:
        return 0.5 * float(np.vdot(residual, residual)) + self.cut * float(lengths(W).sum())
