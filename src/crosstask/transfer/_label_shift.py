"""Label shift: the classes are more or less frequent in the target, and look the same."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import Tags, get_tags

from crosstask.tasks import fit_weighted, fresh, take_rows
from crosstask.transfer._rows import TransferRows
from crosstask.transfer._serve import ServesTarget
from crosstask.transfer._source_weights import deal

Floats = NDArray[np.float64]


class LabelShiftClassifier(ServesTarget, MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    r"""Fit a classifier on the sources, and correct its probabilities for the classes' frequencies in the target.

    .. math::
        p_t(k \mid x) \propto \frac{q_k}{\pi_k}\, p_s(k \mid x)

    with the frequencies :math:`\pi` in the sources and :math:`q` in the target. This is right where
    :math:`p(x \mid y)` is the same in both. :math:`q` is found from the target's rows, no label needed:
    "em" maximises :math:`\sum_j \ln \sum_k \frac{q_k}{\pi_k} p_s(k \mid x_j)`; "bbse" solves
    :math:`C w = \mu,\; w \ge 0,\; q_k \propto w_k \pi_k`, where :math:`C_{ik}` is the held-out share of source rows of
    class k that are predicted as i, and :math:`\mu_i` the share of target rows predicted as i.

    Parameters
    ----------
    estimator : classifier
        With ``predict_proba``.
    method : {"em", "bbse"}, default="em"
        How q is found. "em" is more precise where the probabilities are calibrated, "bbse" does not need that.
    cv : int, default=5
        Folds over the sources' rows for "bbse".
    target_task : task id, optional
        The task to serve. None where no tasks are given: nothing is corrected then.
    task_column : str or int, optional
        Column of X that holds the task ids; ``predict`` does not need it.
    random_state : int, RandomState instance or None, default=0
        Deals the folds.

    Attributes
    ----------
    estimator_ : classifier
        Fitted on the sources' rows.
    source_prior_, target_prior_ : ndarray of shape (n_classes,)
        :math:`\pi` and :math:`q`.
    prior_ratio_ : ndarray of shape (n_classes,)
        :math:`q / \pi`.
    classes_, source_tasks_ : ndarray
        Classes, and sorted ids of the other tasks.

    Raises
    ------
    ValueError
        If a labelled row of the target has a class that no source has, or ``method`` is not known.

    See Also
    --------
    crosstask.shift_report : tells whether the classes' frequencies are what differs.

    Notes
    -----
    Target rows that have labels count as such in q with "em", and do not enter the classifier. Cost: one fit (with
    "bbse" one more a fold) and some hundred passes over the target's probabilities. When not to use it: where X given
    y differs; the corrected frequencies then make up for that difference, and mislead.

    References
    ----------
    M. Saerens, P. Latinne, C. Decaestecker (2002). Adjusting the outputs of a classifier to new a priori
    probabilities: a simple procedure. Neural Computation 14, 21-41.

    Z. Lipton, Y.-X. Wang, A. Smola (2018). Detecting and correcting for label shift with black box predictors. ICML,
    3122-3130.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> y = np.r_[rng.random(400) < 0.5, rng.random(400) < 0.1].astype(float)
    >>> X = rng.normal(size=(800, 2)) + 2.0 * y[:, None]
    >>> task = np.repeat(["old", "new"], 400)
    >>> known = np.where(task == "new", np.nan, y)
    >>> model = LabelShiftClassifier(LogisticRegression(), target_task="new").fit(X, known, task=task)
    >>> model.target_prior_.round(1)
    array([0.9, 0.1])
    """

    def __init__(
        self,
        estimator: Any,
        method: str = "em",
        *,
        cv: int = 5,
        target_task: Any = None,
        task_column: str | int | None = None,
        random_state: Any = 0,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.target_task = target_task
        self.task_column = task_column
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        r"""Fit on the sources' rows, and find the frequencies in the target.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Rows of the sources and of the target.
        y : array-like of shape (n_rows,)
            Classes; missing where a row of the target has none.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,), optional
            Of the sources' rows, for the fit and for :math:`\pi`.

        Returns
        -------
        Self
        """
        if self.method not in ("em", "bbse"):
            raise ValueError(f"method={self.method!r} is not known: use 'em' or 'bbse'.")
        rows = self._open_fit(X, y, task, sample_weight)
        assert rows.y is not None
        learnt = np.flatnonzero(~rows.is_target) if rows.n_sources else np.arange(len(rows.y))
        weight = None if rows.weight is None else rows.weight[learnt]
        table, label = take_rows(rows.X, learnt), rows.y[learnt]
        known = np.unique(label)
        strange = np.setdiff1d(self.classes_, known)
        if len(strange):
            raise ValueError(
                f"the target has rows of class {strange[0]!s}, which no source has: {type(self).__name__} corrects the "
                "frequencies of known classes only; learn from the target's labels, for example with EasyAdaptFeatures."
            )
        self.estimator_ = fit_weighted(fresh(self.estimator), table, label, weight)
        own = np.ones(len(label)) if weight is None else weight
        code = np.searchsorted(self.classes_, label)
        self.source_prior_ = np.bincount(code, own, len(self.classes_)) / own.sum()
        self.target_prior_ = self.source_prior_.copy()
        if rows.n_sources:
            self._find_prior(rows, table, code, own)
        self.prior_ratio_ = self.target_prior_ / self.source_prior_
        return self

    def _find_prior(self, rows: TransferRows, table: Any, code: NDArray[np.intp], weight: Floats) -> None:
        target = np.flatnonzero(rows.is_target)
        probability = np.asarray(self.estimator_.predict_proba(take_rows(rows.X, target)), dtype=np.float64)
        if self.method == "em":
            assert rows.y is not None
            labelled = rows.labelled[target]
            given = np.searchsorted(self.classes_, rows.y[target][labelled])
            counts = np.bincount(given, minlength=len(self.classes_)).astype(np.float64)
            self.target_prior_ = em_prior(probability[~labelled], self.source_prior_, counts)
            return
        predicted = np.empty(len(code), dtype=np.intp)
        fold = deal(len(code), self.cv, self.random_state, code)
        for k in range(int(fold.max()) + 1):
            train, test = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
            labels = self.classes_[code[train]]
            keyword = None if (weight == 1.0).all() else weight[train]
            model = fit_weighted(fresh(self.estimator), take_rows(table, train), labels, keyword)
            predicted[test] = np.searchsorted(self.classes_, model.predict(take_rows(table, test)))
        ratio = bbse_ratio(code, predicted, probability.argmax(axis=1), len(self.classes_))
        q = ratio * self.source_prior_
        self.target_prior_ = q / q.sum()

    def predict_proba(self, X: Any, *, task: Any = None) -> Floats:
        """Return the probability of each class in the target, columns in the order of ``classes_``."""
        return self._proba(self._open_predict(X, task))

    def _proba(self, table: Any) -> Floats:
        p = np.asarray(self.estimator_.predict_proba(table), dtype=np.float64) * self.prior_ratio_
        return p / np.maximum(p.sum(axis=1, keepdims=True), 1e-300)

    def _predict_table(self, table: Any) -> NDArray[Any]:
        return self.classes_[self._proba(table).argmax(axis=1)]

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags.sparse, tags.input_tags.allow_nan = inner.input_tags.sparse, inner.input_tags.allow_nan
        tags.classifier_tags = inner.classifier_tags
        return tags


def em_prior(probability: Floats, prior: Floats, counts: Floats, tol: float = 1e-7, max_iter: int = 10_000) -> Floats:
    """Return the class frequencies under which the target's rows are most likely.

    Parameters
    ----------
    probability : ndarray of shape (n, K)
        Of the classes at the target's unlabelled rows, by a classifier of the source.
    prior : ndarray of shape (K,)
        Frequencies in the source.
    counts : ndarray of shape (K,)
        Labelled rows of the target in each class.
    tol : float
        Largest change of a frequency in the last step.
    max_iter : int
        Most steps.
    """
    likelihood = probability / prior
    q = prior.copy()
    n = len(probability) + counts.sum()
    for _ in range(max_iter):
        posterior = likelihood * q
        posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1e-300)
        moved = (posterior.sum(axis=0) + counts) / n
        if np.abs(moved - q).max() <= tol:
            return moved
        q = moved
    return q


def bbse_ratio(
    code: NDArray[np.intp], predicted: NDArray[np.intp], in_target: NDArray[np.intp], n_classes: int
) -> Floats:
    """Solve C w = mu for w >= 0 by least squares; see :class:`LabelShiftClassifier`."""
    from scipy.optimize import nnls

    confusion = np.zeros((n_classes, n_classes))
    np.add.at(confusion, (predicted, code), 1.0 / len(code))
    share = np.bincount(in_target, minlength=n_classes) / len(in_target)
    return np.asarray(nnls(confusion, share)[0])
