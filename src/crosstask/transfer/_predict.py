"""Predictions of one linear model, the same for every transfer of parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from crosstask.losses import SquaredHinge, as_loss
from crosstask.tasks import numeric_matrix
from crosstask.tasks._frames import as_table
from crosstask.transfer._target import Target
from crosstask.transfer._unwrap import Floats


def _has_probabilities(estimator: Any) -> bool:
    if estimator.loss == "squared_hinge" or isinstance(estimator.loss, SquaredHinge):
        raise AttributeError(
            f"loss={estimator.loss!r} gives margins and no probabilities, so there is no predict_proba: use "
            "decision_function, or loss='logistic'."
        )
    return True


class LinearModel(BaseEstimator):
    """What is linear in its columns."""

    loss: Any
    coef_: Floats
    intercept_: Any

    def _linear(self, X: Any) -> Floats:
        check_is_fitted(self, "coef_")
        table = as_table(X)
        validate_data(self, table, skip_check_array=True, reset=False)
        matrix = numeric_matrix(self, table)
        return np.asarray(matrix @ np.atleast_2d(self.coef_).T) + self.intercept_

    def _set_coefficients(self, target: Target, scaled: Floats, intercept: Floats) -> None:
        """Store coefficients (K, d) on the scaled columns and intercepts (K,) on the caller's scale."""
        coef = scaled / target.scale
        if target.classes is None:
            self.coef_, self.intercept_ = coef[0], float(intercept[0])
        else:
            self.coef_, self.intercept_ = coef, intercept

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class LinearRegressorModel(RegressorMixin, LinearModel):
    """A regressor that is linear in its columns."""

    def predict(self, X: Any) -> Floats:
        """Predict the target.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n,)
            X @ coef_ + intercept_; its exponential, the mean, with ``loss="poisson"``.
        """
        return as_loss(self.loss).prediction(self._linear(X)[:, 0])


class LinearClassifierModel(ClassifierMixin, LinearModel):
    """A classifier whose log-odds are linear in its columns."""

    classes_: NDArray[Any]

    def decision_function(self, X: Any) -> Floats:
        """Linear predictor of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n,) or (n, n_classes)
            Log-odds (squared hinge: margin) of the second of two classes, or one score for each class.
        """
        linear = self._linear(X)
        return linear[:, 0] if linear.shape[1] == 1 else linear

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> Floats:
        """Probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n, n_classes)
            In the order of ``classes_``.
        """
        linear = self._linear(X)
        if linear.shape[1] == 1:
            return np.hstack([expit(-linear), expit(linear)])
        return softmax(linear, axis=1)

    def predict(self, X: Any) -> NDArray[Any]:
        """Most probable class of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            Rows.

        Returns
        -------
        ndarray of shape (n,)
            Labels.
        """
        linear = self._linear(X)
        chosen = (linear[:, 0] > 0).astype(np.intp) if linear.shape[1] == 1 else linear.argmax(axis=1)
        return self.classes_[chosen]
