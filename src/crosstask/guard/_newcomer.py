"""Weights of a task that comes after fit: its own held-out rows, and what the crowd of fit says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from crosstask.guard._crowd import LEVELS, Gains, harm, membership, prior_counts
from crosstask.guard._evidence import Evidence
from crosstask.guard._rules import CAUTIOUS_KAPPA, Expansion, Weights, solve_at
from crosstask.guard._simplex import minimise_quadratic

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Crowd:
    """What the tasks of a fit say to one more; its size does not grow with them, and no row is in it.

    Parameters
    ----------
    bend, linear : ndarray of shape (C, C), (C,)
        Mean loss of the tasks, v'Hv / 2 + c'v, each counting as it belongs to the crowd.
    gain : ndarray of shape (G,)
        Mean gain of the candidates that are compared.
    per_row : ndarray of shape (G, G)
        Covariance of one row's gains.
    rows : float
        Rows on which ``gain`` rests.
    compared : ndarray of shape (G,)
        Positions of these candidates.
    counts : ndarray of shape (n_levels,)
        How many tasks are at each level, prior included.
    n_tasks : int
        Tasks with rows held out.
    """

    bend: Array
    linear: Array
    gain: Array
    per_row: Array
    rows: float
    compared: NDArray[np.intp]
    counts: Array
    n_tasks: int

    @classmethod
    def of(cls, evidence: Evidence, weights: Weights) -> Self:
        """Summarise the evidence of a fit, and what was believed of each task."""
        scale, known = evidence.scale(), evidence.total > 0
        member = np.maximum(membership(weights.belief), 1e-3) * known
        expansion = Expansion.at(evidence, scale, weights.shared)
        speaks = np.minimum(evidence.n_effective, 100.0) * member
        even, total = evidence.loss.even, max(float(speaks.sum()), 1e-300)
        bend = np.tensordot(speaks, expansion.bend, 1) + 2.0 * even * np.eye(evidence.n_candidates)
        linear = speaks @ expansion.linear - 2.0 * even * evidence.centre
        rows, gain, per_row = np.zeros(0), np.zeros(0), np.zeros((0, 0))
        if evidence.n_candidates > 1:
            gains = Gains.of(evidence, scale)
            rows = member * gains.capped
            gain, per_row = rows @ gains.mean / max(float(rows.sum()), 1e-300), gains.per_row(member)
        counts = weights.belief[known].sum(axis=0) + prior_counts(int(known.sum()))
        compared = evidence.compared if len(gain) else np.zeros(0, dtype=np.intp)
        return cls(bend / total, linear / total, gain, per_row, float(rows.sum()), compared, counts, int(known.sum()))

    def among(self, candidates: NDArray[np.intp]) -> Crowd:
        """Return the same crowd for some of the candidates."""
        kept = np.isin(self.compared, candidates)
        return replace(
            self,
            bend=self.bend[np.ix_(candidates, candidates)],
            linear=self.linear[candidates],
            gain=self.gain[kept],
            per_row=self.per_row[np.ix_(kept, kept)],
            compared=np.searchsorted(candidates, self.compared[kept]),
        )

    def stack(self, allowed: NDArray[np.bool_] | None = None) -> Array:
        """Return the point of the simplex that suits the crowd best, over the allowed candidates."""
        part = np.arange(len(self.linear)) if allowed is None else np.flatnonzero(allowed)
        full = np.zeros(len(self.linear))
        full[part] = minimise_quadratic(self.bend[None, part[:, None], part], self.linear[None, part])[0]
        return full


def newcomer_weights(crowd: Crowd, evidence: Evidence, mode: str, shared: Array) -> Array:
    """Return the weights (n_tasks, C) of new tasks by the rule of fit; without rows held out, those that suit all."""
    n_tasks = evidence.n_tasks
    if mode == "bold" or evidence.n_candidates == 1 or not len(evidence.codes):
        return np.tile(shared, (n_tasks, 1))
    scale = evidence.scale()
    expansion = Expansion.at(evidence, scale, shared)
    if mode == "cautious":
        weights = solve_at(evidence, scale, expansion, None, 0.0, CAUTIOUS_KAPPA)
    else:
        belief = _belief(crowd, evidence, scale)
        others = (np.tile(crowd.bend, (n_tasks, 1, 1)), np.tile(crowd.linear, (n_tasks, 1)))
        weights = np.zeros((n_tasks, evidence.n_candidates))
        for k, level in enumerate(LEVELS):
            weights += belief[:, [k]] * solve_at(evidence, scale, expansion, others, level.prior_rows, level.kappa)
    weights[evidence.total <= 0] = shared
    return weights


def _belief(crowd: Crowd, evidence: Evidence, scale: Array) -> Array:
    """Probability of each level: its share among the tasks of fit, times the likelihood of what the new rows say."""
    n = np.maximum(evidence.n_effective, 1e-3)
    said = np.zeros((evidence.n_tasks, len(LEVELS)))
    if np.array_equal(evidence.compared, crowd.compared):
        said += Gains.of(evidence, scale).density(crowd.gain, crowd.per_row, np.full(evidence.n_tasks, crowd.rows))
    own = np.zeros(evidence.n_candidates)
    own[evidence.own] = 1.0
    losses = evidence.row_losses(np.tile(own, (evidence.n_tasks, 1)))
    losses = losses - evidence.row_losses(np.tile(crowd.stack(), (evidence.n_tasks, 1)))
    gain = np.nan_to_num(evidence.mean(losses / scale[evidence.codes]))
    said = said + harm(gain, n, evidence.loss.unit, crowd.n_tasks + 1)
    likelihood = np.exp(said - said.max(axis=1, keepdims=True)) * crowd.counts
    return likelihood / likelihood.sum(axis=1, keepdims=True)
