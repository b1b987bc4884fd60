"""What the caller measured, opened once: long or wide targets, tasks, weights and classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.metrics._table import Scored
from crosstask.tasks import TaskIndex, as_task_ids
from crosstask.tasks._target import missing_values


def as_array(values: Any) -> NDArray[Any]:
    """Return a pandas or polars object, or a list, as an array."""
    return np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)


def open_rows(y: Any, prediction: Any, task: Any, sample_weight: Any) -> tuple[Scored, NDArray[Any]]:
    """Return the rows to be scored, y and prediction as given, and the sorted tasks.

    Raises
    ------
    ValueError
        If lengths differ, there are no rows, tasks are absent, or a value is missing.
    """
    truth, guess = as_array(y), as_array(prediction)
    if task is None and truth.ndim == 2 and truth.shape[1] > 1:
        return _open_wide(y, truth, guess, sample_weight)
    if truth.ndim == 2 and truth.shape[1] == 1:
        truth = truth[:, 0]
    if truth.ndim != 1 or len(truth) == 0:
        raise ValueError(f"y must be one-dimensional with at least one row beside task=; it has shape {truth.shape}.")
    if guess.ndim == 2 and guess.shape[1] == 1:
        guess = guess[:, 0]
    if len(guess) != len(truth):
        raise ValueError(f"there are {len(guess)} predictions for {len(truth)} values of y; give one for each.")
    if task is None:
        raise ValueError("task is None: give the task id of each row, or a wide y with one column for each task.")
    index, codes = TaskIndex.learn(as_task_ids(task, len(truth), "task="), "task=")
    weight = _weights(sample_weight, truth.shape)
    _refuse_missing(truth, guess)
    return Scored(truth, guess, codes, weight, len(index.ids)), index.ids


def _open_wide(y: Any, truth: NDArray[Any], guess: NDArray[Any], sample_weight: Any) -> tuple[Scored, NDArray[Any]]:
    if guess.shape[:2] != truth.shape:
        raise ValueError(f"a wide y of shape {truth.shape} needs predictions of that shape; they have {guess.shape}.")
    names = np.asarray(list(y.columns)) if hasattr(y, "columns") else np.arange(truth.shape[1])
    index, position = TaskIndex.learn(as_task_ids(names, len(names), "the wide target"), "the wide target")
    row, column = np.nonzero(~missing_values(truth))
    weight = _weights(sample_weight, truth.shape)[row, column]
    values, guesses = truth[row, column], guess[row, column]
    if values.dtype.kind == "O":
        values = np.array(values.tolist())
    _refuse_missing(values, guesses)
    return Scored(values, guesses, position[column], weight, len(index.ids)), index.ids


def _weights(sample_weight: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if sample_weight is None:
        return np.ones(shape)
    weight = as_array(sample_weight).astype(np.float64)
    if weight.shape not in (shape, shape[:1]):
        raise ValueError(f"sample_weight has shape {weight.shape}, y has {shape}: give one weight for each row.")
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise ValueError("sample_weight holds negative, missing or infinite values: give 0 or more.")
    return np.broadcast_to(weight.reshape(weight.shape + (1,) * (len(shape) - weight.ndim)), shape)


def _refuse_missing(truth: NDArray[Any], guess: NDArray[Any]) -> None:
    for name, values in (("y", truth), ("prediction", guess)):
        missing = missing_values(values)
        if missing.any():
            rows = missing if missing.ndim == 1 else missing.any(axis=1)
            raise ValueError(f"{name} is missing in {int(rows.sum())} rows (first at {int(rows.argmax())}): drop them.")


def with_classes(rows: Scored, needs: str, classes: Any) -> Scored:
    """Return the rows with y, and predicted labels, as positions in the sorted classes.

    Raises
    ------
    ValueError
        If y has a class that the probabilities have no column for.
    """
    probabilities = needs in ("probabilities", "scores")
    if classes is not None:
        known = as_array(classes)
        if len(np.unique(known)) != len(known) or np.any(np.unique(known) != known):
            raise ValueError("classes must be distinct and sorted, as an estimator's classes_ are.")
    else:
        known = np.unique(rows.y if probabilities else np.concatenate([rows.y, rows.prediction]))
    guess = rows.prediction
    if needs == "probabilities" and guess.ndim == 1:
        guess = np.column_stack([1.0 - guess, guess])
    if probabilities and guess.ndim == 2 and guess.shape[1] != len(known):
        raise ValueError(
            f"the probabilities have {guess.shape[1]} columns, but there are {len(known)} classes: "
            "pass classes=model.classes_."
        )
    if probabilities and guess.ndim == 1 and len(known) > 2:
        raise ValueError(f"there are {len(known)} classes: give probabilities with one column for each.")
    y = _positions(known, rows.y, "y")
    return replace(
        rows, y=y, prediction=guess if probabilities else _positions(known, guess, "prediction"), classes=known
    )


def _positions(known: NDArray[Any], values: NDArray[Any], name: str) -> NDArray[np.intp]:
    position = np.searchsorted(known, values).clip(max=len(known) - 1)
    unknown = known[position] != values
    if np.any(unknown):
        raise ValueError(
            f"{name} has the class {values[unknown].tolist()[0]!r}, which is not among the classes {known.tolist()}."
        )
    return position.astype(np.intp)
