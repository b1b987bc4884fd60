"""Gradient boosting of many tasks: a race of two shared stages, and stages of the tasks' own on top."""

from crosstask.multitask.boosting._classifier import MultiTaskBoostingClassifier
from crosstask.multitask.boosting._regressor import MultiTaskBoostingRegressor

__all__ = ["MultiTaskBoostingClassifier", "MultiTaskBoostingRegressor"]
