"""What the model remembers of its training data: counts and versions in plain types, no rows."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import numpy as np

import crosstask
from crosstask.tasks import TaskRows


def summarise(rows: TaskRows, classes: Any, candidates: list[str], seconds: dict[str, float]) -> dict[str, Any]:
    """Return rows per task, a summary of the target, versions and seconds, in plain types."""
    assert rows.y is not None
    counts = np.bincount(rows.codes, minlength=rows.n_tasks)
    return {
        "n_rows": len(rows.codes),
        "n_tasks": int(rows.n_tasks),
        "rows_per_task": {str(task): int(n) for task, n in zip(rows.tasks, counts, strict=True)},
        "target": _target(rows.y, classes),
        "weighted": rows.sample_weight is not None,
        "candidates": list(candidates),
        "seconds": {name: round(float(value), 3) for name, value in seconds.items()},
        "versions": {
            "python": platform.python_version(),
            "crosstask": crosstask.__version__,
            **{name: metadata.version(name) for name in ("scikit-learn", "numpy", "scipy")},
        },
    }


def _target(y: Any, classes: Any) -> dict[str, Any]:
    if classes is not None:
        return {"kind": "classes", "counts": {str(label): int((y == label).sum()) for label in classes}}
    return {
        "kind": "number",
        "mean": float(y.mean()),
        "sd": float(y.std()),
        "min": float(y.min()),
        "max": float(y.max()),
    }
