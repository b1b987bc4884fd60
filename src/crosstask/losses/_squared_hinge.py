"""The squared hinge loss of linear support vector machines."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from crosstask.losses._base import Array, Loss


class SquaredHinge(Loss):
    r"""Squared hinge loss of two classes, y in {0, 1} and :math:`\pm = 2 y - 1`: :math:`L(y, z) = \max(0, 1 \mp z)^2`.

    Conjugate: with :math:`v = \pm u`, :math:`L^*(y, u) = v + v^2 / 4` for :math:`v \le 0`, infinite above.

    Notes
    -----
    One task with ``Independent`` is scikit-learn's ``LinearSVC(C=1 / (n * alpha), fit_intercept=False)``; with
    intercepts that one penalises them, and here they are free. Rows beyond the margin cost nothing, so far rows on the
    right side do not move the line. Not where probabilities are wanted: the predictor is no log odds, there is no
    ``predict_proba``; use "logistic".

    Examples
    --------
    >>> import numpy as np
    >>> SquaredHinge().value(np.array([1.0, 0.0]), np.array([0.5, 2.0]), np.ones(2))
    9.25
    """

    classifies: ClassVar[bool] = True
    two_classes: ClassVar[bool] = True

    @property
    def smoothness(self) -> float:
        """Upper bound of the second derivative."""
        return 2.0

    def n_outputs(self, n_classes: int | None) -> int:
        """Return 1; more than two classes are refused."""
        if n_classes is not None and n_classes > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is multiclass: loss='squared_hinge' "
                f"is for two classes, and y has {n_classes}. Use loss='logistic', or OneVsRestClassifier."
            )
        return 1

    def row_value(self, y: Array, z: Array) -> Array:
        """Return the loss of each row."""
        return _short_of_margin(y, z) ** 2

    def gradient(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return -2 s_i (+-1) max(0, 1 -+ z_i)."""
        return sample_weight * (2.0 - 4.0 * y) * _short_of_margin(y, z)

    def curvature(self, y: Array, z: Array, sample_weight: Array) -> Array:
        """Return 2 s_i inside the margin, else 0."""
        return 2.0 * sample_weight * (_short_of_margin(y, z) > 0.0)

    def conjugate(self, y: Array, u: Array, sample_weight: Array) -> float:
        """Return sum_i s_i (v + v^2 / 4), v = +-u; infinite for v above zero."""
        v = (2.0 * y - 1.0) * u
        if (v > 1e-12).any():
            return float("inf")
        return float(sample_weight @ (v * (1.0 + 0.25 * v)))


def _short_of_margin(y: Array, z: Array) -> Array:
    return np.maximum(1.0 - (2.0 * y - 1.0) * z, 0.0)
