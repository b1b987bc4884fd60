"""A forest of the source, its trees fitted to the target's rows."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from crosstask.tasks._frames import as_table
from crosstask.tasks._target import check_target
from crosstask.transfer._forest_ser import expand_and_reduce
from crosstask.transfer._forest_strut import move_thresholds
from crosstask.transfer._forest_trees import Rows, Trees, join
from crosstask.transfer._source_models import read_models, union_of_labels
from crosstask.transfer._unwrap import Floats, thaw

METHODS = {"ser": ("ser",), "strut": ("strut",), "mix": ("ser", "strut")}
FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)


class TransferForestBase(BaseEstimator):
    """What the regressor and the classifier share."""

    trees_: Trees
    n_trees_: int
    _classification: bool

    def __init__(
        self,
        source: Any = None,
        *,
        method: Literal["ser", "strut", "mix"] = "mix",
        n_estimators: int = 100,
        prior_rows: float = 0.0,
        min_samples_leaf: int = 1,
        bootstrap: bool = True,
        random_state: Any = None,
    ) -> None:
        self.source = source
        self.method = method
        self.n_estimators = n_estimators
        self.prior_rows = prior_rows
        self.min_samples_leaf = min_samples_leaf
        self.bootstrap = bootstrap
        self.random_state = random_state

    def _fit(self, X: Any, y: Any) -> None:
        self._check()
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        table = as_table(X)
        checked: tuple[Any, Any] = validate_data(self, table, y, dtype=np.float32)  # type: ignore[assignment]
        matrix, values = checked[0], check_target(column_or_1d(checked[1], warn=True), self._classification)
        models = read_models(self.source, table, self._classification)
        rng = check_random_state(self.random_state)
        alone = not models
        if alone:
            models = [self._own_forest(matrix, values, rng)]
        target, classes = values.astype(np.float64)[:, None] if not self._classification else values, None
        if self._classification:
            classes = self.classes_ = union_of_labels(values, models)
            target = (values[:, None] == classes).astype(np.float64)
        adapted: list[Trees] = []
        for k, model in enumerate(models):
            forest = _forest(model, "the source" if len(models) == 1 else f"source {k}")
            columns = _columns(forest, table)
            positions = None if classes is None else np.searchsorted(classes, forest.classes_)
            for tree in forest.estimators_:
                taken = Trees.from_sklearn(tree.tree_, columns, positions, target.shape[1])
                adapted += [taken] if alone else self._adapt(taken, tree, matrix, target, rng)
        self.trees_ = join(adapted)
        self.n_trees_ = len(adapted)

    def _adapt(self, taken: Trees, tree: Any, X: NDArray[np.float32], Y: Floats, rng: Any) -> list[Trees]:
        """Return one source tree, adapted in each of the ways of ``method``."""
        adapted: list[Trees] = []
        for way in METHODS[self.method]:
            drawn = rng.randint(len(X), size=len(X)) if self.bootstrap else np.arange(len(X))
            rows, target, own = X[drawn], Y[drawn], deepcopy(taken)
            if way == "ser":
                options = {
                    "max_features": tree.max_features,
                    "splitter": tree.splitter,
                    "min_samples_leaf": self.min_samples_leaf,
                    "random_state": rng.randint(np.iinfo(np.int32).max),
                }
                own = expand_and_reduce(own, rows, target, self.prior_rows, self._classification, options)
            else:
                least = self.min_samples_leaf
                own = move_thresholds(own, rows, target, self.prior_rows, self._classification, least)
            adapted.append(own)
        return adapted

    def _own_forest(self, X: NDArray[np.float32], y: NDArray[Any], rng: Any) -> Any:
        """Grow a forest of the target alone: without a source there is nothing to transfer."""
        kind = RandomForestClassifier if self._classification else RandomForestRegressor
        seed = rng.randint(np.iinfo(np.int32).max)
        return kind(
            self.n_estimators, bootstrap=self.bootstrap, min_samples_leaf=self.min_samples_leaf, random_state=seed
        ).fit(X, y)

    def _values(self, X: Any) -> Floats:
        check_is_fitted(self, "trees_")
        matrix: Any = validate_data(self, as_table(X), dtype=np.float32, reset=False)
        return self.trees_.predict(matrix)

    def _check(self) -> None:
        if self.method not in METHODS:
            raise ValueError(
                f"method={self.method!r} is unknown to {type(self).__name__}: use 'ser', 'strut' or 'mix'."
            )
        if not 0.0 <= float(self.prior_rows) < np.inf:
            raise ValueError(f"prior_rows={self.prior_rows}: give a finite number of rows, 0 or more.")
        if int(self.min_samples_leaf) != self.min_samples_leaf or self.min_samples_leaf < 1:
            raise ValueError(f"min_samples_leaf={self.min_samples_leaf}: give a whole number, 1 or more.")


class TransferForestClassifier(ClassifierMixin, TransferForestBase):
    r"""Adapt the trees of a fitted forest to a new task.

    Two ways, tree by tree [1]_. *SER* (structure expansion and reduction) grows every leaf on the target's rows that
    reach it; then, from the leaves up, it cuts each subtree whose squared error on the target's rows is no less than
    that of one leaf. *STRUT* (structure transfer) keeps the tree, and moves each threshold t, from the root down, to
    where the two sides look most as they did in the source, by the divergence gain

    .. math::
        1 - \frac{n_L}{n} \operatorname{JSD}(p_L, q_L) - \frac{n_R}{n} \operatorname{JSD}(p_R, q_R)

    with :math:`p` the class frequencies of the target's rows at the node on either side of t, :math:`q` those of the
    source at its children, and JSD the Jensen-Shannon divergence in bits; the children change places where that gains
    more. *mix* averages the trees of both. Every leaf then holds the target's class frequencies, the source's counting
    as ``prior_rows`` rows.

    Parameters
    ----------
    source : fitted forest, or a list of these, default=None
        ``RandomForestClassifier`` or ``ExtraTreesClassifier``, in ``sklearn.frozen.FrozenEstimator``. Columns are
        matched by name, classes by label. Of several, all trees are taken. None: a random forest of the target alone.
    method : {"ser", "strut", "mix"}, default="mix"
        SER where the target has other or finer regions, STRUT where its columns are shifted or scaled.
    n_estimators : int, default=100
        Trees of the target's own forest where there is no source; a source's trees are all used.
    prior_rows : float, default=0.0
        Rows that the source's value of a leaf counts for. 0 forgets it wherever a target row comes, as in the paper;
        1 is better where the target hardly differs and has few rows.
    min_samples_leaf : int, default=1
        Fewest target rows on each side of a split that is grown or moved.
    bootstrap : bool, default=True
        Adapt each tree to a bootstrap sample of the target's rows, instead of to all.
    random_state : int, RandomState instance or None, default=None
        Draws bootstrap samples, and columns in the leaves that grow.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the target and of the sources, sorted.
    trees_ : Trees
        All trees as arrays in one table.
    n_trees_ : int
        Their number.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    ValueError, NotFittedError
        If a source is no fitted forest, has other columns, or shares no class with y.

    Notes
    -----
    Where this departs from the paper: what no target row reaches stays as the source has it (there it is cut); a
    subtree is judged by the squared error of probabilities, the source's among them, and not by the rows it
    misclassifies, which a leaf grown to purity never does; the source's threshold is tried beside the local
    maxima of the impurity gain, and wins a tie; ``prior_rows``.

    Cost: a sort of the rows at each node (STRUT), a small tree in each leaf that mixes classes (SER).

    *When not to use it*: where the source's rows may be used, a forest on all rows with the task as a category is often
    better; where only the level of y differs, :class:`crosstask.OffsetTransfer` learns that from fewer rows.

    References
    ----------
    .. [1] Segev, Harel, Mannor, Crammer and El-Yaniv (2017), Learn on source, refine on target: a model transfer
       learning framework with random forests, IEEE Transactions on Pattern Analysis and Machine Intelligence 39.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn.frozen import FrozenEstimator
    >>> from crosstask.transfer import TransferForestClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (500, 2))
    >>> y = (X[:, 0] > 0) ^ (X[:, 1] > 0)
    >>> source = RandomForestClassifier(20, random_state=0).fit(X[:300], y[:300])
    >>> moved = X + 0.5  # the new site's instruments read half a unit more
    >>> model = TransferForestClassifier(FrozenEstimator(source), random_state=0).fit(moved[300:340], y[300:340])
    >>> print(round(source.score(moved[340:], y[340:]), 2), round(model.score(moved[340:], y[340:]), 2))
    0.62 0.81
    """

    _classification = True
    classes_: NDArray[Any]

    def fit(self, X: Any, y: Any) -> Self:
        """Adapt the source's trees to the target's rows.

        Parameters
        ----------
        X : table of shape (n, n_features)
            The target's rows.
        y : array-like of shape (n,)
            The target's classes.

        Returns
        -------
        Self
        """
        self._fit(X, y)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Return the mean of the trees' class frequencies, shape (n, n_classes)."""
        return self._values(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each row."""
        best = self._values(X).argmax(axis=1)
        return self.classes_[best]


class TransferForestRegressor(RegressorMixin, TransferForestBase):
    r"""Adapt the trees of a fitted forest to a new task.

    As :class:`TransferForestClassifier`, with squared errors. STRUT moves a threshold to where the source's step from
    one child's mean to the other's leaves the least variance,

    .. math::
        \min_{t, \delta} \sum_i \big(y_i - \delta - \mu_L [x_i \le t] - \mu_R [x_i > t]\big)^2 ,

    so that another level of y does not disturb it.

    Parameters
    ----------
    source : fitted forest, or a list of these, default=None
        ``RandomForestRegressor`` or ``ExtraTreesRegressor``, in ``sklearn.frozen.FrozenEstimator``. None: a random
        forest of the target alone.
    method, n_estimators, prior_rows, min_samples_leaf, bootstrap, random_state
        As in :class:`TransferForestClassifier`.

    Attributes
    ----------
    trees_, n_trees_
        As in :class:`TransferForestClassifier`.

    Raises
    ------
    ValueError, NotFittedError
        If a source is no fitted forest, or has other columns.

    Notes
    -----
    The paper treats classes only; the criterion above is ours. With ``prior_rows=0`` SER cuts a subtree only where the
    target's values under it are all equal.

    *When not to use it*: where y differs from the source's by a smooth function; :class:`crosstask.OffsetTransfer`
    learns that with fewer rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn.frozen import FrozenEstimator
    >>> from crosstask.transfer import TransferForestRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(-1, 1, (500, 3))
    >>> y = 3.0 * (X[:, 0] > 0) + (X[:, 1] > 0.2)
    >>> source = RandomForestRegressor(20, random_state=0).fit(X[:300], y[:300])
    >>> moved = X + 0.5
    >>> model = TransferForestRegressor(FrozenEstimator(source), random_state=0).fit(moved[300:340], y[300:340])
    >>> print(round(source.score(moved[340:], y[340:]), 2), round(model.score(moved[340:], y[340:]), 2))
    -0.16 0.9
    """

    _classification = False

    def fit(self, X: Any, y: Any) -> Self:
        """Adapt the source's trees to the target's rows.

        Parameters
        ----------
        X : table of shape (n, n_features)
            The target's rows.
        y : array-like of shape (n,)
            The target's values.

        Returns
        -------
        Self
        """
        self._fit(X, y)
        return self

    def predict(self, X: Any) -> Floats:
        """Return the mean of the trees' leaf values."""
        return self._values(X)[:, 0]


def _forest(model: Any, where: str) -> Any:
    forest = thaw(model)
    if not isinstance(forest, FORESTS):
        raise ValueError(
            f"{where} is a {type(forest).__name__}: a fitted RandomForest or ExtraTrees is expected, whose trees can "
            "be adapted; for other models use OffsetTransfer or SourceStacking, and put scalers before this estimator."
        )
    if forest.n_outputs_ != 1:
        raise ValueError(f"{where} predicts {forest.n_outputs_} outputs: fit a forest for each.")
    return forest


def _columns(forest: Any, table: Any) -> Rows:
    """Return where the forest's columns stand in the table: by name, where both have names."""
    names = getattr(forest, "feature_names_in_", None)
    if names is None or not hasattr(table, "columns"):
        return np.arange(forest.n_features_in_)
    place = {name: i for i, name in enumerate(table.columns)}
    return np.array([place[name] for name in names], dtype=np.intp)
