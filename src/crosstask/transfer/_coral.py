"""CORAL: give the sources the target's mean and covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OneToOneFeatureMixin
from sklearn.utils.validation import check_is_fitted

from crosstask.transfer._aligner import Aligner, Floats, principal_axes
from crosstask.transfer._rows import TARGET, TransferRows


@dataclass(frozen=True)
class Moments:
    """Mean (d,), and the covariance by its axes (d, r) and variances (r,)."""

    mean: Floats
    axes: Floats
    variance: Floats

    def times_power(self, X: Floats, reg_covar: float, power: float) -> Floats:
        """Return X (C + reg I)^power without forming a d x d matrix."""
        outside = reg_covar**power
        inside = (self.variance + reg_covar) ** power - outside
        return X * outside + (X @ self.axes * inside) @ self.axes.T


class SameColumns(OneToOneFeatureMixin, Aligner):
    """Base of the transformers whose result has the columns of X, without the task column."""

    n_columns_: int

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the columns, without the task column."""
        check_is_fitted(self, "n_features_in_")
        if self.task_column is None:
            return np.asarray(super().get_feature_names_out(input_features))
        names = self._feature_names()
        return np.array([f"x{j}" for j in range(self.n_columns_)], dtype=object) if names is None else names


class CORAL(SameColumns):
    r"""Give each source the target's mean and covariance.

    .. math::
        x \mapsto m_t + (x - m_s)\,(C_s + \lambda I)^{-1/2} (C_t + \lambda I)^{1/2}

    for rows of source s; rows of the target stay as they are. m and C are the mean and covariance of the rows of a
    task, :math:`\lambda` is ``reg_covar``.

    Parameters
    ----------
    target_task : task id, optional
        The task that the others are brought to. None where no tasks are given, and then nothing is changed.
    reg_covar : float, default=1.0
        :math:`\lambda > 0`, in the squared units of the columns: standardise them first, so that 1 means something.
    task_column : str or int, optional
        Column of X that holds the task ids; it is left out of what ``transform`` returns.

    Attributes
    ----------
    source_tasks_ : ndarray of shape (n_sources,)
        Sorted ids of the other tasks.
    target_moments_ : Moments
        Mean, axes and variances of the target's rows.
    source_moments_ : list of Moments
        Those of each source.

    Raises
    ------
    ValueError
        If ``reg_covar`` is not positive, a task has a single row, or ``target_task`` is not among the tasks.

    See Also
    --------
    crosstask.transfer.LabelledRows : a last step of a Pipeline for targets without labels.

    Notes
    -----
    Uses no labels. Cost: one eigendecomposition of the smaller Gram matrix a task, O(n d min(n, d)). With
    several sources each is mapped on its own. When not to use it: where the classes are more or less frequent in the
    target (label shift), for then means and covariances differ although the classes look the same, and the
    map moves one class onto another; see ``docs/alignment.md`` for the measured loss.

    References
    ----------
    B. Sun, J. Feng, K. Saenko (2016). Return of frustratingly easy domain adaptation. AAAI, 2058-2065.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [10.0], [14.0], [18.0]])
    >>> aligner = CORAL(target_task="new", reg_covar=1e-9)
    >>> aligner.fit_transform(X, task=["old"] * 3 + ["new"] * 3).ravel()
    array([10., 14., 18., 10., 14., 18.])
    """

    def __init__(
        self, target_task: Any = None, *, reg_covar: float = 1.0, task_column: str | int | None = None
    ) -> None:
        self.target_task = target_task
        self.reg_covar = reg_covar
        self.task_column = task_column

    def _learn(self, X: Floats, rows: TransferRows) -> None:
        if not (np.isfinite(self.reg_covar) and self.reg_covar > 0):
            raise ValueError(f"reg_covar={self.reg_covar!r} must be a positive number.")
        self.n_columns_ = X.shape[1]
        names = [self.target_task, *rows.source_tasks.tolist()]
        moments: list[Moments] = []
        for code, name in zip(range(TARGET, rows.n_sources), names, strict=True):
            own = X[rows.source == code]
            if len(own) < 2 and rows.n_sources:
                raise ValueError(f"task {name!r} has 1 row, which has no covariance: CORAL needs two rows a task.")
            moments.append(Moments(*principal_axes(own)))
        self.target_moments_, self.source_moments_ = moments[0], moments[1:]

    def _map(self, X: Floats, source: NDArray[np.intp]) -> Floats:
        mapped = X.copy()
        for code, moments in enumerate(self.source_moments_):
            own = source == code
            if own.any():
                white = moments.times_power(X[own] - moments.mean, self.reg_covar, -0.5)
                coloured = self.target_moments_.times_power(white, self.reg_covar, 0.5)
                mapped[own] = self.target_moments_.mean + coloured
        return mapped
