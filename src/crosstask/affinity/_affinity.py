"""Who helps whom: the predicted gain of each task from each other one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, is_classifier

from crosstask.affinity._cross import cross_learning
from crosstask.affinity._gain import pairwise_gains
from crosstask.affinity._groups import TaskGroups, find_groups, linkage_of
from crosstask.affinity._moments import Working, working_rows
from crosstask.affinity._pooling import Fold, pooled_slopes
from crosstask.model_selection import task_folds
from crosstask.summaries import TaskStatistics, stand_in_rows
from crosstask.tasks import TaskData, TaskMixin, TaskRows, numeric_matrix

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]
WIDEST = 1500  # columns, for each task has a matrix of so many rows and columns
NORMAL_95 = 1.959964


@dataclass(frozen=True, repr=False)
class TaskAffinity:
    """What each task would gain from pooling each other one.

    Parameters
    ----------
    tasks : ndarray of shape (n_tasks,)
        Task ids.
    gain : ndarray of shape (n_tasks, n_tasks)
        Rows are sources, columns targets: predicted reduction of the target's loss on new rows by pooling the source
        in, as a share of the loss of its own model. Negative is harm; NaN on the diagonal.
    error : ndarray of shape (n_tasks, n_tasks)
        Standard error of the gain.
    p_value : ndarray of shape (n_tasks, n_tasks)
        Of the test that both tasks have the same slopes; NaN for the cross-learning score.
    own_loss : ndarray of shape (n_tasks,)
        Predicted loss of each task's own model: squared error, or log loss.
    method : {"moments", "cross_learning"}
        How it was computed.
    """

    tasks: NDArray[Any]
    gain: Array
    error: Array
    p_value: Array
    own_loss: Array
    method: str
    _working: list[Working] = field(default_factory=list[Working])
    _folds: list[tuple[IntVector, IntVector]] = field(default_factory=list[tuple[IntVector, IntVector]])

    def frame(self) -> pd.DataFrame:
        """Return source, target, gain, low, high (95 %), p_value and verdict, the largest gain first.

        ``verdict`` is "helps" or "harms" where the interval leaves zero out, else "unclear".
        """
        import pandas as pd

        source, target = np.nonzero(~np.eye(len(self.tasks), dtype=bool))
        gain, error = self.gain[source, target], self.error[source, target]
        low, high = gain - NORMAL_95 * error, gain + NORMAL_95 * error
        columns = {
            "source": self.tasks[source],
            "target": self.tasks[target],
            "gain": gain,
            "low": low,
            "high": high,
            "p_value": self.p_value[source, target],
            "verdict": np.select([low > 0, high < 0], ["helps", "harms"], "unclear"),
        }
        return pd.DataFrame(columns).sort_values("gain", ascending=False, ignore_index=True, kind="stable")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the gains as a heat map in the order of the dendrogram, hatched where a gain is within its error."""
        from crosstask.report import AffinityDisplay

        return AffinityDisplay(self).plot(ax)

    def linkage(self) -> Array:
        """Return scipy's linkage matrix: average linkage on the smaller of the two gains of a pair."""
        return linkage_of(np.where(np.isnan(self.gain), 0.0, self.gain))

    def tree(self) -> Array:
        """Return the linkage with its branches turned so that alike tasks are neighbours (up to 200 tasks)."""
        from scipy.cluster.hierarchy import optimal_leaf_ordering
        from scipy.spatial.distance import squareform

        if not 3 <= len(self.tasks) <= 200:
            return self.linkage()
        both = np.minimum(self.gain, self.gain.T)
        apart = np.nanmax(both) - np.where(np.isnan(both), np.nanmax(both), both)
        return optimal_leaf_ordering(self.linkage(), squareform(apart, checks=False))

    def order(self) -> IntVector:
        """Return positions of the tasks in the order of the dendrogram."""
        from scipy.cluster.hierarchy import leaves_list

        if len(self.tasks) < 3:
            return np.arange(len(self.tasks), dtype=np.intp)
        return leaves_list(self.tree()).astype(np.intp)

    def groups(self) -> TaskGroups:
        """Return groups of tasks to pool, their number (1 and n_tasks included) chosen by held-out loss.

        Up to 12 tasks all partitions are compared; beyond, the dendrogram is cut, and single tasks move and change
        places as long as the predicted loss falls.

        Raises
        ------
        ValueError
            If the affinity is a cross-learning score, which does not say what a pooled model would do.
        """
        working = self._one_working("groups()")
        folds = [Fold.cut(working, train, test) for train, test in self._folds]
        return find_groups(working.moments(), folds, self.tasks)

    def cross_validated(self, n_pairs: int = 20) -> pd.DataFrame:
        """Return the cross-validated gain of the pairs with the largest predicted gains.

        Parameters
        ----------
        n_pairs : int, default=20
            How many ordered pairs.

        Returns
        -------
        DataFrame
            source, target, predicted, gain, and low and high by Student's t over the folds with the variance factor
            of Nadeau and Bengio.
        """
        import pandas as pd
        from scipy import stats

        working = self._one_working("cross_validated()")
        top = self.frame().head(n_pairs)
        place = {task: position for position, task in enumerate(self.tasks.tolist())}
        source = np.array([place[task] for task in top["source"].tolist()], dtype=np.intp)
        target = np.array([place[task] for task in top["target"].tolist()], dtype=np.intp)
        own, pooled = (np.zeros((len(self._folds), len(top))) for _ in range(2))
        for k, (train, test) in enumerate(self._folds):
            fold = Fold.cut(working, train, test)
            ridge = fold.train.common_ridge()
            alone = np.eye(len(self.tasks), dtype=bool)
            own[k] = fold.losses(pooled_slopes(fold.train, alone[target], ridge), target)
            pooled[k] = fold.losses(pooled_slopes(fold.train, alone[target] | alone[source], ridge), target)
        total = np.maximum(own.sum(axis=0), 1e-300)
        gain = 1.0 - pooled.sum(axis=0) / total
        K = len(self._folds)
        apart = (own - pooled) * K / total
        half = stats.t.ppf(0.975, K - 1) * apart.std(axis=0, ddof=1) * np.sqrt(1.0 / K + 1.0 / max(K - 1, 1))
        found = {"source": top["source"], "target": top["target"], "predicted": top["gain"]}
        return pd.DataFrame(found | {"gain": gain, "low": gain - half, "high": gain + half})

    def _one_working(self, asked: str) -> Working:
        if not self._working:
            raise ValueError(
                f"{asked} needs moments, and this affinity is the cross-learning score of an estimator: call "
                "task_affinity without estimator=."
            )
        if len(self._working) > 1:
            raise ValueError(
                f"{asked} is for regression and two classes, and y has {len(self._working)}: "
                "ask for one class against the rest (y == label)."
            )
        if not self._folds:
            raise ValueError(f"{asked} holds folds out, and the statistics have none: gather them with n_folds=5.")
        return self._working[0]

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        """How many pairs help and harm, then the best and worst source of each of the first tasks."""
        table = self.frame()
        count = table["verdict"].value_counts()
        lines = [
            f"{len(self.tasks)} tasks, {len(table)} ordered pairs: {count.get('helps', 0)} help, "
            f"{count.get('harms', 0)} harm, {count.get('unclear', 0)} cannot be told from chance."
        ]
        for t in range(min(len(self.tasks), 20) if len(table) else 0):
            column = self.gain[:, t]
            best, worst = int(np.nanargmax(column)), int(np.nanargmin(column))
            lines.append(f"{self.tasks[t]}: most from {self._said(best, t)}, least from {self._said(worst, t)}")
        if len(self.tasks) > 20:
            lines.append(f".. and {len(self.tasks) - 20} more tasks; frame() has all pairs")
        return "\n".join(lines)

    def _said(self, i: int, j: int) -> str:
        low, high = self.gain[i, j] - NORMAL_95 * self.error[i, j], self.gain[i, j] + NORMAL_95 * self.error[i, j]
        return f"{self.tasks[i]} ({100 * self.gain[i, j]:+.0f} %, {100 * low:.0f} to {100 * high:.0f})"


