"""Tasks that no fold can judge: where a row is held out, its class has gone from the task's training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.guard._candidates import is_constant

IntVector = NDArray[np.intp]
WHY = "a row held out leaves no row of its class there, and all candidates weigh the same"


def blind_tasks(
    codes: IntVector, y: NDArray[Any], fold: IntVector, n_tasks: int, n_classes: int, min_rows: int
) -> NDArray[np.bool_]:
    """Tell in which tasks most held-out rows leave no row of their class in the task's training rows.

    A candidate that listens to the task looks worse there than it is, the more so the better it listens: it has learnt
    that the class is absent. Tasks of fewer than ``min_rows`` rows are judged by the others anyway, and where every
    task is blind there is nothing better to go by.
    """
    if n_classes == 0:
        return np.zeros(n_tasks, dtype=bool)
    held_out = fold >= 0
    in_task = codes * n_classes + y
    in_fold = in_task * (int(fold.max()) + 2) + fold + 1
    rows_of_class, rows_that_leave = (
        np.unique(key, return_inverse=True, return_counts=True)[1:] for key in (in_task, in_fold)
    )
    lone = held_out & (rows_of_class[1][rows_of_class[0]] == rows_that_leave[1][rows_that_leave[0]])
    n_held_out = np.bincount(codes[held_out], minlength=n_tasks)
    blind = (n_held_out >= min_rows) & (np.bincount(codes[lone], minlength=n_tasks) > n_held_out / 2.0)
    return blind if held_out[~blind[codes]].any() else np.zeros(n_tasks, dtype=bool)


def even_weights(candidates: Sequence[Any]) -> NDArray[np.float64]:
    """Return equal weights of the candidates that look at the columns."""
    looks = np.array([not is_constant(candidate) for candidate in candidates], dtype=np.float64)
    looks = looks if looks.any() else np.ones(len(looks))
    return looks / looks.sum()
