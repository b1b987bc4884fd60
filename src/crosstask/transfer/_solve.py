"""The last fit: ridge on the difference from the centre, with the centre's predictions as an offset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosstask.couplings import Independent
from crosstask.losses import Loss
from crosstask.solvers import Problem, solve
from crosstask.transfer._target import Target
from crosstask.transfer._unwrap import Floats


@dataclass(frozen=True)
class PriorFit:
    """Coefficients (K, d) on the scaled columns, intercepts (K,), and how well the optimum is certified."""

    coef: Floats
    intercept: Floats
    gap: float
    n_iter: int
    converged: bool


def fit_prior(
    target: Target, loss: Loss, alpha: float, strength: Floats, *, fit_intercept: bool, tol: float, max_iter: int
) -> PriorFit:
    """Minimise the objective: w = sum_k a_k w_k + v turns the penalty into a plain ridge on v."""
    centre = np.einsum("s,skd->kd", strength, target.source_coef)
    data = target.data()
    offset = np.asarray(data.X @ centre.T)
    problem = Problem(data, loss, Independent(), fit_intercept=fit_intercept, offset=offset)
    if np.isinf(alpha):  # the centre as it stands
        return PriorFit(centre, problem.null_intercept[0], 0.0, 0, True)
    found = solve(problem, alpha, tol=tol, max_iter=max_iter)
    return PriorFit(centre + found.coef[0], found.intercept[0], found.gap, found.n_iter, found.converged)
