"""Fine-tuning of any model that can train on, stopped early on held-out rows of the target."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from crosstask.model_selection import task_folds
from crosstask.tasks import take_rows
from crosstask.transfer._asks_sources import AsksSources, differing
from crosstask.transfer._continued import Continued
from crosstask.transfer._selection import CAUTION, mean_and_error
from crosstask.transfer._source_models import columns_for
from crosstask.transfer._unwrap import Floats, thaw


def _source_has(name: str) -> Any:
    return available_if(lambda estimator: hasattr(thaw(estimator.source), name))


class ContinuedTraining(AsksSources):
    r"""Train a fitted model of any kind on, on the target's rows, and stop early.

    .. math::
        f^{(0)} = f_S, \qquad f^{(k+1)} = \text{step}(f^{(k)}; X, y), \qquad
        \hat k = \arg\min_k \; \bar L_k + \tfrac12 \operatorname{se}(L_k)

    A step is one ``partial_fit`` on all rows (``SGDClassifier``, ``MLPRegressor``, naive Bayes), or with
    ``warm_start`` one more member (``GradientBoostingClassifier``, forests) or one more iteration
    (``LogisticRegression``). L is the loss on held-out rows: each fold trains a copy of its own, and the number of
    steps is the one with the least mean loss plus half a standard error over the folds. 0 is the source as it stands.

    Parameters
    ----------
    source : fitted model
        With ``partial_fit`` or ``warm_start``, in ``sklearn.frozen.FrozenEstimator``; or a Pipeline that ends in one,
        whose other steps stay as they are. It is copied, never changed. Columns are matched by name.
    max_iter : int, default=300
        Most steps.
    n_iter_no_change : int, default=20
        Steps without a lower held-out loss after which the search ends.
    cv : int, splitter or list of (train, test) positions, optional
        Folds of the target's rows; None is 5.
    random_state : int or None, default=0
        Deals rows to folds, and seeds a source that has no seed of its own.

    Attributes
    ----------
    estimator_ : estimator
        The source after ``n_iter_`` steps on all rows.
    n_iter_ : int
        Steps taken; 0: training on did not help.
    history_ : dict of ndarray
        ``iteration``, ``validation_loss`` and ``validation_error``, the standard error over the folds.
    best_loss_ : float
        Held-out loss at ``n_iter_``.
    classes_ : ndarray of shape (n_classes,)
        Those of the source; classifiers only.

    Raises
    ------
    ValueError, NotFittedError
        If there is no source, it is not fitted, cannot train on, or does not know a class of y.

    Notes
    -----
    The loss is half the squared error, the log loss, or for a classifier without probabilities the share of wrong
    labels. The step size is the source's own (``learning_rate``): where its schedule has run down, steps are small, and
    an Adam that had come to rest overshoots in its first steps, which the patience must outlast.
    Cost: the steps that were tried, once a fold, and those taken once more on all rows.

    *When not to use it*: for linear sources, where :class:`crosstask.FineTunedClassifier` knows its step size and
    :class:`crosstask.PriorClassifier` needs none. ``HistGradientBoosting*`` is refused: it bins the rows of every
    ``fit`` anew, and reads its old trees by the new bins; :class:`crosstask.OffsetTransfer` continues it. A forest
    grows by trees of the target's rows, each with the same vote, so that they outvote the source only slowly.

    References
    ----------
    .. [1] Yosinski, Clune, Bengio and Lipson (2014), How transferable are features in deep neural networks?, NeurIPS.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import SGDRegressor
    >>> from crosstask.datasets import make_related_tasks
    >>> from crosstask.transfer import ContinuedTraining
    >>> tasks = make_related_tasks(n_tasks=2, n_rows=[200, 30], n_features=5, random_state=0)
    >>> X, y, old = tasks.X, tasks.y, tasks.task == 0
    >>> source = SGDRegressor(random_state=0).fit(X[old], y[old])
    >>> model = ContinuedTraining(FrozenEstimator(source)).fit(X[~old], y[~old])
    >>> bool(model.best_loss_ < model.history_["validation_loss"][0])
    True
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        source: Any = None,
        *,
        max_iter: int = 300,
        n_iter_no_change: int = 20,
        cv: Any = None,
        random_state: Any = 0,
    ) -> None:
        self.source = source
        self.max_iter = max_iter
        self.n_iter_no_change = n_iter_no_change
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train the source on.

        Parameters
        ----------
        X : table of shape (n, n_features)
            The target's rows.
        y : array-like of shape (n,)
            The target's values or classes.
        sample_weight : array-like of shape (n,), optional
            Non-negative weights, for a source that takes them.

        Returns
        -------
        Self
        """
        if self.source is None:
            raise ValueError("ContinuedTraining needs a source: pass a fitted model in sklearn.frozen.FrozenEstimator.")
        if self.max_iter < 1 or self.n_iter_no_change < 1:
            raise ValueError(
                f"max_iter={self.max_iter}, n_iter_no_change={self.n_iter_no_change}: give whole numbers, 1 or more."
            )
        table, values, weight = self._open_fit(X, y, sample_weight)
        self.n_iter_ = self._choose(table, values, weight) if len(values) > 1 else self._take_all()
        tuned = self._copy()
        tuned.check_classes(values)
        inputs = tuned.inputs(columns_for(tuned.model, table, "the source"))
        for _ in range(self.n_iter_):
            tuned.step(inputs, values, differing(weight))
        self.estimator_ = tuned.model
        if is_classifier(self):
            self.classes_ = np.asarray(tuned.last.classes_)
        return self

    def _copy(self) -> Continued:
        return Continued(self.source, self.random_state)

    def _take_all(self) -> int:
        """Nothing can be held out: the source as it stands."""
        self.history_, self.best_loss_ = {}, float("nan")
        return 0

    def _choose(self, table: Any, y: NDArray[Any], weight: Floats) -> int:
        """Return the number of steps, and keep the trace."""
        folds = task_folds(self.cv, table, y if is_classifier(self) else None, random_state=self.random_state)
        copies = [self._copy() for _ in folds]
        inputs = copies[0].inputs(columns_for(copies[0].model, table, "the source"))
        held_out: list[list[float]] = []
        best, best_judged = 0, np.inf
        for k in range(int(self.max_iter) + 1):
            held_out.append([])
            for copy, (train, test) in zip(copies, folds, strict=True):
                if k == 0:
                    copy.check_classes(y[train])
                else:
                    copy.step(take_rows(inputs, train), y[train], differing(weight, train))
                losses = copy.losses(take_rows(inputs, test), y[test])
                held_out[-1].append(float(np.average(losses, weights=weight[test])))
            mean, error = mean_and_error(np.array(held_out[-1]))
            judged = float(mean + CAUTION * error)
            if judged < best_judged:
                best, best_judged = k, judged
            if k - best >= self.n_iter_no_change:
                break
        means, errors = mean_and_error(np.array(held_out).T)
        steps = np.arange(len(held_out))
        self.history_ = {"iteration": steps, "validation_loss": means, "validation_error": errors}
        self.best_loss_ = float(means[best])
        return best

    def _ask(self, method: str, X: Any) -> NDArray[Any]:
        check_is_fitted(self, "estimator_")
        table = self._open_predict(X)
        return np.asarray(getattr(self.estimator_, method)(columns_for(self.estimator_, table, "the source")))

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the prediction or class of each row."""
        return self._ask("predict", X)

    @_source_has("predict_proba")
    def predict_proba(self, X: Any) -> Floats:
        """Return the probability of each class."""
        return self._ask("predict_proba", X)

    @_source_has("decision_function")
    def decision_function(self, X: Any) -> Floats:
        """Return the decision values of each row."""
        return self._ask("decision_function", X)
