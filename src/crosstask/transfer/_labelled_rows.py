"""The last step of a Pipeline whose target has no labels, or few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_classifier
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, column_or_1d

from crosstask.tasks import fit_weighted, fresh, take_rows
from crosstask.tasks._frames import as_table
from crosstask.tasks._target import check_target, missing_values


def _inner_has(method: str) -> Callable[[Any], bool]:
    def check(wrapper: Any) -> bool:
        getattr(wrapper.estimator, method)  # raises the inner estimator's own AttributeError
        return True

    return check


class LabelledRows(MetaEstimatorMixin, BaseEstimator):
    r"""Fit an estimator on those rows whose y is not missing: :math:`A(\{(x_i, y_i) : y_i \text{ is known}\})`.

    The steps before it in a Pipeline see all rows; this last one drops those that have no label. That is how a
    transformer such as :class:`CORAL` learns from unlabelled rows of the target.

    Parameters
    ----------
    estimator : estimator
        Any scikit-learn regressor or classifier.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    classes_ : ndarray of shape (n_classes,)
        Classifiers only.

    Raises
    ------
    ValueError
        If no row has a y.

    Notes
    -----
    Missing is NaN, None, NaT or NA, as in pandas. The -1 of ``sklearn.semi_supervised`` is a label here, since
    many tables hold the classes -1 and +1: write ``np.where(y == -1, np.nan, y)``. Cost: that of the estimator.
    When not to use it: where all rows have labels it does nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> LabelledRows(Ridge(alpha=1e-9)).fit([[0.0], [1.0], [5.0]], [0.0, 2.0, np.nan]).predict([[5.0]])
    array([10.])
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any, *, sample_weight: Any = None) -> Self:
        """Fit on the labelled rows.

        Parameters
        ----------
        X : table of shape (n_rows, n_features)
            In any make that the estimator takes.
        y : array-like of shape (n_rows,)
            NaN, None, NaT or NA where a row has no label.
        sample_weight : array-like of shape (n_rows,), optional
            Passed on.

        Returns
        -------
        Self
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        values = column_or_1d(np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y), warn=True)
        known = np.flatnonzero(~missing_values(values))
        if len(values) and not len(known):
            raise ValueError("Input y contains NaN in every row: give at least the rows of the sources their y.")
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        table = X
        if len(known) < len(values):
            table = take_rows(as_table(X), known)
            values = check_target(values[known], is_classifier(self))
            weight = weight if weight is None or weight.ndim == 0 else weight[known]
        self.estimator_ = fit_weighted(fresh(self.estimator), table, values, weight)
        for name in ("classes_", "n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict with the fitted estimator."""
        return self._ask("predict", X)

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the probability of each class, columns in the order of ``classes_``."""
        return self._ask("predict_proba", X)

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the estimator's decision values."""
        return self._ask("decision_function", X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the estimator's own score over the labelled rows."""
        check_is_fitted(self)
        values = column_or_1d(np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y))
        known = np.flatnonzero(~missing_values(values))
        table = X if len(known) == len(values) else take_rows(as_table(X), known)
        weight = None if sample_weight is None else np.asarray(sample_weight)[known]
        return float(self.estimator_.score(table, check_target(values[known], is_classifier(self)), weight))

    def _ask(self, method: str, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        return np.asarray(getattr(self.estimator_, method)(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        for name in ("estimator_type", "classifier_tags", "regressor_tags", "input_tags", "non_deterministic"):
            setattr(tags, name, getattr(inner, name))
        tags.target_tags.required = True
        tags.target_tags.positive_only = inner.target_tags.positive_only
        return tags
