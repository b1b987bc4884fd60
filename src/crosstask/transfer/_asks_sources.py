"""What the methods that ask fitted sources for predictions have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_classifier
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import _check_sample_weight, column_or_1d, validate_data

from crosstask.tasks._frames import as_table, check_one_target_a_row
from crosstask.tasks._target import check_target
from crosstask.transfer._source_models import refuse_gaps
from crosstask.transfer._unwrap import Floats

PENALTIES = np.geomspace(1e-2, 1e4, 13)


class AsksSources(MetaEstimatorMixin, BaseEstimator):
    """Base: ``source`` is a fitted model or a list of these, and a classifier makes this a classifier."""

    source: Any

    def _models(self) -> list[Any]:
        """Return the estimators whose kind this one may have, the first that is there."""
        return list(self.source) if isinstance(self.source, (list, tuple)) else [self.source]

    def _open_fit(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, NDArray[Any], Floats]:
        """Check what came in: the table, the values or classes, and a weight for each row."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        table = as_table(X)
        validate_data(self, table, skip_check_array=True)
        values = check_target(column_or_1d(y, warn=True), is_classifier(self))
        check_one_target_a_row(table, values)
        weight = _check_sample_weight(sample_weight, table, dtype=np.float64, ensure_non_negative=True)
        return table, values, weight

    def _open_predict(self, X: Any) -> Any:
        """Return the rows to predict, checked."""
        table = as_table(X)
        validate_data(self, table, skip_check_array=True, reset=False)
        refuse_gaps(self, table)
        return table

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the prediction or class of each row."""
        raise NotImplementedError

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy or R²."""
        from sklearn.metrics import accuracy_score, r2_score

        measure = accuracy_score if is_classifier(self) else r2_score
        return float(measure(y, self.predict(X), sample_weight=sample_weight))

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        inner = get_tags(next((model for model in self._models() if hasattr(model, "fit")), RidgeCV()))
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags, tags.regressor_tags = inner.classifier_tags, inner.regressor_tags
        tags.target_tags.required = True
        tags.input_tags.sparse, tags.input_tags.allow_nan = inner.input_tags.sparse, inner.input_tags.allow_nan
        return tags


def asks_for_classes(estimator: Any) -> bool:
    """Tell whether an estimator is a classifier; for available_if."""
    return is_classifier(estimator)


def differing(weight: Floats, rows: Any = slice(None)) -> Floats | None:
    """Return the weights of these rows, None where all weights are equal."""
    return weight[rows] if np.ptp(weight) > 0 else None


def standardised_ridge(n_rows: int) -> Any:
    """Return a ridge whose penalty is chosen by leaving rows out; of one row, the mean."""
    return make_pipeline(StandardScaler(), RidgeCV(PENALTIES) if n_rows > 1 else DummyRegressor())
