"""What the sources leave unexplained, learnt from the target's rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import is_classifier
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from crosstask.model_selection import task_folds
from crosstask.tasks import fit_weighted, fresh, take_rows
from crosstask.transfer._asks_sources import AsksSources, asks_for_classes, differing, standardised_ridge
from crosstask.transfer._source_models import answer, read_models, union_of_labels
from crosstask.transfer._unwrap import Floats

STEPS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
LEAST_WEIGHT = 0.05  # of p (1 - p): a row that the sources are sure of would ask for a huge correction
FURTHEST = 4.0  # log odds


class OffsetTransfer(AsksSources):
    r"""Learn what source models leave unexplained, by any regressor.

    .. math::
        f(x) = f_S(x) + \nu \, h(x), \quad h \approx y - f_S(x), \qquad\text{or}\qquad
        \operatorname{logit} p = \log p_S(x) + \nu \, h(x), \quad h_k \approx \frac{y_k - p_{Sk}}{p_{Sk} (1 - p_{Sk})}

    with :math:`f_S` the mean of the sources. For classes h is one Newton step from the sources on the logit scale, one
    regressor for each class, weighted by :math:`p (1 - p)`: any regressor can take it, and it is the first step of
    boosting. The part :math:`\nu` of the step, from 0 (the sources as they are) to 1, is the one whose loss on
    held-out target rows is least.

    Parameters
    ----------
    source : fitted model, or a list of these, default=None
        Any scikit-learn regressors, or classifiers with ``predict_proba``, in ``sklearn.frozen.FrozenEstimator``, that
        have not seen the target's rows. Columns are matched by name. None: nothing is known, :math:`f_S = 0`.
    learner : regressor, optional
        Learns h; for classes it should take sample weights. None: standardised ``RidgeCV``.
    cv : int, splitter or list of (train, test) positions, optional
        Folds of the target's rows; None is 5.
    random_state : int, RandomState or None, default=0
        Deals rows to folds.

    Attributes
    ----------
    step_ : float
        :math:`\nu`; 0: the correction did not help.
    path_ : dict of ndarray, or None where nothing could be held out
        ``step`` and ``loss`` (mean held-out).
    learners_ : list of estimators
        h; one, or one for each class (one for two classes).
    classes_ : ndarray of shape (n_classes,)
        Union over target and sources; classifiers only.

    Raises
    ------
    ValueError, NotFittedError
        If a source is not fitted, of the other kind, or asks for columns that X lacks.

    Notes
    -----
    The intercept, hence another base rate, is in h. Cost: one fit of the learner a fold (and class).

    *When not to use it*: linear sources, where :class:`crosstask.PriorClassifier` solves the whole problem and not one
    step of it; or sources that are wrong by much, for one step from a wrong place is short: the target's own model
    should be among the candidates of a :class:`crosstask.TransferGuard`.

    References
    ----------
    .. [1] Friedman, Hastie and Tibshirani (2000), Additive logistic regression: a statistical view of boosting,
       Annals of Statistics 28.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn.frozen import FrozenEstimator
    >>> from crosstask.datasets import make_related_tasks
    >>> from crosstask.transfer import OffsetTransfer
    >>> tasks = make_related_tasks(n_tasks=2, n_rows=[200, 30], n_features=5, random_state=0)
    >>> X, y, old = tasks.X, tasks.y, tasks.task == 0
    >>> source = RandomForestRegressor(n_estimators=20, random_state=0).fit(X[old], y[old])
    >>> OffsetTransfer(FrozenEstimator(source)).fit(X[~old], y[~old]).step_
    1.0
    """

    classes_: NDArray[Any]

    def __init__(self, source: Any = None, learner: Any = None, *, cv: Any = None, random_state: Any = 0) -> None:
        self.source = source
        self.learner = learner
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn the correction from the target's rows.

        Parameters
        ----------
        X : table of shape (n, n_features)
            The target's rows.
        y : array-like of shape (n,)
            The target's values or classes.
        sample_weight : array-like of shape (n,), optional
            Non-negative weights.

        Returns
        -------
        Self
        """
        table, values, weight = self._open_fit(X, y, sample_weight)
        models = read_models(self.source, table, is_classifier(self))
        if is_classifier(self):
            self.classes_ = union_of_labels(values, models)
        offset = self._offset(table)
        self.step_, self.path_ = 1.0, None
        if len(values) > 1:
            self._choose_step(table, values, offset, weight)
        self.learners_ = self._learn(table, values, offset, weight)
        return self

    def _offset(self, table: Any) -> Floats:
        """Mean of the sources: predictions (n, 1), or log probabilities (n, K)."""
        classes = self.classes_ if is_classifier(self) else None
        models = read_models(self.source, table, is_classifier(self))
        if not models:
            return np.zeros((table.shape[0], 1 if classes is None else len(classes)))
        mean = np.mean([answer(model, table, classes) for model in models], axis=0)
        return mean if classes is None else np.log(mean)

    def _learn(self, table: Any, y: NDArray[Any], offset: Floats, weight: Floats) -> list[Any]:
        template = standardised_ridge(len(y)) if self.learner is None else self.learner
        if not is_classifier(self):
            return [fit_weighted(fresh(template), table, y - offset[:, 0], differing(weight))]
        p = softmax(offset, axis=1)
        own = (y[:, None] == self.classes_).astype(np.float64)
        curvature = np.maximum(p * (1.0 - p), LEAST_WEIGHT)
        response = np.clip((own - p) / curvature, -FURTHEST, FURTHEST)
        return [
            fit_weighted(fresh(template), table, response[:, k], weight * curvature[:, k])
            for k in range(1 if len(self.classes_) == 2 else len(self.classes_))
        ]

    def _correction(self, learners: list[Any], table: Any) -> Floats:
        columns = np.column_stack([np.asarray(h.predict(table), dtype=np.float64) for h in learners])
        if is_classifier(self) and len(self.classes_) == 2:
            return np.hstack([columns / 2.0, -columns / 2.0])  # of two classes one learner speaks for both
        return columns

    def _choose_step(self, table: Any, y: NDArray[Any], offset: Floats, weight: Floats) -> None:
        losses, total = np.zeros(len(STEPS)), 0.0
        for train, test in task_folds(self.cv, table, y, random_state=self.random_state):
            learners = self._learn(take_rows(table, train), y[train], offset[train], weight[train])
            moved = self._correction(learners, take_rows(table, test))
            for i, step in enumerate(STEPS):
                losses[i] += float(weight[test] @ self._losses(offset[test] + step * moved, y[test]))
            total += float(weight[test].sum())
        self.path_ = {"step": STEPS.copy(), "loss": losses / total}
        self.step_ = float(STEPS[int(np.argmin(losses))])

    def _losses(self, z: Floats, y: NDArray[Any]) -> Floats:
        if not is_classifier(self):
            return (y - z[:, 0]) ** 2 / 2.0
        log_p = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
        return -log_p[np.arange(len(y)), np.searchsorted(self.classes_, y)]

    def _scores(self, X: Any) -> Floats:
        check_is_fitted(self, "learners_")
        table = self._open_predict(X)
        offset = self._offset(table)
        return offset if self.step_ == 0.0 else offset + self.step_ * self._correction(self.learners_, table)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the corrected prediction of each row, or its most probable class."""
        z = self._scores(X)
        return self.classes_[z.argmax(axis=1)] if is_classifier(self) else z[:, 0]

    @available_if(asks_for_classes)
    def predict_proba(self, X: Any) -> Floats:
        """Return the corrected probability of each class."""
        return softmax(self._scores(X), axis=1)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        if self.learner is None:
            tags.input_tags.sparse = tags.input_tags.allow_nan = False
        else:
            learner = get_tags(self.learner).input_tags
            tags.input_tags.sparse = tags.input_tags.sparse and learner.sparse
            tags.input_tags.allow_nan = tags.input_tags.allow_nan and learner.allow_nan
        return tags
