"""Estimators that learn all tasks at once, and wrappers that bring tasks to any scikit-learn estimator."""

from crosstask.multitask._classifier import MultiTaskClassifier
from crosstask.multitask._described import DescribedTasks
from crosstask.multitask._easy_adapt import EasyAdapt
from crosstask.multitask._independent import IndependentTasks
from crosstask.multitask._pooled import PooledTasks
from crosstask.multitask._regressor import MultiTaskRegressor
from crosstask.multitask._rounds import LogisticSite
from crosstask.multitask._rounds_centre import LogisticCentre
from crosstask.multitask._transfer_to_each import TransferToEach
from crosstask.multitask.boosting import MultiTaskBoostingClassifier, MultiTaskBoostingRegressor
from crosstask.multitask.gaussian import MultiTaskGPRegressor
from crosstask.multitask.svm import MultiTaskSVC, MultiTaskSVR, graph_task_kernel

__all__ = [
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
]
