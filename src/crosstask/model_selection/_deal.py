"""Dealing units out: to folds in turn, or to a sample, evenly inside each task and class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstask.model_selection._read import IntVector, Units


def deal_to_folds(units: Units, n_splits: int, rng: np.random.RandomState | None) -> IntVector:
    """Return the fold of each row.

    Units are sorted by task, class and size, then dealt out like cards: any run of neighbours, hence each task
    and each class of a task, is spread over the folds as evenly as its number allows. Without ``rng``
    neighbouring rows of a class stay together; with it they are shuffled first.
    """
    n = len(units.task)
    tie = np.arange(n) if rng is None else rng.permutation(n)
    order = np.lexsort((tie, -units.size, units.stratum, units.task))
    start, position = _runs(units.task[order], units.stratum[order])
    if np.all(units.size == 1):
        dealt = np.arange(n) % n_splits
    else:  # back and forth, so that the fold with the largest group of one round gets the smallest of the next
        round_, seat = np.divmod(position, n_splits)
        dealt = (np.where(round_ % 2, n_splits - 1 - seat, seat) + start) % n_splits
    dealt = dealt[np.lexsort((dealt, start))] if rng is None else rng.permutation(n_splits)[dealt]
    fold = np.empty(n, dtype=np.intp)
    fold[order] = dealt
    return fold[units.of_row]


def _runs(*keys: NDArray[np.intp]) -> tuple[IntVector, IntVector]:
    """Return, for sorted keys, where the run of each element starts, and its position inside the run."""
    n = len(keys[0])
    new = np.zeros(n, dtype=bool)
    new[:1] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    start = np.maximum.accumulate(np.where(new, np.arange(n), 0)).astype(np.intp)
    return start, (np.arange(n) - start).astype(np.intp)


def draw(
    task: IntVector, stratum: IntVector, wanted: IntVector, rng: np.random.RandomState, n_tasks: int
) -> NDArray[np.bool_]:
    """Draw ``wanted[t]`` units of each task, evenly over its classes (systematic sampling from a random start)."""
    n = len(task)
    order = np.lexsort((rng.permutation(n), stratum, task))
    owner = task[order]
    _, position = _runs(owner)
    total = np.bincount(task, minlength=n_tasks)[owner]
    count, offset = wanted[owner], rng.uniform(0.0, 0.999, n_tasks)[owner]
    before = np.floor(position * count / total + offset)
    after = np.floor((position + 1) * count / total + offset)
    chosen = np.zeros(n, dtype=bool)
    chosen[order] = after > before
    return chosen