def task_affinity(
    X: Any,
    y: Any = None,
    *,
    task: Any = None,
    task_column: str | int | None = None,
    estimator: Any = None,
    sample_weight: Any = None,
    random_state: Any = None,
) -> TaskAffinity:
    r"""Return who helps whom: for each ordered pair the predicted change of the target's loss by pooling the source in.

    .. math::
        \mathrm{gain}_{ij} = \frac{R_j(\text{own}) - R_j(\text{pooled with } i)}{s_j^2 + R_j(\text{own})}

    with :math:`R_j` the excess risk on new rows of task j: squared bias less the noise in its estimate, plus variance,
    both weighted by the second moments of task j. It needs the moments of the tasks and no fit. For two classes or more
    the log loss is expanded to second order at the pooled model. Distances between the tasks' X have no part in it:
    they say nothing about whether sharing helps.

    Parameters
    ----------
    X : table of shape (n_rows, n_columns) or TaskStatistics
        Numbers; with ``task_column`` also the task ids. With an ``estimator``: whatever it takes. Moments gathered
        elsewhere stand alone, without y and tasks; their folds are those of ``groups`` and ``cross_validated``.
    y : array-like of shape (n_rows,) or (n_rows, n_tasks)
        Numbers, or classes: text, truth values, or two numbers 0 or -1 and 1. Make other codes text.
    task : array-like of shape (n_rows,), optional
        Task ids, where no column of X holds them.
    task_column : str or int, optional
        Column of X with the task ids.
    estimator : estimator, optional
        Any scikit-learn regressor or classifier: then the cross-learning score, the loss of each task's own model out
        of fold less that of the source's model on the target's rows, as a share of the former.
    sample_weight : array-like of shape (n_rows,), optional
        Weights of the rows; without ``estimator`` only.
    random_state : int, RandomState or None
        Deals rows to the folds of ``groups`` and ``cross_validated``.

    Returns
    -------
    TaskAffinity
        ``.frame()``, ``.plot()``, ``.groups()``, ``.cross_validated()``.

    Raises
    ------
    ValueError
        If there is one task only, columns are not numbers, or there are more than 1500 of them.

    Notes
    -----
    Cost: O(T^2 d^3) with T tasks and d columns; memory T^2 + T d^2.

    Take it as a proposal: with 20 rows a task it ranks sources with a correlation of about .5 to the truth, with 150 of
    about .9. What decides is the guard, on held-out rows.

    References
    ----------
    Mallows, Some comments on Cp, Technometrics 1973.
    Zhou et al., When can multi-site datasets be pooled for regression? ICML 2017.
    Sun and Zhang, Cross-learning score, arXiv 2510.10866.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.standard_normal((150, 3)), np.repeat(["a", "b", "odd"], 50)
    >>> y = np.where(task == "odd", -1, 1) * X.sum(axis=1) + rng.standard_normal(150)
    >>> found = task_affinity(X, y, task=task)
    >>> found.frame().groupby("verdict")["target"].count().to_dict()
    {'harms': 4, 'unclear': 2}
    """
    if isinstance(X, TaskStatistics):
        given = {
            "y": y,
            "task": task,
            "task_column": task_column,
            "estimator": estimator,
            "sample_weight": sample_weight,
        }
        return _affinity_of_moments(X, [name for name, value in given.items() if value is not None])
    classes = looks_like_classes(y) if estimator is None else is_classifier(estimator)
    opened = _Classifier(task_column) if classes else _Regressor(task_column)
    rows = opened.open(X, y, task, sample_weight)
    if estimator is not None and rows.n_tasks > 1:
        gain, error, own = cross_learning(estimator, rows, random_state)
        scale = np.maximum(own, 1e-300)
        nothing = np.full_like(gain, np.nan)
        return TaskAffinity(rows.tasks, gain / scale, error / scale, nothing, own, "cross_learning")
    return affinity_of(opened.data(rows), rows.tasks, random_state)


