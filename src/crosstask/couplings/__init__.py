"""Couplings: the penalties that tie the slopes of the tasks. One file each."""

from __future__ import annotations

from collections.abc import Callable

from crosstask.couplings._base import Coupling
from crosstask.couplings._clustered import Clustered
from crosstask.couplings._decomposed import Decomposed
from crosstask.couplings._element_norm import ElementNorm
from crosstask.couplings._feature_norm import FeatureNorm
from crosstask.couplings._frozen import Frozen, NoSharedPartError
from crosstask.couplings._fused_in_time import FusedInTime
from crosstask.couplings._graph_tied import GraphTied
from crosstask.couplings._independent import Independent
from crosstask.couplings._mean_tied import MeanTied
from crosstask.couplings._pooled import Pooled
from crosstask.couplings._ready_made import dirty, low_rank_sparse, outlier_robust, robust_centre, robust_features
from crosstask.couplings._shared_subspace import SharedSubspace
from crosstask.couplings._stacked import Stacked
from crosstask.couplings._task_covariance import TaskCovariance
from crosstask.couplings._task_norm import TaskNorm
from crosstask.couplings._trace_norm import TraceNorm
from crosstask.couplings._two_levels import TwoLevels

__all__ = [
    "Clustered",
    "Coupling",
    "Decomposed",
    "ElementNorm",
    "FeatureNorm",
    "Frozen",
    "FusedInTime",
    "GraphTied",
    "Independent",
    "MeanTied",
    "NoSharedPartError",
    "Pooled",
    "SharedSubspace",
    "Stacked",
    "TaskCovariance",
    "TaskNorm",
    "TraceNorm",
    "TwoLevels",
    "as_coupling",
    "dirty",
    "low_rank_sparse",
    "outlier_robust",
    "robust_centre",
    "robust_features",
]

_BY_NAME: dict[str, Callable[[], Coupling]] = {
    "independent": Independent,
    "pooled": Pooled,
    "mean_tied": MeanTied,
    "feature_norm": FeatureNorm,
    "task_norm": TaskNorm,
    "element_norm": ElementNorm,
    "trace_norm": TraceNorm,
    "task_covariance": TaskCovariance,
    "clustered": Clustered,
    "shared_subspace": SharedSubspace,
    "fused_in_time": FusedInTime,
    "dirty": dirty,
    "low_rank_sparse": low_rank_sparse,
    "outlier_robust": outlier_robust,
    "robust_features": robust_features,
    "robust_centre": robust_centre,
}


def as_coupling(coupling: str | Coupling) -> Coupling:
    """Return the coupling that a string names, or the coupling itself.

    Raises
    ------
    ValueError
        If the name is unknown, or a weight of the object is not a positive number.

    Examples
    --------
    >>> as_coupling("mean_tied")
    MeanTied()
    """
    if isinstance(coupling, Coupling):
        coupling.check()
        return coupling
    if not isinstance(coupling, str) or coupling not in _BY_NAME:  # type: ignore[reportUnnecessaryIsInstance]
        raise ValueError(
            f"unknown coupling {coupling!r}: give one of {', '.join(map(repr, _BY_NAME))}, or a Coupling object."
        )
    return _BY_NAME[coupling]()
