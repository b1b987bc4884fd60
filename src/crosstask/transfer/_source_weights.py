"""Weights that make the rows of a source look like a sample of the target."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array

Floats = NDArray[np.float64]
SPREAD = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Bandwidths that are tried, as multiples of 1 / median squared distance."""
MOST_PAIRS = 500
"""Rows from which the median distance is read."""


class SourceWeights(BaseEstimator):
    """Base: columns on one scale, and Kish's effective sample size. A subclass has ``_learn(source, target)``."""

    weights_: Floats
    effective_sample_size_: float
    n_features_in_: int

    def fit(self, X_source: Any, X_target: Any) -> Self:
        """Find a weight for each row of the source.

        Parameters
        ----------
        X_source : array-like of shape (n_source, n_features)
            Rows to be weighted.
        X_target : array-like of shape (n_target, n_features)
            Rows of the target; no labels are needed.

        Returns
        -------
        Self

        Raises
        ------
        ValueError
            If the two have different numbers of columns, or a value is missing.
        """
        source = check_array(X_source, dtype="float64", input_name="X_source")
        target = check_array(X_target, dtype="float64", input_name="X_target")
        if source.shape[1] != target.shape[1]:
            raise ValueError(
                f"X_source has {source.shape[1]} columns and X_target {target.shape[1]}: give the same columns, in "
                "the same order."
            )
        spread = np.vstack([source, target]).std(axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        self.n_features_in_ = source.shape[1]
        self.weights_ = self._learn(source / self.scale_, target / self.scale_)
        self.effective_sample_size_ = effective_sample_size(self.weights_)
        return self

    def _learn(self, source: Floats, target: Floats) -> Floats:
        raise NotImplementedError


def effective_sample_size(weights: Floats) -> float:
    """Return Kish's (sum w)^2 / sum w^2, 0 where all weights are zero."""
    total = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / total if total > 0 else 0.0


def gammas(gamma: float | None, source: Floats, target: Floats) -> Floats:
    """Return the bandwidths to try for exp(-gamma |x - z|^2): the given one, or five about the median distance.

    Raises
    ------
    ValueError
        If the given one is not positive.
    """
    from scipy.spatial.distance import pdist

    if gamma is not None:
        if not (np.isfinite(gamma) and gamma > 0):
            raise ValueError(f"gamma={gamma!r} must be a positive number, or None for cross-validation.")
        return np.array([float(gamma)])
    some = [rows[:: max(1, -(-len(rows) // MOST_PAIRS))] for rows in (source, target)]
    distances = pdist(np.vstack(some), "sqeuclidean")
    middle = float(np.median(distances[distances > 0])) if (distances > 0).any() else 1.0
    return np.array(SPREAD) / middle


def gaussian(X: Floats, Z: Floats, gamma: float) -> Floats:
    """Return exp(-gamma |x - z|^2) for all pairs of rows."""
    from sklearn.metrics.pairwise import rbf_kernel

    return np.asarray(rbf_kernel(X, Z, gamma=gamma))


def deal(n: int, n_folds: int, random_state: Any, label: NDArray[Any] | None = None) -> NDArray[np.intp]:
    """Return a fold for each of n rows, classes spread evenly; never more folds than rows."""
    from sklearn.utils import check_random_state

    order = check_random_state(random_state).permutation(n)
    if label is not None:
        order = order[np.argsort(label[order], kind="stable")]
    fold = np.empty(n, dtype=np.intp)
    fold[order] = np.arange(n) % max(min(n_folds, n), 1)
    return fold
