"""Transfer of parameters: a new task from models that were fitted on old ones."""

from crosstask.transfer._fine_tuned import FineTunedClassifier, FineTunedRegressor
from crosstask.transfer._prior import PriorClassifier, PriorRegressor
from crosstask.transfer._sources import KnownCoefficients, source_task

__all__ = [
    "FineTunedClassifier",
    "FineTunedRegressor",
    "KnownCoefficients",
    "PriorClassifier",
    "PriorRegressor",
    "source_task",
]
