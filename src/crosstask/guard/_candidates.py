"""Candidates: checked, named, wrapped where they know no tasks, and prepared for a fold."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from crosstask.couplings import Independent, Pooled
from crosstask.multitask import EasyAdapt, IndependentTasks, PooledTasks
from crosstask.tasks import weight_keyword

Candidates = list[tuple[str, Any]]
_CONSTANTS = ("Dummy", "TaskMean", "BaseRate")


def check_candidates(candidates: Any, own: str | None) -> Candidates:
    """Return named candidates that all take ``task=`` in fit.

    Raises
    ------
    ValueError
        If the list is empty or malformed, a name is taken twice, kinds are mixed, or ``own`` names none of them.
    """
    if not isinstance(candidates, (list, tuple)) or not candidates:
        raise ValueError(
            f"candidates={candidates!r} holds no models: give a list such as "
            "[('own', IndependentTasks(Ridge())), ('pooled', PooledTasks(Ridge()))]."
        )
    named: Candidates = []
    for item in candidates:
        if not isinstance(item, (list, tuple)) or len(item) != 2 or not isinstance(item[0], str):
            raise ValueError(f"a candidate is a pair (name, estimator); got {item!r}.")
        name, estimator = item
        if not hasattr(estimator, "fit") or not hasattr(estimator, "predict") or isinstance(estimator, type):
            raise ValueError(f"candidate {name!r} is {estimator!r}, which is no estimator: it needs fit and predict.")
        named.append((name, estimator if knows_tasks(estimator) else PooledTasks(estimator)))
    names = [name for name, _ in named]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{names.count(name)} candidates are named {name!r}: give each a name of its own.")
        if "__" in name or name in ("candidates", "mode", "cv"):
            raise ValueError(f"a candidate cannot be named {name!r}, which is a parameter or holds '__': rename it.")
    if any(is_classifier(e) for _, e in named) and not all(is_classifier(e) for _, e in named):
        odd = next(name for name, e in named if not is_classifier(e))
        raise ValueError(f"candidates mix classifiers with regressors ({odd!r} is no classifier): use one kind.")
    if own is not None and own not in names:
        raise ValueError(f"own={own!r} names none of the candidates {', '.join(map(repr, names))}.")
    return named


def knows_tasks(estimator: Any) -> bool:
    """Tell whether fit takes ``task=``."""
    return "task" in inspect.signature(estimator.fit).parameters


def is_named_list(candidates: Any) -> bool:
    """Tell whether this is a list of pairs whose first entry is a name."""
    return isinstance(candidates, (list, tuple)) and all(
        isinstance(item, (list, tuple)) and len(item) == 2 and isinstance(item[0], str) for item in candidates
    )


def input_tags_of(candidates: Any) -> tuple[bool, bool]:
    """Return whether all candidates take sparse X, and whether all take NaN."""
    tags = [get_tags(e).input_tags for _, e in candidates if hasattr(e, "fit")] if is_named_list(candidates) else []
    return bool(tags) and all(t.sparse for t in tags), bool(tags) and all(t.allow_nan for t in tags)


def kind_of(candidates: Any) -> str | None:
    """Return "classifier" or "regressor", by the tags of the first candidate that has any."""
    for item in candidates if isinstance(candidates, (list, tuple)) else ():
        estimator = item[1] if isinstance(item, (list, tuple)) and len(item) == 2 else None
        if not hasattr(estimator, "fit") or isinstance(estimator, type):
            continue
        if is_classifier(estimator):
            return "classifier"
        if is_regressor(estimator):
            return "regressor"
    return None


def is_own(estimator: Any) -> bool:
    """Tell whether each task has a model that sees nothing of the others."""
    if isinstance(estimator, IndependentTasks):
        return not _is_constant(estimator.estimator)
    coupling = getattr(estimator, "coupling", None)
    if coupling is not None:
        return coupling == "independent" or isinstance(coupling, Independent)
    inner = getattr(estimator, "estimator", None)
    return inner is not None and not isinstance(estimator, (PooledTasks, EasyAdapt)) and is_own(inner)


def shares_nothing(estimator: Any) -> bool:
    """Tell whether a candidate learns nothing from other tasks: an own model, or a constant of each task."""
    if isinstance(estimator, IndependentTasks) or _is_constant(estimator):
        return True
    if is_own(estimator):
        return True
    inner = getattr(estimator, "estimator", None)
    return inner is not None and not isinstance(estimator, (PooledTasks, EasyAdapt)) and shares_nothing(inner)


def _is_constant(estimator: Any) -> bool:
    return type(estimator).__name__.startswith(_CONSTANTS)


def is_constant(estimator: Any) -> bool:
    """Tell whether a candidate looks at no column, so that it costs nothing."""
    inner = getattr(estimator, "estimator", None)
    return _is_constant(estimator) or (inner is not None and is_constant(inner))


def pools(estimator: Any) -> bool:
    """Tell whether one model is fitted on the rows of all tasks, the task among its features or not."""
    if isinstance(estimator, PooledTasks):
        return True
    coupling = getattr(estimator, "coupling", None)
    if coupling is not None:
        return coupling == "pooled" or isinstance(coupling, Pooled)
    inner = getattr(estimator, "estimator", None)
    return inner is not None and not isinstance(estimator, (IndependentTasks, EasyAdapt)) and pools(inner)


def never_leaves(estimator: Any) -> bool:
    """Tell whether a race keeps a candidate: what others must be compared with, and constants, which cost nothing."""
    return pools(estimator) or shares_nothing(estimator)


def with_own(named: Candidates, own: str | None, classification: bool) -> tuple[Candidates, int, bool]:
    """Return the candidates, the position of the own model, and whether it had to be added."""
    names = [name for name, _ in named]
    if own is not None:
        return named, names.index(own), False
    for position, (_, estimator) in enumerate(named):
        if is_own(estimator):
            return named, position, False
    from crosstask.multitask import MultiTaskClassifier, MultiTaskRegressor

    added = MultiTaskClassifier("independent") if classification else MultiTaskRegressor("independent")
    name = "own" if "own" not in names else "own_model"
    return [(name, added), *named], 0, True


def prepared(estimator: Any, *, class_weight: Any, seed: int, folds: Any, unseen: str) -> Any:
    """Return a clone with what the guard decides: class weights, seeds, inner folds and what unseen tasks get.

    In a fold (``unseen="error"``) no row is of an unseen task, so that a (nested) ``unseen_task="pooled"`` becomes
    "error", which spares the model that would serve them; for the final fit it is set on the candidate itself. Nested
    parameters ``cv``, ``class_weight`` and ``random_state`` are set only where they are None.
    """
    own: Any = clone(estimator)
    if getattr(own, "task_column", None) is not None:
        own.set_params(task_column=None)  # the guard hands the tasks over itself
    rng = np.random.RandomState(seed)
    values = own.get_params(deep=True)
    for key in sorted(values):
        last = key.split("__")[-1]
        if last == "unseen_task" and (values[key] == "pooled" if unseen == "error" else "__" not in key):
            own.set_params(**{key: unseen})
        if values[key] is not None:
            continue
        if last == "cv" and folds is not None:
            own.set_params(**{key: folds})
        elif last == "class_weight" and class_weight is not None:
            own.set_params(**{key: class_weight})
        elif last == "random_state":
            own.set_params(**{key: int(rng.randint(np.iinfo(np.int32).max))})
    return own


def takes_class_weight(estimator: Any) -> bool:
    """Tell whether a (nested) parameter ``class_weight`` exists."""
    return any(key.split("__")[-1] == "class_weight" for key in estimator.get_params(deep=True))


def takes_weights(estimator: Any) -> bool:
    """Tell whether sample weights can reach the model inside."""
    inner = getattr(estimator, "estimator", None)
    if inner is not None and hasattr(inner, "fit"):
        return takes_weights(inner) if knows_tasks(inner) else weight_keyword(inner) is not None
    return has_fit_parameter(estimator, "sample_weight")
