"""Estimators that learn all tasks at once, and wrappers that bring tasks to any scikit-learn estimator."""

from crosstask.multitask._classifier import MultiTaskClassifier
from crosstask.multitask._easy_adapt import EasyAdapt
from crosstask.multitask._independent import IndependentTasks
from crosstask.multitask._pooled import PooledTasks
from crosstask.multitask._regressor import MultiTaskRegressor

__all__ = ["EasyAdapt", "IndependentTasks", "MultiTaskClassifier", "MultiTaskRegressor", "PooledTasks"]
