"""Which alpha, and the fit at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import Coupling
from crosstask.multitask._support import IntVector
from crosstask.multitask._tuning import Objective, held_out_curve
from crosstask.solvers import Solution, alpha_grid, solve
from crosstask.tasks import TaskData

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Choice:
    """A coupling, an alpha, and how they were chosen."""

    coupling: Coupling
    alpha: float
    path: dict[str, Any]

    def refit(self, data: TaskData, objective: Objective, tol: float) -> Solution:
        """Fit all rows."""
        problem = objective.problem(data, self.coupling)
        return solve(problem, self.alpha, tol=tol, max_iter=objective.max_iter)


def choose(
    data: TaskData,
    folds: Sequence[IntVector],
    objective: Objective,
    coupling: Coupling,
    alpha: Any,
    n_alphas: int,
    *,
    n_jobs: int | None,
    verbose: Any,
) -> Choice:
    """Return the given alpha, or the one of the grid with the smallest mean loss on held-out rows."""
    if not isinstance(alpha, str):
        return Choice(coupling, float(alpha), {})
    alphas = alpha_grid(objective.problem(data, coupling), n_alphas)
    if not folds:
        return Choice(coupling, float(alphas[0]), {})
    curve = held_out_curve(data, folds, objective, coupling, alphas, n_jobs=n_jobs, verbose=verbose)
    path = {"alpha": alphas, "cv_loss": curve.mean, "cv_se": curve.standard_error, "n_folds": len(folds)}
    return Choice(coupling, float(alphas[np.argmin(curve.mean)]), path)
