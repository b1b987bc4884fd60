"""Gaussian processes of many tasks."""

from crosstask.multitask.gaussian._regressor import MultiTaskGPRegressor

__all__ = ["MultiTaskGPRegressor"]
