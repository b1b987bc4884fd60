"""A candidate on the matrix of the reader: prepared anew in each fold, then fitted with its tasks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from threadpoolctl import threadpool_limits

from crosstask.auto._columns import is_category
from crosstask.auto._common_rate import CommonRate, Rows
from crosstask.auto._encoder import NumericEncoder
from crosstask.auto._steady import steadied
from crosstask.tasks._added import can_add_task

FloatMatrix = NDArray[np.float64]
Form = Literal["encoded", "raw", "frame"]


def _inner_has(method: str) -> Callable[[Any], bool]:
    def check(prepared: Any) -> bool:
        getattr(prepared.estimator, method)  # raises the inner estimator's own AttributeError
        return True

    return check


class Prepared(MetaEstimatorMixin, BaseEstimator):
    """Gives an estimator with tasks the matrix of the reader in the form that it can take.

    Parameters
    ----------
    estimator : estimator
        Takes ``task=`` in fit and predict.
    names, levels : list
        Names of the columns, and the names of their categories, as the reader gives them.
    form : {"encoded", "raw", "frame"}, default="encoded"
        "encoded": finite numbers, by a :class:`NumericEncoder` fitted on the rows of fit. "raw": the matrix with NaN
        as it is. "frame": a pandas frame in which categories have dtype category.
    prior_width : float, optional
        Weak prior on the alpha of a logistic model, see :func:`steadied`; None for none.
    tied : bool, default=False
        Whether intercepts are tied to the common mean, or rate, as far as the tasks agree. See :class:`Rows`.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    encoder_ : NumericEncoder or None
        Fitted with the form "encoded" only.
    """

    _common_rate: CommonRate | None = None

    def __init__(
        self,
        estimator: Any,
        *,
        names: list[str] | None = None,
        levels: list[Any] | None = None,
        form: Form = "encoded",
        prior_width: float | None = None,
        tied: bool = False,
    ) -> None:
        self.estimator = estimator
        self.names = names
        self.levels = levels
        self.form = form
        self.prior_width = prior_width
        self.tied = tied

    def fit(self, X: FloatMatrix, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Learn the preparation from these rows, then fit the estimator on them."""
        self.encoder_ = None
        if self.form == "encoded":
            self.encoder_ = NumericEncoder(self.names, self.levels).fit(X, sample_weight=sample_weight)
        own: Any = clone(self.estimator)
        prepared = self._prepare(X)
        self._common_rate = None
        n_judged = float(len(y) if sample_weight is None else np.sum(sample_weight))
        if self.tied and task is not None:
            rows = Rows(prepared, np.asarray(y), np.asarray(task), sample_weight, own.cv)
            self._common_rate = rows.common_rate() if is_classifier(own) else rows.common_mean()
            rows = rows if self._common_rate is None else self._common_rate.added_to(rows)
            prepared, y, task, sample_weight = rows.X, rows.y, rows.task, rows.sample_weight
            own.set_params(cv=rows.folds)
        with self._one_thread():
            self.estimator_ = own.fit(prepared, y, task=task, sample_weight=sample_weight)
        if self.prior_width is not None:
            steadied(self.estimator_, prepared, y, task, sample_weight, width=self.prior_width, n_judged=n_judged)
        self._show_learnt()
        self.n_features_in_ = X.shape[1]
        return self

    def _show_learnt(self) -> None:
        for learnt in ("classes_", "tasks_"):
            if hasattr(self.estimator_, learnt):
                setattr(self, learnt, getattr(self.estimator_, learnt))

    @available_if(_inner_has("add_task"))
    def add_task(self, X: FloatMatrix, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Prepare the rows of new tasks as those of fit, and let the estimator learn them beside its own."""
        prepared = self._prepare(X)
        if self._common_rate is not None:
            rows = self._common_rate.added_to(Rows(prepared, np.asarray(y), np.asarray(task), sample_weight, None))
            prepared, y, task, sample_weight = rows.X, rows.y, rows.task, rows.sample_weight
        with self._one_thread():
            self.estimator_ = copy(self.estimator_).add_task(prepared, y, task=task, sample_weight=sample_weight)
        self._show_learnt()
        return self

    def _can_add_task(self) -> bool:
        return can_add_task(self.estimator_)

    def predict(self, X: FloatMatrix, *, task: Any = None) -> NDArray[Any]:
        """Predict by the fitted estimator."""
        return self._ask("predict", X, task)

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X: FloatMatrix, *, task: Any = None) -> NDArray[Any]:
        """Return the probability of each class."""
        return self._ask("predict_proba", X, task)

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X: FloatMatrix, *, task: Any = None) -> NDArray[Any]:
        """Return the estimator's decision values."""
        return self._ask("decision_function", X, task)

    def _ask(self, method: str, X: FloatMatrix, task: Any) -> NDArray[Any]:
        prepared = self._prepare(X)
        with self._one_thread():
            return np.asarray(getattr(self.estimator_, method)(prepared, task=task))

    def _one_thread(self) -> Any:
        """Return a context in which OpenMP, which boosting uses, has one thread.

        Fits are what runs side by side (``n_jobs``); threads below them wait for one another on a busy machine, and
        sums over rows would depend on how many there are.
        """
        return nullcontext() if self.encoder_ is not None else threadpool_limits(1, user_api="openmp")

    def _prepare(self, X: FloatMatrix) -> Any:
        if self.encoder_ is not None:
            return self.encoder_.transform(X)
        return X if self.form == "raw" else declared_frame(X, self.levels or [None] * X.shape[1])

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read files of the time when a number stood here for a classifier."""
        state.setdefault("tied", bool(state.pop("average_rows", False)))
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = inner.classifier_tags
        tags.regressor_tags = inner.regressor_tags
        tags.non_deterministic = inner.non_deterministic
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        return tags


def declared_frame(X: FloatMatrix, levels: list[Any]) -> Any:
    """Return a pandas frame whose categories have dtype category, under names that every library takes."""
    import pandas as pd

    columns: dict[str, Any] = {}
    for j, known in enumerate(levels):
        if not is_category(known):
            columns[f"x{j}"] = X[:, j]
        else:
            codes = np.where(np.isnan(X[:, j]), -1, X[:, j]).astype(np.intp)
            categories: Any = range(len(known))
            columns[f"x{j}"] = pd.Categorical.from_codes(codes.tolist(), categories=categories)
    return pd.DataFrame(columns)
