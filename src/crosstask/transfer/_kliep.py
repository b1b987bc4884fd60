"""KLIEP: the density ratio that the target's rows find most likely."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from crosstask.transfer._source_weights import SourceWeights, deal, gammas, gaussian

Floats = NDArray[np.float64]


class KernelRatio(SourceWeights):
    """Base of the ratios that are sums of kernels about some of the target's rows."""

    n_centers: int
    random_state: Any
    centers_: Floats
    alpha_: Floats
    gamma_: float
    scale_: Floats

    def _place_centers(self, target: Floats) -> None:
        if isinstance(self.n_centers, bool) or self.n_centers < 1:
            raise ValueError(f"n_centers={self.n_centers!r} must be a whole number of at least 1.")
        rng = check_random_state(self.random_state)
        chosen = np.sort(rng.permutation(len(target))[: self.n_centers])
        self.centers_ = target[chosen]

    def density_ratio(self, X: Any) -> Floats:
        """Return the estimated density of the target over that of the source at each row of X."""
        check_is_fitted(self, "weights_")
        rows = check_array(X, dtype="float64") / self.scale_
        return gaussian(rows, self.centers_, self.gamma_) @ self.alpha_


class KLIEP(KernelRatio):
    r"""Fit the density ratio :math:`w(x) = \sum_l \alpha_l k(x, c_l)` that makes the target's rows most likely.

    .. math::
        \max_{\alpha \ge 0}\; \frac{1}{n_t} \sum_j \log w(x^t_j) \quad\text{subject to}\quad
        \frac{1}{n_s} \sum_i w(x_i) = 1,

    with :math:`k(x, z) = \exp(-\gamma \lvert x - z \rvert^2)` on columns divided by their standard deviation over both,
    about centres :math:`c_l` drawn from the target's rows. Its Kullback-Leibler divergence from the target is least.

    Parameters
    ----------
    gamma : float, optional
        Of the kernel. None chooses among five about 1 / median squared distance, by the mean log ratio at held-out
        rows of the target.
    n_centers : int, default=100
        Centres, at most.
    cv : int, default=5
        Folds for the choice of gamma.
    random_state : int, RandomState instance or None, default=0
        Draws the centres and deals the folds.

    Attributes
    ----------
    weights_ : ndarray of shape (n_source,)
        The ratio at the source's rows, of mean 1.
    effective_sample_size_ : float
        :math:`(\sum w)^2 / \sum w^2`.
    alpha_, centers_ : ndarray of shape (n_centers,), (n_centers, n_features)
        Coefficients and centres, on the scaled columns.
    gamma_ : float
        As used.

    Raises
    ------
    ValueError
        If ``gamma``, ``n_centers`` or ``cv`` is out of its range.

    Notes
    -----
    With :math:`\beta_l = \alpha_l \bar k_l` the problem is that of the weights of a mixture: convex, and solved by
    Newton's method on the simplex until no centre could raise the mean log by more than 1e-6. Cost: some ten
    least-squares problems of n_t rows and ``n_centers`` columns for each bandwidth and fold. When not to use it: with
    many columns, where no density can be estimated; :class:`DomainClassifierWeights` bears more.

    References
    ----------
    M. Sugiyama, S. Nakajima, H. Kashima, P. von Bünau, M. Kawanabe (2008). Direct importance estimation with model
    selection and its application to covariate shift adaptation. NIPS, 1433-1440.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> weights = KLIEP().fit(rng.normal(size=(400, 1)), rng.normal(size=(200, 1)) + 1.0)
    >>> weights.density_ratio([[-1.0], [0.5], [2.0]]).round(1)  # exp(x - 1/2): 0.2, 1, 4.5
    array([0.2, 1. , 5.4])
    """

    def __init__(self, gamma: float | None = None, *, n_centers: int = 100, cv: int = 5, random_state: Any = 0) -> None:
        self.gamma = gamma
        self.n_centers = n_centers
        self.cv = cv
        self.random_state = random_state

    def _learn(self, source: Floats, target: Floats) -> Floats:
        self._place_centers(target)
        tried = gammas(self.gamma, source, target)
        chosen = 0 if len(tried) == 1 or len(target) < 2 else int(np.argmax(self._held_out(tried, source, target)))
        self.gamma_ = float(tried[chosen])
        at_source = gaussian(source, self.centers_, self.gamma_)
        self.alpha_ = most_likely(at_source.mean(axis=0), gaussian(target, self.centers_, self.gamma_))
        return at_source @ self.alpha_

    def _held_out(self, tried: Floats, source: Floats, target: Floats) -> Floats:
        """Mean log ratio at held-out rows, for each bandwidth."""
        fold = deal(len(target), self.cv, self.random_state)
        scores = np.zeros(len(tried))
        for j, gamma in enumerate(tried):
            mean, at_target = (
                gaussian(source, self.centers_, gamma).mean(axis=0),
                gaussian(target, self.centers_, gamma),
            )
            for k in range(int(fold.max()) + 1):
                ratio = at_target[fold == k] @ most_likely(mean, at_target[fold != k])
                scores[j] += float(np.log(np.maximum(ratio, 1e-300)).sum())
        return scores


