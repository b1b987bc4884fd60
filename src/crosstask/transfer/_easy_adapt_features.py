"""Feature replication as a transformer: one shared copy of the columns, one of each task."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin

from crosstask.transfer._aligner import Aligner
from crosstask.transfer._rows import TransferRows


class EasyAdaptFeatures(ClassNamePrefixFeaturesOutMixin, Aligner):
    r"""Copy the columns: once for all tasks, once for the target, and once for each source.

    .. math::
        x \mapsto (c\,x,\; x,\; 0, \dots, 0) \text{ in the target}, \qquad
        x \mapsto (c\,x,\; 0, \dots, x, \dots, 0) \text{ in a source}

    A linear model on these columns has the slopes :math:`c\,w_0 + v_t` in task t, and its penalty ties them.

    Parameters
    ----------
    target_task : task id, optional
        The task whose rows are served. None where no tasks are given: two copies are made.
    shared_weight : float, default=1.0
        c > 0. Larger values make the shared slopes cheaper, and the tasks more alike.
    task_column : str or int, optional
        Column of X that holds the task ids; it is left out of what ``transform`` returns.

    Attributes
    ----------
    source_tasks_ : ndarray of shape (n_sources,)
        Sorted ids of the other tasks; the order of their copies.

    Raises
    ------
    ValueError
        If ``shared_weight`` is not positive.

    See Also
    --------
    crosstask.EasyAdapt : the same as a wrapper that serves all tasks, with an intercept for each.

    Notes
    -----
    Needs labels of the target: without any, its copy has no rows to learn from. The result is sparse where X is.
    Cost: :math:`n (2 + S) d` entries, of which :math:`2 n d` are not zero. When not to use it: with trees, which split
    a column too rarely to use its copies.

    References
    ----------
    H. Daume III (2007). Frustratingly easy domain adaptation. Proceedings of ACL, 256-263.

    Examples
    --------
    >>> EasyAdaptFeatures("new").fit_transform([[1.0], [2.0]], task=["old", "new"])
    array([[1., 0., 1.],
           [2., 2., 0.]])
    """

    _takes_sparse: ClassVar[bool] = True

    def __init__(
        self, target_task: Any = None, *, shared_weight: float = 1.0, task_column: str | int | None = None
    ) -> None:
        self.target_task = target_task
        self.shared_weight = shared_weight
        self.task_column = task_column

    def _learn(self, X: Any, rows: TransferRows) -> None:
        if not (np.isfinite(self.shared_weight) and self.shared_weight > 0):
            raise ValueError(f"shared_weight={self.shared_weight!r} must be a positive number.")
        self._n_features_out = X.shape[1] * (2 + rows.n_sources)

    def _map(self, X: Any, source: NDArray[np.intp]) -> Any:
        n, d = X.shape
        shared = X * X.dtype.type(self.shared_weight)
        blocks = len(self.source_tasks_) + 1
        if not sparse.issparse(X):
            own = np.zeros((n, blocks, d), dtype=X.dtype)
            own[np.arange(n), source + 1] = X
            return np.hstack([shared, own.reshape(n, blocks * d)])
        rows: Any = sparse.csr_array(X)
        columns = rows.indices.astype(np.int64) + np.repeat((source + 1) * d, np.diff(rows.indptr))
        own = sparse.csr_array((rows.data, columns, rows.indptr), shape=(n, blocks * d))
        return sparse.hstack([shared, own], format="csr")
