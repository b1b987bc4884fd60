"""Which sources to learn from: each is judged by what it tells about the target, then given the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crosstask.losses import Loss
from crosstask.transfer._lasso import Floats, LassoData, LassoOptions, MomentData
from crosstask.transfer._lasso_cv import Folded, Rows, alpha_grid, choose, fold
from crosstask.transfer._newton_lasso import best_intercept

SOURCE_FOLDS = 3  # that choose the alpha of a source's own model
POOLED_STEPS = 3  # alphas of each step that are tried where sources are judged given the others
DEBIAS_STEPS = 6
JUDGE_RATIO = 0.1  # smallest of these alphas, as a share of the largest

KEPT, SILENT, CONTRARY, HARMFUL, EMPTY = "kept", "tells nothing", "contradicts", "harms", "has no rows"


@dataclass(frozen=True)
class Evidence:
    """A mean loss, the value that it had to stay below, and the verdict."""

    loss: float
    threshold: float
    verdict: str

    @property
    def margin(self) -> float:
        """How far below the threshold the loss is; negative where it is above."""
        return self.threshold - self.loss


def explains(loss: Loss, rows: Rows, slopes: Floats, level: float) -> Evidence:
    r"""Test whether slopes that were learnt elsewhere predict these rows better than a constant does.

    With :math:`d_i` the loss of the best constant less that of x'slopes plus its best constant, the slopes pass where
    the mean of d exceeds :math:`t_{1 - level} \, s_d / \sqrt{n}`. The rows had no part in the slopes, so that slopes
    which are worth nothing here pass with probability ``level`` at most.
    """
    share = rows.weight / rows.weight.sum()
    z = rows.X @ slopes
    z = z + best_intercept(loss, rows.y, z, share)
    constant = np.full(len(z), best_intercept(loss, rows.y, np.zeros(len(z)), share))
    own, null = loss.row_value(rows.y, z), loss.row_value(rows.y, constant)
    mean = float(share @ own)
    bound = significance_bound(null - own, share, level)
    at_null = float(share @ null)
    verdict = KEPT if at_null - mean > bound else CONTRARY if mean - at_null > bound else SILENT
    return Evidence(mean, at_null - bound, verdict)


def significance_bound(difference: Floats, share: Floats, level: float, inflation: float = 1.0) -> float:
    """Return Student's one-sided bound on the mean of paired differences; infinite for fewer than three rows."""
    effective = 1.0 / float(share @ share)  # Kish
    if effective < 3.0 - 1e-9:
        return np.inf
    mean = float(share @ difference)
    variance = float(share @ (difference - mean) ** 2) * effective / (effective - 1.0)
    return float(stats.t.ppf(1.0 - level, effective - 1.0) * np.sqrt(variance * inflation / effective))


def judge_alone(
    target: Folded, sources: list[Rows], seed: int, level: float, options: LassoOptions, n_alphas: int, ratio: float
) -> list[Evidence]:
    """Judge each source by itself, in both directions, each at half the level; the better one counts.

    Its own model may explain the target's rows, or the target's model its rows: where one side has few rows, its
    model says little, but its rows still judge the other's.
    """
    own = choose(target, options.loss, n_alphas, ratio).coef
    out: list[Evidence] = []
    for source in sources:
        theirs = choose(fold(source, SOURCE_FOLDS, seed, options), options.loss, n_alphas, ratio).coef
        forward = explains(options.loss, target.rows, theirs, level / 2.0)
        backward = explains(options.loss, source, own, level / 2.0)
        out.append(_better(forward, backward))
    return out


def _better(forward: Evidence, backward: Evidence) -> Evidence:
    if (backward.verdict == KEPT) != (forward.verdict == KEPT):
        return backward if backward.verdict == KEPT else forward
    return forward if forward.verdict != SILENT else backward


