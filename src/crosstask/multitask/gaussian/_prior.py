"""Weak priors on the parameters, without which few rows put them at their bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.multitask.gaussian._likelihood import GPRows, Shape, negative_log_likelihood

Array = NDArray[np.float64]

_LENGTH_SPREAD, _APART_SPREAD, _LOADING_SPREAD = 3.0, 0.5, 1.0
USUAL_VARIANCE = 0.3  # of own parts and noises, in units of a task's variance
_LOG_USUAL, _LOG_VARIANCE_SPREAD = float(np.log(USUAL_VARIANCE)), 2.0


@dataclass(frozen=True)
class Prior:
    """Independent normal distributions: of theta around the kernel as given, of a task's own around theta."""

    centre: Array
    precision: Array

    @classmethod
    def make(cls, kernel: Any, shape: Shape) -> Prior:
        """Return the prior of the parameters of a kernel, loadings, own parts and noises."""
        centre = [kernel.theta, *(np.zeros(size) for size in shape.sizes[1:3]), np.full(2 * shape.n_tasks, _LOG_USUAL)]
        sizes = [*shape.sizes[:3], 2 * shape.n_tasks]
        spread = np.repeat([_LENGTH_SPREAD, _APART_SPREAD, _LOADING_SPREAD, _LOG_VARIANCE_SPREAD], sizes)
        return cls(np.concatenate(centre).astype(np.float64), spread**-2)

    def cost(self, vector: Array) -> float:
        """Return minus the logarithm of the density, up to a constant."""
        return float(0.5 * self.precision @ (vector - self.centre) ** 2)


@dataclass(frozen=True)
class Objective:
    """Minus the logarithm of prior times the likelihoods of some blocks of rows, with its gradient.

    One block of all rows gives the likelihood itself; several that leave out what ties one to another, a composite
    likelihood, whose maximum has the same aim at the cost of the blocks.
    """

    blocks: list[GPRows]
    kernel: Any
    shape: Shape
    prior: Prior

    def __call__(self, vector: Array) -> tuple[float, Array]:
        """Return value and gradient."""
        value, slope = self.prior.cost(vector), self.prior.precision * (vector - self.prior.centre)
        for rows in self.blocks:
            cost, pull = negative_log_likelihood(vector, rows, self.kernel, self.shape)
            value, slope = value + cost, slope + pull
        return value, slope
