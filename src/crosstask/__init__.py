"""Learning across tasks: one table, a task column, and a model for every task.

Names are loaded on first use, so that ``import crosstask`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what editors and type checkers see; a test holds it equal to the catalogue
    from crosstask.advisor import advise as advise
    from crosstask.advisor import plan as plan
    from crosstask.affinity import GroupedTasks as GroupedTasks
    from crosstask.affinity import log_evidence as log_evidence
    from crosstask.affinity import shift_report as shift_report
    from crosstask.affinity import task_affinity as task_affinity
    from crosstask.auto import CrossTaskClassifier as CrossTaskClassifier
    from crosstask.auto import CrossTaskRegressor as CrossTaskRegressor
    from crosstask.auto import EncodedTasks as EncodedTasks
    from crosstask.couplings import Clustered as Clustered
    from crosstask.couplings import Decomposed as Decomposed
    from crosstask.couplings import ElementNorm as ElementNorm
    from crosstask.couplings import FeatureNorm as FeatureNorm
    from crosstask.couplings import FusedInTime as FusedInTime
    from crosstask.couplings import GraphTied as GraphTied
    from crosstask.couplings import Independent as Independent
    from crosstask.couplings import MeanTied as MeanTied
    from crosstask.couplings import Pooled as Pooled
    from crosstask.couplings import SharedSubspace as SharedSubspace
    from crosstask.couplings import TaskCovariance as TaskCovariance
    from crosstask.couplings import TaskNorm as TaskNorm
    from crosstask.couplings import TraceNorm as TraceNorm
    from crosstask.couplings import TwoLevels as TwoLevels
    from crosstask.couplings import dirty as dirty
    from crosstask.couplings import low_rank_sparse as low_rank_sparse
    from crosstask.couplings import outlier_robust as outlier_robust
    from crosstask.couplings import robust_centre as robust_centre
    from crosstask.couplings import robust_features as robust_features
    from crosstask.guard import TransferGuard as TransferGuard
    from crosstask.lifecycle import check as check
    from crosstask.lifecycle import compare as compare
    from crosstask.metrics import per_task_scores as per_task_scores
    from crosstask.metrics import rows_saved as rows_saved
    from crosstask.metrics import task_gain as task_gain
    from crosstask.metrics import task_scorer as task_scorer
    from crosstask.model_selection import LeaveOneTaskOut as LeaveOneTaskOut
    from crosstask.model_selection import TargetTaskKFold as TargetTaskKFold
    from crosstask.model_selection import TaskKFold as TaskKFold
    from crosstask.model_selection import TaskShuffleSplit as TaskShuffleSplit
    from crosstask.model_selection import TaskTimeSeriesSplit as TaskTimeSeriesSplit
    from crosstask.multitask import DescribedTasks as DescribedTasks
    from crosstask.multitask import EasyAdapt as EasyAdapt
    from crosstask.multitask import IndependentTasks as IndependentTasks
    from crosstask.multitask import LogisticCentre as LogisticCentre
    from crosstask.multitask import LogisticSite as LogisticSite
    from crosstask.multitask import MultiTaskBoostingClassifier as MultiTaskBoostingClassifier
    from crosstask.multitask import MultiTaskBoostingRegressor as MultiTaskBoostingRegressor
    from crosstask.multitask import MultiTaskClassifier as MultiTaskClassifier
    from crosstask.multitask import MultiTaskGPRegressor as MultiTaskGPRegressor
    from crosstask.multitask import MultiTaskRegressor as MultiTaskRegressor
    from crosstask.multitask import MultiTaskSVC as MultiTaskSVC
    from crosstask.multitask import MultiTaskSVR as MultiTaskSVR
    from crosstask.multitask import PooledTasks as PooledTasks
    from crosstask.multitask import TransferToEach as TransferToEach
    from crosstask.multitask import graph_task_kernel as graph_task_kernel
    from crosstask.neural import Distilled as Distilled
    from crosstask.neural import FineTunedNetClassifier as FineTunedNetClassifier
    from crosstask.neural import FineTunedNetRegressor as FineTunedNetRegressor
    from crosstask.neural import FrozenEncoder as FrozenEncoder
    from crosstask.neural import MultiTaskMLPClassifier as MultiTaskMLPClassifier
    from crosstask.neural import MultiTaskMLPRegressor as MultiTaskMLPRegressor
    from crosstask.persistence import load as load
    from crosstask.persistence import save as save
    from crosstask.summaries import TaskStatistics as TaskStatistics
    from crosstask.tasks import TaskData as TaskData
    from crosstask.tasks import keep_task as keep_task
    from crosstask.transfer import CORAL as CORAL
    from crosstask.transfer import JDA as JDA
    from crosstask.transfer import KLIEP as KLIEP
    from crosstask.transfer import KMM as KMM
    from crosstask.transfer import TCA as TCA
    from crosstask.transfer import ULSIF as ULSIF
    from crosstask.transfer import ContinuedTraining as ContinuedTraining
    from crosstask.transfer import DomainClassifierWeights as DomainClassifierWeights
    from crosstask.transfer import EasyAdaptFeatures as EasyAdaptFeatures
    from crosstask.transfer import FineTunedClassifier as FineTunedClassifier
    from crosstask.transfer import FineTunedRegressor as FineTunedRegressor
    from crosstask.transfer import ImportanceWeighted as ImportanceWeighted
    from crosstask.transfer import KnownCoefficients as KnownCoefficients
    from crosstask.transfer import LabelledRows as LabelledRows
    from crosstask.transfer import LabelShiftClassifier as LabelShiftClassifier
    from crosstask.transfer import OffsetTransfer as OffsetTransfer
    from crosstask.transfer import OptimalTransportMap as OptimalTransportMap
    from crosstask.transfer import PriorClassifier as PriorClassifier
    from crosstask.transfer import PriorRegressor as PriorRegressor
    from crosstask.transfer import SourceStacking as SourceStacking
    from crosstask.transfer import SubspaceAlignment as SubspaceAlignment
    from crosstask.transfer import TrAdaBoostClassifier as TrAdaBoostClassifier
    from crosstask.transfer import TrAdaBoostR2 as TrAdaBoostR2
    from crosstask.transfer import TransferForestClassifier as TransferForestClassifier
    from crosstask.transfer import TransferForestRegressor as TransferForestRegressor
    from crosstask.transfer import TransGLMClassifier as TransGLMClassifier
    from crosstask.transfer import TransGLMRegressor as TransGLMRegressor
    from crosstask.transfer import TransLasso as TransLasso
    from crosstask.transfer import source_task as source_task

__version__ = "0.1.0"

_CATALOGUE = {
    "crosstask.advisor": ("advise", "plan"),
    "crosstask.affinity": ("GroupedTasks", "log_evidence", "shift_report", "task_affinity"),
    "crosstask.auto": ("CrossTaskClassifier", "CrossTaskRegressor", "EncodedTasks"),
    "crosstask.couplings": (
        "Clustered",
        "Decomposed",
        "ElementNorm",
        "FeatureNorm",
        "FusedInTime",
        "GraphTied",
        "Independent",
        "MeanTied",
        "Pooled",
        "SharedSubspace",
        "TaskCovariance",
        "TaskNorm",
        "TraceNorm",
        "TwoLevels",
        "dirty",
        "low_rank_sparse",
        "outlier_robust",
        "robust_centre",
        "robust_features",
    ),
    "crosstask.guard": ("TransferGuard",),
    "crosstask.lifecycle": ("check", "compare"),
    "crosstask.metrics": ("per_task_scores", "rows_saved", "task_gain", "task_scorer"),
    "crosstask.model_selection": (
        "LeaveOneTaskOut",
        "TargetTaskKFold",
        "TaskKFold",
        "TaskShuffleSplit",
        "TaskTimeSeriesSplit",
    ),
    "crosstask.multitask": (
        "DescribedTasks",
        "EasyAdapt",
        "IndependentTasks",
        "LogisticCentre",
        "LogisticSite",
        "MultiTaskBoostingClassifier",
        "MultiTaskBoostingRegressor",
        "MultiTaskClassifier",
        "MultiTaskGPRegressor",
        "MultiTaskRegressor",
        "MultiTaskSVC",
        "MultiTaskSVR",
        "PooledTasks",
        "TransferToEach",
        "graph_task_kernel",
    ),
    "crosstask.neural": (
        "Distilled",
        "FineTunedNetClassifier",
        "FineTunedNetRegressor",
        "FrozenEncoder",
        "MultiTaskMLPClassifier",
        "MultiTaskMLPRegressor",
    ),
    "crosstask.persistence": ("load", "save"),
    "crosstask.summaries": ("TaskStatistics",),
    "crosstask.tasks": ("TaskData", "keep_task"),
    "crosstask.transfer": (
        "CORAL",
        "ContinuedTraining",
        "DomainClassifierWeights",
        "EasyAdaptFeatures",
        "FineTunedClassifier",
        "FineTunedRegressor",
        "ImportanceWeighted",
        "JDA",
        "KLIEP",
        "KMM",
        "KnownCoefficients",
        "LabelShiftClassifier",
        "LabelledRows",
        "OptimalTransportMap",
        "OffsetTransfer",
        "PriorClassifier",
        "PriorRegressor",
        "SourceStacking",
        "SubspaceAlignment",
        "TCA",
        "TrAdaBoostClassifier",
        "TrAdaBoostR2",
        "TransGLMClassifier",
        "TransGLMRegressor",
        "TransferForestClassifier",
        "TransferForestRegressor",
        "TransLasso",
        "ULSIF",
        "source_task",
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
