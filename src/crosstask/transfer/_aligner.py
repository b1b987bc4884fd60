"""What the transformers that bring tasks together have in common."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from crosstask.tasks import numeric_matrix
from crosstask.transfer._rows import TransferRows, named_column, open_transfer_fit, open_transfer_predict

Floats = NDArray[np.float64]


class Aligner(TransformerMixin, BaseEstimator):
    """Base of the transformers: a subclass has ``_learn(X, rows)`` and ``_map(X, source)``.

    The task column is read and left out of what ``transform`` returns. Rows without a task, and an X without the
    task column, are the target's.
    """

    # Routed by default, so that nobody has to call set_fit_request (scikit-learn reads these names).
    __metadata_request__fit: ClassVar = {"task": True}
    __metadata_request__transform: ClassVar = {"task": True}

    target_task: Any
    task_column: str | int | None
    n_features_in_: int
    source_tasks_: NDArray[Any]
    _takes_sparse: ClassVar[bool] = False

    def fit(self, X: Any, y: Any = None, *, task: Any = None) -> Self:
        """Learn the maps from the rows of all tasks.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Rows of the sources and of the target.
        y : array-like of shape (n_rows,), optional
            Target values; NaN, None or NA where a row has none.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.

        Returns
        -------
        Self
        """
        rows = open_transfer_fit(self, X, y, task=task)
        self._learn(self._matrix(rows.X), rows)
        return self

    def transform(self, X: Any, *, task: Any = None) -> Any:
        """Map rows; those without a task are the target's."""
        rows = open_transfer_predict(self, X, task=task)
        return self._map(self._matrix(rows.X), rows.source)

    def fit_transform(self, X: Any, y: Any = None, *, task: Any = None) -> Any:
        """Fit, and map the same rows."""
        return self.fit(X, y, task=task).transform(X, task=task)

    def _matrix(self, table: Any) -> Any:
        if sparse.issparse(table) and not self._takes_sparse:
            raise TypeError(
                f"X is sparse, and {type(self).__name__} mixes all columns, so that its result is dense: pass "
                "X.toarray(), or reduce X first, for example with TruncatedSVD."
            )
        return numeric_matrix(self, table, accept_sparse=self._takes_sparse)

    def _feature_names(self) -> NDArray[Any] | None:
        """Return the names of the columns beside the task column, None where X had none."""
        names: Any = getattr(self, "feature_names_in_", None)
        if names is None or self.task_column is None:
            return names
        return names[names != named_column(self.task_column, names)]

    def _learn(self, X: Any, rows: TransferRows) -> None:
        raise NotImplementedError

    def _map(self, X: Any, source: NDArray[np.intp]) -> Any:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._takes_sparse
        return tags


def principal_axes(X: Floats, least: float = 0.0) -> tuple[Floats, Floats, Floats]:
    """Return (mean, axes of shape (d, r), variances of shape (r,)), largest first.

    Variances are about the mean, with n - 1 in the denominator; those not above ``least`` times the largest are left
    out, and so are those that are zero up to rounding. Works on the smaller of the two Gram matrices.
    """
    from scipy.linalg import eigh

    mean = X.mean(axis=0)
    centred = X - mean
    n, d = X.shape
    wide = d > n
    gram = centred @ centred.T if wide else centred.T @ centred
    value, vector = eigh(gram / max(n - 1, 1))
    value, vector = value[::-1], vector[:, ::-1]
    kept = value > max(least, np.finfo(X.dtype).eps * max(n, d)) * max(float(value[0]), np.finfo(X.dtype).tiny)
    value, vector = value[kept], vector[:, kept]
    if wide:
        vector = centred.T @ vector / np.sqrt(value * max(n - 1, 1))
    return mean, vector, value
