"""Directions of large variance in which the tasks' means agree: the common core of TCA and JDA."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin

from crosstask.transfer._aligner import Aligner, Floats
from crosstask.transfer._rows import TransferRows
from crosstask.transfer._subspace_alignment import check_n_components

KERNELS = ("linear", "rbf", "poly", "sigmoid", "cosine", "laplacian")


class ComponentAnalysis(ClassNamePrefixFeaturesOutMixin, Aligner):
    """Base of TCA and JDA: features of a kernel, then one linear map for the rows of all tasks."""

    n_components: int
    mu: float
    kernel: str
    gamma: float | None
    n_landmarks: int
    random_state: Any
    n_components_: int

    def _featured(self, X: Floats) -> Floats:
        """Return the rows in the feature space of the kernel: X itself, or Nystroem's features."""
        return X if self.feature_map_ is None else np.asarray(self.feature_map_.transform(X))

    def _learn_features(self, X: Floats) -> Floats:
        check_n_components(self.n_components)
        if not (np.isfinite(self.mu) and self.mu > 0):
            raise ValueError(f"mu={self.mu!r} must be a positive number.")
        if self.kernel not in KERNELS:
            raise ValueError(f"kernel={self.kernel!r} is not known: use {', '.join(map(repr, KERNELS))}.")
        if len(X) == 1:
            raise ValueError("X has 1 sample, which has no variance: pass at least two rows.")
        self.feature_map_ = None
        if self.kernel != "linear":
            self.feature_map_ = self._nystroem(X).fit(X)
        return self._featured(X)

    def _nystroem(self, X: Floats) -> Any:
        from sklearn.kernel_approximation import Nystroem

        return Nystroem(
            self.kernel,
            gamma=1.0 / X.shape[1] if self.gamma is None and self.kernel != "cosine" else self.gamma,
            n_components=min(self.n_landmarks, len(X)),
            random_state=self.random_state,
        )

    def _learn_components(self, features: Floats, apart: Floats) -> None:
        mean, W, value = components(features, apart, self.mu, self.n_components)
        self.mean_, self.components_, self.explained_ratio_ = mean, W, value
        self.n_components_ = self._n_features_out = W.shape[1]

    def _map(self, X: Floats, source: NDArray[np.intp]) -> Floats:
        return self._project(self._featured(X))

    def _project(self, features: Floats) -> Floats:
        return (features - self.mean_) @ self.components_


def components(features: Floats, apart: Floats, mu: float, k: int) -> tuple[Floats, Floats, Floats]:
    r"""Maximise tr(W'BW) subject to W'(mu v I + D'D / n) W = I; B is the covariance of all rows, v its mean variance.

    With :math:`A = \mu v I + D'D/n`, the solution is :math:`W = A^{-1/2} V` with the leading eigenvectors V of
    :math:`A^{-1/2} B A^{-1/2}`; since D has few rows, :math:`A^{-1/2}` is a multiple of the identity plus low rank.

    Parameters
    ----------
    features : ndarray of shape (n, d)
        Rows of all tasks.
    apart : ndarray of shape (r, d)
        D: weighted differences of means, see :func:`difference`.
    mu : float
        Ridge, as a share of v.
    k : int
        Number of directions, at most the rank of B.

    Returns
    -------
    mean : ndarray of shape (d,)
    W : ndarray of shape (d, k)
    ratio : ndarray of shape (k,)
        tr(w'Bw) / w'Aw of each direction, largest first.
    """
    from scipy.linalg import eigh

    n, d = features.shape
    mean = features.mean(axis=0)
    centred = features - mean
    covariance = centred.T @ centred / n
    ridge = mu * max(float(np.trace(covariance)) / d, np.finfo(np.float64).tiny)
    _, size, axes = np.linalg.svd(apart / np.sqrt(n), full_matrices=False)
    shrink = 1.0 - np.sqrt(ridge / (ridge + size**2))

    def half(M: Floats) -> Floats:
        """A^{-1/2} M, up to the factor ridge^{-1/2}."""
        return M - axes.T @ (shrink[:, None] * (axes @ M))

    k = min(k, d, n - 1)
    value, vector = eigh(half(half(covariance).T), subset_by_index=[d - k, d - 1])
    value, vector = value[::-1], vector[:, ::-1]
    kept = value > np.finfo(np.float64).eps * max(n, d) * max(float(value[0]), np.finfo(np.float64).tiny)
    kept[0] = True
    return mean, half(vector[:, kept]), value[kept] / ridge


def difference(features: Floats, one: NDArray[np.bool_], other: NDArray[np.bool_]) -> Floats:
    """Return sqrt(n_1 n_2 / (n_1 + n_2)) (mean_1 - mean_2): its square is the scatter between the two groups."""
    n_one, n_other = int(one.sum()), int(other.sum())
    weight = np.sqrt(n_one * n_other / (n_one + n_other))
    return weight * (features[one].mean(axis=0) - features[other].mean(axis=0))


def task_differences(features: Floats, rows: TransferRows) -> Floats:
    """Return the difference of each source's mean from the target's, of shape (n_sources, d)."""
    target = rows.is_target
    apart = [difference(features, rows.source == s, target) for s in range(rows.n_sources)]
    return np.array(apart).reshape(len(apart), features.shape[1])
