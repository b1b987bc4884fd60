"""What the model remembers of its training data: counts and versions in plain types, no rows."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import numpy as np

from crosstask import __version__
from crosstask.tasks import TaskRows


def summarise(
    rows: TaskRows, classes: Any, candidates: list[str], seconds: dict[str, float], target: Any = None
) -> dict[str, Any]:
    """Return rows per task, a summary of the target (named ``target``), versions and seconds, in plain types."""
    assert rows.y is not None
    counts = np.bincount(rows.codes, minlength=rows.n_tasks)
    return {
        "n_rows": len(rows.codes),
        "n_tasks": int(rows.n_tasks),
        "rows_per_task": {str(task): int(n) for task, n in zip(rows.tasks, counts, strict=True)},
        "target": {
            "name": None if target is None else str(target),
            **_target(rows, classes),
            **_by_task(rows, classes),
        },
        "weighted": rows.sample_weight is not None,
        "candidates": list(candidates),
        "seconds": {name: round(float(value), 3) for name, value in seconds.items()},
        "versions": {
            "python": platform.python_version(),
            "crosstask": __version__,
            **{name: metadata.version(name) for name in ("scikit-learn", "numpy", "scipy")},
        },
    }


def _target(rows: TaskRows, classes: Any) -> dict[str, Any]:
    assert rows.y is not None
    y = rows.y
    if classes is not None:
        counts = {str(label): int((y == label).sum()) for label in classes}
        return {"kind": "classes", "counts": counts, **_by_task(rows, classes)}
    return {
        "kind": "number",
        "mean": float(y.mean()),
        "sd": float(y.std()),
        "min": float(y.min()),
        "max": float(y.max()),
        **_by_task(rows, classes),
    }


def _by_task(rows: TaskRows, classes: Any) -> dict[str, Any]:
    """Mean of the target in each task, or share of the second of two classes."""
    if classes is not None and len(classes) != 2:
        return {}
    value: Any = rows.y if classes is None else rows.y == classes[1]
    means = np.bincount(rows.codes, value, rows.n_tasks) / np.bincount(rows.codes, minlength=rows.n_tasks)
    return {"by_task": {str(task): float(mean) for task, mean in zip(rows.tasks, means, strict=True)}}


def with_newcomers(summary: dict[str, Any], rows: TaskRows, classes: Any) -> dict[str, Any]:
    """Return the summary with the rows and the targets of tasks that came later; the rest is that of fit."""
    counts = np.bincount(rows.codes, minlength=rows.n_tasks)
    added = {str(task): int(n) for task, n in zip(rows.tasks, counts, strict=True)}
    target = dict(summary["target"])
    if "by_task" in target:
        target["by_task"] = {**target["by_task"], **_by_task(rows, classes)["by_task"]}
    return {
        **summary,
        "n_rows": summary["n_rows"] + len(rows.codes),
        "n_tasks": summary["n_tasks"] + rows.n_tasks,
        "rows_per_task": {**summary["rows_per_task"], **added},
        "target": target,
    }
