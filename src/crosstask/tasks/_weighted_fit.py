"""Sample weights for estimators that nobody here has seen before."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

_INNER = ("estimator", "regressor", "classifier", "base_estimator")


def weight_keyword(estimator: Any) -> str | None:
    """Return the keyword under which ``fit`` takes sample weights, None where it takes none."""
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = weight_keyword(last)
        return None if inner is None else f"{name}__{inner}"
    parameters = inspect.signature(estimator.fit).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        parts = estimator.get_params(deep=False)
        for part in _INNER:
            if parts.get(part) is not None:
                return weight_keyword(parts[part])
    return None


def fit_weighted(estimator: Any, X: Any, y: Any, weight: NDArray[np.float64] | None, **fit_params: Any) -> Any:
    """Fit the estimator, with the weights where there are any.

    Raises
    ------
    ValueError
        If the weights differ and the estimator takes none.
    """
    if weight is not None:
        keyword = weight_keyword(estimator)
        if keyword is not None:
            fit_params[keyword] = weight
        elif np.ptp(weight) > 0:
            raise ValueError(
                f"sample_weight was given, but {type(estimator).__name__} takes none: drop sample_weight, "
                "or wrap an estimator whose fit has it."
            )
    with config_context(enable_metadata_routing=False):  # a Pipeline routes by step name only then
        return estimator.fit(X, y, **fit_params)


def fresh(estimator: Any) -> Any:
    """Return an unfitted clone; scikit-learn types it as whatever clone may return, lists among them."""
    return clone(estimator)
