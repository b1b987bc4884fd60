"""Transfer: a new task from fitted models of old ones, or from their rows."""

from crosstask.transfer._coral import CORAL
from crosstask.transfer._easy_adapt_features import EasyAdaptFeatures
from crosstask.transfer._fine_tuned import FineTunedClassifier, FineTunedRegressor
from crosstask.transfer._labelled_rows import LabelledRows
from crosstask.transfer._prior import PriorClassifier, PriorRegressor
from crosstask.transfer._sources import KnownCoefficients, source_task
from crosstask.transfer._subspace_alignment import SubspaceAlignment

__all__ = [
    "CORAL",
    "EasyAdaptFeatures",
    "FineTunedClassifier",
    "FineTunedRegressor",
    "KnownCoefficients",
    "LabelledRows",
    "PriorClassifier",
    "PriorRegressor",
    "SubspaceAlignment",
    "source_task",
]
