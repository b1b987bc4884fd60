"""How many rows sharing saves: the own model and the best one that shares, on parts of the rows of each task."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from crosstask.guard._candidates import is_constant, shares_nothing
from crosstask.guard._held_out import ask
from crosstask.metrics import RowsSaved, rows_saved
from crosstask.model_selection import task_folds

SHARES = (0.125, 0.25, 0.5, 1.0)  # of the rows that are left for training
FEWEST = 4  # rows of a task that a part holds at least
DRAWS = 2  # folds of five that are held out

Rows = NDArray[np.intp]


def best_sharing(model: Any) -> str | None:
    """Return the candidate with the smallest mean held-out loss among those that learn from other tasks."""
    losses = model.candidate_losses_.mean(axis=0)
    able = [name for name, e in model.candidates_.items() if not (shares_nothing(e) or is_constant(e))]
    return min(able, key=lambda name: float(losses[name]), default=None)


def curve_of(
    model: Any, matrix: NDArray[np.float64], y: NDArray[Any], task: NDArray[Any], seconds: float | None
) -> tuple[RowsSaved | None, str]:
    """Fit the own model and the best one that shares on growing parts of the rows, and compare them on the same rows.

    Parameters
    ----------
    model : CrossTaskRegressor or CrossTaskClassifier
        Fitted.
    matrix, y, task : ndarray
        Its rows, as its candidates take them.
    seconds : float, optional
        Time there is.

    Returns
    -------
    curve : RowsSaved or None
        Mean losses over the tasks; None where there is no curve.
    name : str
        The candidate that was compared, or why there is no curve.
    """
    own, other = model.guard_.own_, best_sharing(model)
    if other is None or len(np.unique(task)) < 2:
        return None, "nothing that shares was compared to the end"
    median = float(np.median(np.unique(task, return_counts=True)[1]))
    if 0.8 * SHARES[1] * median < FEWEST:
        return None, f"{median:.0f} rows a task are too few for parts of them"
    spent = [model.guard_._spent[name] for name in (own, other)]
    needed = DRAWS * sum(SHARES) * sum(one["seconds"] / one["fits"] for one in spent)
    if seconds is not None and needed > seconds:
        return None, f"it would need about {needed:.2g} seconds, and {max(seconds, 0.0):.2g} were left"
    start = perf_counter()
    losses: dict[str, list[list[float]]] = {own: [], other: []}
    sizes: list[float] = []
    for parts, test in _parts(y, task, is_class=hasattr(model, "classes_")):
        sizes = [float(np.median(np.unique(task[part], return_counts=True)[1])) for part in parts]
        try:
            for name, found in losses.items():
                estimator = clone(model.candidates_[name])
                found.append([_loss(estimator, matrix, y, task, part, test, model) for part in parts])
        except ValueError:  # a rare class is in none of the rows of a part
            return None, "parts of the rows are too few for a fit"
        if seconds is not None and perf_counter() - start > seconds:
            break
    keep = np.flatnonzero(np.diff([0.0, *sizes]) > 0)
    first, second = (np.array(losses[name])[:, keep] for name in (own, other))
    return rows_saved(np.array(sizes)[keep], first, second, greater_is_better=False), other


def _parts(y: NDArray[Any], task: NDArray[Any], is_class: bool) -> Iterator[tuple[list[Rows], Rows]]:
    """Yield growing parts of the training rows, each inside the next and of every task, and the test rows."""
    codes = np.unique(task, return_inverse=True)[1].reshape(-1)
    dealt = task_folds(5, np.zeros((len(y), 1)), y, task=codes, random_state=0)
    for seed, (train, test) in enumerate(list(dealt)[:DRAWS]):
        order = np.random.RandomState(seed).permutation(train)
        order = order[np.argsort(codes[order], kind="stable")]
        counts = np.bincount(codes[train], minlength=codes.max() + 1)
        rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        size = counts[codes[order]]
        parts = [np.sort(order[rank < np.maximum(np.ceil(share * size), FEWEST)]) for share in SHARES]
        yield parts, test[np.isin(codes[test], codes[train])]


def _loss(
    estimator: Any,
    matrix: NDArray[np.float64],
    y: NDArray[Any],
    task: NDArray[Any],
    part: Rows,
    test: Rows,
    model: Any,
) -> float:
    """Mean over the tasks of the loss on the test rows."""
    classes = getattr(model, "classes_", None)
    estimator.fit(matrix[part], y[part], task=task[part])
    answer = ask(estimator, matrix[test], task[test], classes, False)
    if classes is None:
        rows = (y[test] - answer[:, 0]) ** 2
    else:
        rows = -np.log(answer[np.arange(len(test)), np.searchsorted(classes, y[test])])
    codes = np.unique(task[test], return_inverse=True)[1].reshape(-1)
    return float(np.mean(np.bincount(codes, rows) / np.bincount(codes)))