def _affinity_of_moments(statistics: TaskStatistics, given: list[str]) -> TaskAffinity:
    if given:
        raise ValueError(f"statistics hold rows and tasks already, and {given[0]}= was given as well: leave it out.")
    rows = stand_in_rows(statistics)
    centre = rows.data.totals @ rows.mean / rows.data.totals.sum()
    data = replace(rows.data, X=rows.data.X + (rows.mean - centre)[rows.data.codes])
    return affinity_of(data, data.tasks, folds=rows.folds)


def affinity_of(
    data: TaskData,
    tasks: NDArray[Any],
    random_state: Any = None,
    *,
    folds: list[tuple[IntVector, IntVector]] | None = None,
) -> TaskAffinity:
    """Return the affinity of tasks whose rows are numbers already.

    Several classes are averaged; squared errors of working responses are twice a log loss.
    """
    if len(tasks) < 2:
        raise ValueError(
            f"task_affinity compares tasks, and there is one only ({tasks[0]!r}): give task= or task_column=."
        )
    working = working_rows(data)
    parts = [pairwise_gains(one.moments()) for one in working]
    own = np.mean([one.own_loss(part.own_risk, part.ridge) for one, part in zip(working, parts, strict=True)], axis=0)
    seed = 0 if random_state is None else random_state
    if folds is None:
        folds = task_folds(None, np.zeros((data.n_pairs, 1)), task=data.codes, random_state=seed)
    scale = np.maximum(own, 1e-300) * (2.0 if working[0].known_noise else 1.0)
    gain = np.mean([part.gain for part in parts], axis=0) / scale
    error = np.mean([part.error for part in parts], axis=0) / scale
    smallest = np.min([part.p_value for part in parts], axis=0)
    p_value = np.minimum(smallest * len(parts), 1.0)  # Bonferroni over the classes
    return TaskAffinity(tasks, gain, error, p_value, own, "moments", working, folds)


