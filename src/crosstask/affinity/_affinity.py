"""Who helps whom: the predicted gain of each task from each other one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from crosstask.affinity._cross import cross_learning
from crosstask.affinity._gain import pairwise_gains
from crosstask.affinity._moments import working_rows
from crosstask.affinity._read import ClassReader, RegressionReader, looks_like_classes
from crosstask.affinity._result import TaskAffinity
from crosstask.model_selection import task_folds
from crosstask.summaries import TaskStatistics, stand_in_rows
from crosstask.tasks import TaskData

IntVector = NDArray[np.intp]


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
    opened = ClassReader(task_column) if classes else RegressionReader(task_column)
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
            f"task_affinity compares tasks, and there is one only ({tasks.tolist()[0]!r}): give task= or task_column=."
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
