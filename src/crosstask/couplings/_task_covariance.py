"""Tasks share a covariance, which is learnt."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, floored, ridge_range
from crosstask.couplings._frozen import Frozen, NoSharedPartError, as_outputs, with_levels
from crosstask.couplings._spectral import box_kept, rescale, singular_values
from crosstask.couplings._trace_norm import trace_violation


class TaskCovariance(Coupling):
    r"""Learnt covariance of the tasks (MTRL): which tasks go together, and which oppose one another.

    .. math::
        R(W) = \min_{\Omega \succeq 0,\; \mathrm{tr}\,\Omega = 1} \frac12 \mathrm{tr}\, W' \Omega^{-1} W
               + \frac{\rho}{2} \|W\|^2
             = \frac12 \Bigl( \sum_i \sigma_i(W) \Bigr)^2 + \frac{\rho}{2} \|W\|^2

    The minimum over :math:`\Omega` is known, :math:`\Omega = (WW')^{1/2} / \mathrm{tr}\,(WW')^{1/2}`, so that no
    alternation is needed; estimators return it as ``task_covariance_``. With several outputs W is the (T, K d) matrix:
    the covariance is of tasks, not of outputs.

    Parameters
    ----------
    ridge : float, default=0.0
        rho.
    weight : float, default=1.0
        Multiplies R.

    References
    ----------
    Y. Zhang and D.-Y. Yeung (2010). A convex formulation for learning task relationships in multi-task learning. UAI.

    A. Argyriou, T. Evgeniou and M. Pontil (2008). Convex multi-task feature learning. Machine Learning 73, 243-272.

    Notes
    -----
    Cost: an eigendecomposition of order min(T, Kd) a prox. Conjugate (rho = 0): half the squared largest singular
    value. Its solutions are those of :class:`TraceNorm` at another alpha (rho = 0); there is no alpha at which all is
    zero, so the path ends by degrees of freedom.

    When not to use it: the mean of the slopes is shrunk like all else, as with the trace norm. And the matrix has T^2
    entries: from few rows it says little, and ``task_affinity`` says with what certainty.

    Examples
    --------
    >>> import numpy as np
    >>> TaskCovariance().attributes(np.array([[2.0, 0.0], [-2.0, 0.0], [0.0, 0.0]]))["task_covariance_"]
    array([[ 0.5, -0.5,  0. ],
           [-0.5,  0.5,  0. ],
           [ 0. ,  0. ,  0. ]])
    """

    rotation_invariant: ClassVar[bool] = True

    def __init__(self, ridge: float = 0.0, weight: float = 1.0) -> None:
        self.ridge = ridge
        self.weight = weight

    def value(self, V: Array) -> float:
        """Return R(V)."""
        s = singular_values(V.reshape(len(V), -1))
        return 0.5 * self.weight * float(s.sum() ** 2 + self.ridge * (s @ s))

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return V with its singular values lowered by a common amount and shrunk."""
        length = self.weight * float(np.max(step))
        shrunk = 1.0 / (1.0 + length * self.ridge)

        def kept(s: Array) -> Array:
            return shrunk * box_kept(s, shrunk * length, 0.0, 1.0, 1.0)

        return rescale(V.reshape(len(V), -1), kept).reshape(V.shape)

    def conjugate(self, G: Array) -> float:
        """Return S^2 / 2 + sum_i (g_i - S)_+^2 / (2 rho), S = max_k (g_1 + .. + g_k) / (rho + k), singular values g."""
        g = singular_values(G.reshape(len(G), -1)) / self.weight
        level = float(np.max(np.cumsum(g) / (self.ridge + np.arange(1, len(g) + 1)), initial=0.0))
        value = 0.5 * level**2
        if self.ridge > 0:
            value += 0.5 * float(np.sum(np.maximum(g - level, 0.0) ** 2)) / self.ridge
        return self.weight * value

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the distance of -gradient to the subdifferential."""
        M = V.reshape(len(V), -1)
        slope = gradient.reshape(M.shape) + self.weight * self.ridge * M
        return trace_violation(M, slope, self.weight * float(singular_values(M).sum()))

    def attributes(self, V: Array) -> dict[str, Array]:
        """Return the learnt covariance, of trace 1."""
        left, s, _ = np.linalg.svd(V.reshape(len(V), -1), full_matrices=False)
        total = float(s.sum())
        omega = (left * s) @ left.T / total if total > 0 else np.eye(len(V)) / len(V)
        return {"task_covariance_": omega}

    def frozen(self, V: Array) -> Frozen:
        """Return w' (Theta^-1 + rho I) w / 2 with Theta = (V'V)^1/2 / tr (V'V)^1/2, the covariance of the features.

        The squared trace norm is also the least tr V Theta^-1 V' over Theta of trace 1, seen from the features.
        """
        outputs = as_outputs(V)
        if outputs.shape[1] > 1:
            raise NoSharedPartError(
                "TaskCovariance with three classes or more mixes the outputs, so no task can be added: fit again with "
                "the rows of all tasks, or use TraceNorm."
            )
        _, s, profiles = np.linalg.svd(outputs[:, 0], full_matrices=False)
        share = s / max(float(s.sum()), 1e-300)
        return with_levels(np.zeros(outputs.shape[1:]), profiles, share / (1.0 + self.ridge * share), self.weight)

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return where 1 % of the degrees of freedom are left with one profile, and 99 % with all there can be."""
        eigenvalues = problem.null_eigenvalues()
        gradient = problem.null_gradient()
        profiles = min(len(gradient), gradient[0].size)
        largest = ridge_range(eigenvalues, self.weight * (1.0 + self.ridge))[0]
        return floored(largest, ridge_range(eigenvalues, self.weight * (profiles + self.ridge))[1])
