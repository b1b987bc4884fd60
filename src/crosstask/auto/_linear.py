"""The guarded model as coefficients: the candidates' weighted sum, with intervals from refits on reweighted rows."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from crosstask.auto._encoder import NumericEncoder
from crosstask.guard._export import affine_map
from crosstask.guard._held_out import ask
from crosstask.tasks import TaskRows
from crosstask.tasks._added import Insertion
from crosstask.tasks._cluster import sent_once
from crosstask.tasks._ids import strange_task

Array = NDArray[np.float64]
_Fixed = tuple[list[Any], NDArray[np.intp]]
NORMAL_95 = 1.959964
MIN_DRAWS, MAX_DRAWS, MAX_WORK = 20, 60, 4e6
REFIT_TOL = 1e-4  # of the relative duality gap: far below what a draw changes


@dataclass(frozen=True)
class LinearModel:
    """z = x'coef + intercept on the encoded columns, for each task and for rows of unseen tasks.

    ``coef`` has shape (T, K, d), ``intercept`` (T, K), the crowd's (K, d) and (K,); the standard errors, None where
    no draws were made, those of ``coef`` and ``intercept``; ``scale`` the standard deviations of the columns.
    What all tasks share (``shared_coef``, ``shared_intercept``) is the mean over the tasks of their coefficients in the
    models that share, each with an intercept of its own; the crowd, which serves unseen tasks, knows one intercept.
    """

    names: list[str]
    coef: Array
    intercept: Array
    crowd_coef: Array
    crowd_intercept: Array
    coef_error: Array | None = None
    intercept_error: Array | None = None
    n_draws: int = 0
    scale: Array | None = None
    shared_coef: Array | None = None
    shared_intercept: Array | None = None

    def predictor(self, encoded: Array, codes: NDArray[np.intp]) -> Array:
        """Return z of shape (n_rows, K); code -1 is served by the crowd."""
        coef = np.concatenate([self.coef, self.crowd_coef[None]])  # code -1 is the last row
        intercept = np.concatenate([self.intercept, self.crowd_intercept[None]])
        if len(codes) and (codes == codes[0]).all():
            return encoded @ coef[codes[0]].T + intercept[codes[0]]
        z = np.empty((len(codes), coef.shape[1]))
        for t in np.unique(codes):
            rows = codes == t
            z[rows] = encoded[rows] @ coef[t].T + intercept[t]
        return z


def blend(models: list[Any], weights: Array, centred: bool) -> tuple[Array, Array]:
    """Return sum over c of weights[t, c] times the coefficients (T, K, d) and intercepts (T, K) of candidate c.

    With three classes or more (``centred``) the mean over the classes is taken out, since it changes no probability.
    """
    first, first_intercept = _coefficients(models[0], centred)
    coef, intercept = np.zeros_like(first), np.zeros_like(first_intercept)
    for c, model in enumerate(models):
        if not weights[:, c].any():
            continue
        own, own_intercept = _coefficients(model, centred)
        coef += weights[:, c, None, None] * own
        intercept += weights[:, c, None] * own_intercept
    return coef, intercept


def _coefficients(model: Any, centred: bool) -> tuple[Array, Array]:
    coef, intercept = np.asarray(model.coef_), np.asarray(model.intercept_)
    coef = coef[:, None, :] if coef.ndim == 2 else coef
    intercept = intercept[:, None] if intercept.ndim == 1 else intercept
    if centred:
        coef = coef - coef.mean(axis=1, keepdims=True)
        intercept = intercept - intercept.mean(axis=1, keepdims=True)
    return coef, intercept


@dataclass(frozen=True)
class Refit:
    """What a refit on reweighted rows needs."""

    encoded: Array
    y: Any
    task: NDArray[Any]
    codes: NDArray[np.intp]
    sample_weight: Array | None
    weights: Array
    centred: bool


def bootstrap_errors(
    models: list[Any], refit: Refit, *, n_draws: int, seed: int, n_jobs: Any, progress: Any
) -> tuple[Array, Array]:
    """Return standard errors of the blended coefficients and intercepts by a Bayesian bootstrap.

    Each draw gives the rows exponential weights (scaled so that a task keeps its size), where the ordinary bootstrap
    gives them counts: no row vanishes, hence no class and no task. Alphas and guard weights stay as they are.
    """
    rng = np.random.RandomState(seed)
    draws = rng.standard_exponential((n_draws, len(refit.codes)))
    used = [c for c in range(len(models)) if refit.weights[:, c].any()]
    fixed = [_fixed(models[c]) for c in used]
    work = (delayed(_refitted)(fixed, refit, refit.weights[:, used], draw) for draw in draws)
    coefs: list[Array] = []
    intercepts: list[Array] = []
    with sent_once(refit):
        results: Any = Parallel(n_jobs=n_jobs, return_as="generator")(work)
        for done, (coef, intercept) in enumerate(results, start=1):
            coefs.append(coef)
            intercepts.append(intercept)
            progress(done, n_draws, "intervals")
    return np.std(coefs, axis=0, ddof=1), np.std(intercepts, axis=0, ddof=1)


def _fixed(model: Any) -> _Fixed:
    """Return unfitted clones at the alphas that the model found, and which of them serves each task."""
    alpha = getattr(model, "alpha_", None)
    if alpha is None:
        return [clone(model)], np.zeros(len(model.tasks_), dtype=np.intp)
    alphas, of_task = np.unique(np.broadcast_to(alpha, len(model.tasks_)), return_inverse=True)
    clones: list[Any] = [clone(model) for _ in alphas]
    return [
        own.set_params(alpha=float(a), cv=None, tol=REFIT_TOL) for own, a in zip(clones, alphas, strict=True)
    ], of_task


def _refitted(
    models: list[tuple[list[Any], NDArray[np.intp]]], refit: Refit, weights: Array, draw: Array
) -> tuple[Array, Array]:
    base = np.ones(len(draw)) if refit.sample_weight is None else refit.sample_weight
    weight = base * draw
    wanted = np.bincount(refit.codes, base)
    weight *= (wanted / np.bincount(refit.codes, weight))[refit.codes]
    fitted: list[_Refitted] = []
    for clones, of_task in models:
        at_alphas: list[Any] = [clone(model) for model in clones]
        for model in at_alphas:
            model.fit(refit.encoded, refit.y, task=refit.task, sample_weight=weight)
        tasks = np.arange(len(of_task))
        coef = np.stack([model.coef_ for model in at_alphas])[of_task, tasks]
        fitted.append(_Refitted(coef, np.stack([model.intercept_ for model in at_alphas])[of_task, tasks]))
    return blend(fitted, weights, refit.centred)


@dataclass(frozen=True)
class _Refitted:
    coef_: Array
    intercept_: Array


def coefficient_frame(model: LinearModel, tasks: NDArray[Any], classes: NDArray[Any] | None) -> Any:
    """Return the frame (task, feature, [class], value, shared, low, high, [odds_ratio]); the intercept comes first."""
    import pandas as pd

    coef = np.concatenate([model.intercept[:, :, None], model.coef], axis=2)
    shared_coef = model.crowd_coef if model.shared_coef is None else model.shared_coef
    shared_intercept = model.crowd_intercept if model.shared_intercept is None else model.shared_intercept
    shared = np.concatenate([shared_intercept[:, None], shared_coef], axis=1)
    n_tasks, n_outputs, n_columns = coef.shape
    if model.coef_error is None or model.intercept_error is None:
        half = np.full(coef.shape, np.nan)
    else:
        half = NORMAL_95 * np.concatenate([model.intercept_error[:, :, None], model.coef_error], axis=2)
    value = coef.reshape(-1)
    columns: dict[str, Any] = {
        "task": np.repeat(tasks, n_outputs * n_columns),
        "feature": ["intercept", *model.names] * (n_tasks * n_outputs),
    }
    if n_outputs > 1 and classes is not None:
        columns["class"] = np.tile(np.repeat(classes, n_columns), n_tasks)
    columns |= {
        "value": value,
        "shared": np.tile(shared.reshape(-1), n_tasks),
        "low": value - half.reshape(-1),
        "high": value + half.reshape(-1),
    }
    if classes is not None:
        columns["odds_ratio"] = np.exp(np.clip(value, -700.0, 700.0))
    return pd.DataFrame(columns)


def collapse(
    guard: Any, matrix: Array, rows: TaskRows, *, seed: int, n_jobs: Any, progress: Any
) -> tuple[NumericEncoder, LinearModel]:
    """Return the guarded mixture of linear models as one set of coefficients, with their standard errors.

    All candidates encoded the same rows, hence in the same way: the first encoder serves.
    """
    fitted = list(guard.candidates_.values())
    models = [model.estimator_ for model in fitted]
    encoder: NumericEncoder = fitted[0].encoder_
    encoded = encoder.transform(matrix)
    classes = getattr(guard, "classes_", None)
    weights = np.asarray(guard.weights_, dtype=np.float64)
    centred = classes is not None and len(classes) > 2
    coef, intercept = blend(models, weights, centred)
    crowd_coef, crowd_intercept = _crowd(guard, models, encoded, rows.tasks, classes)
    of_crowd = np.broadcast_to(guard._unseen_weights, weights.shape)
    shared_coef, shared_intercept = (part.mean(axis=0) for part in blend(models, of_crowd, centred))
    n_draws = int(np.clip(MAX_WORK / encoded.size, MIN_DRAWS, MAX_DRAWS))
    refit = Refit(encoded, rows.y, rows.task, rows.codes, rows.sample_weight, weights, centred)
    coef_error, intercept_error = bootstrap_errors(
        models, refit, n_draws=n_draws, seed=seed, n_jobs=n_jobs, progress=progress
    )
    linear = LinearModel(
        encoder.names_out_,
        coef,
        intercept,
        crowd_coef,
        crowd_intercept,
        coef_error,
        intercept_error,
        n_draws,
        encoded.std(axis=0),
        shared_coef,
        shared_intercept,
    )
    return encoder, linear


def _crowd(guard: Any, models: list[Any], encoded: Array, tasks: Any, classes: Any) -> tuple[Array, Array]:
    """Return the coefficients with which the guard serves a task that it has not seen."""
    weights = guard._unseen_weights

    def predictor(probes: Array) -> Array:
        ids = np.full(len(probes), strange_task(tasks))
        used = np.flatnonzero(weights)
        return sum((weights[c] * ask(models[c], probes, ids, classes, True) for c in used), np.zeros((1, 1)))

    spread = encoded.std(axis=0)
    return affine_map(predictor, np.where(spread > 0.0, spread, 1.0))


def newcomers(
    model: LinearModel, before: Any, guard: Any, matrix: Array, rows: TaskRows, place: Insertion, *, seed: int
) -> LinearModel:
    """Return the linear model with the coefficients of tasks that came later beside the others.

    Their standard errors come from refits of the new rows, reweighted, against what the old tasks share.
    """
    classes = getattr(guard, "classes_", None)
    centred = classes is not None and len(classes) > 2
    weights = np.asarray(guard.weights_.loc[rows.tasks], dtype=np.float64)
    used = [c for c in range(weights.shape[1]) if weights[:, c].any()]
    base = np.ones(len(rows.codes)) if rows.sample_weight is None else rows.sample_weight

    def blended(candidates: list[Any]) -> tuple[Array, Array]:
        return blend([_some(candidates[c], rows.tasks) for c in used], weights[:, used], centred)

    def drawn(draw: Array) -> tuple[Array, Array]:
        weight = base * draw
        weight *= (np.bincount(rows.codes, base) / np.bincount(rows.codes, weight))[rows.codes]
        added = [copy(one).add_task(matrix, rows.y, task=rows.task, sample_weight=weight) for one in before]
        return blended(added)

    before = list(before.candidates_.values())
    coef, intercept = blended(list(guard.candidates_.values()))
    draws = np.random.RandomState(seed).standard_exponential((model.n_draws, len(rows.codes)))
    found = [drawn(draw) for draw in draws]
    errors = [np.std([one[part] for one in found], axis=0, ddof=1) for part in (0, 1)]
    return replace(
        model,
        coef=place.into(model.coef, coef),
        intercept=place.into(model.intercept, intercept),
        coef_error=place.into(model.coef_error, errors[0]),
        intercept_error=place.into(model.intercept_error, errors[1]),
    )


def _some(candidate: Any, tasks: NDArray[Any]) -> _Refitted:
    """Return the coefficients that a candidate has for some tasks."""
    at, model = np.searchsorted(candidate.tasks_, tasks), candidate.estimator_
    return _Refitted(model.coef_[at], model.intercept_[at])
