"""Checks on the node tables of trees, which scikit-learn follows without looking whether an index is in range.

A file whose types are all known could still hold a table that sends a prediction outside its memory, or round in a
circle; so every table is checked once, after loading, before anyone predicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.persistence._errors import ModelFileError

_FORESTS = ("sklearn.ensemble._forest", "sklearn.ensemble._gb")


def check_trees(model: Any, path: str) -> None:
    """Walk through a loaded model and check every tree in it.

    Parameters
    ----------
    model : object
        What was loaded.
    path : str
        Its file, for the message.

    Raises
    ------
    ModelFileError
        If a node points outside its tree, back to an ancestor, or at a feature that the model does not have.
    """
    for owner, bound in _owners(model):
        if type(owner).__name__ == "Tree" and type(owner).__module__ == "sklearn.tree._tree":
            sound = _tree_is_sound(owner, bound)
        elif hasattr(owner, "_predictors") and hasattr(owner, "_bin_mapper"):
            sound = _boosting_is_sound(owner)
        elif type(owner).__name__ == "Trees" and type(owner).__module__ == "crosstask.transfer._forest_trees":
            sound = _table_is_sound(owner, bound)
        else:
            continue
        if not sound:
            raise ModelFileError(
                f"{path} was not loaded: a tree in it points outside its own tables, so the file is damaged or forged."
            )


def walk(model: Any) -> Iterator[Any]:
    """Yield every object inside a model once: through attributes, dicts, lists, tuples and object arrays."""
    seen: set[int] = set()
    waiting = [model]
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, (str, bytes, int, float, bool, type(None), type)):
            continue
        seen.add(id(value))
        yield value
        waiting.extend(_children(value))


def _owners(model: Any) -> Iterator[tuple[Any, int | None]]:
    """Yield every object with the number of features that reach it, None where nothing says so.

    A forest hands its own X to its trees unchecked, so its width holds for them as well; every other estimator
    checks the width of X itself.
    """
    seen: set[tuple[int, int | None]] = set()
    waiting: list[tuple[Any, int | None, bool]] = [(model, None, False)]
    while waiting:
        value, bound, in_forest = waiting.pop()
        if (id(value), bound) in seen or isinstance(value, (str, bytes, int, float, bool, type(None), type)):
            continue
        seen.add((id(value), bound))
        own = getattr(value, "n_features_in_", None) if hasattr(value, "__dict__") else None
        if isinstance(own, (int, np.integer)):
            bound = int(own) if bound is None or not in_forest else min(bound, int(own))
            in_forest = type(value).__module__ in _FORESTS or (in_forest and _is_tree_model(value))
        yield value, bound
        waiting.extend((child, bound, in_forest) for child in _children(value))


def _is_tree_model(value: Any) -> bool:
    return type(value).__module__.startswith("sklearn.tree.")


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    if isinstance(value, np.ndarray):
        return list(value.ravel()) if value.dtype.kind == "O" else []
    return list(vars(value).values()) if hasattr(value, "__dict__") else []


def _tree_is_sound(tree: Any, bound: int | None) -> bool:
    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    features = np.asarray(tree.feature)
    inner = left != -1
    width = int(tree.n_features) if bound is None else min(bound, int(tree.n_features))
    return _follows(left, right, inner) and _within(features[inner], width)


def _table_is_sound(trees: Any, bound: int | None) -> bool:
    inner = trees.left != -1
    known = bound is not None and _within(trees.roots, len(inner)) and len(trees.value) == len(inner)
    return known and _follows(trees.left, trees.right, inner) and _within(trees.feature[inner], bound or 0)


def _boosting_is_sound(model: Any) -> bool:
    width, categorical = int(model.n_features_in_), getattr(model._bin_mapper, "is_categorical_", None)
    for predictor in (one for stage in model._predictors for one in stage):
        nodes = predictor.nodes
        inner = nodes["is_leaf"] == 0
        by_category = inner & (nodes["is_categorical"] != 0)
        if not (_follows(nodes["left"], nodes["right"], inner) and _within(nodes["feature_idx"][inner], width)):
            return False
        if by_category.any():
            sets = min(len(predictor.raw_left_cat_bitsets), len(predictor.binned_left_cat_bitsets))
            named = nodes["feature_idx"][by_category]
            if not _within(nodes["bitset_idx"][by_category], sets) or categorical is None:
                return False
            if not _within(named, len(categorical)) or not np.asarray(categorical)[named].all():
                return False
    return True


def _follows(left: NDArray[Any], right: NDArray[Any], inner: NDArray[np.bool_]) -> bool:
    """Both children of an inner node stand after it in the table: in range, and no way back."""
    own = np.flatnonzero(inner)
    n = len(inner)
    if n == 0:
        return False
    children = (left[inner].astype(np.int64), right[inner].astype(np.int64))
    return all(bool(((child > own) & (child < n)).all()) for child in children)


def _within(values: NDArray[Any], bound: int) -> bool:
    values = values.astype(np.int64)
    return bool(((values >= 0) & (values < bound)).all())
