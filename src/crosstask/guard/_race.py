"""A race over folds: a candidate that the folds so far show to be behind the best is not fitted on the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.guard._assess import evidence_of, paired
from crosstask.guard._evidence import Evidence

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]
FIRST = 2  # folds before anybody can leave
LEVEL = 0.025


@dataclass(frozen=True)
class Left:
    """A candidate that was not compared to the end.

    Parameters
    ----------
    name : str
        The candidate.
    fold : int
        How many folds it was compared on; 0 where it was never begun.
    reason : str
        Why, as a clause.
    """

    name: str
    fold: int
    reason: str


@dataclass(frozen=True)
class Race:
    """Compares candidates on the rows that were held out so far.

    A candidate leaves where Student's interval of its loss less that of the best, over all rows and with the variance
    of Nadeau and Bengio for overlapping training sets, lies above zero, unless there is a task in which it is shown to
    be better than the best (at the level divided by the number of tasks): the guard mixes task by task. Losses are
    divided by the own model's in each task, as the guard does.

    Parameters
    ----------
    names : list of str
        The candidates.
    y, codes, weight, groups : ndarray of shape (n_pairs,)
        Target, task and weight of each pair, and what counts as one draw (None: the pair).
    n_tasks : int
        Number of tasks.
    stays : set of int
        Positions of the candidates that never leave.
    kind : dict
        What the loss is, see :func:`evidence_of`.
    """

    names: list[str]
    y: NDArray[Any]
    codes: IntVector
    weight: Array
    groups: NDArray[Any] | None
    n_tasks: int
    stays: frozenset[int]
    kind: dict[str, Any]

    def behind(self, predictions: Array, fold: IntVector, live: Sequence[int], overlap: float) -> list[tuple[int, str]]:
        """Return those of the live candidates that leave, with the reason; ``overlap`` is K n_test / n_train."""
        evidence, losses, groups = self._losses(predictions, fold, live)
        best = int(np.argmin(evidence.weight @ losses))
        leaving: list[tuple[int, str]] = []
        for position, c in enumerate(live):
            if c in self.stays or position == best:
                continue
            said = _shown_behind(evidence, losses[:, best], losses[:, position], groups, 1.0 + overlap)
            if said:
                leaving.append((c, f"its {evidence.loss.name} is {said} above that of {self.names[live[best]]!r}"))
        return leaving

    def standing(self, predictions: Array, fold: IntVector, live: Sequence[int]) -> dict[str, float]:
        """Return the mean loss of each live candidate on the rows held out so far, as a share of the own model's."""
        evidence, losses, _ = self._losses(predictions, fold, live)
        mean = evidence.weight @ losses
        own = max(float(mean[list(live).index(self.kind["own"])]), 1e-300)
        return {self.names[c]: float(value) / own for c, value in zip(live, mean, strict=True)}

    def _losses(
        self, predictions: Array, fold: IntVector, live: Sequence[int]
    ) -> tuple[Evidence, Array, NDArray[Any] | None]:
        """Return the evidence so far, the losses (rows, candidates) over the own model's, and what counts as a draw."""
        pairs = np.flatnonzero(fold >= 0)
        pairs = pairs[np.argsort(self.codes[pairs], kind="stable")]
        kind = {**self.kind, "own": list(live).index(self.kind["own"]), "separate": None}
        found = predictions[pairs][:, list(live)]
        evidence = evidence_of(
            found, self.y[pairs], self.codes[pairs], self.weight[pairs], fold[pairs], self.n_tasks, **kind
        )
        losses = evidence.candidate_rows()
        losses /= evidence.scale(losses)[evidence.codes, None]
        return evidence, losses, None if self.groups is None else self.groups[pairs]


def _shown_behind(evidence: Evidence, best: Array, rows: Array, groups: NDArray[Any] | None, overlap: float) -> str:
    """Return how far a candidate is behind, in words; empty where that is not shown."""
    together = replace(evidence, codes=np.zeros_like(evidence.codes), n_tasks=1)
    total = paired(together, best, rows, groups, overlap, level=LEVEL)
    if not total.high[0] < 0:
        return ""
    each = paired(evidence, best, rows, groups, overlap, level=LEVEL / evidence.n_tasks)
    if np.any(each.low > 0):
        return ""
    gain, low, high = (-100 * float(value[0]) for value in (total.gain, total.high, total.low))
    return f"{gain:.2g} % ({low:.2g} to {high:.2g} %)"
