"""What a table says about its tasks before any model is compared: sizes, noise, levels, slopes, and power."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crosstask.affinity._gain import own_risk
from crosstask.affinity._groups import TaskGroups, find_groups
from crosstask.affinity._moments import Moments, Working, working_rows
from crosstask.affinity._pooling import Fold
from crosstask.model_selection import task_folds
from crosstask.solvers._threads import one_blas_thread
from crosstask.tasks import TaskData

Array = NDArray[np.float64]
GROUPED = 200  # tasks up to which groups are looked for
LEVEL = 0.05  # false discovery rate of the outliers


@dataclass(frozen=True)
class Outlier:
    """A task whose slopes differ from the others' by more than tasks here usually do.

    Parameters
    ----------
    task : int
        Position of the task.
    p_value : float
        Of Chow's test against all other tasks together, scaled by how much tasks differ anyway.
    agreement : float
        Correlation of its own predictions with those of the others' model on its rows; below zero they turn around.
    column : int
        Column whose slope differs most.
    own, others : float
        That slope in the task, and in the others, for one standard deviation of the column inside the tasks.
    """

    task: int
    p_value: float
    agreement: float
    column: int
    own: float
    others: float


@dataclass(frozen=True)
class Diagnosis:
    """Numbers about the tasks of a table.

    Parameters
    ----------
    n : ndarray of shape (T,)
        Rows of each task.
    columns : ndarray of shape (d,)
        Positions of the columns that vary inside tasks.
    explained : float
        Share of the variance inside tasks that one linear model for each task explains on new rows.
    level_share : float
        Share of the variance of y that lies between the levels of the tasks (intraclass correlation).
    level_p : float
        p-value of the F test of equal levels.
    slope_excess : float
        I^2, the share of the differences between the tasks' slopes that chance does not explain.
    slope_p : float
        p-value of Cochran's Q for equal slopes.
    outliers : list of Outlier
        By p-value, false discovery rate 5 %.
    pooled_gain : float
        Reduction of the held-out loss by common slopes with free intercepts, against one model each; NaN where
        groups were not looked for.
    groups : TaskGroups or None
        Proposed groups; None for many tasks or several classes.
    """

    n: Array
    columns: NDArray[np.intp]
    explained: float
    level_share: float
    level_p: float
    slope_excess: float
    slope_p: float
    outliers: list[Outlier]
    pooled_gain: float
    groups: TaskGroups | None

    @property
    def worth_of_groups(self) -> float:
        """Held-out loss that the groups save beyond one pool or none, as a share; 0 where that is below 1 %."""
        if self.groups is None or not 1 < self.groups.n_groups < len(self.n):
            return 0.0
        held_out = self.groups.held_out
        worth = float(held_out[self.groups.n_groups - 1]) - max(float(held_out[0]), 0.0)
        return worth if worth >= 0.01 else 0.0


def diagnose(data: TaskData) -> Diagnosis:
    """Return the numbers; classes are read through the working responses of the last one against the rest."""
    working = working_rows(data)[-1]
    moments = working.moments()
    ridge = moments.common_ridge()
    n = np.diff(data.offsets).astype(np.float64)
    level_share, level_p = _levels(data)
    excess, slope_p = _slopes(moments)
    groups = _groups(working, moments, data)
    return Diagnosis(
        n=n,
        columns=working.columns,
        explained=float("nan") if working.known_noise else _explained_share(moments, ridge),
        level_share=level_share,
        level_p=level_p,
        slope_excess=excess,
        slope_p=slope_p,
        outliers=_outliers(moments, ridge),
        pooled_gain=float("nan") if groups is None else float(groups.held_out[0]),
        groups=groups,
    )


def _explained_share(moments: Moments, ridge: float) -> float:
    """1 - squared error on new rows / scatter about the task means."""
    scatter, loss = float(moments.yy.sum()), moments.noise + own_risk(moments, ridge)
    return max(1.0 - float(moments.n @ loss) / scatter, 0.0) if scatter > 0 else 0.0


def _levels(data: TaskData) -> tuple[float, float]:
    """Intraclass correlation of y by the analysis of variance, and the F test's p-value; rows count by weight.

    Of classes the indicator of the most frequent one stands for y.
    """
    y = data.y
    if data.n_classes is not None:
        y = (data.y == np.bincount(data.y.astype(np.intp)).argmax()).astype(np.float64)
    weight, codes, T = data.sample_weight, data.codes, data.n_tasks
    n = np.bincount(codes, weight, T)
    total = n.sum()
    mean = np.bincount(codes, weight * y, T) / np.maximum(n, 1e-300)
    inside = float(weight @ (y - mean[codes]) ** 2)
    between = float(n @ (mean - weight @ y / total) ** 2)
    if T < 2 or total <= T or inside <= 0:
        return float(between > 0), 0.0 if between > 0 else 1.0
    mean_inside, mean_between = inside / (total - T), between / (T - 1)
    size = (total - (n @ n) / total) / (T - 1)  # rows a task, as unequal tasks count
    variance = max((mean_between - mean_inside) / size, 0.0)
    return variance / (variance + mean_inside), float(stats.f.sf(mean_between / mean_inside, T - 1, total - T))


def _slopes(moments: Moments) -> tuple[float, float]:
    """I^2 of the slopes and the p-value of Cochran's Q: what separate slopes explain beyond common ones."""
    weight = 1.0 / moments.noise
    gram = np.tensordot(weight, moments.gram, 1)
    together, rank = _explained(gram, weight @ moments.xy)
    q = max(float(weight @ moments.explained) - together, 0.0)
    freedom = float(moments.rank.sum()) - rank
    if freedom <= 0:
        return 0.0, 1.0
    rest = min(float(moments.freedom.sum()), 1e9)
    return max(1.0 - freedom / max(q, 1e-300), 0.0), float(stats.f.sf(q / freedom, freedom, rest))


