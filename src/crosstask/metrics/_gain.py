"""How much a model gains over each task's own model, with an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.utils import check_random_state

from crosstask.metrics._bootstrap import Sums, bootstrap_intervals
from crosstask.metrics._rows import as_array
from crosstask.metrics._table import Vector
from crosstask.tasks import TaskIndex, as_task_ids

if TYPE_CHECKING:
    import pandas as pd

ALL_TASKS = "(all tasks)"


@dataclass(frozen=True)
class GainArrays:
    """Gain of each task, and of all tasks together in the last place.

    Parameters
    ----------
    n : ndarray of shape (n_tasks + 1,)
        Rows.
    own, model : ndarray of shape (n_tasks + 1,)
        Mean loss of the task's own model and of the model in question; last the mean over tasks.
    gain, low, high : ndarray of shape (n_tasks + 1,)
        (own - model) / own, and its interval; NaN where one row (or fold) allows none.
    """

    n: NDArray[np.intp]
    own: Vector
    model: Vector
    gain: Vector
    low: Vector
    high: Vector


def task_gain(
    loss_own: Any,
    loss_model: Any,
    task: Any,
    *,
    folds: Any = None,
    test_share: float | None = None,
    sample_weight: Any = None,
    level: float = 0.95,
    n_bootstrap: int = 1000,
    random_state: Any = None,
) -> pd.DataFrame:
    """Return how much each task gains by a model over its own model, from losses on the same held-out rows.

    gain_t = (mean own loss - mean model loss) / mean own loss:  0.10 is ten per cent less loss, negative is harm.

    Parameters
    ----------
    loss_own, loss_model : array-like of shape (n_rows,)
        Loss of both models on each row, from fits that did not see the row. 0 or more.
    task : array-like of shape (n_rows,)
        Task ids.
    folds : array-like of shape (n_rows,), optional
        Fold that tested each row. Then the interval is Student's over the folds' paired differences, with the
        variance factor 1 / K + test_share / (1 - test_share) of Nadeau and Bengio, because training sets overlap.
        Without folds: a paired bootstrap over the rows of the task, at levels expanded for few rows (Hesterberg).
    test_share : float, optional
        Share of the rows that one fold tests. Default: 1 / number of folds; state it for repeated folds.
    sample_weight : array-like of shape (n_rows,), optional
        Weights of the rows.
    level : float, default=0.95
        Coverage aimed at, for each task on its own (not for all tasks at once).
    n_bootstrap : int, default=1000
        Bootstrap samples; fewer (at least 200) above 20 000 tasks.
    random_state : int, RandomState or None
        For the bootstrap.

    Returns
    -------
    pandas.DataFrame
        For each task, and for ``(all tasks)``: ``n, own_loss, model_loss, gain, low, high``. The last row compares
        the means over tasks of both losses; its interval is a two-level bootstrap, over tasks and over rows.

    Raises
    ------
    ValueError
        If a loss is negative, missing or infinite, or lengths differ.

    Notes
    -----
    Rows are taken as exchangeable inside a task: neither interval is right for rows that depend on each other in
    time. One row, or one fold, gives no interval (NaN).

    References
    ----------
    C. Nadeau and Y. Bengio (2003), Inference for the generalization error, Machine Learning 52.
    T. Hesterberg (2015), What teachers should know about the bootstrap, The American Statistician 69.

    Examples
    --------
    >>> from crosstask.metrics import task_gain
    >>> own, model = [1.0, 2.0, 3.0, 1.0, 1.0], [0.5, 1.5, 2.5, 1.0, 2.0]
    >>> task_gain(own, model, ["a", "a", "a", "b", "b"], random_state=0)[["n", "own_loss", "model_loss", "gain"]]
                 n  own_loss  model_loss  gain
    task
    a            3       2.0         1.5  0.25
    b            2       1.0         1.5 -0.50
    (all tasks)  5       1.5         1.5  0.00
    """
    import pandas as pd

    index, codes = TaskIndex.learn(as_task_ids(task, len(as_array(task)), "task="), "task=")
    found = gain_arrays(
        loss_own,
        loss_model,
        codes,
        folds=folds,
        test_share=test_share,
        sample_weight=sample_weight,
        level=level,
        n_bootstrap=n_bootstrap,
        random_state=random_state,
    )
    columns = {"n": found.n, "own_loss": found.own, "model_loss": found.model}
    intervals = {"gain": found.gain, "low": found.low, "high": found.high}
    rows = pd.Index([*index.ids.tolist(), ALL_TASKS], name="task", dtype=object)
    return pd.DataFrame({**columns, **intervals}, index=rows)


def gain_arrays(
    loss_own: Any,
    loss_model: Any,
    codes: NDArray[np.intp],
    *,
    folds: Any = None,
    test_share: float | None = None,
    sample_weight: Any = None,
    level: float = 0.95,
    n_bootstrap: int = 1000,
    random_state: Any = None,
) -> GainArrays:
    """Return what :func:`task_gain` shows, as arrays, for tasks given as codes 0 .. n_tasks - 1, none of them empty."""
    own, model, weight = _losses(loss_own, loss_model, sample_weight, len(codes))
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is the coverage of the interval, between 0 and 1; got {level!r}.")
    order = np.argsort(codes, kind="stable")
    sums = Sums.of(own[order], model[order], weight[order], codes[order])
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = sums.gain()
        rng = check_random_state(random_state)
        low, high, low_all, high_all = bootstrap_intervals(sums, level, n_bootstrap, rng, by_task=folds is None)
        if folds is not None:
            low, high = _corrected_t(own, model, weight, codes, gain, as_array(folds), test_share, level)
    own_mean, model_mean = sums.means()
    return GainArrays(
        np.r_[sums.count, sums.count.sum()].astype(np.intp),
        np.r_[own_mean, own_mean.mean()],
        np.r_[model_mean, model_mean.mean()],
        np.r_[gain, sums.gain_of_all()],
        np.r_[low, low_all],
        np.r_[high, high_all],
    )


def _losses(loss_own: Any, loss_model: Any, sample_weight: Any, n: int) -> tuple[Vector, Vector, Vector]:
    own, model = (as_array(loss).astype(np.float64) for loss in (loss_own, loss_model))
    weight = np.ones(n) if sample_weight is None else as_array(sample_weight).astype(np.float64)
    for name, values in (("loss_own", own), ("loss_model", model), ("sample_weight", weight)):
        if values.shape != (n,) or n == 0:
            raise ValueError(f"{name} has shape {values.shape} for {n} task ids: give one value for each row.")
        if not np.isfinite(values).all() or (values < 0).any():
            worst = int(np.argmax(~np.isfinite(values) | (values < 0)))
            raise ValueError(f"{name} must be finite and 0 or more; row {worst} has {values[worst]}.")
    return own, model, weight


def _corrected_t(
    own: Vector,
    model: Vector,
    weight: Vector,
    codes: NDArray[np.intp],
    gain: Vector,
    folds: NDArray[Any],
    test_share: float | None,
    level: float,
) -> tuple[Vector, Vector]:
    """Student's interval over folds of the paired difference, linearised about the ratio, corrected for overlap."""
    if folds.shape != codes.shape:
        raise ValueError(f"folds has shape {folds.shape} for {len(codes)} rows: give the fold of each row.")
    fold = np.unique(folds, return_inverse=True)[1].reshape(-1)
    n_tasks, n_folds = len(gain), int(fold.max()) + 1
    share = 1.0 / n_folds if test_share is None else test_share
    cell, shape = codes * n_folds + fold, (n_tasks, n_folds)
    residual = weight * (own - model - gain[codes] * own)  # its mean is zero; its spread is that of the gain
    mass = np.bincount(cell, weight, n_tasks * n_folds).reshape(shape)
    means = np.bincount(cell, residual, n_tasks * n_folds).reshape(shape) / mass
    tested = mass > 0
    n_tested = tested.sum(axis=1)
    spread = np.where(tested, (means - np.nanmean(np.where(tested, means, np.nan), axis=1, keepdims=True)) ** 2, 0.0)
    variance = spread.sum(axis=1) / (n_tested - 1)
    own_mean = np.bincount(codes, weight * own, n_tasks) / np.bincount(codes, weight, n_tasks)
    factor = 1.0 / n_tested + share / (1.0 - share)
    half = stats.t.ppf(0.5 + level / 2, np.maximum(n_tested - 1, 1)) * np.sqrt(factor * variance) / own_mean
    half[n_tested < 2] = np.nan
    return gain - half, gain + half
