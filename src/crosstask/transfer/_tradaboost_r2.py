"""Two-stage TrAdaBoost.R2: boosting for regression, with the sources' weights lowered step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import check_random_state

from crosstask.tasks import fit_weighted, fresh, take_rows
from crosstask.transfer._boosted_rounds import seeds_of
from crosstask.transfer._serve import ServesTarget
from crosstask.transfer._source_weights import deal
from crosstask.transfer._tradaboost import FEW_ROWS, check_folds, labelled_rows

Floats = NDArray[np.float64]
FLOOR = 1e-6


class TrAdaBoostR2(ServesTarget, RegressorMixin, BaseEstimator):
    r"""Boost a regressor on the rows of all tasks, the sources' share of the weight falling in steps to nothing.

    In step s = 0 .. S - 1 the target holds the share :math:`n_t / n + (1 - n_t / n)\,s / (S - 1)` of the weight. From
    one step to the next the sources' weights change by

    .. math::
        w_i \leftarrow w_i\,\beta_s^{\,e_i}, \qquad e_i = \lvert y_i - f_s(x_i) \rvert / \max_j \lvert y_j - f_s(x_j)
        \rvert,

    with the :math:`\beta_s` in [0, 1] that gives the next share. In each step AdaBoost.R2 is run with the sources'
    weights held, and the step with the least squared error on held-out rows of the target is kept. The last step is
    AdaBoost.R2 on the target alone.

    Parameters
    ----------
    estimator : regressor, optional
        Base; its ``fit`` takes ``sample_weight``. None is a decision tree of depth 3.
    n_estimators : int, default=10
        Most rounds of AdaBoost.R2.
    n_steps : int, default=10
        S, at least 2.
    cv : int, default=5
        Folds over the target's labelled rows, dealt three times below 100 rows.
    target_task : task id, optional
        The task to serve. None where no tasks are given: this is then AdaBoost.R2 on all rows.
    task_column : str or int, optional
        Column of X that holds the task ids; ``predict`` does not need it.
    random_state : int, RandomState instance or None, default=None
        Deals the folds, and seeds the bases.

    Attributes
    ----------
    step_ : int
        The step that was kept; ``n_steps - 1`` is the target alone.
    held_out_error_ : ndarray of shape (n_steps,) or None
        Mean squared error on held-out rows of the target; None where there was no choice.
    source_weight_ : ndarray of shape (n_source_rows,)
        Weights of the sources' rows in the step kept; 1 is an equal share of what all rows have.
    estimators_ : list of regressors
        Bases of the step kept.
    estimator_votes_ : ndarray
        :math:`\ln(1 / \beta)` of each; they predict by their weighted median.
    source_tasks_ : ndarray of shape (n_sources,)
        Sorted ids of the other tasks.

    Raises
    ------
    ValueError
        If the target has no labelled row, or a parameter is out of its range.

    Notes
    -----
    Needs labels of the target. Cost: ``n_steps`` times (folds + 1) times ``n_estimators`` fits of the base. When not to
    use it: with a linear base, which boosting helps little; a penalty toward the source (``PriorRegressor``) is
    cheaper and better there.

    References
    ----------
    D. Pardoe, P. Stone (2010). Boosting for regression transfer. ICML, 863-870.

    H. Drucker (1997). Improving regressors using boosting techniques. ICML, 107-115.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-2, 2, size=(330, 1))
    >>> task = np.repeat(["old", "turned", "new"], [150, 150, 30])
    >>> y = np.sin(2 * X[:, 0]) * np.where(task == "turned", -1, 1) + 0.1 * rng.normal(size=330)
    >>> model = TrAdaBoostR2(n_steps=5, target_task="new", random_state=0).fit(X, y, task=task)
    >>> bool(model.source_weight_[:150].mean() > 2 * model.source_weight_[150:].mean())
    True
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_estimators: int = 10,
        n_steps: int = 10,
        cv: int = 5,
        target_task: Any = None,
        task_column: str | int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.n_estimators = n_estimators
        self.n_steps = n_steps
        self.cv = cv
        self.target_task = target_task
        self.task_column = task_column
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Lower the sources' weights step by step, and keep the best step.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Rows of the sources and of the target.
        y : array-like of shape (n_rows,)
            Rows of the target without a y are left out.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,), optional
            Initial weights.

        Returns
        -------
        Self
        """
        for name, least in (("n_estimators", 1), ("n_steps", 2)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise ValueError(f"{name}={value!r} must be a whole number of at least {least}.")
        rows = labelled_rows(self, self._open_fit(X, y, task, sample_weight), 1)
        assert rows.y is not None
        weight = np.ones(len(rows.y)) if rows.weight is None else rows.weight
        base = DecisionTreeRegressor(max_depth=3) if self.estimator is None else self.estimator
        rng = check_random_state(self.random_state)
        given = _Rows(base, rows.X, rows.y, rows.is_target, self.n_estimators, rng)
        self.held_out_error_, self.step_, kept = None, self.n_steps - 1, weight
        if rows.n_sources:
            check_folds(self.cv)
            self.held_out_error_ = _held_out(given, weight, self.n_steps, self.cv)
            self.step_ = int(np.argmin(self.held_out_error_))
            kept = _lowered(given, weight, self.n_steps)[self.step_]
        self.source_weight_ = kept[~rows.is_target] * (len(kept) / kept.sum())
        self.estimators_, votes = _boost(given, kept)
        self.estimator_votes_ = np.array(votes)
        return self

    def _predict_table(self, table: Any) -> Floats:
        return _weighted_median(self.estimators_, self.estimator_votes_, table)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import get_tags

        tags = super().__sklearn_tags__()
        inner = get_tags(DecisionTreeRegressor() if self.estimator is None else self.estimator)
        tags.input_tags.sparse, tags.input_tags.allow_nan = inner.input_tags.sparse, inner.input_tags.allow_nan
        return tags


@dataclass(frozen=True)
class _Rows:
    """Labelled rows, and how to fit on them."""

    estimator: Any
    X: Any
    y: Floats
    is_target: NDArray[np.bool_]
    n_rounds: int
    rng: np.random.RandomState

    def fit(self, weight: Floats) -> Any:
        """Fit one base; rows of weight zero are left out."""
        used = np.flatnonzero(weight > 0)
        model = fresh(self.estimator)
        model.set_params(**{name: int(self.rng.randint(2**31 - 1)) for name in seeds_of(model)})
        scaled = weight[used] * (len(used) / weight[used].sum())
        return fit_weighted(model, take_rows(self.X, used), self.y[used], scaled)

    def take(self, rows: NDArray[np.intp]) -> _Rows:
        return _Rows(
            self.estimator, take_rows(self.X, rows), self.y[rows], self.is_target[rows], self.n_rounds, self.rng
        )


def _lowered(given: _Rows, weight: Floats, n_steps: int) -> list[Floats]:
    """Return the weights of each step, of sum 1; in the last one the sources have none."""
    w = weight / weight.sum()
    first = float(w[given.is_target].sum())
    steps = [w]
    for s in range(1, n_steps):
        share = first + (1.0 - first) * s / (n_steps - 1)
        if s == n_steps - 1:
            w = np.where(given.is_target, w, 0.0)
        else:
            error = np.abs(given.y - np.asarray(given.fit(w).predict(given.X)))
            w = _with_share(w, error / max(float(error.max()), 1e-300), given.is_target, share)
        steps.append(w / w.sum())
    return steps


def _with_share(w: Floats, error: Floats, is_target: NDArray[np.bool_], share: float) -> Floats:
    """Multiply the sources' weights by beta^error, with the beta for which the target has this share of the sum.

    The weights of rows without error do not fall; what is still missing is taken from all sources in proportion.
    """
    own, others = float(w[is_target].sum()), w[~is_target]
    wanted = own * (1.0 - share) / share
    low, high = -60.0, 0.0  # log beta; the sum rises with it
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if others @ np.exp(middle * error[~is_target]) < wanted else (low, middle)
    moved = w.copy()
    lowered = others * np.exp(high * error[~is_target])
    moved[~is_target] = lowered * min(1.0, wanted / max(float(lowered.sum()), 1e-300))
    return moved


def _boost(given: _Rows, weight: Floats) -> tuple[list[Any], list[float]]:
    """AdaBoost.R2 in which only the target's weights change; linear loss."""
    w, target = weight / weight.sum(), given.is_target
    held = float(w[target].sum())
    bases: list[Any] = []
    votes: list[float] = []
    for _ in range(given.n_rounds):
        base = given.fit(w)
        error = np.abs(given.y - np.asarray(base.predict(given.X)))[target]
        error = error / max(float(error.max()), 1e-300)
        loss = float(w[target] @ error) / held
        if loss >= 0.5 and bases:
            break
        beta = min(max(loss, FLOOR), 0.5 - FLOOR)
        beta = beta / (1.0 - beta)
        bases.append(base)
        votes.append(-float(np.log(beta)))
        if loss >= 0.5 or loss <= FLOOR:
            break
        raised = w[target] * beta ** (1.0 - error)
        w = w.copy()
        w[target] = raised * (held / raised.sum())  # the target keeps its share
    return bases, votes


