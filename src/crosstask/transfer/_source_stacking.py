"""A mixture of source models and of the target's own model, weighed on held-out target rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import nnls
from sklearn.base import is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from crosstask.model_selection import task_folds
from crosstask.tasks import fit_weighted, fresh, take_rows
from crosstask.transfer._asks_sources import AsksSources, asks_for_classes, differing, standardised_ridge
from crosstask.transfer._kliep import most_likely
from crosstask.transfer._source_models import answer, read_models, union_of_labels
from crosstask.transfer._unwrap import Floats


class SourceStacking(AsksSources):
    r"""Mix source models with the target's own model by weights that are not negative.

    .. math::
        f(x) = b + \sum_k v_k f_k(x) + v_0 f_0(x), \quad v \ge 0, \qquad\text{or}\qquad
        p(x) = \sum_k v_k p_k(x) + v_0 p_0(x), \quad v \ge 0, \; \textstyle\sum v = 1,

    for numbers (least squares, b free) and for classes (log loss). :math:`f_0` is fitted to the target's rows, and its
    predictions of them are out of fold, so that it does not win by having seen them.

    Parameters
    ----------
    source : fitted model, or a list of these, default=None
        Any scikit-learn regressors, or classifiers with ``predict_proba``, in ``sklearn.frozen.FrozenEstimator``. They
        must not have seen the target's rows: one that has should be given in ``estimator``, which is cross-fitted.
        Columns are matched by name; a source may use fewer than X has.
    estimator : estimator, optional
        The target's own model. None: standardised ``RidgeCV`` or ``LogisticRegression``; its kind decides where there
        is no source.
    level : float, default=0.1
        How often a source that tells nothing about the target may be let in; for numbers only.
    cv : int, splitter or list of (train, test) positions, optional
        Folds of the target's rows; None is 5.
    random_state : int, RandomState or None, default=0
        Deals rows to folds.

    Attributes
    ----------
    weights_ : ndarray of shape (n_sources + 1,)
        Of the sources in their order, and last of the target's own model.
    intercept_ : float
        b; 0 for classes.
    estimator_ : estimator
        The target's own model, fitted to all its rows; None where it could not be fitted.
    classes_ : ndarray of shape (n_classes,)
        Union over target and sources; classifiers only.

    Raises
    ------
    ValueError, NotFittedError
        If a source is not fitted, of the other kind, or asks for columns that X lacks.

    Notes
    -----
    Non-negative weights are a strong penalty [1]_: a source of opposite sign gets weight zero. For numbers a weight has
    the unit of y over that of the source, so that a source which says nearly nothing could weigh much: one whose
    predictions do not rise with y on the target's rows, by Student's test of their correlation at ``level``, is left
    out. Two rows or fewer say nothing of this: the sources' mean is taken, with an intercept. In a fold where some
    class is missing, or with one row, the own model is left out. Cost: one fit a fold, and small convex problems.

    *When not to use it*: if sources need correcting rather than choosing (:class:`crosstask.PriorRegressor`,
    :class:`OffsetTransfer`).

    References
    ----------
    .. [1] Breiman (1996), Stacked regressions, Machine Learning 24.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import Ridge
    >>> from crosstask.datasets import make_related_tasks
    >>> from crosstask.transfer import SourceStacking
    >>> tasks = make_related_tasks(2, [200, 20], 20, relatedness=0.9, random_state=0)
    >>> X, y, old = tasks.X, tasks.y, tasks.task == 0
    >>> good, turned = Ridge().fit(X[old], y[old]), Ridge().fit(X[old], -y[old])
    >>> model = SourceStacking([FrozenEstimator(good), FrozenEstimator(turned)]).fit(X[~old], y[~old])
    >>> model.weights_.round(1)
    array([0.4, 0. , 0. ])
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        source: Any = None,
        estimator: Any = None,
        *,
        level: float = 0.1,
        cv: Any = None,
        random_state: Any = 0,
    ) -> None:
        self.source = source
        self.estimator = estimator
        self.level = level
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the own model, and the weights.

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
        if not 0.0 < float(self.level) < 1.0:
            raise ValueError(f"level={self.level!r}: give the share of useless sources let in, between 0 and 1.")
        table, values, weight = self._open_fit(X, y, sample_weight)
        models = read_models(self.source, table, is_classifier(self))
        classes = self._learn_classes(values, models)
        held_out = self._held_out(table, values, weight, classes)
        columns = [answer(model, table, classes) for model in models]
        known = ~np.isnan(held_out[:, 0])
        stack = np.stack([*columns, np.where(np.isnan(held_out), 0.0, held_out)], axis=1)  # (n, S + 1, K)
        usable = known if known.any() else np.ones(len(values), dtype=bool)
        rows = stack[usable], values[usable], weight[usable]
        own = bool(known.any()) or not models
        if classes is None:
            self._weigh_numbers(*rows, own)
        else:
            self._weigh_classes(*rows, own)
        self.estimator_ = self._own(table, values, weight) if self.weights_[-1] > 0.0 else None
        return self

    def _learn_classes(self, values: NDArray[Any], models: list[Any]) -> NDArray[Any] | None:
        if not is_classifier(self):
            return None
        self.classes_ = union_of_labels(values, models)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class only ({self.classes_[0]!s}), and no source knows another class: give rows of at "
                "least two classes, or a source that has seen them."
            )
        return self.classes_

    def _own(self, table: Any, values: NDArray[Any], weight: Floats) -> Any:
        if is_classifier(self) and (values == values[0]).all():
            return None
        return fit_weighted(fresh(self._template(len(values))), table, values, differing(weight))

    def _template(self, n_rows: int) -> Any:
        if self.estimator is not None:
            return self.estimator
        if is_classifier(self):
            return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        return standardised_ridge(n_rows)

    def _held_out(self, table: Any, y: NDArray[Any], weight: Floats, classes: NDArray[Any] | None) -> Floats:
        out = np.full((len(y), 1 if classes is None else len(classes)), np.nan)
        if len(y) < 2:
            return out
        for train, test in task_folds(self.cv, table, y, random_state=self.random_state):
            model = self._own(take_rows(table, train), y[train], weight[train])
            if model is not None:
                out[test] = answer(model, take_rows(table, test), classes)
        return out

    def _weigh_classes(self, stack: Floats, y: NDArray[Any], weight: Floats, own: bool) -> None:
        kept = np.arange(stack.shape[1]) < stack.shape[1] - (not own)
        chosen = stack[np.arange(len(y)), :, np.searchsorted(self.classes_, y)]
        self.weights_, self.intercept_ = np.zeros(len(kept)), 0.0
        self.weights_[kept] = mixture_weights(chosen[:, kept], weight / weight.sum())

    def _weigh_numbers(self, stack: Floats, y: NDArray[Any], weight: Floats, own: bool) -> None:
        columns, share = stack[:, :, 0], weight / weight.sum()
        n_sources, free = columns.shape[1] - 1, 1.0 / float(share @ share) - 2.0  # Kish's rows, less two
        mean, mean_y = share @ columns, float(share @ y)
        self.weights_ = np.zeros(n_sources + 1)
        if n_sources and free < 1e-9:
            self.weights_[:-1] = 1.0 / n_sources
        else:
            kept = np.append(rises_with(columns[:, :-1], y, share, self.level, free), own)
            root = np.sqrt(share)
            self.weights_[kept] = nnls(root[:, None] * (columns - mean)[:, kept], root * (y - mean_y))[0]
        self.intercept_ = mean_y - float(mean @ self.weights_)

    def _mixed(self, X: Any) -> Floats:
        check_is_fitted(self, "weights_")
        table = self._open_predict(X)
        classes = self.classes_ if is_classifier(self) else None
        models = [*read_models(self.source, table, is_classifier(self)), self.estimator_]
        total = np.full((table.shape[0], 1 if classes is None else len(classes)), self.intercept_)
        for model, v in zip(models, self.weights_, strict=True):
            if v > 0.0 and model is not None:
                total += v * answer(model, table, classes)
        return total

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the mixed prediction of each row, or its most probable class."""
        mixed = self._mixed(X)
        return self.classes_[mixed.argmax(axis=1)] if is_classifier(self) else mixed[:, 0]

    @available_if(asks_for_classes)
    def predict_proba(self, X: Any) -> Floats:
        """Return the mixed probability of each class."""
        return self._mixed(X)

    def _models(self) -> list[Any]:
        return [*super()._models(), self.estimator]


def rises_with(columns: Floats, y: Floats, share: Floats, level: float, free: float) -> NDArray[np.bool_]:
    """Tell which columns rise with y, by Student's test of their correlation; those without variance do not."""
    centred, around = columns - share @ columns, y - share @ y
    spread, spread_y = np.sqrt(share @ centred**2), max(float(np.sqrt(share @ around**2)), 1e-300)
    varies = spread > 1e-10 * spread_y + 1e-13 * np.abs(columns).max(axis=0, initial=0.0)
    r = np.clip((share * around) @ centred / np.where(varies, spread, 1.0) / spread_y, -1.0, 1.0)
    t = r * np.sqrt(free / np.maximum(1.0 - r**2, 1e-300))
    return varies & (t > stats.t.ppf(1.0 - level, free))


def mixture_weights(chosen: Floats, share: Floats) -> Floats:
    """Return v in the simplex that maximises sum_i share_i log(sum_k v_k p_ik)."""
    v = most_likely(np.ones(chosen.shape[1]), chosen, share, tol=1e-9)
    return v / v.sum()
