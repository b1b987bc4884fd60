"""The readable page inside a model file: what made it, what it takes, and what it was fitted on."""

from __future__ import annotations

import hashlib
import math
import platform
from datetime import UTC, datetime
from importlib import metadata
from typing import Any
from zipfile import ZipFile

import numpy as np

from crosstask.persistence._trees import walk

CARD = "crosstask.json"
FORMAT = 1

# Attributes in which estimators of scikit-learn keep rows that they were fitted on.
_ROW_KEEPERS = ("_fit_X", "X_fit_", "X_train_", "support_vectors_", "_tree", "centers_", "source_rows_")


def versions() -> dict[str, str]:
    """Return the versions that a prediction may depend on."""
    import crosstask

    installed = {name: metadata.version(name) for name in ("scikit-learn", "numpy", "scipy", "skops")}
    return {"crosstask": crosstask.__version__, **installed, "python": platform.python_version()}


def make_card(model: Any) -> dict[str, Any]:
    """Describe a fitted model in plain types that JSON knows."""
    kind = type(model)
    tasks = getattr(model, "tasks_", None)
    card = {
        "format": FORMAT,
        "model": f"{kind.__module__}.{kind.__qualname__}",
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "task_column": getattr(model, "task_column", None),
        "door": getattr(model, "door_", None),
        "tasks": None if tasks is None else list(tasks),
        "task_type": None if tasks is None else ("text" if np.asarray(tasks).dtype.kind == "U" else "number"),
        "classes": getattr(model, "classes_", None),
        "columns": _columns(model),
        "training": getattr(model, "training_summary_", None),
        "keeps_training_rows": row_keepers(model),
    }
    return {name: plain(value) for name, value in card.items()}


def digest(archive: ZipFile) -> str:
    """Return a hash of everything in a model file but its readable page."""
    found = hashlib.sha256()
    for name in sorted(set(archive.namelist()) - {CARD}):
        content = archive.read(name)
        found.update(f"{name}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def row_keepers(model: Any) -> list[str]:
    """Name the estimators inside a model that keep rows of the training data."""
    found = {
        type(part).__name__
        for part in walk(model)
        if hasattr(part, "__dict__") and any(vars(part).get(name) is not None for name in _ROW_KEEPERS)
    }
    return sorted(found)


def plain(value: Any) -> Any:
    """Turn NumPy's scalars and arrays, dates and odd keys into what JSON knows; NaN becomes null."""
    if isinstance(value, dict):
        return {str(plain(key)): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def _columns(model: Any) -> list[dict[str, Any]]:
    schema = getattr(model, "schema_", None)
    if schema is not None:
        return list(schema)
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        names = range(getattr(model, "n_features_in_", 0))
    return [{"name": name} for name in names]