def _weighted_median(bases: list[Any], votes: NDArray[Any], X: Any) -> Floats:
    predicted = np.array([np.asarray(base.predict(X), dtype=np.float64) for base in bases])
    order = np.argsort(predicted, axis=0, kind="stable")
    reached = np.cumsum(np.asarray(votes)[order], axis=0)
    place = (reached >= 0.5 * reached[-1]).argmax(axis=0)
    columns = np.arange(predicted.shape[1])
    return predicted[order[place, columns], columns]


def _held_out(given: _Rows, weight: Floats, n_steps: int, cv: int) -> Floats:
    """Return the mean squared error of each step on held-out rows of the target."""
    target = np.flatnonzero(given.is_target)
    errors = np.zeros(n_steps)
    if len(target) < 2:
        return np.arange(n_steps, dtype=np.float64)
    n_deals = 3 if len(target) < FEW_ROWS else 1
    for _ in range(n_deals):
        fold = deal(len(target), cv, given.rng)
        for k in range(int(fold.max()) + 1):
            test = target[fold == k]
            train = np.setdiff1d(np.arange(len(given.y)), test)
            part, X_test = given.take(train), take_rows(given.X, test)
            for s, lowered in enumerate(_lowered(part, weight[train], n_steps)):
                bases, votes = _boost(part, lowered)
                errors[s] += float(np.sum((given.y[test] - _weighted_median(bases, np.array(votes), X_test)) ** 2))
    return errors / (n_deals * len(target))
