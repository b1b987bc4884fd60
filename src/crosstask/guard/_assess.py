"""What the weights are worth: gains with intervals, what sharing alone would do, and calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crosstask.guard._evidence import Evidence
from crosstask.guard._losses import LogitMixture, LogMixture, MixtureLoss, QuantileMixture, SquaredMixture
from crosstask.guard._rules import guard_weights

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]


@dataclass(frozen=True)
class Paired:
    """Relative reduction of a task's loss against its own model, with a 95 % interval; arrays of length n_tasks."""

    gain: Array
    low: Array
    high: Array


def make_loss(scoring: str, q: float, linear: bool, classification: bool, y: Array, own: Array) -> MixtureLoss:
    """Return the loss by which mixtures are compared; ``own`` gives the spread that rounds a corner."""
    if scoring == "log_loss":
        return LogitMixture() if linear else LogMixture()
    if scoring in ("squared", "brier"):
        return SquaredMixture(name="Brier score" if classification else "squared error")
    spread = float(np.abs(y - own).mean()) if len(y) else 1.0
    width = 0.05 * (spread if spread > 0 else 1.0)
    if scoring == "absolute":
        return QuantileMixture(q=0.5, width=width, factor=2.0, name="absolute error")
    return QuantileMixture(q=q, width=width, name=f"{q:g} quantile error")


def observed(loss: MixtureLoss, y: NDArray[Any], n_classes: int, outputs: int) -> Array:
    """Return y as the loss expects it: numbers, one-hot rows, or the class as 0 and 1."""
    if n_classes == 0:
        return y.astype(np.float64)[:, None]
    if outputs == 1:
        return y.astype(np.float64)[:, None]
    return np.eye(n_classes)[y.astype(np.intp)]


def evidence_of(
    predictions: Array, y: NDArray[Any], codes: IntVector, weight: Array, fold: IntVector, n_tasks: int, **kind: Any
) -> Evidence:
    """Sort the held-out pairs by task and lay them out for the loss."""
    order = np.argsort(codes, kind="stable")
    predictions, y, codes = predictions[order], y[order], codes[order]
    own, n_classes = kind["own"], kind["n_classes"]
    target = observed(SquaredMixture(), y, n_classes, predictions.shape[2])
    loss = make_loss(kind["scoring"], kind["q"], kind["linear"], n_classes > 0, target, predictions[:, own])
    if isinstance(loss, LogMixture):
        predictions = np.take_along_axis(predictions, y.astype(np.intp)[:, None, None], axis=2)
        target = np.zeros((len(y), 1))
    separate = kind.get("separate")
    return Evidence(predictions, target, codes, weight[order], fold[order], n_tasks, loss, own, separate)


def cross_fitted(evidence: Evidence, mode: str, borrowed: NDArray[np.bool_]) -> Array:
    """Weights of each row, (n_rows, n_candidates), from the rows that were held out in other folds."""
    weights = np.empty((len(evidence.codes), evidence.n_candidates))
    for k in np.unique(evidence.fold):
        here = evidence.fold == k
        if here.all():
            found = guard_weights(evidence, mode, borrowed)
        else:
            found = guard_weights(evidence.take(np.flatnonzero(~here)), mode, borrowed)
        weights[here] = found.task[evidence.codes[here]]
    return weights


def paired(
    evidence: Evidence,
    own_rows: Array,
    rows: Array,
    groups: NDArray[Any] | None,
    overlap: float,
    *,
    level: float = 0.025,
) -> Paired:
    """Compare row losses with those of the own model, task by task.

    The interval, ``level`` on either side, is Student's, on the mean of the paired differences d, whose variance is
    multiplied by 1 + K n_test / n_train, for training sets of different folds overlap (Nadeau and Bengio, 2003):
    var = (1 / n) var(d) (1 + K n_test / n_train). Rows of one group count once.
    """
    d = own_rows - rows
    mean, own = evidence.mean(d), evidence.mean(own_rows)
    deviation = evidence.weight * (d - mean[evidence.codes])
    units, unit = _units(evidence.codes, groups)
    summed = np.bincount(unit, deviation, len(units))
    n_units = np.bincount(units, minlength=evidence.n_tasks)
    squares = np.bincount(units, summed**2, evidence.n_tasks)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = squares / evidence.total**2 * n_units / (n_units - 1) * overlap
        half = stats.t.ppf(1.0 - level, np.maximum(n_units - 1, 1)) * np.sqrt(variance)
        half = np.where(n_units > 1, half, np.nan)
        base = np.where(own > 0, own, np.nan)
        return Paired(mean / base, (mean - half) / base, (mean + half) / base)


def _units(codes: IntVector, groups: NDArray[Any] | None) -> tuple[IntVector, IntVector]:
    """Return the task of each unit of variance (a row, or a group within a task) and the unit of each row."""
    if groups is None:
        return codes, np.arange(len(codes), dtype=np.intp)
    label = np.unique(groups, return_inverse=True)[1].reshape(-1)
    pairs, unit = np.unique(codes * (int(label.max(initial=0)) + 1) + label, return_inverse=True)
    return (pairs // (int(label.max(initial=0)) + 1)).astype(np.intp), unit.reshape(-1).astype(np.intp)


def calibration(probability: Array, y: NDArray[Any], weight: Array, n_bins: int = 10) -> dict[str, NDArray[Any]]:
    """Mean predicted and observed share in bins of equal count; all classes together where there are over two."""
    n_classes = probability.shape[1]
    hit = np.eye(n_classes)[y.astype(np.intp)]
    columns = slice(1, 2) if n_classes == 2 else slice(None)
    p, o = probability[:, columns].ravel(), hit[:, columns].ravel()
    w = np.repeat(weight, p.size // max(len(weight), 1))
    order = np.argsort(p, kind="stable")
    chunks = [part for part in np.array_split(order, n_bins) if len(part)]
    return {
        "bin": np.arange(1, len(chunks) + 1),
        "predicted": np.array([np.average(p[part], weights=w[part]) for part in chunks]),
        "observed": np.array([np.average(o[part], weights=w[part]) for part in chunks]),
        "count": np.array([len(part) for part in chunks]),
    }
