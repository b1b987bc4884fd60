"""From the predictors z of a classifier to what is asked of it; one column is the log odds of the second class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_softmax

Array = NDArray[np.float64]


def scores_of(z: Array) -> Array:
    """Return the log odds of the second class, (n,), or the logarithm of each class's probability, (n, K)."""
    return z[:, 0] if z.shape[1] == 1 else np.asarray(log_softmax(z, axis=1))


def probabilities_of(scores: Array, n_classes: int) -> Array:
    """Return the probability of each class along a last axis."""
    return np.exp(scores) if n_classes > 2 else np.stack([expit(-scores), expit(scores)], axis=-1)


def likeliest(scores: Array, classes: NDArray[Any]) -> NDArray[Any]:
    """Return the class with the highest probability."""
    return classes[scores.argmax(axis=-1) if len(classes) > 2 else (scores > 0).astype(np.intp)]
