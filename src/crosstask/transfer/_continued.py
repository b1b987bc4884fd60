"""One step of further training of a fitted model, by whatever means it has."""

from __future__ import annotations

import inspect
import warnings
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from crosstask.transfer._source_models import FLOOR
from crosstask.transfer._unwrap import Floats, thaw

REBINNED = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


class Continued:
    """A deep copy of a fitted model that trains on; the last step of a Pipeline, whose other steps stay as they are.

    Parameters
    ----------
    source : estimator
        Fitted; never changed.
    random_state : int or None
        For a model that has none of its own.

    Raises
    ------
    NotFittedError, ValueError
        If it is not fitted, or cannot train on.
    """

    def __init__(self, source: Any, random_state: Any) -> None:
        name = type(thaw(source)).__name__
        if isinstance(source, type) or not hasattr(thaw(source), "predict"):
            raise ValueError(f"the source is {source!r}, which predicts nothing: pass a fitted model.")
        try:
            check_is_fitted(thaw(source))
        except NotFittedError:
            raise NotFittedError(
                f"the source, a {name}, is not fitted: fit it on its own rows, and wrap it in "
                "sklearn.frozen.FrozenEstimator, since clone drops the fit of anything else."
            ) from None
        self.model = deepcopy(thaw(source))
        self.last: Any = thaw(self.model.steps[-1][1]) if isinstance(self.model, Pipeline) else self.model
        if isinstance(self.model, Pipeline):
            self.model.steps[-1] = (self.model.steps[-1][0], self.last)
        self.means = _means(self.last)
        parameters = self.last.get_params(deep=False)
        if parameters.get("random_state", 0) is None:
            self.last.set_params(random_state=random_state)
        if self.means != "partial_fit":
            self.last.set_params(warm_start=True)
        if self.means == "max_iter":
            self.last.set_params(max_iter=1)

    def inputs(self, table: Any) -> Any:
        """Return what the part that trains on is given for these rows."""
        before = self.model[:-1] if isinstance(self.model, Pipeline) and len(self.model.steps) > 1 else None
        return table if before is None else before.transform(table)

    def check_classes(self, y: NDArray[Any]) -> None:
        """Raise where these labels cannot be trained on."""
        if not is_classifier(self.last):
            return
        known, own = np.asarray(self.last.classes_), np.unique(y)
        name = type(self.last).__name__
        if not np.isin(own, known).all():
            new = own[~np.isin(own, known)].tolist()[:6]
            raise ValueError(f"y has the classes {new}, which the source, a {name}, does not know: use SourceStacking.")
        if self.means != "partial_fit" and len(own) < len(known):
            raise ValueError(
                f"y, or a fold of it, lacks the classes {known[~np.isin(known, own)].tolist()[:6]}, and a {name} is "
                "continued with all of its classes only: use fewer folds, a source with partial_fit, or OffsetTransfer."
            )

    def step(self, inputs: Any, y: NDArray[Any], weight: Floats | None) -> None:
        """Train one pass, or one more member, on these rows."""
        train = self.last.partial_fit if self.means == "partial_fit" else self.last.fit
        given: dict[str, Any] = {}
        if weight is not None:
            if "sample_weight" not in inspect.signature(train).parameters:
                raise ValueError(
                    f"sample_weight was given, but {type(self.last).__name__} takes none: drop sample_weight."
                )
            given["sample_weight"] = weight
        if self.means == "n_estimators":
            self.last.set_params(n_estimators=self.last.n_estimators + 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped on purpose
            train(inputs, y, **given)

    def losses(self, inputs: Any, y: NDArray[Any]) -> Floats:
        """Loss of each row: half a squared error, minus log probability, or 1 for a wrong label without one."""
        if not is_classifier(self.last):
            return (y - np.asarray(self.last.predict(inputs), dtype=np.float64)) ** 2 / 2.0
        if not hasattr(self.last, "predict_proba"):
            return (np.asarray(self.last.predict(inputs)) != y).astype(np.float64)
        p = np.asarray(self.last.predict_proba(inputs), dtype=np.float64)
        return -np.log(np.maximum(p[np.arange(len(y)), np.searchsorted(self.last.classes_, y)], FLOOR))


def _means(model: Any) -> str:
    """Return what makes a step: "partial_fit", or the parameter that a warm start counts up."""
    name = type(model).__name__
    if isinstance(model, REBINNED):
        raise ValueError(
            f"the source is a {name}, whose warm start is valid on the rows of its first fit only (it bins them anew): "
            f"use OffsetTransfer(source, learner=HistGradientBoostingRegressor()), which continues it on other rows."
        )
    if hasattr(model, "partial_fit"):
        return "partial_fit"
    parameters = model.get_params(deep=False)
    if "warm_start" in parameters:
        for counted in ("n_estimators", "max_iter"):
            if counted in parameters:
                return counted
    raise ValueError(
        f"the source is a {name}, which has neither partial_fit nor warm_start: use OffsetTransfer or SourceStacking, "
        "which ask a source for predictions only."
    )
