"""Deal the target's rows into folds, also where a class has fewer rows than there are folds."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state

from crosstask.transfer._target import Target
from crosstask.transfer._unwrap import Floats

FEW_ROWS = 200


@dataclass(frozen=True)
class Folds:
    """Weights of the rows each fold trains on, and of those it holds out; both of shape (n_folds, n)."""

    train: Floats
    test: Floats


def no_folds(target: Target) -> Folds:
    """Return no fold at all."""
    return Folds(np.zeros((0, len(target.y))), np.zeros((0, len(target.y))))


def deal_folds(cv: Any, target: Target, random_state: Any) -> Folds:
    """Deal the rows into folds.

    Parameters
    ----------
    cv : None, int, splitter, or list of (train, test) positions
        None: 5 folds, dealt three times where rows are few, for one deal of twenty rows is half chance. A number of
        folds is dealt here, each class in turn, so that the folds have equal shares of every class; scikit-learn's
        stratified folds warn about, or refuse, classes of less than ``cv`` rows.
    target : Target
        Rows.
    random_state : int, RandomState instance or None
        None deals in the order of the rows, the same way each time.

    Raises
    ------
    ValueError
        If a fold trains on nothing, or tests nothing.
    """
    n = len(target.y)
    if cv is None:
        rng = None if random_state is None else check_random_state(random_state)
        deals = [rng] if n >= FEW_ROWS else [rng, *(check_random_state(i) if rng is None else rng for i in range(2))]
        held_out = np.vstack([_dealt(min(5, n), target, each) for each in deals])
        return _weighted(target, ~held_out, held_out)
    if isinstance(cv, Integral):
        if cv < 2:
            raise ValueError(f"cv={cv}: give at least 2 folds.")
        rng = None if random_state is None else check_random_state(random_state)
        held_out = _dealt(min(int(cv), n), target, rng)
        return _weighted(target, ~held_out, held_out)
    given = hasattr(cv, "split")
    splitter: Any = check_cv(cv, target.y, classifier=target.classes is not None)
    splits = list(splitter.split(target.X, target.y))
    rows = np.arange(n) if given else target.kept  # a list refers to all rows that fit was given
    position = np.full(int(rows.max()) + 1, -1)
    position[rows] = np.arange(n)
    train, test = (np.stack([_mask(position, split[side], n) for split in splits]) for side in (0, 1))
    if not (train.any(axis=1) & test.any(axis=1)).all():
        raise ValueError("cv gives a fold without rows to train on or to test: use fewer folds, or larger ones.")
    return _weighted(target, train, test)


def hold_out(fraction: float, target: Target, random_state: Any) -> Folds:
    """Hold this fraction of the rows out, once."""
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"validation_fraction={fraction}: give a share of the rows, strictly between 0 and 1.")
    n = len(target.y)
    steps = np.floor(np.arange(n + 1) * fraction + 1e-9)
    chosen = np.diff(steps) > 0  # evenly spaced, so every class gives its share
    if not chosen.any():
        chosen[-1] = True
    held_out = np.zeros((1, n), dtype=bool)
    held_out[0, _order(target, check_random_state(random_state))[chosen]] = True
    return _weighted(target, ~held_out, held_out)


def _weighted(target: Target, train: NDArray[np.bool_], test: NDArray[np.bool_]) -> Folds:
    return Folds(np.where(train, target.weight, 0.0), np.where(test, target.weight, 0.0))


def _mask(position: NDArray[np.intp], given: Any, n: int) -> NDArray[np.bool_]:
    """Mark the rows at these positions; rows of weight zero are not among ours."""
    rows = np.asarray(given)
    found = position[rows[rows < len(position)]]
    mask = np.zeros(n, dtype=bool)
    mask[found[found >= 0]] = True
    return mask


def _dealt(n_folds: int, target: Target, rng: np.random.RandomState | None) -> NDArray[np.bool_]:
    n = len(target.y)
    fold = np.empty(n, dtype=np.intp)
    fold[_order(target, rng)] = np.arange(n) % n_folds
    return fold == np.arange(n_folds)[:, None]


def _order(target: Target, rng: np.random.RandomState | None) -> NDArray[np.intp]:
    n = len(target.y)
    order = np.arange(n) if rng is None else rng.permutation(n)
    return order if target.classes is None else order[np.argsort(target.y[order], kind="stable")]
