"""Sources of a transfer: what is known about the coefficients before the target's rows are seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from crosstask.losses import Loss, Squared
from crosstask.transfer._unwrap import Floats, linear_coefficients, thaw, verify_linear


class KnownCoefficients(BaseEstimator):
    """Linear coefficients that are known without a model: published ones, or one task of a multi-task model.

    Parameters
    ----------
    coef : array-like of shape (n_features,) or (n_classes, n_features)
        Slopes on the raw columns; for two classes one vector of log-odds toward the second.
    classes : array-like of shape (n_classes,), optional
        Labels that the rows of ``coef`` belong to; by default the target's own, sorted.
    feature_names : sequence of str, optional
        Names of the columns, so that the target's may come in another order.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.transfer import KnownCoefficients, PriorRegressor
    >>> X, y = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]]), np.array([1.0, 3.0, 7.0])
    >>> published = KnownCoefficients([2.0, 1.0])
    >>> PriorRegressor(published, alpha=1.0, strength=1.0).fit(X, y).coef_.round(2)
    array([2.27, 0.93])
    """

    def __init__(
        self,
        coef: ArrayLike,
        *,
        classes: ArrayLike | None = None,
        feature_names: Any = None,
    ) -> None:
        self.coef = coef
        self.classes = classes
        self.feature_names = feature_names


def source_task(model: Any, task: Any = None) -> KnownCoefficients:
    """Take one task's coefficients, or the mean over tasks, out of a fitted linear multi-task model.

    Parameters
    ----------
    model : MultiTaskRegressor or MultiTaskClassifier
        Fitted.
    task : task id, optional
        None takes the mean over tasks, which for ``MeanTied`` is the shared centre.

    Returns
    -------
    KnownCoefficients
        To be passed as ``source``.

    Raises
    ------
    ValueError
        If the model has no coefficients per task, or does not know the task.
    """
    model = thaw(model)
    if not hasattr(model, "tasks_") or not hasattr(model, "coef_"):
        raise ValueError(
            f"source_task was given a {type(model).__name__} without tasks_ and coef_: give a fitted "
            "MultiTaskRegressor or MultiTaskClassifier; any other fitted linear model is a source as it stands."
        )
    tasks = np.asarray(model.tasks_)
    coef = np.asarray(model.coef_)
    if task is None:
        coef = coef.mean(axis=0)
    else:
        found = np.flatnonzero(tasks == task)
        if not len(found):
            shown = ", ".join(repr(known) for known in tasks[:8].tolist()) + (", .." if len(tasks) > 8 else "")
            raise ValueError(f"the model has no task {task!r}; its tasks are {shown}.")
        coef = coef[found[0]]
    names = [str(name) for name in model.feature_names_in_] if hasattr(model, "feature_names_in_") else None
    column = getattr(model, "task_column", None)
    if names is not None and column in names:
        names.remove(column)
    return KnownCoefficients(coef, classes=getattr(model, "classes_", None), feature_names=names)


@dataclass(frozen=True)
class LinearSource:
    """One source on the target's columns: coef (K, d), and its class labels (None: regression).

    Its intercept is not kept: no penalty holds the target's, so it is learnt from the target's rows alone.
    """

    coef: Floats
    classes: NDArray[Any] | None


def read_sources(
    source: Any, X: Any, names: NDArray[Any] | None, classification: bool, loss: Loss | None = None
) -> list[LinearSource]:
    """Turn the parameter ``source`` into coefficients on the target's columns, in the target's order.

    Parameters
    ----------
    source : None, fitted model, KnownCoefficients, or a list of these
        What the caller gave.
    X : ndarray or CSR of shape (n, d)
        The target's rows; a few of them check that the coefficients are what the model computes with.
    names : ndarray of str or None
        ``feature_names_in_`` of the target.
    classification : bool
        Whether the target is one.
    loss : Loss, optional
        The target's: with a log link a source's coefficients must be those of the logarithm of what it predicts.

    Raises
    ------
    NotFittedError, ValueError
        One sentence that says which source is wrong, and what cures it.
    """
    if source is None:
        return []
    given = list(source) if isinstance(source, list | tuple) else [source]
    wheres = ["the source"] if len(given) == 1 else [f"source {i}" for i in range(len(given))]
    return [
        _read_one(one, where, X, names, classification, loss or Squared())
        for one, where in zip(given, wheres, strict=True)
    ]


def _read_one(
    source: Any, where: str, X: Any, names: NDArray[Any] | None, classification: bool, loss: Loss
) -> LinearSource:
    if isinstance(source, type):
        raise ValueError(f"{where} is the class {source.__name__}: pass a fitted model.")
    model, affine = thaw(source), None
    if isinstance(model, KnownCoefficients):
        read, own_names = _known(model), model.feature_names
    else:
        if hasattr(model, "tasks_") and hasattr(model, "coef_"):
            return _read_one(_only_task(model, where), where, X, names, classification, loss)
        affine = linear_coefficients(model, where)
        read, own_names = LinearSource(affine[0], _classes(model)), getattr(model, "feature_names_in_", None)
    _check_kind(read, where, model, classification)
    place = _places(own_names, names, read.coef.shape[1], X.shape[1], where)
    if affine is not None:
        rows = X[: min(5, X.shape[0])]
        rows = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows)
        verify_linear(model, where, affine, rows[:, place], loss)
    coef = np.zeros((len(read.coef), X.shape[1]))
    coef[:, place] = read.coef
    return replace(read, coef=coef)


def _only_task(model: Any, where: str) -> KnownCoefficients:
    if len(model.tasks_) == 1:
        return source_task(model, model.tasks_[0])
    raise ValueError(
        f"{where} is a {type(model).__name__} of {len(model.tasks_)} tasks: say which one with "
        "crosstask.transfer.source_task(model, task), or take their mean with source_task(model)."
    )


def _known(known: KnownCoefficients) -> LinearSource:
    coef = np.array(known.coef, dtype=np.float64, ndmin=2)
    if not np.isfinite(coef).all():
        raise ValueError("KnownCoefficients holds NaN or infinite values: give finite coefficients.")
    return LinearSource(coef, None if known.classes is None else np.asarray(known.classes))


def _classes(model: Any) -> NDArray[Any] | None:
    classes = getattr(model, "classes_", None)
    return None if classes is None else np.asarray(classes)


def _check_kind(read: LinearSource, where: str, model: Any, classification: bool) -> None:
    name = type(model).__name__
    if not classification:
        if read.classes is not None:
            raise ValueError(f"{where} is a classifier ({name}): a regression needs a regressor as its source.")
        if len(read.coef) != 1:
            raise ValueError(f"{where} predicts {len(read.coef)} targets: a source predicts one; fit it on one column.")
        return
    if read.classes is None:
        if not isinstance(model, KnownCoefficients):
            raise ValueError(f"{where} is a regressor ({name}): a classification needs a classifier as its source.")
        return
    expected = 1 if len(read.classes) == 2 else len(read.classes)
    if len(read.coef) != expected:
        raise ValueError(
            f"{where} has {len(read.coef)} rows of coefficients for {len(read.classes)} classes, expected {expected}."
        )


def _places(own: Any, target: NDArray[Any] | None, own_width: int, width: int, where: str) -> NDArray[np.intp]:
    """Return where the source's columns stand among the target's; those of the target that it lacks get zeros."""
    if own is None or target is None:
        if own_width != width:
            raise ValueError(f"{where} was fitted on {own_width} columns, X has {width}: give both the same columns.")
        return np.arange(width)
    position = {str(name): j for j, name in enumerate(target)}
    wanted = [str(name) for name in own]
    absent = sorted(name for name in wanted if name not in position)
    if absent:
        raise ValueError(
            f"{where} was fitted on columns that X lacks: {_shown(absent)}; add them, or fit the source without them."
        )
    return np.array([position[name] for name in wanted], dtype=np.intp)


def _shown(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:5]) + (", .." if len(names) > 5 else "")


def union_of_classes(target: NDArray[Any], sources: list[LinearSource]) -> NDArray[Any]:
    """Sorted labels of the target and of every source.

    Raises
    ------
    ValueError
        If a source has no label in common with the target.
    """
    labels = target
    for i, source in enumerate(sources):
        if source.classes is None:
            continue
        if not set(source.classes.tolist()) & set(target.tolist()):
            raise ValueError(
                f"source {i} has the classes {source.classes.tolist()[:6]}, the target's y has {target.tolist()[:6]}: "
                "they share none, so they cannot be matched; use the same labels for the same classes."
            )
        labels = np.union1d(labels, source.classes)
    return labels


def per_class(source: LinearSource, classes: NDArray[Any], where: str) -> Floats:
    """Coefficients in the target's layout: one row for two classes, else one for each class.

    A class that the source does not know gets zeros.
    """
    own = classes if source.classes is None else source.classes
    coef = source.coef
    if len(own) == 2 and len(coef) == 1:
        coef = np.vstack([-coef, coef]) / 2.0
    if len(coef) != len(own):
        raise ValueError(
            f"{where} has {len(coef)} rows of coefficients, the target has {len(own)} classes: give KnownCoefficients "
            "its classes=."
        )
    full = np.zeros((len(classes), coef.shape[1]))
    full[np.searchsorted(classes, own)] = coef
    return full[1:] - full[:1] if len(classes) == 2 else full