def looks_like_classes(y: Any) -> bool:
    """Tell whether y holds text, truth values, or two numbers 0 or -1 and 1."""
    values = np.asarray(y.to_numpy() if hasattr(y, "to_numpy") else y)
    if values.dtype.kind == "O":  # numbers among objects, as Python's integers, decimals and pandas' NA make them
        values = _as_numbers(values)
    if values.dtype.kind not in "fiu":
        return True
    found = np.unique(values[~np.isnan(values)] if values.dtype.kind == "f" else values)
    return len(found) == 2 and found[1] == 1 and found[0] in (-1, 0)


def _as_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers held as objects as floats, with NaN for what is missing; anything else as it came."""
    import numbers
    from decimal import Decimal

    import pandas as pd

    known = values[~pd.isna(values)]
    if not all(isinstance(v, (numbers.Real, Decimal)) and not isinstance(v, (bool, np.bool_)) for v in known.flat):
        return values
    return np.where(pd.isna(values), np.nan, values).astype(np.float64)


class _Opened(TaskMixin):
    """Reads the doors like every estimator does."""

    def __init__(self, task_column: str | int | None = None) -> None:
        self.task_column = task_column

    def open(self, X: Any, y: Any, task: Any, sample_weight: Any) -> TaskRows:
        return self._open_fit(X, y, task, sample_weight)

    def data(self, rows: TaskRows) -> TaskData:
        matrix = numeric_matrix(self, rows.X)
        if matrix.shape[1] > WIDEST:
            raise ValueError(
                f"X has {matrix.shape[1]} columns, and the moments of each task would need as many rows and columns: "
                f"reduce them to {WIDEST} or fewer, for example by PCA, or pass estimator=."
            )
        return self._numbers(rows, matrix)

    def _numbers(self, rows: TaskRows, matrix: Any) -> TaskData:
        raise NotImplementedError


class _Regressor(_Opened, RegressorMixin, BaseEstimator):
    def _numbers(self, rows: TaskRows, matrix: Any) -> TaskData:
        return TaskData.from_rows(rows, matrix, rows.y)


class _Classifier(_Opened, ClassifierMixin, BaseEstimator):
    def _numbers(self, rows: TaskRows, matrix: Any) -> TaskData:
        classes, position = np.unique(np.asarray(rows.y), return_inverse=True)
        if len(classes) < 2:
            raise ValueError(f"y has one class only ({classes.tolist()[0]!r}): affinity needs two or more.")
        return TaskData.from_rows(rows, matrix, position.reshape(-1), n_classes=len(classes))
