"""What a solver answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """Answer at one alpha.

    Parameters
    ----------
    coef : ndarray of shape (n_tasks, K, n_features)
        Slopes; K = 1 for regression and two classes.
    intercept : ndarray of shape (n_tasks, K)
        Intercepts. A task without rows gets the average of the others'.
    alpha : float
        Strength of the coupling.
    objective : float
        Value of the joint objective.
    gap : float
        (primal - dual) / primal at the null model: the objective is at most this share of it above the optimum.
    n_iter : int
        Number of iterations.
    solver : str
        Algorithm that was used.
    converged : bool
        Whether the gap came down to ``tol``.
    centre : ndarray of shape (K, n_features) or None
        Slopes that the tasks share, where the coupling has them.
    parts : ndarray of shape (m, n_tasks, K, n_features) or None
        What the slopes are the sum of, where the coupling is ``Decomposed``.
    """

    coef: Array
    intercept: Array
    alpha: float
    objective: float
    gap: float
    n_iter: int
    solver: str
    converged: bool
    centre: Array | None = None
    parts: Array | None = None
