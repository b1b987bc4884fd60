"""The parts of a sum, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from crosstask.couplings._base import Array, Coupling, Free


class Stacked(Coupling):
    r"""Penalty of the parts of a sum, laid side by side along the features: :math:`\sum_k R_k(V_k)`.

    V has shape (T, K, m d) for m parts: with the columns of X repeated m times, x'v_1 + .. + x'v_m is x'w, and what
    solves one coupling solves the sum. All gradients G_k are the same G, so that one residual certifies all parts: it
    is scaled until the dual norm of every part that is a norm allows it, and the conjugates of the others add up.

    Parameters
    ----------
    parts : sequence of Coupling
        The R_k.
    weight : float, default=1.0
        Multiplies the sum.
    """

    def __init__(self, parts: Sequence[Coupling], weight: float = 1.0) -> None:
        self.parts = parts
        self.weight = weight
        self.by_feature = all(part.by_feature for part in parts)

    def value(self, V: Array) -> float:
        """Return the weighted sum of the R_k(V_k)."""
        return self.weight * sum(part.value(block) for part, block in self._blocks(V))

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return each part's prox."""
        steps = np.broadcast_to(self.weight * np.asarray(step), V.shape[-1:]).reshape(len(self.parts), -1)
        blocks = [part.prox(block, own) for (part, block), own in zip(self._blocks(V), steps, strict=True)]
        return np.concatenate(blocks, axis=-1)

    def dual_scale(self, G: Array) -> float:
        """Return the largest scale that a part asks for."""
        return max(part.dual_scale(block / self.weight) for part, block in self._blocks(G))

    def conjugate(self, G: Array) -> float:
        """Return the sum of the conjugates of those parts that are no norms; G is taken to suit the norms."""
        pairs = [(part, block) for part, block in self._blocks(G) if not part.is_norm]
        return self.weight * sum(part.conjugate(block / self.weight) for part, block in pairs)

    def free(self, V: Array, gradient: Array) -> Free | None:
        """Return the free directions of all parts, each within its own block of features."""
        found: list[Free] = []
        blocks = zip(self._blocks(V), self._blocks(gradient), strict=True)
        for k, ((part, own), (_, slope)) in enumerate(blocks):
            free = part.free(own, slope)
            if free is not None:
                found.append(Free(self._placed(free.at, k), self._placed(free.gradient, k), free.groups))
        return Free(*(np.concatenate(pieces) for pieces in zip(*found, strict=True))) if found else None

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the distance of -gradient to the subdifferential."""
        blocks = zip(self._blocks(V), self._blocks(gradient), strict=True)
        parts = [part.violation(own, slope / self.weight) for (part, own), (_, slope) in blocks]
        return self.weight * float(np.linalg.norm(parts))

    def _blocks(self, V: Array) -> Iterator[tuple[Coupling, Array]]:
        return zip(self.parts, np.split(V, len(self.parts), axis=-1), strict=True)

    def _placed(self, values: Array, k: int) -> Array:
        """Put values into block k, zeros elsewhere."""
        blocks = [values if i == k else np.zeros_like(values) for i in range(len(self.parts))]
        return np.concatenate(blocks, axis=-1)


def decompose(parts: Sequence[Coupling], V: Array, *, tol: float = 1e-10, max_iter: int = 5000) -> tuple[float, Array]:
    """Return min sum_k R_k(V_k) over V_1 + .. + V_m = V, and the V_k, shape (m, ...), whose sum is V within rounding.

    By the alternating direction method of multipliers for a shared sum. It stops where the value and a dual bound agree
    to ``tol``; for a look at a coupling by itself, since solvers carry the parts along and need no decomposition.
    """
    m, size = len(parts), float(np.sqrt(np.mean(V**2)))
    if size == 0.0:
        return 0.0, np.zeros((m, *V.shape))
    held = np.repeat(V[None] / m, m, axis=0)
    multiplier = np.zeros_like(V)
    stacked = Stacked(parts)
    closing = next((k for k, part in enumerate(parts) if np.isfinite(part.value(V))), 0)
    value = float("inf")
    for iteration in range(1, max_iter + 1):
        toward = held - held.mean(axis=0) + V / m - multiplier
        held = np.stack([part.prox(own, size) for part, own in zip(parts, toward, strict=True)])
        missing = held.mean(axis=0) - V / m
        multiplier = multiplier + missing
        if iteration % 20:
            continue
        rest = held[closing] - m * missing
        value = sum(p.value(rest if k == closing else held[k]) for k, p in enumerate(parts))
        bound = _dual_bound(stacked, V, -multiplier / size)
        if value - bound <= tol * max(abs(value), 1e-300):
            break
    return value, held


def _dual_bound(stacked: Stacked, V: Array, G: Array) -> float:
    """Return <G, V> - R*(G) after G has been made feasible."""
    feasible = G.reshape(len(G), -1)
    for part in stacked.parts:
        groups = part.free_groups(len(V))
        if groups is not None:
            feasible = feasible - groups.T @ ((groups @ feasible) / groups.sum(axis=1, keepdims=True))
    feasible = feasible.reshape(V.shape)
    tiled = np.concatenate([feasible] * len(stacked.parts), axis=-1)
    scale = stacked.dual_scale(tiled)
    return float(np.vdot(feasible, V)) / scale - stacked.conjugate(tiled / scale)