def _explained(gram: Array, xy: Array) -> tuple[float, int]:
    """c'G^+ c and the rank of G."""
    values, vectors = np.linalg.eigh(gram)
    there = values > 1e-9 * max(float(values[-1]), 1e-300)
    h = vectors.T[there] @ xy
    return float(h @ (h / values[there])), int(there.sum())


def _outliers(moments: Moments, ridge: float) -> list[Outlier]:
    """Test each task against all others; differences that the others show among themselves are divided out."""
    T = moments.n_tasks
    if T < 3:
        return []
    weight = 1.0 / moments.noise
    gram, xy, own = weight[:, None, None] * moments.gram, weight[:, None] * moments.xy, weight * moments.explained
    all_gram, all_xy = gram.sum(axis=0), xy.sum(axis=0)
    together, rank = _explained(all_gram, all_xy)
    p_value = np.ones(T)
    with one_blas_thread():
        for t in range(T):
            rest, rank_rest = _explained(all_gram - gram[t], all_xy - xy[t])
            among, among_freedom = own.sum() - own[t] - rest, moments.rank.sum() - moments.rank[t] - rank_rest
            usual = max(1.0, among / among_freedom) if among_freedom > 0 else 1.0
            freedom = float(moments.rank[t]) + rank_rest - rank
            if freedom > 0:
                q = max(float(own[t]) + rest - together, 0.0) / usual
                p_value[t] = stats.f.sf(q / freedom, freedom, min(float(moments.freedom[t]), 1e9))
    found = np.flatnonzero(stats.false_discovery_control(p_value) <= LEVEL)
    return [_described(moments, ridge, int(t), float(p_value[t])) for t in found[np.argsort(p_value[found])]]


def _described(moments: Moments, ridge: float, t: int, p_value: float) -> Outlier:
    others = np.arange(moments.n_tasks) != t
    eye = ridge * np.eye(moments.xy.shape[1])
    G, rest = moments.gram[t], moments.gram[others].sum(axis=0)
    own = np.linalg.solve(G + eye, moments.xy[t])
    crowd = np.linalg.solve(rest + eye, moments.xy[others].sum(axis=0))
    size = np.sqrt(max(float(own @ G @ own) * float(crowd @ G @ crowd), 1e-300))
    inverse = np.linalg.inv(G + eye)
    error = np.sqrt(np.maximum(moments.noise[t] * np.diag(inverse @ G @ inverse), 1e-300))
    column = int(np.argmax(np.abs(own - crowd) / error))
    return Outlier(t, p_value, float(own @ G @ crowd / size), column, float(own[column]), float(crowd[column]))


def _groups(working: Working, moments: Moments, data: TaskData) -> TaskGroups | None:
    if data.n_classes not in (None, 2) or not 2 <= data.n_tasks <= GROUPED:
        return None
    dealt = task_folds(5, np.zeros((data.n_pairs, 1)), task=data.codes, random_state=0)
    return find_groups(moments, [Fold.cut(working, train, test) for train, test in dealt], data.tasks)
