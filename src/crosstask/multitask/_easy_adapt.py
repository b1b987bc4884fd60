"""Feature replication: every column once for all tasks and once for its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, get_tags

from crosstask.multitask._pooled import OneModel
from crosstask.multitask._support import IntVector
from crosstask.tasks import TaskRows, numeric_matrix

_MOST_DENSE = 10_000_000  # entries: 80 MB in float64


class EasyAdapt(OneModel):
    r"""Give any estimator the columns :math:`(c\,x,\; e_t \otimes (x, 1))`: a shared copy of x, and one of each task.

    A linear model then has the slopes :math:`c\,w_0 + v_t` and the intercepts :math:`b + b_t`. With a squared
    penalty this is the tie of all tasks to a shared centre, :math:`|w_0|^2 + \sum_t |v_t|^2`.

    Parameters
    ----------
    estimator : estimator
        Any scikit-learn regressor or classifier on numbers, or a Pipeline that ends in one; in a Pipeline the
        columns are copied before the last step. Weights reach the last step.
    shared_weight : float, default=1.0
        c > 0. Larger values make the shared slopes cheaper, and the tasks more alike.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them.
    unseen_task : {"error", "mean", "pooled"}, default="error"
        For rows of tasks that fit has not seen: refuse; average the predictions for all tasks; or predict by the
        shared copy alone.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator, or the last step of the Pipeline.
    head_ : Pipeline or None
        The fitted steps before it.
    classes_ : ndarray of shape (n_classes,)
        Classifiers only.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    Raises
    ------
    ValueError
        If ``shared_weight`` is not positive, or X is not numeric.

    See Also
    --------
    crosstask.multitask.MultiTaskRegressor : with ``coupling="mean_tied"``, the same model with intercepts that are
        not penalised, solved without making the copies.

    Notes
    -----
    Cost: one fit on :math:`n` rows of :math:`d + T (d + 1)` columns, of which :math:`2 d + 1` are not zero; the
    matrix is sparse when X is, or when a dense one would exceed 80 MB and the estimator takes a sparse one.
    When not to use it: with trees, which split a column too rarely to use its copies; give them
    ``PooledTasks(encode_task="category")``.

    References
    ----------
    H. Daume III (2007). Frustratingly easy domain adaptation. Proceedings of ACL, 256-263.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> X, y = np.array([[1.0], [-1.0], [1.0], [-1.0]]), np.array([1.0, -1.0, 3.0, -3.0])
    >>> model = EasyAdapt(Ridge(alpha=1e-9)).fit(X, y, task=["a", "a", "b", "b"])
    >>> model.predict([[1.0], [1.0]], task=["a", "b"])
    array([1.0, 3.0])
    """

    def __init__(
        self,
        estimator: Any,
        *,
        shared_weight: float = 1.0,
        task_column: str | int | None = None,
        unseen_task: str = "error",
    ) -> None:
        self.estimator = estimator
        self.shared_weight = shared_weight
        self.task_column = task_column
        self.unseen_task = unseen_task

    def _learn_design(self, table: Any, rows: TaskRows, tail: Any) -> tuple[Any, dict[str, Any]]:
        if not (np.isfinite(self.shared_weight) and self.shared_weight > 0):
            raise ValueError(f"shared_weight={self.shared_weight!r} must be a positive number.")
        tags = get_tags(tail).input_tags
        self._allow_nan = bool(tags.allow_nan)
        entries = table.shape[0] * (table.shape[1] + 1) * (rows.n_tasks + 1)
        self._sparse = bool(sparse.issparse(table) or (tags.sparse and entries > _MOST_DENSE))
        return self._design(table, rows.codes), {}

    def _design(self, table: Any, codes: IntVector) -> Any:
        if self._allow_nan:
            options: dict[str, Any] = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
            matrix: Any = check_array(table, ensure_all_finite=False, **options)
        else:
            matrix = numeric_matrix(self, table)
        copied: Any = sparse.csr_array(matrix) if self._sparse else matrix
        ones = np.ones((copied.shape[0], 1), dtype=copied.dtype)
        if self._sparse:
            with_one = sparse.hstack([copied, sparse.csr_array(ones)], format="csr")
            own = _spread(with_one, codes, len(self.tasks_))
            return sparse.hstack([copied * copied.dtype.type(self.shared_weight), own], format="csr")
        own = np.zeros((len(codes), len(self.tasks_), copied.shape[1] + 1), dtype=copied.dtype)
        known = np.flatnonzero(codes >= 0)
        own[known, codes[known]] = np.hstack([copied, ones])[known]
        return np.hstack([copied * copied.dtype.type(self.shared_weight), own.reshape(len(codes), -1)])


def _spread(X: Any, codes: IntVector, n_tasks: int) -> Any:
    """Move each row of X to the block of columns of its task; rows of unseen tasks become zero."""
    width = X.shape[1]
    known = sparse.dia_array((np.asarray(codes >= 0, dtype=X.dtype)[None], [0]), shape=(X.shape[0], X.shape[0]))
    kept: Any = sparse.csr_array(known @ X)
    shift = np.repeat(codes, np.diff(kept.indptr)) * width
    columns = kept.indices.astype(np.int64) + np.maximum(shift, 0)
    return sparse.csr_array((kept.data, columns, kept.indptr), shape=(X.shape[0], n_tasks * width))
