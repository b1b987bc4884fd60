"""Any estimator, with the sources' rows weighted like a sample of the target."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if

from crosstask.tasks import fit_weighted, fresh, numeric_matrix, take_rows
from crosstask.transfer._kmm import KMM
from crosstask.transfer._rows import TransferRows
from crosstask.transfer._serve import ServesTarget
from crosstask.transfer._source_weights import effective_sample_size

Floats = NDArray[np.float64]
LEAST_SHARE = 0.1
"""A smaller effective sample size, as a share of the source's rows, is warned about."""


def inner_has(method: str) -> Callable[[Any], bool]:
    """Tell whether the wrapped estimator has a method; for available_if."""

    def check(wrapper: Any) -> bool:
        getattr(wrapper.estimator, method)  # raises the inner estimator's own AttributeError
        return True

    return check


class ImportanceWeighted(ServesTarget, MetaEstimatorMixin, BaseEstimator):
    r"""Fit an estimator on the sources' rows, weighted so that they look like a sample of the target.

    .. math::
        \min_f\; \sum_{i \in \text{sources}} \frac{w_i}{\bar w}\, L(y_i, f(x_i))
        + \sum_{i \in \text{target, labelled}} L(y_i, f(x_i)),
        \qquad w(x) \approx p_t(x) / p_s(x)

    Parameters
    ----------
    estimator : estimator
        Any regressor or classifier whose ``fit`` takes ``sample_weight``, or a Pipeline that ends in one.
    weights : KMM, KLIEP, ULSIF, DomainClassifierWeights or the like, optional
        Has ``fit(X_source, X_target)``, which sets ``weights_`` and ``effective_sample_size_``. None is ``KMM()``.
    target_task : task id, optional
        The task to serve. None where no tasks are given: the estimator is then fitted as it is.
    task_column : str or int, optional
        Column of X that holds the task ids; ``predict`` does not need it.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator.
    weights_ : fitted clone of ``weights``, or None
        None without sources.
    source_weight_ : ndarray of shape (n_source_rows,)
        The weights as used, of mean 1, in the order of the sources' rows.
    effective_sample_size_ : float
        :math:`(\sum w)^2 / \sum w^2`: as many rows without weights would say as much.
    classes_ : ndarray of shape (n_classes,)
        Classifiers only.
    source_tasks_ : ndarray of shape (n_sources,)
        Sorted ids of the other tasks.

    Raises
    ------
    ValueError
        If a source's row has no y, the estimator takes no weights, or X is not numeric.

    Warns
    -----
    UserWarning
        If the effective sample size is below a tenth of the source's rows.

    See Also
    --------
    crosstask.shift_report : tells whether X is what differs between source and target.

    Notes
    -----
    The target's rows need no y: NaN, None, NaT or NA says that a row has none. (The -1 of ``sklearn.semi_supervised``
    is a class here, since many tables hold the classes -1 and +1.) All sources are one sample here. Weights are
    computed from X as it comes in, before the steps of a Pipeline; a sparse X is made dense for them. Cost: that of the
    weights and one fit. When not to use it: a model flexible enough to be right everywhere needs no weights, and they
    cost it rows; where the relation of y to X differs between the tasks, weights only hide that; under label shift use
    :class:`LabelShiftClassifier`.

    References
    ----------
    H. Shimodaira (2000). Improving predictive inference under covariate shift by weighting the log-likelihood function.
    Journal of Statistical Planning and Inference 90, 227-244.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(size=300), 1.0 + 0.3 * rng.normal(size=100)])[:, None]
    >>> task = np.repeat(["old", "new"], [300, 100])
    >>> y = np.where(task == "new", np.nan, X[:, 0] ** 2)  # near x = 1 the slope of a line is 2
    >>> model = ImportanceWeighted(LinearRegression(), target_task="new").fit(X, y, task=task)
    >>> LinearRegression().fit(X[:300], y[:300]).coef_.round(1), model.estimator_.coef_.round(1)
    (array([-0.1]), array([2.]))
    """

    def __init__(
        self, estimator: Any, weights: Any = None, *, target_task: Any = None, task_column: str | int | None = None
    ) -> None:
        self.estimator = estimator
        self.weights = weights
        self.target_task = target_task
        self.task_column = task_column

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Find the weights and fit the estimator.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Rows of the sources and of the target.
        y : array-like of shape (n_rows,)
            Missing where a row of the target has no label.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,), optional
            Multiplied with the weights found.

        Returns
        -------
        Self
        """
        rows = self._open_fit(X, y, task, sample_weight)
        weight = np.ones(len(rows.source)) if rows.weight is None else rows.weight.copy()
        self.weights_, self.source_weight_, self.effective_sample_size_ = None, np.zeros(0), float("nan")
        if rows.n_sources:
            self._weigh(rows)
            weight[~rows.is_target] *= self.source_weight_
        used = np.flatnonzero(rows.labelled & (weight > 0))
        given = None if rows.weight is None and not rows.n_sources else weight[used]
        assert rows.y is not None
        model = fresh(self.estimator)
        self.estimator_ = fit_weighted(model, take_rows(rows.X, used), rows.y[used], given)
        if hasattr(self, "classes_"):
            self.classes_ = self.estimator_.classes_
        return self

    def _weigh(self, rows: TransferRows) -> None:
        matrix = numeric_matrix(self, rows.X)
        dense = matrix.toarray() if sparse.issparse(matrix) else matrix
        source = dense[~rows.is_target]
        for whose, part in (("source", source), ("target", dense[rows.is_target])):
            if not len(part):
                raise ValueError(
                    f"sample_weight is zero in every {whose} row: ImportanceWeighted weighs source rows so that they "
                    "look like the target's, and needs rows of both."
                )
        weights: Any = KMM() if self.weights is None else fresh(self.weights)
        self.weights_ = weights.fit(source, dense[rows.is_target])
        found = np.asarray(self.weights_.weights_, dtype=np.float64)
        if not found.sum() > 0:
            raise ValueError(
                f"{type(weights).__name__} gives every source row the weight zero, so that no row is like the "
                "target's: check that the columns mean the same in both, or learn from the target alone."
            )
        self.source_weight_ = found / found.mean()
        self.effective_sample_size_ = effective_sample_size(found)
        if self.effective_sample_size_ < LEAST_SHARE * len(source):
            warnings.warn(
                f"the weights leave the {len(source)} source rows an effective sample size of "
                f"{self.effective_sample_size_:.0f}: few of them are like the target's, so the fit rests on those. "
                "Compare with the unweighted fit, or use DomainClassifierWeights, whose weights are smoother.",
                UserWarning,
                stacklevel=3,
            )

    def _predict_table(self, table: Any) -> NDArray[Any]:
        return np.asarray(self.estimator_.predict(table))

    @available_if(inner_has("predict_proba"))
    def predict_proba(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the probability of each class, columns in the order of ``classes_``."""
        table = self._open_predict(X, task)
        return np.asarray(self.estimator_.predict_proba(table))

    @available_if(inner_has("decision_function"))
    def decision_function(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the estimator's decision values."""
        table = self._open_predict(X, task)
        return np.asarray(self.estimator_.decision_function(table))

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = inner.classifier_tags
        tags.regressor_tags = inner.regressor_tags
        tags.non_deterministic = inner.non_deterministic
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.target_tags.positive_only = inner.target_tags.positive_only
        return tags
