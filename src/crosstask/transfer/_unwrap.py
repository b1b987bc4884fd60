"""Read linear coefficients out of a fitted model: estimators, searches, and Pipelines of affine steps."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from crosstask.losses import Loss

Floats = NDArray[np.float64]
Affine = tuple[Floats, Floats]
"""Coefficients of shape (K, d) and intercepts of shape (K,)."""

_INSTEAD = (
    "a source must be linear in the target's columns (a fitted linear model, or a Pipeline of scalers and one). "
    "FineTunedRegressor and FineTunedClassifier need that too; to borrow from any other model, give it to "
    "TransferGuard as a candidate"
)


def thaw(source: Any) -> Any:
    """Return the estimator inside FrozenEstimator and finished searches."""
    while True:
        if isinstance(source, FrozenEstimator):
            source = source.estimator
        elif hasattr(source, "best_estimator_"):
            source = source.best_estimator_
        else:
            return source


def linear_coefficients(model: Any, where: str) -> Affine:
    """Return (coef, intercept) on the raw columns, so that X @ coef.T + intercept is what the model computes.

    Parameters
    ----------
    model : estimator
        Without its FrozenEstimator.
    where : str
        How errors name it.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If it has no linear coefficients on its input columns.
    """
    if isinstance(model, Pipeline):
        return _pipeline(model, where)
    if not hasattr(model, "coef_"):
        _check_fitted(model, where)
        raise ValueError(f"{where} is {_name(model)}, which has no linear coefficients: {_INSTEAD}.")
    raw = model.coef_.toarray() if sparse.issparse(model.coef_) else model.coef_
    coef = np.array(raw, dtype=np.float64, ndmin=2)
    if coef.ndim != 2:
        raise ValueError(
            f"{where} is {_name(model)} with coefficients of shape {np.shape(raw)}: a source is one task's model; "
            "take one out with crosstask.transfer.source_task(model, task)."
        )
    intercept = np.broadcast_to(np.asarray(getattr(model, "intercept_", 0.0), dtype=np.float64), len(coef))
    return coef, intercept.copy()


def verify_linear(model: Any, where: str, affine: Affine, rows: Floats, loss: Loss) -> None:
    """Check on a few rows that the coefficients say what the model says.

    This is what refuses another link than the target's (PoissonRegressor for ``loss="squared"``), one-against-one rows
    (SVC) and whatever else has a ``coef_`` of another meaning.

    Raises
    ------
    ValueError
        If they differ.
    """
    answer = getattr(model, "decision_function", None)
    if answer is None and not hasattr(model, "classes_"):
        answer = getattr(model, "predict", None)
    if answer is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the rows are in the right order, but carry no names
        said = np.asarray(answer(rows), dtype=np.float64)
    if loss.log_link:
        said = loss.predictor(said)
    expected = rows @ affine[0].T + affine[1]
    size = np.abs(rows) @ np.abs(affine[0]).T + np.abs(affine[1])
    if said.size != expected.size or np.any(np.abs(said.reshape(expected.shape) - expected) > 1e-6 * (size + 1e-12)):
        why = "no logarithmic link" if loss.log_link else "a link function, or one row a pair of classes"
        raise ValueError(f"{where} is {_name(model)}, whose coef_ is not what it computes with ({why}): {_INSTEAD}.")


def _pipeline(model: Pipeline, where: str) -> Affine:
    *transformers, (_, last) = model.steps
    coef, intercept = linear_coefficients(thaw(last), where)
    for _, step in reversed(transformers):
        coef, intercept = _before(thaw(step), coef, intercept, where)
    return coef, intercept


def _before(step: Any, coef: Floats, intercept: Floats, where: str) -> Affine:
    """Coefficients on the input of a transformer, given those on its output."""
    if step is None or (isinstance(step, str) and step == "passthrough"):
        return coef, intercept
    if isinstance(step, Pipeline):
        for _, inner in reversed(step.steps):
            coef, intercept = _before(thaw(inner), coef, intercept, where)
        return coef, intercept
    kind = type(step).__name__
    reader = _AFFINE_STEPS.get(kind)
    if reader is None or not type(step).__module__.startswith("sklearn."):
        raise ValueError(
            f"{where} is a Pipeline whose step {kind} cannot be turned into coefficients on raw columns (these can: "
            f"{', '.join(sorted(_AFFINE_STEPS))}, 'passthrough'): {_INSTEAD}."
        )
    _check_fitted(step, where)
    return reader(step, coef, intercept, where)


def _rescaled(coef: Floats, intercept: Floats, shift: Any, scale: Any) -> Affine:
    """Undo z = (x - shift) / scale; None stands for no shift, no scaling."""
    inner = coef if scale is None else coef / scale
    return inner, intercept if shift is None else intercept - inner @ shift


def _standard(step: Any, coef: Floats, intercept: Floats, where: str) -> Affine:
    return _rescaled(coef, intercept, step.mean_ if step.with_mean else None, step.scale_ if step.with_std else None)


def _robust(step: Any, coef: Floats, intercept: Floats, where: str) -> Affine:
    return _rescaled(
        coef, intercept, step.center_ if step.with_centering else None, step.scale_ if step.with_scaling else None
    )


def _min_max(step: Any, coef: Floats, intercept: Floats, where: str) -> Affine:
    if step.clip:
        raise ValueError(f"{where} has MinMaxScaler(clip=True), which is not linear: fit the source with clip=False.")
    return coef * step.scale_, intercept + coef @ step.min_  # z = x * scale_ + min_


def _max_abs(step: Any, coef: Floats, intercept: Floats, where: str) -> Affine:
    return _rescaled(coef, intercept, None, step.scale_)


def _imputer(step: Any, coef: Floats, intercept: Floats, where: str) -> Affine:
    """An imputer leaves rows without gaps as they are, and the target has no gaps."""
    statistics = np.asarray(step.statistics_)
    plain = step.missing_values is None or step.missing_values != step.missing_values
    if not plain or coef.shape[1] < len(statistics):
        raise ValueError(
            f"{where} has a SimpleImputer that drops columns or replaces numbers, so its columns are not the target's: "
            "fit the source on complete columns."
        )
    return coef[:, : len(statistics)], intercept  # indicator columns come last, and are zero without gaps


_AFFINE_STEPS = {
    "StandardScaler": _standard,
    "RobustScaler": _robust,
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "SimpleImputer": _imputer,
}


def _check_fitted(model: Any, where: str) -> None:
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise NotFittedError(
            f"{where} is {_name(model)}, which is not fitted: fit it on the source's rows first, and pass it as "
            "sklearn.frozen.FrozenEstimator(model), for scikit-learn's clone (in every search and cross-validation) "
            "drops the fit of anything else."
        ) from None
    except TypeError:  # a class, or not an estimator at all
        raise ValueError(f"{where} is {model!r}, not a fitted model: {_INSTEAD}.") from None


def _name(model: Any) -> str:
    return f"a {type(model).__name__}"
