"""Rounds of TrAdaBoost: whose weights fall, whose rise, and when to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks import fit_weighted, fresh, take_rows

Floats = NDArray[np.float64]
IntVector = NDArray[np.intp]
FLOOR = 1e-3
"""Least error of a round: a perfect round gets a large vote, and not all of them."""


@dataclass(frozen=True)
class Boosting:
    """Rows of one fit, and how to fit on them.

    Parameters
    ----------
    estimator : estimator
        Unfitted base.
    X : table of shape (n, d)
        Labelled rows of all tasks.
    y : ndarray of shape (n,)
        Positions in ``classes``.
    classes : ndarray of shape (K,)
        Class labels; what the bases are fitted on.
    source : ndarray of shape (n,)
        Position of the row's source; -1 for the target's.
    start : ndarray of shape (n,)
        Initial weights, positive.
    n_rounds : int
        Most rounds.
    separate : bool
        Each round fits one base for each source beside the target, and one for the target alone, and keeps the
        best; otherwise one base of all rows.
    rng : RandomState
        Seeds of the bases.
    """

    estimator: Any
    X: Any
    y: IntVector
    classes: NDArray[Any]
    source: IntVector
    start: Floats
    n_rounds: int
    separate: bool
    rng: np.random.RandomState

    def rows(self, chosen: IntVector) -> Boosting:
        """Return the same on some of the rows."""
        return replace(
            self,
            X=take_rows(self.X, chosen),
            y=self.y[chosen],
            source=self.source[chosen],
            start=self.start[chosen],
        )

    def fit_base(self, used: NDArray[np.bool_], weight: Floats) -> Any:
        """Fit one base on some rows; the weights are scaled to the sum that they began with."""
        rows = np.flatnonzero(used & (weight > 0))
        model = fresh(self.estimator)
        seeds = {name: int(self.rng.randint(2**31 - 1)) for name in seeds_of(model)}
        return fit_weighted(
            model.set_params(**seeds),
            take_rows(self.X, rows),
            self.classes[self.y[rows]],
            weight[rows] * (self.start[used].sum() / weight[rows].sum()),
        )


@dataclass(frozen=True)
class Rounds:
    """What the rounds left: bases, votes log(1 / beta), errors on the target, and the source that each came from."""

    bases: list[Any]
    votes: list[float]
    errors: list[float]
    origins: list[int]


def run_rounds(given: Boosting) -> Rounds:
    r"""Boost, until the rounds are spent or the error on the target reaches chance.

    A source row's weight is multiplied by :math:`\beta^{l}`, a target row's by :math:`\beta_t^{-l}`, where l in [0, 1]
    is one minus the probability of the row's class.
    """
    target = given.source < 0
    n_source, n_classes = float(given.start[~target].sum()), len(given.classes)
    falls = 1.0 / (1.0 + np.sqrt(2.0 * np.log(max(n_source, 1.0)) / max(given.n_rounds, 1)))
    weight = given.start / given.start.sum()
    chance = 1.0 - 1.0 / n_classes
    found = Rounds([], [], [], [])
    for _ in range(given.n_rounds):
        base, loss, origin = _best_base(given, weight, target)
        share = weight[target] / max(float(weight[target].sum()), np.finfo(np.float64).tiny)
        error = float(share @ loss[target])
        if error >= chance and found.bases:
            break
        held = min(max(error, FLOOR), chance - FLOOR)
        beta = held / ((1.0 - held) * (n_classes - 1.0))
        found.bases.append(base)
        found.votes.append(-float(np.log(beta)))
        found.errors.append(error)
        found.origins.append(origin)
        if error >= chance:
            break
        moved = ~target if origin == ALL else given.source == origin
        weight = weight * np.where(target, beta**-loss, np.where(moved, falls**loss, 1.0))
        weight = weight / weight.sum()
        if weight[target].sum() <= 0 or not np.isfinite(weight).all():
            break
    return found


ALL = -2
"""Origin of a base that was fitted on the rows of all sources."""


def _best_base(given: Boosting, weight: Floats, target: NDArray[np.bool_]) -> tuple[Any, Floats, int]:
    """Return (base, its loss at each row, where it came from): the one with the least error on the target."""
    everything = np.ones(len(target), dtype=bool)
    parts: list[tuple[int, NDArray[np.bool_]]] = [(ALL, everything)]
    if given.separate:
        sources = np.unique(given.source[~target])
        parts = [(-1, target), *((int(s), target | (given.source == s)) for s in sources)]
    best: tuple[Any, Floats, int] | None = None
    least = np.inf
    for origin, used in parts:
        if len(np.unique(given.y[used & (weight > 0)])) < 2:
            continue
        base = given.fit_base(used, weight)
        loss = 1.0 - probabilities(base, given.X, given.classes)[np.arange(len(given.y)), given.y]
        error = float(weight[target] @ loss[target])
        if error < least:
            best, least = (base, loss, origin), error
    if best is None:
        raise ValueError(
            "the labelled rows of the target, with or without a source, hold one class only: a classifier needs two."
        )
    return best


def probabilities(base: Any, X: Any, classes: NDArray[Any]) -> Floats:
    """Return (n, K): the base's probabilities, or ones and zeros where it has none."""
    full = np.zeros((X.shape[0], len(classes)))
    if hasattr(base, "predict_proba"):
        full[:, np.searchsorted(classes, base.classes_)] = base.predict_proba(X)
    else:
        full[np.arange(len(full)), np.searchsorted(classes, base.predict(X))] = 1.0
    return full


def staged_votes(found: Rounds, ask: Callable[[Any], Floats]) -> list[Floats]:
    """Return the mean of the bases' probabilities, weighted by their votes, after 1, 2, .. rounds.

    Of N rounds those from the ceil(N / 2)-th on vote; each base is asked once.
    """
    parts = np.array([ask(base) for base in found.bases])
    votes = np.array(found.votes)
    staged: list[Floats] = []
    for upto in range(1, len(parts) + 1):
        used = slice((upto + 1) // 2 - 1, upto)
        staged.append(np.einsum("r,rnk->nk", votes[used] / votes[used].sum(), parts[used]))
    return staged


def seeds_of(model: Any) -> list[str]:
    """Return the names of the parameters that seed an estimator."""
    named = model.get_params(deep=True)
    return [name for name in named if name == "random_state" or name.endswith("__random_state")]