def judge_together(
    target: Folded, sources: dict[int, LassoData], level: float, options: LassoOptions
) -> dict[int, Evidence]:
    r"""Drop sources while the two steps without one of them are better on held-out target rows.

    A source goes where the loss with it exceeds that without it by more than Student's bound, at ``level`` divided by
    the number of sources that are asked; the variance of the paired differences is multiplied by
    :math:`1 + K n_{test} / n_{train}`, since training sets overlap (Nadeau and Bengio 2003). Last, all that are left
    are held against the target alone in the same way.
    """
    dropped: dict[int, Evidence] = {}
    if not target.tests or not sources:
        return dropped
    kept = list(sources)
    share = target.rows.weight / target.rows.weight.sum()
    inflation = 1.0 + len(target.tests) / (len(target.tests) - 1.0)
    with_all = _two_step_losses(target, joined([sources[k] for k in kept]), options)
    while len(kept) > 1:
        trials = [_two_step_losses(target, rest, options) for rest in _each_left_out([sources[k] for k in kept])]
        gains = [float(share @ (with_all - trial)) for trial in trials]
        worst = int(np.argmax(gains))
        bound = significance_bound(with_all - trials[worst], share, level / len(kept), inflation)
        if not gains[worst] > bound:
            break
        dropped[kept.pop(worst)] = Evidence(float(share @ with_all), float(share @ trials[worst]) + bound, HARMFUL)
        with_all = trials[worst]
    alone = _two_step_losses(target, None, options)
    bound = significance_bound(with_all - alone, share, level, inflation)
    if float(share @ (with_all - alone)) > bound:
        verdict = Evidence(float(share @ with_all), float(share @ alone) + bound, HARMFUL)
        dropped.update(dict.fromkeys(kept, verdict))
    return dropped


def joined(parts: list[LassoData]) -> LassoData:
    """Return the union of all parts."""
    return reduce(lambda a, b: a.join(b), parts)


def _each_left_out(parts: list[LassoData]) -> Iterator[LassoData]:
    """Yield the union of all parts but one, for each one; moments are subtracted, rows are laid together anew."""
    everything = joined(parts)
    for k, part in enumerate(parts):
        if isinstance(everything, MomentData) and isinstance(part, MomentData):
            yield everything.without(part)
        else:
            yield joined(parts[:k] + parts[k + 1 :])


def _two_step_losses(target: Folded, sources: LassoData | None, options: LassoOptions) -> Floats:
    """Return the held-out loss of each target row under the two steps, at the best of a few alphas."""
    loss, rows = options.loss, target.rows
    if sources is None:
        alphas = alpha_grid(target.whole, POOLED_STEPS * DEBIAS_STEPS, JUDGE_RATIO / 2.0)
        decisions = [d.path(alphas).decision(rows.X[t]) for d, t in zip(target.training, target.tests, strict=True)]
        return _best_rows(target, decisions, loss)
    pooled = target.joined(sources)
    alphas = alpha_grid(pooled.whole, POOLED_STEPS + 2, JUDGE_RATIO)
    relative = np.geomspace(1.0, JUDGE_RATIO, DEBIAS_STEPS)
    decisions: list[Floats] = []
    for both, own, test in zip(pooled.training, target.training, target.tests, strict=True):
        first, parts = both.path(alphas), list[Floats]()
        for coef, intercept in zip(first.coef[2:], first.intercept[2:], strict=True):
            left = own.shifted(coef, float(intercept))
            second = left.path(left.largest_alpha() * (1.0 + 1e-9) * relative)
            parts.append(second.decision(rows.X[test]) + rows.X[test] @ coef + intercept)
        decisions.append(np.vstack(parts))
    return _best_rows(target, decisions, loss)


def _best_rows(target: Folded, decisions: list[Floats], loss: Loss) -> Floats:
    losses = target.mean_losses(loss, decisions)
    best = int(losses.mean(axis=0).argmin())
    out = np.empty(len(target.rows.y))
    for test, decision in zip(target.tests, decisions, strict=True):
        out[test] = loss.row_value(target.rows.y[test], decision[best])
    return out


def twins(sources: list[Rows]) -> NDArray[np.intp]:
    """Return for each source the position of the first one that holds the same rows, in whatever order.

    One without rows is nobody's twin.
    """
    seen: dict[bytes, int] = {}
    contents = [_content(rows) or str(k).encode() for k, rows in enumerate(sources)]
    return np.array([seen.setdefault(content, k) for k, content in enumerate(contents)], dtype=np.intp)


def _content(rows: Rows) -> bytes:
    table = np.column_stack([rows.y, rows.weight, rows.X]) + 0.0  # makes -0.0 and 0.0 the same bytes
    return b"".join(sorted(row.tobytes() for row in table))
