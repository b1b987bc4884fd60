"""The logistic loss of several classes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from scipy.special import xlogy

from crosstask.losses._base import Array, Loss


class Multinomial(Loss):
    r"""Multinomial loss :math:`L(y, z) = \log \sum_k e^{z_k} - z_y`, y the position of the class.

    Conjugate: with :math:`p = e_y + u` in the simplex, :math:`L^*(y, u) = \sum_k p_k \log p_k`. Each class has its own
    predictor z_k (softmax); the intercepts of a task are reported with mean zero over the classes.

    Notes
    -----
    With two classes `Logistic` is the same model with half the coefficients.

    Examples
    --------
    >>> import numpy as np
    >>> Multinomial().value(np.array([0, 2]), np.zeros((2, 3)), np.ones(2))
    2.197
    """

    classifies: ClassVar[bool] = True
    probabilistic: ClassVar[bool] = True
    shift_invariant: ClassVar[bool] = True

    @property
    def smoothness(self) -> float:
        """Upper bound of the second derivative."""
        return 0.5

    def n_outputs(self, n_classes: int | None) -> int:
        """Return the number of classes."""
        if n_classes is None:
            raise ValueError("the multinomial loss needs classes: these data have none (n_classes=None).")
        return n_classes

    def row_value(self, y: Array, z: Array) -> Array:
        """Return logsumexp(z_i) - z_i,y of each row."""
        chosen = z[np.arange(len(y)), y.astype(np.intp)]
        top = z.max(axis=1)
        total = np.exp(z - top[:, None]).sum(axis=1)
        return np.log(total) + top - chosen

    def gradient(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i (softmax(z_i) - e_y)."""
        p = softmax(z)
        p[np.arange(len(y)), y.astype(np.intp)] -= 1.0
        return p * sample_weight[:, None]

    def curvature(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return s_i (diag(p_i) - p_i p_i'), shape (n, K, K)."""
        p = softmax(z)
        out = -p[:, :, None] * p[:, None, :]
        k = np.arange(p.shape[1])
        out[:, k, k] += p
        return out * sample_weight[:, None, None]

    def conjugate(self, y: Array, u: Array, sample_weight: Array) -> float:
        """Return sum_i s_i sum_k p_k log p_k, p = e_y + u; infinite outside the simplex."""
        p = np.array(u, dtype=np.float64)
        p[np.arange(len(y)), y.astype(np.intp)] += 1.0
        if (p < -1e-12).any() or (np.abs(p.sum(axis=1) - 1.0) > 1e-9).any():
            return float("inf")
        p = np.clip(p, 0.0, 1.0)
        return float(sample_weight @ xlogy(p, p).sum(axis=1))


def softmax(z: Array) -> Array:
    """Return exp(z) / sum exp(z) for each row."""
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)
