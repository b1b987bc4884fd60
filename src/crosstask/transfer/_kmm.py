"""Kernel mean matching."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.transfer._kmm_solver import solve_kmm
from crosstask.transfer._source_weights import SourceWeights, deal, gammas, gaussian

Floats = NDArray[np.float64]


class KMM(SourceWeights):
    r"""Weigh the source's rows so that their mean in the feature space of a kernel is the target's.

    .. math::
        \min_w\; \tfrac12 w'Kw - \kappa'w \quad\text{subject to}\quad 0 \le w_i \le B,\;\;
        \Big\lvert \sum_i w_i - n_s \Big\rvert \le n_s\,\epsilon,
        \qquad \kappa_i = \frac{n_s}{n_t} \sum_j k(x_i, x^t_j),

    with :math:`k(x, z) = \exp(-\gamma \lvert x - z \rvert^2)` on columns divided by their standard deviation over both.

    Parameters
    ----------
    gamma : float, optional
        Of the kernel. None chooses among five about 1 / median squared distance: the one whose weights, found from
        two thirds of the target's rows, bring the source nearest to the others, by the mean of all five kernels.
    bound : float, default=1000.0
        B > 1.
    slack : float, optional
        :math:`\epsilon > 0`; None is :math:`(\sqrt{n_s} - 1) / \sqrt{n_s}`, as the paper has it.
    random_state : int, RandomState instance or None, default=0
        Deals the folds.

    Attributes
    ----------
    weights_ : ndarray of shape (n_source,)
        w.
    effective_sample_size_ : float
        :math:`(\sum w)^2 / \sum w^2`.
    gamma_ : float
        As used.
    scale_ : ndarray of shape (n_features,)
        What the columns were divided by.

    Raises
    ------
    ValueError
        If ``gamma`` or ``slack`` is not positive, or ``bound`` is not above 1.

    See Also
    --------
    crosstask.transfer.ImportanceWeighted : fits an estimator with these weights.

    Notes
    -----
    Solved by an interior point method until the duality gap is 1e-9 of the objective. Cost: O(n_s³) a step, some 15
    steps, O(n_s²) memory; 15 times that for the choice of gamma. When not to use it: with tens of thousands of source
    rows (use :class:`DomainClassifierWeights`), and where the target has rows of a kind that the source has not: no
    weights make up for them.

    References
    ----------
    J. Huang, A. Gretton, K. Borgwardt, B. Schölkopf, A. Smola (2007). Correcting sample selection bias by unlabeled
    data. NIPS, 601-608.

    Examples
    --------
    >>> weights = KMM(gamma=1.0).fit([[0.0], [1.0], [4.0]], [[0.0], [0.0], [1.0]]).weights_
    >>> weights.round(1)
    array([2., 1., 0.])
    """

    def __init__(
        self,
        gamma: float | None = None,
        *,
        bound: float = 1000.0,
        slack: float | None = None,
        random_state: Any = 0,
    ) -> None:
        self.gamma = gamma
        self.bound = bound
        self.slack = slack
        self.random_state = random_state

    def _learn(self, source: Floats, target: Floats) -> Floats:
        if not self.bound > 1.0:
            raise ValueError(f"bound={self.bound!r} must be above 1, the weight of rows that need none.")
        if self.slack is not None and not self.slack > 0.0:
            raise ValueError(f"slack={self.slack!r} must be positive, or None for the paper's.")
        tried = gammas(self.gamma, source, target)
        self.gamma_ = float(tried[0] if len(tried) == 1 or len(target) < 2 else self._choose(tried, source, target))
        return self._solve(source, target, self.gamma_, 1e-9)

    def _solve(self, source: Floats, target: Floats, gamma: float, tol: float) -> Floats:
        n = len(source)
        kappa = n * gaussian(source, target, gamma).mean(axis=1)
        slack = max((np.sqrt(n) - 1.0) / np.sqrt(n), 1e-6) if self.slack is None else float(self.slack)
        return solve_kmm(gaussian(source, source, gamma), kappa, float(self.bound), slack, tol)

    def _choose(self, tried: Floats, source: Floats, target: Floats) -> float:
        fold = deal(len(target), 3, self.random_state)
        among = np.mean([gaussian(source, source, gamma) for gamma in tried], axis=0)
        apart = np.zeros(len(tried))
        for k in range(int(fold.max()) + 1):
            held_out = target[fold == k]
            towards = np.mean([gaussian(source, held_out, gamma).mean(axis=1) for gamma in tried], axis=0)
            for j, gamma in enumerate(tried):
                w = self._solve(source, target[fold != k], gamma, 1e-4)
                w = w / max(float(w.sum()), np.finfo(np.float64).tiny)
                apart[j] += float(w @ among @ w - 2.0 * w @ towards)
        return float(tried[int(np.argmin(apart))])
