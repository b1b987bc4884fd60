"""Sources of any kind: fitted models that are asked for predictions, and need no coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import assert_all_finite, get_tags
from sklearn.utils.validation import check_is_fitted

from crosstask.tasks import is_frame
from crosstask.transfer._unwrap import Floats

FLOOR = 1e-6


def read_models(source: Any, table: Any, classification: bool) -> list[Any]:
    """Return the fitted models that were given as ``source``, each asked about this table once.

    Raises
    ------
    NotFittedError, ValueError
        One sentence that says which source is wrong, and what cures it.
    """
    given = [] if source is None else list(source) if isinstance(source, (list, tuple)) else [source]
    for k, model in enumerate(given):
        where = "the source" if len(given) == 1 else f"source {k}"
        _check(model, where, classification)
        columns_for(model, table, where)
    return given


def _check(model: Any, where: str, classification: bool) -> None:
    name = type(model.estimator if isinstance(model, FrozenEstimator) else model).__name__
    if isinstance(model, type) or not hasattr(model, "predict"):
        raise ValueError(f"{where} is {model!r}, which predicts nothing: pass a fitted model.")
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise NotFittedError(
            f"{where}, a {name}, is not fitted: fit it on its own rows, and wrap it in sklearn.frozen.FrozenEstimator, "
            "since clone drops the fit of anything else."
        ) from None
    if classification and not is_classifier(model):
        raise ValueError(f"{where} is a regressor ({name}): a classification needs a classifier as its source.")
    if classification and not hasattr(model, "predict_proba"):
        raise ValueError(
            f"{where}, a {name}, has no predict_proba: wrap it in sklearn.calibration.CalibratedClassifierCV."
        )
    if not classification and not is_regressor(model):
        raise ValueError(f"{where} is no regressor ({name}): a regression needs a regressor as its source.")


def columns_for(model: Any, table: Any, where: str) -> Any:
    """Return the columns of the table that a model was fitted on, by name where both have names.

    Raises
    ------
    ValueError
        If some are not there.
    """
    names = getattr(model, "feature_names_in_", None)
    if names is None or not is_frame(table):
        width = getattr(model, "n_features_in_", table.shape[1])
        if width != table.shape[1]:
            raise ValueError(
                f"{where} was fitted on {width} columns, X has {table.shape[1]}: give both the same columns."
            )
        return table if names is None else np.asarray(table)
    absent = [str(name) for name in names if name not in table.columns]
    if absent:
        shown = ", ".join(map(repr, absent[:5])) + (", .." if len(absent) > 5 else "")
        raise ValueError(
            f"{where} was fitted on columns that X lacks: {shown}; add them, or fit the source without them."
        )
    return table[list(names)]


def union_of_labels(y: NDArray[Any], models: list[Any]) -> NDArray[Any]:
    """Return the sorted classes of the target and of all sources.

    Raises
    ------
    ValueError
        If a source shares no class with the target.
    """
    labels = np.unique(y)
    for k, model in enumerate(models):
        if not set(np.asarray(model.classes_).tolist()) & set(np.unique(y).tolist()):
            raise ValueError(
                f"source {k} has the classes {np.asarray(model.classes_).tolist()[:6]}, the target's y has "
                f"{np.unique(y).tolist()[:6]}: they share none; use the same labels for the same classes."
            )
        labels = np.union1d(labels, model.classes_)
    return labels


def answer(model: Any, table: Any, classes: NDArray[Any] | None) -> Floats:
    """Return predictions (n, 1), or probabilities of all classes (n, K), those that the model does not know small."""
    rows = columns_for(model, table, "the source")
    if classes is None:
        return np.asarray(model.predict(rows), dtype=np.float64).reshape(-1, 1)
    p = np.full((rows.shape[0], len(classes)), FLOOR)
    p[:, np.searchsorted(classes, model.classes_)] = np.maximum(model.predict_proba(rows), FLOOR)
    return p / p.sum(axis=1, keepdims=True)


def refuse_gaps(estimator: Any, table: Any) -> None:
    """Raise where numbers are missing or infinite and the estimator's tags say that it cannot take them."""
    if not get_tags(estimator).input_tags.allow_nan and not is_frame(table):
        values = table.data if sparse.issparse(table) else table
        assert_all_finite(values, estimator_name=type(estimator).__name__, input_name="X")
