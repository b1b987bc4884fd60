"""Support vector machines of many tasks: task kernels, LIBSVM on their product with an input kernel, linear forms."""

from crosstask.multitask.svm._classifier import MultiTaskSVC
from crosstask.multitask.svm._regressor import MultiTaskSVR
from crosstask.multitask.svm._task_kernel import graph_task_kernel

__all__ = ["MultiTaskSVC", "MultiTaskSVR", "graph_task_kernel"]
