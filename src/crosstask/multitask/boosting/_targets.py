"""The losses of boosting on an offset: squared error, or log loss by steps of the bounded Newton kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax, softmax

Array = NDArray[np.float64]

_CURVATURE = {True: 0.25, False: 0.5}  # largest second derivative of the log loss: of two classes, of several


@dataclass(frozen=True)
class Target:
    """y as numbers, or as positions of classes; F of shape (n_rows, n_outputs) is a prediction or log odds."""

    y: Array
    weight: Array
    n_classes: int

    @property
    def n_outputs(self) -> int:
        """1 for regression and two classes, otherwise the number of classes."""
        return self.n_classes if self.n_classes > 2 else 1

    def take(self, rows: NDArray[np.intp]) -> Target:
        """Return some rows."""
        return Target(self.y[rows], self.weight[rows], self.n_classes)

    def loss(self, F: Array) -> Array:
        """Return the squared error, or the log loss, of each row."""
        if self.n_classes == 0:
            return (self.y - F[:, 0]) ** 2
        if self.n_classes == 2:
            return np.logaddexp(0.0, F[:, 0]) - self.y * F[:, 0]
        return -log_softmax(F, axis=1)[np.arange(len(F)), self.y.astype(np.intp)]

    def mean_loss(self, F: Array) -> float:
        """Return the weighted mean of the loss."""
        return float(np.average(self.loss(F), weights=self.weight))

    def response(self, F: Array) -> Array:
        """Return what a stage on the offset F regresses on, of shape (n_rows, n_outputs).

        The residual, or the negative gradient of the log loss divided by the bound of its curvature. Newton's method
        would divide by the curvature itself, and weigh the rows by it; with weights that differ, scikit-learn's
        boosting bins its columns so slowly that a round of trees costs a hundred times more.
        """
        if self.n_classes == 0:
            return (self.y - F[:, 0])[:, None]
        p = expit(F) if self.n_classes == 2 else softmax(F, axis=1)
        truth = self.y[:, None] if self.n_classes == 2 else (self.y[:, None] == np.arange(self.n_classes)).astype(float)
        return (truth - p) / _CURVATURE[self.n_classes == 2]

    @property
    def given_weight(self) -> Array | None:
        """Return the weights, None where all are equal."""
        return None if (self.weight == self.weight[0]).all() else self.weight
