"""Subspace alignment: each task on its own principal axes, the sources' axes turned to the target's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin

from crosstask.transfer._aligner import Aligner, Floats, principal_axes
from crosstask.transfer._rows import TARGET, TransferRows


class SubspaceAlignment(ClassNamePrefixFeaturesOutMixin, Aligner):
    r"""Project each task on its own k principal axes, and turn the sources' axes to the target's.

    .. math::
        x \mapsto (x - m_s) P_s P_s' P_t \quad\text{for rows of source } s, \qquad
        x \mapsto (x - m_t) P_t \quad\text{for rows of the target,}

    with the principal axes :math:`P` of shape (d, k) of each task: :math:`P_s' P_t` minimises
    :math:`\lvert P_s M - P_t \rvert_F` over M.

    Parameters
    ----------
    target_task : task id, optional
        The task that the others are brought to. None where no tasks are given: this is then PCA.
    n_components : int, default=40
        k, at most; fewer where a task has fewer rows or columns than that.
    task_column : str or int, optional
        Column of X that holds the task ids; it is left out of what ``transform`` returns.

    Attributes
    ----------
    n_components_ : int
        k as used.
    means_ : ndarray of shape (1 + n_sources, n_features)
        Of the target, then of each source.
    projections_ : ndarray of shape (1 + n_sources, n_features, n_components_)
        :math:`P_t`, then :math:`P_s P_s' P_t` of each source.
    source_tasks_ : ndarray of shape (n_sources,)
        Sorted ids of the other tasks.

    Raises
    ------
    ValueError
        If ``n_components`` is no positive integer, or a task has no variance.

    Notes
    -----
    Uses no labels. Cost: one eigendecomposition of the smaller Gram matrix a task. When not to use it: on a few
    columns that are all needed, for then :math:`k = d` and nothing but the means changes; and under label shift, as
    every method that looks at X only.

    References
    ----------
    B. Fernando, A. Habrard, M. Sebban, T. Tuytelaars (2013). Unsupervised visual domain adaptation using subspace
    alignment. ICCV, 2960-2967.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 0.0], [5.0, 5.0], [6.0, 6.0], [7.0, 7.0]])
    >>> aligner = SubspaceAlignment("new", n_components=1)
    >>> np.abs(aligner.fit_transform(X, task=["old"] * 3 + ["new"] * 3).ravel()).round(3)
    array([0.707, 0.707, 0.   , 1.414, 0.   , 1.414])
    """

    def __init__(
        self, target_task: Any = None, *, n_components: int = 40, task_column: str | int | None = None
    ) -> None:
        self.target_task = target_task
        self.n_components = n_components
        self.task_column = task_column

    def _learn(self, X: Floats, rows: TransferRows) -> None:
        check_n_components(self.n_components)
        found = [principal_axes(X[rows.source == code]) for code in range(TARGET, rows.n_sources)]
        k = min(self.n_components, *(axes.shape[1] for _, axes, _ in found), X.shape[1])
        if k == 0:
            raise ValueError(
                "a task has one sample, or rows that are all equal, so it has no principal axis: drop that task."
            )
        target = found[0][1][:, :k]
        turned = [axes[:, :k] @ (axes[:, :k].T @ target) for _, axes, _ in found[1:]]
        self.means_ = np.array([mean for mean, _, _ in found])
        self.projections_ = np.array([target, *turned])
        self.n_components_ = self._n_features_out = k

    def _map(self, X: Floats, source: NDArray[np.intp]) -> Floats:
        mapped = np.empty((len(X), self.n_components_), dtype=X.dtype)
        for code in np.unique(source):
            own = source == code
            mapped[own] = (X[own] - self.means_[code + 1]) @ self.projections_[code + 1]
        return mapped


def check_n_components(n_components: Any) -> None:
    """Refuse what is no positive whole number."""
    if isinstance(n_components, bool) or not isinstance(n_components, (int, np.integer)) or n_components < 1:
        raise ValueError(f"n_components={n_components!r} must be a whole number of at least 1.")
