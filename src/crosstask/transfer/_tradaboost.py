"""TrAdaBoost: boosting that trusts a source's rows less with every error on them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_random_state

from crosstask.tasks import take_rows
from crosstask.transfer._boosted_rounds import Boosting, Rounds, probabilities, run_rounds, staged_votes
from crosstask.transfer._rows import TransferRows
from crosstask.transfer._serve import ServesTarget
from crosstask.transfer._source_weights import deal

Floats = NDArray[np.float64]
FEW_ROWS = 100
"""Below this number of labelled target rows the folds are dealt three times."""


class TrAdaBoostClassifier(ServesTarget, ClassifierMixin, BaseEstimator):
    r"""Boost on the rows of all tasks; a source's row that is predicted badly loses weight, a target's gains.

    .. math::
        w_i \leftarrow w_i\,\beta^{\,l_i} \text{ in the sources}, \qquad
        w_i \leftarrow w_i\,\beta_t^{-l_i} \text{ in the target}, \qquad
        \beta = \frac{1}{1 + \sqrt{2 \ln n_s / N}}, \quad \beta_t = \frac{\epsilon_t}{(1 - \epsilon_t)(K - 1)},

    where :math:`l_i = 1 - p_t(y_i \mid x_i)` is the loss of round t, in [0, 1], and :math:`\epsilon_t` its weighted
    mean over the target's rows. The rounds from the :math:`\lceil N / 2 \rceil`-th on vote with :math:`\ln(1 /
    \beta_t)`. For K = 2 this is the paper; for more classes chance is :math:`1 - 1 / K`, as in SAMME.

    Parameters
    ----------
    estimator : classifier, optional
        Base; its ``fit`` takes ``sample_weight``. Without ``predict_proba`` its errors count as 0 and 1. None is a
        decision tree of depth 1.
    n_estimators : int, default=10
        N, the most rounds.
    sources : {"together", "best"}, default="together"
        "best" is the multi-source variant: in each round one base is fitted for each source together with the
        target, and one for the target alone; the base with the least error on the target is kept, and only its
        source's weights fall.
    early_stopping : bool, default=True
        Chooses the number of rounds by the log loss (without ``predict_proba``: the errors) on held-out rows of the
        target; no round at all, that is the base fitted to the target alone, is among the choices. False makes all
        rounds, as the paper does, until the error on the target is that of chance.
    cv : int, default=5
        Folds over the target's labelled rows, dealt three times below 100 rows.
    target_task : task id, optional
        The task to serve. None where no tasks are given: this is then boosting on all rows.
    task_column : str or int, optional
        Column of X that holds the task ids; ``predict`` does not need it.
    random_state : int, RandomState instance or None, default=None
        Deals the folds, and seeds the bases.

    Attributes
    ----------
    n_rounds_ : int
        Rounds in use; 0 is the base fitted to the target alone.
    estimators_ : list of classifiers
        Of these rounds, or the one base of the target alone.
    estimator_votes_, estimator_errors_ : ndarray of shape (n_rounds_,)
        :math:`\ln(1 / \beta_t)` and :math:`\epsilon_t`.
    held_out_loss_, held_out_error_ : ndarray of shape (n_estimators + 1,) or None
        Log losses and errors of 0, 1, .. rounds, summed over the folds; None without early stopping.
    source_share_ : ndarray of shape (n_sources,) or None
        For ``sources="best"``, the share of the votes that each source's bases have; the target alone has the rest.
    classes_, source_tasks_ : ndarray
        Classes, and sorted ids of the other tasks.

    Raises
    ------
    ValueError
        If the target has no labelled row, or fewer than there are classes.

    Notes
    -----
    Needs labels of the target. Cost: N fits of the base, and with early stopping N fits for each fold; times the number
    of sources plus one with ``sources="best"``. The published algorithm has no stop: on one hospital of the heart
    data its accuracy falls from .74 after one round to .38 after twenty. When not to use it: with target rows so few
    that their errors are chance (fewer than about ten a class); and for a strong base that fits the target's rows
    without error, for then nothing is left to boost.

    References
    ----------
    W. Dai, Q. Yang, G.-R. Xue, Y. Yu (2007). Boosting for transfer learning. ICML, 193-200.

    Y. Yao, G. Doretto (2010). Boosting for transfer learning with multiple sources. CVPR, 1855-1862.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(260, 3))
    >>> task = np.repeat(["old", "turned", "new"], [100, 100, 60])
    >>> y = np.where(X[:, 0] + 0.3 * rng.normal(size=260) > 0, "yes", "no")
    >>> y[100:200] = np.where(y[100:200] == "yes", "no", "yes")  # a source whose labels say the opposite
    >>> model = TrAdaBoostClassifier(LogisticRegression(), sources="best", target_task="new", random_state=0)
    >>> model = model.fit(X, y, task=task)
    >>> round(model.score(X, y, task=task), 2), bool(model.source_share_[1] == 0)
    (0.9, True)
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_estimators: int = 10,
        sources: str = "together",
        early_stopping: bool = True,
        cv: int = 5,
        target_task: Any = None,
        task_column: str | int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.sources = sources
        self.early_stopping = early_stopping
        self.cv = cv
        self.target_task = target_task
        self.task_column = task_column
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Boost, and choose the number of rounds.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Rows of the sources and of the target.
        y : array-like of shape (n_rows,)
            Classes; rows of the target without one are left out.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,), optional
            Initial weights.

        Returns
        -------
        Self
        """
        if self.sources not in ("together", "best"):
            raise ValueError(f"sources={self.sources!r} is not known: use 'together' or 'best'.")
        if isinstance(self.n_estimators, bool) or self.n_estimators < 1:
            raise ValueError(f"n_estimators={self.n_estimators!r} must be a whole number of at least 1.")
        if self.early_stopping:
            check_folds(self.cv)
        rows = self._open_fit(X, y, task, sample_weight)
        given = self._boosting(labelled_rows(self, rows, len(self.classes_)))
        self.held_out_loss_, self.held_out_error_, self.n_rounds_ = None, None, self.n_estimators
        if self.early_stopping and rows.n_sources:
            self.held_out_loss_, self.held_out_error_ = held_out_scores(given, self.cv)
            self.n_rounds_ = choose_rounds(self.held_out_loss_, self.held_out_error_)
        found = self._rounds(given)
        self.estimators_ = found.bases
        self.estimator_votes_, self.estimator_errors_ = np.array(found.votes), np.array(found.errors)
        self.source_share_ = self._shares(found, rows.n_sources)
        return self

    def _boosting(self, rows: TransferRows) -> Boosting:
        assert rows.y is not None
        base = DecisionTreeClassifier(max_depth=1) if self.estimator is None else self.estimator
        start = np.ones(len(rows.source)) if rows.weight is None else rows.weight
        return Boosting(
            estimator=base,
            X=rows.X,
            y=np.searchsorted(self.classes_, rows.y).astype(np.intp),
            classes=self.classes_,
            source=rows.source,
            start=start,
            n_rounds=self.n_estimators,
            separate=self.sources == "best" and rows.n_sources > 0,
            rng=check_random_state(self.random_state),
        )

    def _rounds(self, given: Boosting) -> Rounds:
        if self.n_rounds_ == 0:
            return Rounds([own_base(given)], [1.0], [float("nan")], [-1])
        found = run_rounds(given)
        self.n_rounds_ = used = min(self.n_rounds_, len(found.bases))
        return Rounds(found.bases[:used], found.votes[:used], found.errors[:used], found.origins[:used])

    def _shares(self, found: Rounds, n_sources: int) -> Floats | None:
        if self.sources != "best" or not n_sources:
            return None
        voting = slice((len(found.bases) + 1) // 2 - 1, len(found.bases))
        votes, origins = np.array(found.votes[voting]), np.array(found.origins[voting])
        return np.array([votes[origins == s].sum() / votes.sum() for s in range(n_sources)])

    def predict_proba(self, X: Any, *, task: Any = None) -> Floats:
        """Return the probability of each class, columns in the order of ``classes_``."""
        table = self._open_predict(X, task)
        return self._staged(table)[-1]

    def staged_predict_proba(self, X: Any, *, task: Any = None) -> list[Floats]:
        """Return the probabilities after 1, 2, .. rounds."""
        table = self._open_predict(X, task)
        return self._staged(table)

    def staged_predict(self, X: Any, *, task: Any = None) -> list[NDArray[Any]]:
        """Return the classes after 1, 2, .. rounds."""
        return [self.classes_[p.argmax(axis=1)] for p in self.staged_predict_proba(X, task=task)]

    def _predict_table(self, table: Any) -> NDArray[Any]:
        return self.classes_[self._staged(table)[-1].argmax(axis=1)]

    def _staged(self, table: Any) -> list[Floats]:
        found = Rounds(self.estimators_, self.estimator_votes_.tolist(), [], [])
        return staged_votes(found, lambda base: probabilities(base, table, self.classes_))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import get_tags

        tags = super().__sklearn_tags__()
        if self.estimator is not None:
            inner = get_tags(self.estimator)
            tags.input_tags.sparse, tags.input_tags.allow_nan = inner.input_tags.sparse, inner.input_tags.allow_nan
        else:
            tags.input_tags.sparse = tags.input_tags.allow_nan = True  # as the tree has it
        return tags


def check_folds(cv: Any) -> None:
    """Refuse what is no number of folds."""
    if isinstance(cv, bool) or not isinstance(cv, (int, np.integer)) or cv < 2:
        raise ValueError(f"cv={cv!r} must be a whole number of at least 2, the folds over the target's rows.")


def labelled_rows(estimator: Any, rows: TransferRows, n_classes: int) -> TransferRows:
    """Return the labelled rows, in the caller's order.

    Raises
    ------
    ValueError
        If the target has no labelled row, or fewer than there are classes.
    """
    n_target, name = int((rows.is_target & rows.labelled).sum()), type(estimator).__name__
    if n_target == 0:
        raise ValueError(
            f"{name} needs labelled rows of the target {estimator.target_task!r}, which has none: label some, or use "
            "ImportanceWeighted, CORAL, SubspaceAlignment, TCA or JDA, which need none."
        )
    if rows.n_sources and n_target < n_classes:
        raise ValueError(
            f"the target {estimator.target_task!r} has {n_target} labelled rows and y has {n_classes} classes: {name} "
            "judges the sources by them, so label at least one row a class, or use a method that needs no labels "
            "of the target, such as ImportanceWeighted."
        )
    return rows if rows.labelled.all() else rows.take(np.flatnonzero(rows.labelled))


def own_base(given: Boosting) -> Any:
    """Fit the base to the target's rows alone; of one class, the constant."""
    target = given.source < 0
    if len(np.unique(given.y[target])) > 1:
        return given.fit_base(target, given.start)
    label = given.classes[given.y[target]]
    return DummyClassifier(strategy="most_frequent").fit(np.zeros((len(label), 1)), label)


def held_out_scores(given: Boosting, cv: int) -> tuple[Floats, Floats]:
    """Return the log losses and the errors on held-out rows of the target for 0, 1, .. rounds, summed over the folds.

    A fold whose rounds end early keeps its last answer.
    """
    target = np.flatnonzero(given.source < 0)
    total = np.zeros((2, given.n_rounds + 1))
    if len(target) < 2:
        return total[0], total[1]
    for _ in range(3 if len(target) < FEW_ROWS else 1):
        fold = deal(len(target), cv, given.rng, given.y[target])
        for k in range(int(fold.max()) + 1):
            test = target[fold == k]
            part = given.rows(np.setdiff1d(np.arange(len(given.y)), test))
            total += _fold_scores(part, take_rows(given.X, test), given.y[test], given.start[test])
    return total[0], total[1]


def choose_rounds(losses: Floats, errors: Floats) -> int:
    """Return the number of rounds with the least loss among those that make no more errors than zero rounds."""
    return int(np.argmin(np.where(errors <= errors[0] + 1e-9, losses, np.inf)))


def _fold_scores(part: Boosting, X: Any, y: NDArray[np.intp], weight: Floats) -> Floats:
    def scores(p: Floats) -> tuple[float, float]:
        at = np.clip(p[np.arange(len(y)), y], 1e-3, 1.0)
        return float(weight @ -np.log(at)), float(weight @ (p.argmax(axis=1) != y))

    found = np.zeros((2, part.n_rounds + 1))
    found[:, 0] = scores(probabilities(own_base(part), X, part.classes))
    staged = [found[:, 0]]
    if len(np.unique(part.y)) > 1:
        asked = staged_votes(run_rounds(part), lambda base: probabilities(base, X, part.classes))
        staged = [np.array(scores(p)) for p in asked]
    for r in range(part.n_rounds):
        found[:, r + 1] = staged[min(r, len(staged) - 1)]
    return found
