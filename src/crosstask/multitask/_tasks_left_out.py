"""How strongly coefficients follow descriptors, judged on the rows of tasks that are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import KFold

from crosstask.multitask._coefficient_ridge import Ridge, described, stacked
from crosstask.tasks import TaskRows
from crosstask.tasks._frames import take_rows

Array = NDArray[np.float64]
MOST_FOLDS = 20
ALPHAS = np.append(np.geomspace(1e-2, 1e4, 13), np.inf)


@dataclass(frozen=True)
class LeftOut:
    """What leaving tasks out has told.

    Parameters
    ----------
    alpha : float
        The ridge's lambda; infinity where the best is not a standard error ahead of the average task.
    error, mean_error : float
        Root mean squared error of the linear predictor of a task left out, by its descriptors, and by the average task.
    models : list of (ndarray, model)
        For each fold the rows that it left out, and the model that serves their tasks by descriptors at ``alpha``.
    """

    alpha: float
    error: float
    mean_error: float
    models: list[tuple[NDArray[np.intp], Any]]


def leave_tasks_out(estimator: Any, fitted: Any, rows: TaskRows, Z: Array, random_state: Any) -> LeftOut:
    """Fit without each task in turn (in 20 folds where there are more), and choose lambda by the tasks left out.

    Parameters
    ----------
    estimator, fitted : MultiTaskRegressor or MultiTaskClassifier
        Unfitted, and fitted on all rows.
    rows : TaskRows
        Those rows.
    Z : ndarray of shape (n_tasks, n_descriptors)
        Encoded descriptors.
    random_state : int, RandomState or None
        Deals the tasks into folds.
    """
    codes, n_tasks = rows.codes, rows.n_tasks
    fixed: Any = clone(estimator)
    fixed.set_params(alpha=float(np.exp(np.mean(np.log(fitted.alpha_)))))
    errors = np.zeros((len(ALPHAS), n_tasks))
    guesses: list[tuple[NDArray[np.intp], list[Any]]] = []
    own = _predictor(fitted, rows.X, rows.task)
    for fold in _folds_of_tasks(n_tasks, random_state):
        out = np.isin(codes, fold)
        held, some = np.flatnonzero(out), fit_on(fixed, rows.take(~out))
        kept = np.setdiff1d(np.arange(n_tasks), fold)
        made = [described(some, Ridge.of(Z[kept], stacked(some), a), Z[fold], rows.tasks[fold]) for a in ALPHAS]
        part = take_rows(rows.X, held)
        for a, model in enumerate(made):
            apart = (_predictor(model, part, rows.task[held]) - own[held]) ** 2
            errors[a, fold] = np.bincount(codes[held], apart.mean(axis=1), n_tasks)[fold]
        guesses.append((held, made))
    per_task = errors / np.bincount(codes, minlength=n_tasks)
    best = int(per_task.mean(axis=1).argmin())
    gain = per_task[-1] - per_task[best]
    if gain.mean() <= gain.std(ddof=1) / np.sqrt(n_tasks):
        best = len(ALPHAS) - 1
    error, mean_error = (float(np.sqrt(per_task[a].mean())) for a in (best, -1))
    return LeftOut(float(ALPHAS[best]), error, mean_error, [(held, made[best]) for held, made in guesses])


def fit_on(estimator: Any, rows: TaskRows) -> Any:
    """Fit a clone by the array door."""
    own: Any = clone(estimator)
    return own.set_params(task_column=None).fit(rows.X, rows.y, task=rows.task, sample_weight=rows.sample_weight)


def _folds_of_tasks(n_tasks: int, random_state: Any) -> list[NDArray[np.intp]]:
    if n_tasks <= MOST_FOLDS:
        return [np.array([t]) for t in range(n_tasks)]
    splitter = KFold(MOST_FOLDS, shuffle=True, random_state=random_state)
    return [test for _, test in splitter.split(np.zeros((n_tasks, 1)))]


def _predictor(model: Any, X: Any, task: NDArray[Any]) -> Array:
    """Return the linear predictors of rows of known tasks, (n, K)."""
    return np.asarray(model._linear(X, task))
