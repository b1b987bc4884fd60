"""Weights by a classifier that tells the target's rows from the source's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from crosstask.tasks import fresh
from crosstask.transfer._source_weights import SourceWeights

Floats = NDArray[np.float64]
C_GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)


class DomainClassifierWeights(SourceWeights):
    r"""Weigh a row of the source by the odds with which a classifier takes it for one of the target.

    .. math::
        w_i = \frac{n_s}{n_t}\, \frac{p(t \mid x_i)}{1 - p(t \mid x_i)},

    the density ratio, where p is right. The probabilities are out of fold.

    Parameters
    ----------
    estimator : classifier, optional
        With ``predict_proba``. None is logistic regression on standardised columns, its C chosen by the log loss on
        held-out rows; with C towards zero all weights are 1.
    cv : int, default=5
        Folds.
    random_state : int, RandomState instance or None, default=0
        Deals the folds.

    Attributes
    ----------
    weights_ : ndarray of shape (n_source,)
        w.
    effective_sample_size_ : float
        :math:`(\sum w)^2 / \sum w^2`.
    estimator_ : classifier
        Fitted on all rows; the source's are class 0, the target's class 1.

    Raises
    ------
    ValueError
        If the source or the target has a single row.

    Notes
    -----
    Cost: that of the classifier's cross-validation; linear in the rows, so this is the one for large tables. When not
    to use it: with a classifier whose probabilities are not calibrated (a random forest out of the box).

    References
    ----------
    S. Bickel, M. Brückner, T. Scheffer (2009). Discriminative learning under covariate shift. Journal of Machine
    Learning Research 10, 2137-2155.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> source = rng.normal(size=(400, 1))
    >>> weights = DomainClassifierWeights().fit(source, rng.normal(size=(200, 1)) + 1.0)
    >>> bool(np.corrcoef(np.log(weights.weights_), source[:, 0])[0, 1] > 0.99)  # log ratio: x - 1/2
    True
    """

    def __init__(self, estimator: Any = None, *, cv: int = 5, random_state: Any = 0) -> None:
        self.estimator = estimator
        self.cv = cv
        self.random_state = random_state

    def _learn(self, source: Floats, target: Floats) -> Floats:
        n_source, n_target = len(source), len(target)
        if min(n_source, n_target) < 2:
            raise ValueError(
                f"the source has {n_source} and the target {n_target} rows: two of each are needed, so that one can "
                "be held out."
            )
        self.n_target_ = n_target
        rows, label = np.vstack([source, target]), np.repeat([0, 1], [n_source, n_target])
        self.centre_ = rows.mean(axis=0)
        X = rows - self.centre_
        folds = StratifiedKFold(min(self.cv, n_source, n_target), shuffle=True, random_state=self.random_state)
        splits = list(folds.split(X, label))
        model = self._tuned(X, label, splits) if self.estimator is None else fresh(self.estimator)
        probability = np.empty(n_source)
        for train, test in splits:
            fitted = fresh(model).fit(X[train], label[train])
            of_source = test[test < n_source]
            probability[of_source] = fitted.predict_proba(X[of_source])[:, 1]
        self.estimator_ = fresh(model).fit(X, label)
        return self._odds(probability, n_source / n_target)

    def density_ratio(self, X: Any) -> Floats:
        """Return the estimated density of the target over that of the source at each row of X."""
        from sklearn.utils import check_array
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "weights_")
        rows = check_array(X, dtype="float64") / self.scale_ - self.centre_
        share = len(self.weights_) / max(self.n_target_, 1)
        return self._odds(np.asarray(self.estimator_.predict_proba(rows))[:, 1], share)

    @staticmethod
    def _odds(probability: Floats, share: float) -> Floats:
        p = np.clip(probability, 1e-12, 1.0 - 1e-12)
        return share * p / (1.0 - p)

    @staticmethod
    def _tuned(X: Floats, label: NDArray[np.intp], splits: Any) -> Any:
        search = GridSearchCV(
            LogisticRegression(max_iter=2000), {"C": list(C_GRID)}, scoring="neg_log_loss", cv=splits, refit=False
        )
        return LogisticRegression(max_iter=2000, **search.fit(X, label).best_params_)
