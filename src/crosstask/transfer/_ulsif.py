"""uLSIF and RuLSIF: the density ratio by least squares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.transfer._kliep import KernelRatio
from crosstask.transfer._source_weights import deal, gammas, gaussian

Floats = NDArray[np.float64]
RIDGES = (0.001, 0.01, 0.1, 1.0, 10.0)


class ULSIF(KernelRatio):
    r"""Fit the density ratio :math:`w(x) = \sum_l \alpha_l k(x, c_l)` by least squares.

    .. math::
        \min_\alpha\; \tfrac12 \alpha' H \alpha - h'\alpha + \tfrac{\lambda}{2} \lvert \alpha \rvert^2,
        \qquad
        H = \frac{\rho}{n_t} \sum_j \phi(x^t_j)\phi(x^t_j)' + \frac{1 - \rho}{n_s} \sum_i \phi(x_i) \phi(x_i)',
        \quad h = \frac{1}{n_t} \sum_j \phi(x^t_j)

    with :math:`\phi_l(x) = \exp(-\gamma \lvert x - c_l \rvert^2)` on columns divided by their standard deviation over
    both, about centres :math:`c_l` drawn from the target's rows; negative coefficients are then set to zero.

    Parameters
    ----------
    gamma : float, optional
        Of the kernel. None chooses among five about 1 / median squared distance.
    alpha : float, optional
        :math:`\lambda`. None chooses among 0.001, 0.01, 0.1, 1 and 10.
    relative : float, default=0.0
        :math:`\rho` in [0, 1): above 0, the ratio of the target's density to the mixture :math:`\rho\,p_t + (1 - \rho)
        p_s` is fitted (RuLSIF), which is never above :math:`1 / \rho`.
    n_centers : int, default=100
        Centres, at most.
    cv : int, default=5
        Folds, over the rows of both, for the choices; they minimise the objective without its penalty.
    random_state : int, RandomState instance or None, default=0
        Draws the centres and deals the folds.

    Attributes
    ----------
    weights_ : ndarray of shape (n_source,)
        The ratio at the source's rows.
    effective_sample_size_ : float
        :math:`(\sum w)^2 / \sum w^2`.
    alpha_, centers_ : ndarray of shape (n_centers,), (n_centers, n_features)
        Coefficients and centres, on the scaled columns.
    gamma_, ridge_ : float
        As used.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Notes
    -----
    Cost: one linear system of ``n_centers`` unknowns for each choice and fold: the cheapest of the density ratios.
    When not to use it: where some rows must get large weights, which the least squares smooth away; and with many
    columns.

    References
    ----------
    T. Kanamori, S. Hido, M. Sugiyama (2009). A least-squares approach to direct importance estimation. Journal of
    Machine Learning Research 10, 1391-1445.

    M. Yamada, T. Suzuki, T. Kanamori, H. Hachiya, M. Sugiyama (2013). Relative density-ratio estimation for robust
    distribution comparison. Neural Computation 25, 1324-1370.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> weights = ULSIF().fit(rng.normal(size=(400, 1)), rng.normal(size=(200, 1)) + 1.0)
    >>> weights.density_ratio([[-1.0], [0.5], [2.0]]).round(1)  # exp(x - 1/2): 0.2, 1, 4.5
    array([0.1, 1.1, 6. ])
    """

    def __init__(
        self,
        gamma: float | None = None,
        *,
        alpha: float | None = None,
        relative: float = 0.0,
        n_centers: int = 100,
        cv: int = 5,
        random_state: Any = 0,
    ) -> None:
        self.gamma = gamma
        self.alpha = alpha
        self.relative = relative
        self.n_centers = n_centers
        self.cv = cv
        self.random_state = random_state

    def _learn(self, source: Floats, target: Floats) -> Floats:
        if not 0.0 <= self.relative < 1.0:
            raise ValueError(f"relative={self.relative!r} must be at least 0 and below 1.")
        if self.alpha is not None and not (np.isfinite(self.alpha) and self.alpha > 0):
            raise ValueError(f"alpha={self.alpha!r} must be a positive number, or None for cross-validation.")
        self._place_centers(target)
        tried = gammas(self.gamma, source, target)
        ridges = np.array(RIDGES if self.alpha is None else [float(self.alpha)])
        chosen = (0, 0)
        if len(tried) * len(ridges) > 1 and min(len(source), len(target)) > 1:
            losses = self._held_out(tried, ridges, source, target)
            chosen = np.unravel_index(int(np.argmin(losses)), losses.shape)
        self.gamma_, self.ridge_ = float(tried[chosen[0]]), float(ridges[chosen[1]])
        at_source = gaussian(source, self.centers_, self.gamma_)
        H, h = self._moments(at_source, gaussian(target, self.centers_, self.gamma_))
        self.alpha_ = _least_squares(H, h, self.ridge_)
        return at_source @ self.alpha_

    def _moments(self, at_source: Floats, at_target: Floats) -> tuple[Floats, Floats]:
        gram = (1.0 - self.relative) * (at_source.T @ at_source) / len(at_source)
        if self.relative:
            gram += self.relative * (at_target.T @ at_target) / len(at_target)
        return gram, at_target.mean(axis=0)

    def _held_out(self, tried: Floats, ridges: Floats, source: Floats, target: Floats) -> Floats:
        """Half the mean square less the mean at held-out rows, for each bandwidth and ridge."""
        of_source, of_target = (deal(len(rows), self.cv, self.random_state) for rows in (source, target))
        losses = np.zeros((len(tried), len(ridges)))
        for i, gamma in enumerate(tried):
            at_source, at_target = gaussian(source, self.centers_, gamma), gaussian(target, self.centers_, gamma)
            for k in range(int(min(of_source.max(), of_target.max())) + 1):
                H, h = self._moments(at_source[of_source != k], at_target[of_target != k])
                H_out, h_out = self._moments(at_source[of_source == k], at_target[of_target == k])
                for j, ridge in enumerate(ridges):
                    alpha = _least_squares(H, h, ridge)
                    losses[i, j] += float(0.5 * alpha @ H_out @ alpha - h_out @ alpha)
        return losses


def _least_squares(H: Floats, h: Floats, ridge: float) -> Floats:
    return np.maximum(np.linalg.solve(H + ridge * np.eye(len(h)), h), 0.0)
