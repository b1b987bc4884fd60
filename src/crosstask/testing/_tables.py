"""The small tables on which the checks fit, and how an estimator is made steady for a comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone as _clone
from sklearn.base import is_classifier

N_FEATURES = 3
METHODS = ("predict_proba", "decision_function", "predict")


@dataclass(frozen=True)
class TaskTable:
    """Rows of several tasks.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
        Floats, or class labels in text.
    task : ndarray of shape (n_rows,)
        Task ids.
    folds : list of (train, test)
        Two folds that hold each task and each class, for estimators that tune inside.
    """

    X: NDArray[np.float64]
    y: NDArray[Any]
    task: NDArray[Any]
    folds: list[tuple[NDArray[np.intp], NDArray[np.intp]]]

    @classmethod
    def make(
        cls, estimator: Any, *, n_tasks: int = 3, n_rows: int = 18, n_classes: int = 2, seed: int = 0
    ) -> TaskTable:
        """Make related tasks: y = x'(w + own part) + own intercept + noise; for a classifier its quantile's label."""
        rng = np.random.default_rng(seed)
        task = np.repeat(np.arange(n_tasks), n_rows)
        X = rng.normal(size=(n_tasks * n_rows, N_FEATURES))
        slopes = np.array([1.0, -1.0, 0.5]) + 0.5 * rng.normal(size=(n_tasks, N_FEATURES))
        y: NDArray[Any] = np.einsum("ij,ij->i", X, slopes[task]) + 0.3 * task + 0.7 * rng.normal(size=len(X))
        if is_classifier(estimator):
            y = np.array(["no", "perhaps", "yes"] if n_classes == 3 else ["no", "yes"])[_by_rank(y, task, n_classes)]
        rank = np.zeros(len(X), dtype=np.intp)
        keys = np.unique(y, return_inverse=True)[1].reshape(-1) if is_classifier(estimator) else np.zeros(len(X))
        order = np.lexsort((keys, task))
        rank[order] = np.arange(len(X))
        halves = [np.flatnonzero(rank % 2 == k) for k in (0, 1)]
        return cls(X, y, task, [(halves[0], halves[1]), (halves[1], halves[0])])

    def rows(self, chosen: NDArray[Any]) -> TaskTable:
        """Return some rows, or the rows in another order, with the folds that belong to them."""
        place = [np.flatnonzero(np.isin(chosen, side)) for fold in self.folds for side in fold]
        folds = list(zip(place[::2], place[1::2], strict=True))
        return TaskTable(self.X[chosen], self.y[chosen], self.task[chosen], folds)

    def named(self, names: Any) -> TaskTable:
        """Return the same rows with task t called ``names[t]``."""
        return replace(self, task=np.asarray(names)[self.task])

    def new_rows(self) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return rows to predict, some of each task, and their task ids."""
        X = np.random.default_rng(99).normal(size=(12, N_FEATURES))
        ids = np.unique(self.task)
        return X, ids[np.arange(12) % len(ids)]


def _by_rank(y: NDArray[Any], task: NDArray[Any], n_classes: int) -> NDArray[np.intp]:
    """Cut y into equally frequent classes inside each task."""
    order = np.lexsort((y, task))
    label = np.empty(len(y), dtype=np.intp)
    n_rows = len(y) // (int(task.max()) + 1)
    label[order] = (np.arange(len(y)) % n_rows) * n_classes // n_rows
    return label


def clone(estimator: Any) -> Any:
    """Return an unfitted copy."""
    return _clone(estimator)


def parameters(estimator: Any) -> dict[str, Any]:
    """Return the estimator's own parameters."""
    return dict(estimator.get_params(deep=False))


def steady(estimator: Any, table: TaskTable | None = None, **changes: Any) -> Any:
    """Return a clone with fixed seeds, that tunes on the folds of the table where it tunes by ``cv``."""
    made = clone(estimator)
    deep = made.get_params(deep=True)
    seeds = {name: 0 for name in deep if name == "random_state" or name.endswith("__random_state")}
    made.set_params(**seeds)
    if table is not None and "cv" in deep and deep["cv"] is None:
        made.set_params(cv=table.folds)
    return made.set_params(**changes)


def fixed_alpha(estimator: Any) -> dict[str, Any]:
    """Return the change that turns tuning of the penalty off, where the estimator has any."""
    return {"alpha": 0.1} if parameters(estimator).get("alpha") == "auto" else {}


def fitted(estimator: Any, table: TaskTable, **changes: Any) -> Any:
    """Return a steady clone fitted by the array door."""
    return steady(estimator, table, **changes).fit(table.X, table.y, task=table.task)


def answers(model: Any, X: Any, **given: Any) -> dict[str, NDArray[Any]]:
    """Return what every method that predicts says."""
    return {name: np.asarray(getattr(model, name)(X, **given)) for name in METHODS if hasattr(model, name)}


def assert_same_answers(
    found: dict[str, NDArray[Any]], expected: dict[str, NDArray[Any]], what: str, *, tolerance: float = 1e-5
) -> None:
    """Compare numbers up to a share of their scale, and labels where no probabilities are at hand."""
    assert found.keys() == expected.keys(), f"{what}: methods {sorted(found)} against {sorted(expected)}"
    for name, values in expected.items():
        ours = found[name]
        assert ours.shape == values.shape, f"{what}: {name} has shape {ours.shape}, expected {values.shape}"
        if values.dtype.kind == "f":
            scale = float(np.abs(values).max()) + 1e-12
            worst = float(np.abs(ours - values).max()) / scale
            assert worst <= tolerance, f"{what}: {name} differs by {worst:.2g} of its scale"
        elif len(expected) == 1:
            differ = int((ours != values).sum())
            assert differ == 0, f"{what}: {name} differs in {differ} of {values.size} places"


def assert_finite(model: Any, X: Any, what: str, **given: Any) -> dict[str, NDArray[Any]]:
    """Return the answers after making sure that each row has one, and that it is finite."""
    found = answers(model, X, **given)
    for name, values in found.items():
        assert len(values) == len(X), f"{what}: {name} gives {len(values)} answers for {len(X)} rows"
        if values.dtype.kind == "f":
            assert np.isfinite(values).all(), f"{what}: {name} is not finite"
    return found


def assert_raises(call: Callable[[], Any], what: str, *words: str) -> None:
    """Make sure that a call raises a ValueError of one line that holds the words (upper or lower case)."""
    try:
        call()
    except ValueError as error:
        message = str(error)
    except Exception as error:
        raise AssertionError(f"{what} must raise a ValueError, not {type(error).__name__}: {error}") from error
    else:
        raise AssertionError(f"{what} must raise a ValueError, but nothing was raised")
    absent = [word for word in words if word.lower() not in message.lower()]
    assert not absent, f"{what}: the message must say {absent}; it says: {message}"
    assert "\n" not in message.strip(), f"{what}: the message must be one line; it is: {message}"
