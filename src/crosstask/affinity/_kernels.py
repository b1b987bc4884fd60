"""Compiled search for the best partition of few tasks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks._compiled import njit

Array = NDArray[np.float64]


@njit()
def best_partitions(cost: Array, n_tasks: int) -> NDArray[np.int64]:
    """Return for each number of groups the last group of the best partition of every set of tasks.

    Sets are bit masks. best(k, S) is the minimum of cost(P) + best(k - 1, S - P) over the parts P of S that hold its
    lowest task: 3^n_tasks steps for each k.

    Parameters
    ----------
    cost : ndarray of shape (2 ** n_tasks,)
        Cost of a set of tasks as one group.
    n_tasks : int
        Number of tasks.

    Returns
    -------
    ndarray of shape (n_tasks + 1, 2 ** n_tasks)
        The part that holds the lowest task; 0 where there is no partition into so many groups.
    """
    size = 1 << n_tasks
    part = np.zeros((n_tasks + 1, size), dtype=np.int64)
    before = np.full(size, np.inf)
    before[0] = 0.0
    for k in range(1, n_tasks + 1):
        now = np.full(size, np.inf)
        for whole in range(1, size):
            lowest = whole & -whole
            rest = whole ^ lowest
            others = rest
            while True:
                candidate = cost[others | lowest] + before[rest ^ others]
                if candidate < now[whole]:
                    now[whole] = candidate
                    part[k, whole] = others | lowest
                if others == 0:
                    break
                others = (others - 1) & rest
        before = now
    return part
