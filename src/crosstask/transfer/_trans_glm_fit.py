"""The two steps of Tian and Feng: a lasso on all kept rows, then a lasso on the target that corrects it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.transfer._detection import EMPTY, KEPT, Evidence, judge_alone, judge_together, twins
from crosstask.transfer._lasso import Floats, LassoData, LassoOptions, RowData, lasso_data
from crosstask.transfer._lasso_cv import Choice, Folded, Rows, choose, fit_at, fold

JUDGE_FOLDS = 5


@dataclass(frozen=True)
class Steps:
    """What the caller asked for.

    Parameters
    ----------
    options : LassoOptions
        Loss, scale and precision.
    alpha, debias_alpha : float or None
        None: chosen by cross-validation.
    cv : int or list of (train, test)
        Folds.
    n_alphas : int
        Length of a path.
    seed : int
        Deals the folds.
    """

    options: LassoOptions
    alpha: float | None
    debias_alpha: float | None
    cv: Any
    n_alphas: int
    seed: int

    @property
    def judge_folds(self) -> Any:
        """Folds in which sources are judged given the others."""
        return JUDGE_FOLDS if isinstance(self.cv, int) else self.cv

    def ratio(self, n: float, d: int) -> float:
        """Return the smallest alpha of a path as a share of the largest."""
        return 0.03 if n < d else 1e-3


@dataclass
class Judged:
    """What is known of each source, one entry each; ``given`` are positions that the caller chose."""

    evidence: list[Evidence | None]
    weight: Floats
    same_as: NDArray[np.intp]
    verdict: list[str] = field(default_factory=list)


def select_sources(
    target: Rows, sources: list[Rows], chosen: list[int] | None, steps: Steps, level: float, *, together: bool = True
) -> Judged:
    """Weigh the sources: 1 or 0, and shares of 1 where several hold the same rows; 0 for one without rows.

    ``together``: also judge those that pass, given the others.
    """
    first = twins(sources)
    count = np.bincount(first, minlength=len(sources))
    there = [k for k, rows in enumerate(sources) if len(rows.y)]
    judged = Judged([None] * len(sources), np.zeros(len(sources)), first, [EMPTY] * len(sources))
    if chosen is not None:
        used = [k for k in chosen if k in there]
        judged.weight[used] = 1.0 / np.array([sum(first[k] == first[c] for k in used) for c in used])
        for k in there:
            judged.verdict[k] = "given" if k in used else "left out"
        return judged
    unique = [k for k in there if first[k] == k]
    folded = fold(target, steps.judge_folds, steps.seed, steps.options)
    ratio = steps.ratio(len(target.y), target.X.shape[1])
    alone = judge_alone(folded, [sources[k] for k in unique], steps.seed, level, steps.options, steps.n_alphas, ratio)
    evidence = dict(zip(unique, alone, strict=True))
    if together:
        data = {k: _data(sources[k], steps) for k, found in evidence.items() if found.verdict == KEPT}
        evidence.update(judge_together(folded, data, level, steps.options))
    for k in there:
        found = evidence[int(first[k])]
        judged.evidence[k] = found
        judged.weight[k] = (found.verdict == KEPT) / count[first[k]]
        judged.verdict[k] = found.verdict
    return judged


def _data(rows: Rows, steps: Steps) -> LassoData:
    return lasso_data(rows.X, rows.y, rows.weight, steps.options)


@dataclass(frozen=True)
class TwoSteps:
    """The answer of each step, and its duality gap."""

    pooled: Choice
    debias: Choice
    gap: float

    @property
    def coef(self) -> Floats:
        """Slopes of the target's model."""
        return self.pooled.coef + self.debias.coef

    @property
    def intercept(self) -> float:
        """Intercept of the target's model."""
        return self.pooled.intercept + self.debias.intercept

    @property
    def n_iter(self) -> int:
        """Iterations of both steps, at least 1."""
        return max(self.pooled.n_iter + self.debias.n_iter, 1)

    def predict(self, X: Floats) -> Floats:
        """Return the linear predictor of rows of the target."""
        return X @ self.coef + self.intercept


def fit_two_steps(target: Rows, kept: list[Rows], steps: Steps) -> TwoSteps:
    """Fit both steps; without a source the first is empty, and the second is the lasso of the target alone."""
    own = fold(target, steps.cv, steps.seed, steps.options)
    d = target.X.shape[1]
    nothing = np.empty(0)
    pooled, gap = Choice(np.inf, np.zeros(d), 0.0, nothing, nothing, nothing), 0.0
    if kept:
        everything = _stacked([target, *kept])
        pooled = _step(everything, None, steps, steps.alpha)
        gap = _gap(everything, pooled, steps)
        own = own.shifted(pooled.coef, pooled.intercept)
    debias = _step(own.rows, own, steps, steps.debias_alpha)
    return TwoSteps(pooled, debias, max(gap, _gap(own.rows, debias, steps)))


def _step(rows: Rows, folded: Folded | None, steps: Steps, alpha: float | None) -> Choice:
    if alpha is not None:
        return fit_at(folded.whole if folded is not None else _data(rows, steps), alpha)
    folded = fold(rows, steps.cv, steps.seed, steps.options) if folded is None else folded
    ratio = steps.ratio(float(rows.weight.sum()), rows.X.shape[1])
    return choose(folded, steps.options.loss, steps.n_alphas, ratio)


def _gap(rows: Rows, choice: Choice, steps: Steps) -> float:
    data = RowData(rows.X, rows.y, rows.weight, rows.offset, steps.options)
    return float(data.problem.gap(choice.coef, choice.intercept, choice.alpha))


def _stacked(parts: list[Rows]) -> Rows:
    def stack(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return np.vstack(values) if values[0].ndim == 2 else np.concatenate(values)

    return Rows(*[stack(name) for name in ("X", "y", "weight", "offset", "task", "place")])
