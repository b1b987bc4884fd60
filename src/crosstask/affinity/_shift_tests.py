"""Tests of what differs between two samples: X, y, X given y, and y given X."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Area:
    """Area under the ROC curve of a domain classifier with its 95 % interval, and the p value against one half."""

    value: float
    low: float
    high: float
    p: float


def delong(score: Floats, is_target: NDArray[np.bool_]) -> Area:
    """DeLong's variance of the area under the curve, from the placements of each row among the others."""
    from scipy.stats import rankdata

    m, n = int(is_target.sum()), int((~is_target).sum())
    together = rankdata(score)
    above = (together[is_target] - rankdata(score[is_target])) / n  # share of source rows below each target row
    below = 1.0 - (together[~is_target] - rankdata(score[~is_target])) / m
    value = float(above.mean())
    error = float(np.sqrt(np.var(above, ddof=1) / m + np.var(below, ddof=1) / n)) if min(m, n) > 1 else np.inf
    low, high = max(value - 1.96 * error, 0.0), min(value + 1.96 * error, 1.0)
    z = (value - 0.5) / max(error, 1e-12)
    return Area(value, low, high, float(stats.norm.sf(z)))


def discrepancy(
    K: Floats, is_target: NDArray[np.bool_], group: Codes, n_permutations: int, rng: np.random.RandomState
) -> tuple[float, float]:
    r"""Return (squared maximum mean discrepancy inside groups, p value of permuting the rows inside groups).

    .. math::
        \sum_g \frac{n_g m_g}{n m}\, \lvert \bar\varphi^s_g - \bar\varphi^t_g \rvert^2,

    up to a factor; with one group it is the plain discrepancy of the two samples. The permutation is exact where the
    two have one distribution inside each group.
    """
    observed, drawn, weights = 0.0, np.zeros(n_permutations), 0.0
    for g in np.unique(group):
        rows = np.flatnonzero(group == g)
        m, n = int(is_target[rows].sum()), int((~is_target[rows]).sum())
        if not m or not n:
            continue
        a = np.where(is_target[rows], 1.0 / m, -1.0 / n)
        order = np.array([rng.permutation(len(rows)) for _ in range(n_permutations)]).reshape(-1, len(rows))
        A = np.vstack([a, a[order]])
        weight = n * m / (n + m)
        values = np.einsum("bi,bi->b", A @ K[np.ix_(rows, rows)], A) * weight
        observed, drawn, weights = observed + values[0], drawn + values[1:], weights + weight
    p = (1.0 + np.sum(drawn >= observed * (1 - 1e-12))) / (1.0 + n_permutations)
    return float(observed / max(weights, 1e-300)), float(p)


def same_answers(
    residual: Floats, moments: Floats, overlap: Floats, is_target: NDArray[np.bool_], rng: np.random.RandomState
) -> float:
    r"""Return the p value of "y given X is the same", by residual moments in the region that both samples share.

    Where :math:`p(y \mid x)` is the same, :math:`E[(y - f(x))\,g(x)]` over the shared distribution of x is the same for
    the rows of either sample, whatever f and g are. The largest standardised difference over all f and g is compared
    with that of Gaussian multipliers.

    Parameters
    ----------
    residual : ndarray of shape (n, K)
        y - f(x), one column a class.
    moments : ndarray of shape (n, G)
        g(x).
    overlap : ndarray of shape (n,)
        Weights that give both samples the shared distribution of x.
    is_target : ndarray of bool of shape (n,)
        Which sample.
    rng : RandomState
        Multipliers.
    """
    products = (residual[:, :, None] * moments[:, None, :]).reshape(len(residual), -1)
    influence = np.zeros_like(products)
    difference = np.zeros(products.shape[1])
    for own, sign in ((is_target, 1.0), (~is_target, -1.0)):
        w = overlap[own] / max(float(overlap[own].sum()), 1e-300)
        mean = w @ products[own]
        difference = difference + sign * mean
        influence[own] = sign * w[:, None] * (products[own] - mean)
    error = np.sqrt(np.sum(influence**2, axis=0))
    used = error > 1e-12
    if not used.any():
        return 1.0
    observed = np.max(np.abs(difference[used]) / error[used])
    noise = rng.standard_normal((2000, len(influence))) @ (influence[:, used] / error[used])
    return float((1.0 + np.sum(np.abs(noise).max(axis=1) >= observed)) / 2001.0)


def same_frequencies(y: NDArray[np.float64], is_target: NDArray[np.bool_], classification: bool) -> float:
    """Return the p value of "y is distributed alike": chi-squared for classes, Kolmogorov-Smirnov otherwise."""
    if not classification:
        outcome: Any = stats.ks_2samp(y[is_target], y[~is_target])
        return float(outcome.pvalue)
    codes = y.astype(np.intp)
    table = np.array([np.bincount(codes[own], minlength=int(codes.max()) + 1) for own in (is_target, ~is_target)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 1.0
    outcome = stats.chi2_contingency(table)
    return float(outcome.pvalue)