def most_likely(
    mean: Floats, at_target: Floats, share: Floats | None = None, tol: float = 1e-6, max_iter: int = 100
) -> Floats:
    """Maximise the mean log of ``at_target @ alpha`` over alpha >= 0 with ``mean @ alpha`` = 1.

    ``share`` are the weights of the rows in that mean, of sum 1. Newton's method on the simplex of beta = alpha * mean:
    each model is a least-squares problem in beta >= 0. Centres that the source never comes near (mean zero) would have
    an infinite ratio, and are left out.
    """
    usable = mean > np.finfo(np.float64).eps * max(float(mean.max()), 1e-300)
    if not usable.any():
        usable = mean >= mean.max()
    parts = at_target[:, usable] / np.maximum(mean[usable], 1e-300)
    parts = parts / np.maximum(parts.max(axis=1, keepdims=True), 1e-300)  # a factor a row moves the log by a constant
    share = np.full(len(parts), 1.0 / len(parts)) if share is None else share
    beta = np.full(parts.shape[1], 1.0 / parts.shape[1])
    for _ in range(max_iter):
        scaled = parts / np.maximum(parts @ beta, 1e-300)[:, None]
        if (share @ scaled).max() <= 1.0 + tol:  # the gap to the maximum is at most this mean, less 1
            break
        beta = _newton_step(parts, scaled, share, beta)
    alpha = np.zeros(len(mean))
    alpha[usable] = beta / np.maximum(mean[usable], 1e-300)
    return alpha


def _newton_step(parts: Floats, scaled: Floats, share: Floats, beta: Floats) -> Floats:
    """Minimise the mean square of M b - 2 over the simplex, Newton's model of the mean log, and go while it falls."""
    from scipy.optimize import nnls

    n = len(scaled)
    root = np.sqrt(n * share)
    heavy = 100.0 * np.sqrt(n)  # holds the sum of b at 1; what it leaves open is divided out
    rows = np.vstack([root[:, None] * scaled, np.full((1, scaled.shape[1]), heavy)])
    aim, _ = nnls(rows, np.append(2.0 * root, heavy), maxiter=30 * scaled.shape[1])
    move = aim / max(float(aim.sum()), 1e-300) - beta
    slope = float(share @ (scaled @ move))
    value, length = float(share @ np.log(np.maximum(parts @ beta, 1e-300))), 1.0
    while length > 1e-10:
        tried = beta + length * move
        if float(share @ np.log(np.maximum(parts @ tried, 1e-300))) >= value + 1e-4 * length * slope:
            return tried
        length /= 2.0
    return beta * (share @ scaled)  # an EM step never goes down
