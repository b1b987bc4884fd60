"""A guarded mixture of linear models as one linear model for each task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from crosstask.couplings import Independent
from crosstask.guard._held_out import ask
from crosstask.losses import Logistic, Multinomial, Squared
from crosstask.multitask import MultiTaskClassifier, MultiTaskRegressor
from crosstask.tasks._ids import strange_task

Array = NDArray[np.float64]
STEP = 1024.0  # a power of two far above 1: differences over it lose no digit to the intercept
CHECKED = (0.01, 1.0, 100.0, 10_000.0)  # scales of x at which a model must be what its coefficients say


def affine_map(predictor: Callable[[Array], Any], scale: Array) -> tuple[Array, Array]:
    """Read slope (K, d) and intercept (K,) off a function that is affine in x; ``scale`` is a step for each column."""
    probes = np.vstack([np.zeros(len(scale)), np.diag(scale)])
    z = np.asarray(predictor(probes), dtype=np.float64).reshape(len(probes), -1)
    return ((z[1:] - z[0]) / scale[:, None]).T, z[0]


def export_linear(guard: Any) -> Any:
    """Collapse the candidates of a fitted guard; see :meth:`~crosstask.TransferGuard.export`."""
    check_is_fitted(guard)
    classes = getattr(guard, "classes_", None)
    if classes is not None and guard.mix != "linear":
        raise ValueError(
            "mix='response' mixed probabilities, which are no linear function of X: fit the guard with mix='linear'."
        )
    n_tasks = len(guard.tasks_)
    ids = np.append(guard.tasks_.astype(object), [strange_task(guard.tasks_)])
    weights = np.vstack([guard._weights, guard._unseen_weights])
    total: tuple[Array, Array] | None = None
    for c, (name, model) in enumerate(zip(guard._names, guard._fitted, strict=True)):
        for t in np.flatnonzero(weights[:, c]):
            slope, intercept = _coefficients(guard, name, model, ids[t])
            if total is None:
                total = np.zeros((n_tasks + 1, *slope.shape)), np.zeros((n_tasks + 1, len(intercept)))
            total[0][t] += weights[t, c] * slope
            total[1][t] += weights[t, c] * intercept
    assert total is not None
    return _dressed(guard, *total, classes=classes, serves_unseen=bool(weights[-1].any()))


def _coefficients(guard: Any, name: str, model: Any, task: Any) -> tuple[Array, Array]:
    """Return slopes and intercepts of a candidate for one task.

    Raises
    ------
    ValueError
        If its predictions are not linear in the columns.
    """
    names = _names(guard)
    n_columns = len(names) or guard.n_features_in_ - (guard.door_ == "column")

    def predictor(x: Array) -> Array:
        table: Any = x
        if names:
            import pandas as pd

            table = pd.DataFrame(x, columns=names)
        return ask(model, table, np.array([task] * len(x)), getattr(guard, "classes_", None), True)

    rng = np.random.RandomState(0)
    x = np.repeat(CHECKED, 3)[:, None] * rng.standard_normal((3 * len(CHECKED), n_columns))
    try:
        slope, intercept = affine_map(predictor, np.full(n_columns, STEP))
        said, wanted = predictor(x), x @ slope.T + intercept
    except (TypeError, ValueError) as error:  # columns that hold text, for instance
        raise ValueError(_refusal(name, model, f"it cannot be asked with numbers alone ({error!s:.80})")) from error
    if not (np.abs(said - wanted) <= 1e-9 * (1e-12 + np.abs(wanted).max(axis=1, keepdims=True))).all():
        raise ValueError(_refusal(name, model, "its predictions are no linear function of the columns"))
    return slope, intercept


def _names(guard: Any) -> list[str]:
    """Names of the columns that the candidates see; none where X had none."""
    given: Any = getattr(guard, "feature_names_in_", ())
    names: list[str] = list(given)
    if names and guard.door_ == "column":
        names.pop(names.index(guard.task_column) if guard.task_column in names else guard.task_column)
    return names


def _refusal(name: str, model: Any, why: str) -> str:
    return f"candidate {name!r} ({type(model).__name__}) cannot be exported: {why}; leave it out of candidates."


def _dressed(guard: Any, coef: Array, intercept: Array, *, classes: Any, serves_unseen: bool) -> Any:
    """Return a fitted linear model of the package that holds these coefficients, unseen tasks' in the last place."""
    options: dict[str, Any] = {
        "task_column": guard.task_column if guard.door_ == "column" else None,
        "unseen_task": "pooled" if serves_unseen else "error",
    }
    if classes is None:
        model: Any = MultiTaskRegressor("independent", **options)
        model.loss_ = Squared()
    else:
        model = MultiTaskClassifier("independent", **options)
        model.loss_ = Logistic() if len(classes) == 2 else Multinomial()
        model.classes_ = classes
    if coef.shape[1] == 1:
        coef, intercept = coef[:, 0], intercept[:, 0]
    for learnt in ("tasks_", "door_", "wide_order_", "n_features_in_", "feature_names_in_"):
        if hasattr(guard, learnt):
            setattr(model, learnt, getattr(guard, learnt))
    model.columns_ = _names(guard) or [f"x{j}" for j in range(coef.shape[-1])]
    model.coupling_, model.measured_ = Independent(), None
    model.coef_, model.intercept_ = coef[:-1], intercept[:-1]
    model.shared_coef_ = model.coef_.mean(axis=0)
    if serves_unseen:
        model.unseen_coef_, model.unseen_intercept_ = coef[-1], intercept[-1]
    return model
