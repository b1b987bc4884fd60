"""One more task in a fitted linear model, what the others share held fixed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import Decomposed, Frozen, Independent, NoSharedPartError
from crosstask.couplings._frozen import as_outputs
from crosstask.multitask._measured import without_unmeasured
from crosstask.solvers import Problem, solve
from crosstask.tasks import TaskData, numeric_matrix
from crosstask.tasks._added import Insertion, open_added

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves behind for tasks to come; no row is among it.

    Parameters
    ----------
    scale : ndarray of shape (d,)
        By which columns were divided.
    total : float
        n of the objective: the sum of the weights.
    n_tasks : int
        T of the objective.
    count_rate : float
        Mean of y for each unit of exposure, which a task of zero counts leans on; 0 where y is no count.
    frozen : Frozen or None
        The shared part, once a task was added.
    """

    scale: Array
    total: float
    n_tasks: int
    count_rate: float = 0.0
    frozen: Frozen | None = None

    @classmethod
    def on(cls, data: TaskData, scale: Array, *, counts: bool) -> Fitted:
        """Gather it from the rows of a fit."""
        rate = 0.0
        if counts:
            known = np.zeros(data.n_pairs) if data.known is None else data.known
            rate = float(data.sample_weight @ data.y) / float(data.sample_weight @ np.exp(known))
        return cls(scale, float(data.totals.sum()), data.n_tasks, rate)


def add_tasks(model: Any, X: Any, y: Any, task: Any, sample_weight: Any) -> None:
    """Fit the new tasks one by one, and then lay them beside the others; a fault leaves the model as it was."""
    rows, place = open_added(model, X, y, task=task, sample_weight=sample_weight)
    rows, known = model._split_known(rows)
    frozen = shared_part(model)
    matrix = numeric_matrix(model, rows.X, gaps=model.measured_ is not None)
    measured = None
    if model.measured_ is not None:
        measured = np.stack([(~np.isnan(matrix[rows.codes == t])).any(axis=0) for t in range(rows.n_tasks)])
        matrix = without_unmeasured(model, matrix, measured, rows.codes, rows.X)
    data = model._read_added(rows, matrix)
    if known is not None:
        data = data.with_known(known)
    data = data.scaled(model._fitted.scale) if model.standardize else data
    alpha = float(np.exp(np.mean(np.log(model.alpha_))))
    found = [_fit_one(model, frozen, _only(data, t), alpha) for t in range(rows.n_tasks)]
    slopes = np.stack([one for one, _ in found]) / model._fitted.scale
    intercepts = np.stack([one for _, one in found])
    _lay_beside(model, place, slopes, intercepts, measured, alpha)
    model._fitted = replace(model._fitted, frozen=frozen)


def shared_part(model: Any) -> Frozen:
    """Return what the tasks of the fit share, in the columns as they were penalised.

    Raises
    ------
    NoSharedPartError, ValueError
        If the coupling has nothing of the kind, or the model comes from a file that holds no sums of its rows.
    """
    if getattr(model, "_fitted", None) is None:
        raise ValueError(
            f"this {type(model).__name__} was saved by a version that could not add tasks: fit and save it again."
        )
    if model._fitted.frozen is not None:
        return model._fitted.frozen
    scale, coupling = model._fitted.scale, model.coupling_
    if isinstance(coupling, Decomposed):
        blocks = getattr(model, "components_", None)
        if blocks is None:
            raise NoSharedPartError(f"{coupling} was fitted without parts, so no task can be added: fit again.")
        return coupling.frozen_of(np.stack([as_outputs(block * scale) for block in blocks.values()]))
    completed = getattr(model, "completed_coef_", model.coef_)
    return coupling.frozen(as_outputs(completed * scale))


def _only(data: TaskData, t: int) -> TaskData:
    """Return the rows of one task as data of a single task."""
    pairs = np.arange(data.offsets[t], data.offsets[t + 1])
    return TaskData(
        X=data.X[pairs],
        y=data.y[pairs],
        sample_weight=data.sample_weight[pairs],
        offsets=np.array([0, len(pairs)], dtype=np.intp),
        order=np.arange(len(pairs), dtype=np.intp),
        tasks=data.tasks[t : t + 1],
        n_classes=data.n_classes,
        known=None if data.known is None else data.known[pairs],
    )


def _fit_one(model: Any, frozen: Frozen, data: TaskData, alpha: float) -> tuple[Array, Array]:
    r"""Minimise the task's part of the joint objective, and return slopes (K, d) and intercepts (K,).

    With :math:`w = m + A v` and the rows X A, the offset X m leaves a ridge (or the task's own norm) on v. The alpha
    keeps the weight that it had beside the n rows, or the T tasks, of the fit.
    """
    fitted, loss = model._fitted, model.loss_
    share = fitted.total / float(data.totals.sum()) if model.task_weight == "rows" else float(fitted.n_tasks)
    if loss.log_link and not (data.y > 0).any():
        data = data.with_count_rows(np.zeros(1, dtype=np.intp), fitted.count_rate)
    if data.n_classes is not None:
        data = data.with_prior_rows()
    offset = np.asarray(data.X @ frozen.centre.T, dtype=np.float64)
    seen = data if frozen.is_fixed else replace(data, X=frozen.seen(data.X))
    problem = Problem(seen, loss, frozen.own or Independent(), model.fit_intercept, offset=offset)
    if frozen.is_fixed:
        return frozen.centre, problem.null_intercept[0]
    found = solve(problem, alpha * share, tol=model.tol, max_iter=model.max_iter)
    return frozen.slopes(found.coef[0]), found.intercept[0]


def _lay_beside(model: Any, place: Insertion, slopes: Array, intercepts: Array, measured: Any, alpha: float) -> None:
    """Put what was learnt in the place that its id has among the sorted ids; arrays are made anew, never written to."""
    if model.coef_.ndim == 2:
        slopes, intercepts = slopes[:, 0], intercepts[:, 0]
    own = slopes
    if measured is not None:
        seen = measured if slopes.ndim == 2 else measured[:, None]
        own = np.where(seen, slopes, 0.0)
        model.measured_ = place.into(model.measured_, measured)
        model.completed_coef_ = place.into(model.completed_coef_, slopes)
    model.coef_ = place.into(model.coef_, own)
    model.intercept_ = place.into(model.intercept_, intercepts)
    model.support_ = model.coef_ != 0
    if np.ndim(model.alpha_) == 1:
        model.alpha_ = place.into(model.alpha_, np.full(len(slopes), alpha))
    if model.path_:
        path, never = model.path_, np.full((len(slopes), len(model.path_["alpha"])), np.nan)
        model.path_ = path | {"task_cv_loss": place.into(path["task_cv_loss"].T, never).T}
    for learnt in ("components_", "outlier_tasks_", "task_covariance_", "clusters_"):
        model.__dict__.pop(learnt, None)  # of the tasks of the fit alone
    model.tasks_ = place.tasks
