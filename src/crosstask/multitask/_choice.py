"""Which alpha, and the fit at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import Coupling, Independent
from crosstask.losses import Loss
from crosstask.multitask._support import Folds, check_option
from crosstask.multitask._tuning import Curve, Objective, closed_form_curve, held_out_curve, tell_iterates
from crosstask.solvers import Solution, alpha_grid, has_leave_one_out, solve, solve_path
from crosstask.tasks import TaskData

Array = NDArray[np.float64]

CROWD = 80.0  # rows of the mean curve of all tasks that a task adds to its own when it chooses alone


def check_closed_form(cv: str, loss: Loss, coupling: Coupling) -> None:
    """Refuse another word than "loo" and "gcv", and a problem whose held-out predictions have no closed form."""
    check_option("cv", cv, ("loo", "gcv"))
    if not has_leave_one_out(loss, coupling):
        raise ValueError(
            f"cv={cv!r} is the closed form for the squared loss with Independent, Pooled or MeanTied, and this is "
            f"{loss} with {coupling}: use cv=5, or scikit-learn's LeaveOneOut()."
        )


@dataclass(frozen=True)
class Choice:
    """A coupling, an alpha (or one for each task), and the held-out losses behind them."""

    coupling: Coupling
    alpha: float | Array
    path: dict[str, Any]

    def refit(self, data: TaskData, objective: Objective, tol: float, *, verbose: Any = 0) -> Solution:
        """Fit all rows."""
        problem, tell = objective.problem(data, self.coupling), tell_iterates(verbose)
        if isinstance(self.alpha, float):
            return solve(problem, self.alpha, tol=tol, max_iter=objective.max_iter, tell=tell)
        own: Any = self.alpha
        falling, of_task = np.unique(-own, return_inverse=True)
        path = solve_path(problem, -falling, tol=tol, max_iter=objective.max_iter, tell=tell)
        tasks = np.arange(data.n_tasks)
        coef = np.stack([solution.coef for solution in path])[of_task, tasks]
        intercept = np.stack([solution.intercept for solution in path])[of_task, tasks]
        z = problem.data.decision(coef, intercept)
        penalty = float(np.sum(own[:, None, None] * coef**2)) * 0.5 * self.coupling.weight
        return Solution(
            coef=coef,
            intercept=intercept,
            alpha=float(np.exp(np.mean(np.log(own)))),
            objective=problem.value(z) + penalty,
            gap=max(solution.gap for solution in path),
            n_iter=max(solution.n_iter for solution in path),
            solver=path[0].solver,
            converged=all(solution.converged for solution in path),
        )


def choose(
    data: TaskData,
    folds: Folds | str,
    objective: Objective,
    coupling: Coupling,
    alpha: Any,
    n_alphas: int,
    *,
    n_jobs: int | None,
    verbose: Any,
) -> Choice:
    """Return the given alpha, or the one of the grid with the smallest mean loss on held-out rows.

    ``folds="loo"`` holds out each row alone, in closed form, and "gcv" lets every row have the mean leverage.
    """
    if not isinstance(alpha, str):
        return Choice(coupling, float(alpha), {})
    alphas = alpha_grid(objective.problem(data, coupling), n_alphas)
    if isinstance(folds, str):
        curve = closed_form_curve(data, objective, coupling, alphas, folds)
    else:
        curve = held_out_curve(data, folds, objective, coupling, alphas, n_jobs=n_jobs, verbose=verbose)
    path = {
        "alpha": alphas,
        "cv_loss": curve.mean,
        "cv_se": curve.standard_error,
        "task_cv_loss": curve.task_mean,
        "n_folds": data.n_pairs if isinstance(folds, str) else len(folds),
    }
    if isinstance(coupling, Independent) and data.n_tasks > 1:
        return Choice(coupling, alphas[_own_positions(curve)], path)
    return Choice(coupling, float(alphas[np.argmin(curve.mean)]), path)


def _own_positions(curve: Curve) -> NDArray[np.intp]:
    """Let each task choose, by its own held-out loss plus that of ``CROWD`` average rows of all tasks."""
    return np.argmin(curve.loss + CROWD * curve.mean[:, None], axis=0)
