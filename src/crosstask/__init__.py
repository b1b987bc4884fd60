"""Learning across tasks: one table, a task column, and a model for every task.

Names are loaded on first use, so that ``import crosstask`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_CATALOGUE = {
    "crosstask.auto": ("CrossTaskClassifier", "CrossTaskRegressor"),
    "crosstask.couplings": ("FeatureNorm", "Independent", "MeanTied", "Pooled"),
    "crosstask.guard": ("TransferGuard",),
    "crosstask.metrics": ("per_task_scores", "task_gain", "task_scorer"),
    "crosstask.model_selection": (
        "LeaveOneTaskOut",
        "TargetTaskKFold",
        "TaskKFold",
        "TaskShuffleSplit",
        "TaskTimeSeriesSplit",
    ),
    "crosstask.multitask": (
        "EasyAdapt",
        "IndependentTasks",
        "MultiTaskClassifier",
        "MultiTaskRegressor",
        "PooledTasks",
    ),
    "crosstask.persistence": ("load", "save"),
    "crosstask.tasks": ("TaskData", "TaskStatistics", "keep_task"),
    "crosstask.transfer": (
        "FineTunedClassifier",
        "FineTunedRegressor",
        "PriorClassifier",
        "PriorRegressor",
    ),
}
_HOME = {name: module for module, names in _CATALOGUE.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'crosstask' has no attribute {name!r}; it has {', '.join(sorted(_HOME))}.")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
