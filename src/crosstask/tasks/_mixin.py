"""What every estimator that knows tasks has in common."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Tags

from crosstask.tasks._doors import TaskRows, open_fit, open_predict


class TaskMixin:
    """Three doors for tasks, routed metadata, and a score that does not reward knowing the task means.

    A subclass has the parameters ``task_column`` and ``unseen_task``, calls ``self._open_fit`` first in ``fit``
    and ``self._open_predict`` first in every method that predicts, and lays its answer out with
    ``rows.restore``. It must stand left of scikit-learn's own mixins.
    """

    # Routed by default, so that nobody has to call set_fit_request (scikit-learn reads these names).
    __metadata_request__fit: ClassVar = {"task": True}
    __metadata_request__predict: ClassVar = {"task": True}
    __metadata_request__predict_proba: ClassVar = {"task": True}
    __metadata_request__decision_function: ClassVar = {"task": True}
    __metadata_request__score: ClassVar = {"task": True}

    task_column: str | int | None

    def _open_fit(self, X: Any, y: Any, task: Any = None, sample_weight: Any = None) -> TaskRows:
        return open_fit(self, X, y, task=task, sample_weight=sample_weight)

    def _open_predict(self, X: Any, task: Any = None) -> TaskRows:
        return open_predict(self, X, task=task)

    def score(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy, or 1 - within-task squared error / within-task sum of squares.

        Parameters
        ----------
        X, y, task, sample_weight
            As in ``fit``. Entries of a wide y that are missing are left out.

        Returns
        -------
        float
            1 is perfect; for regression 0 is what predicting each task's own mean of y would give.
        """
        from crosstask.tasks._score import within_task_score

        return within_task_score(self, X, y, task=task, sample_weight=sample_weight)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.target_tags.multi_output = True
        return tags


def numeric_matrix(estimator: Any, X: Any, *, accept_sparse: bool = True, gaps: bool = False) -> Any:
    """Return X as a finite float matrix (float32 stays float32), CSR where it is sparse; NaN passes with ``gaps``.

    Raises
    ------
    ValueError
        If a column is not numeric, or is missing or infinite somewhere; the columns are named.
    """
    from scipy import sparse
    from sklearn.utils.validation import check_array

    from crosstask.tasks._frames import column_names

    names = column_names(X)
    options: dict[str, Any] = {
        "accept_sparse": "csr" if accept_sparse else False,
        "dtype": [np.float64, np.float32],
    }
    if any(kind.is_temporal() for kind in getattr(X, "schema", {}).values()):  # polars would make them numbers
        _refuse_other_kinds(X, names, estimator)
    plain = hasattr(X, "iloc") and all(isinstance(dtype, np.dtype) and dtype.kind in "fiu" for dtype in X.dtypes)
    table = X.to_numpy() if plain else X  # as check_array would, but in half the time of a one-row prediction
    try:
        matrix = check_array(table, ensure_all_finite=False, estimator=estimator, input_name="X", **options)
    except (TypeError, ValueError):
        _refuse_other_kinds(X, names, estimator)
        raise
    values = matrix.data if sparse.issparse(matrix) else matrix
    if np.isfinite(values.sum(dtype=np.float64)) or np.isfinite(values).all():
        return matrix
    if gaps and not np.isinf(values).any():
        return matrix
    raise ValueError(_not_finite(matrix, names, estimator))


def _refuse_other_kinds(X: Any, names: list[str] | None, estimator: Any) -> None:
    """Raise a ValueError that names the columns of a frame, or of an array of objects, that are not numbers."""
    from scipy import sparse

    dense = np.ndim(X) == 2 and not sparse.issparse(X)
    columns = [X[name] for name in X.columns] if names else list(np.asarray(X).T) if dense else []
    other = [(names[j] if names else j) for j, column in enumerate(columns) if not _is_numeric(column)]
    if other:
        shown = ", ".join(repr(name) for name in other[:8]) + (", .." if len(other) > 8 else "")
        raise ValueError(
            f"X has text, dates or the like in column {shown}, and {type(estimator).__name__} takes numbers: encode "
            "them first, for example with OneHotEncoder in a ColumnTransformer, or use CrossTaskRegressor or "
            "CrossTaskClassifier, which take them as they are."
        ) from None


def _is_numeric(column: Any) -> bool:
    values = np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)
    if values.dtype.kind in "mM":
        return False
    try:
        values.astype(np.float64)
    except ValueError:
        return False
    except TypeError:  # a dict or pandas.NA, which scikit-learn's own message describes
        return True
    return True


def _not_finite(matrix: Any, names: list[str] | None, estimator: Any) -> str:
    from scipy import sparse

    values = matrix.data if sparse.issparse(matrix) else matrix
    if sparse.issparse(matrix):
        positions: NDArray[Any] = np.unique(matrix.indices[~np.isfinite(matrix.data)])
    else:
        positions = np.flatnonzero(~np.isfinite(matrix).all(axis=0))
    found = " and ".join(what for what, test in (("NaN", np.isnan), ("infinity", np.isinf)) if test(values).any())
    shown = ", ".join(repr(names[j]) if names else str(j) for j in positions[:8])
    return (
        f"Input X contains {found} in column {shown}{', ..' if len(positions) > 8 else ''}, "
        f"which {type(estimator).__name__} cannot take: fill the gaps first, for example with SimpleImputer in a "
        "Pipeline, or use CrossTaskRegressor or CrossTaskClassifier, which handle them."
    )
