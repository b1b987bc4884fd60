"""Checks by which any estimator, ours or a third party's, can prove that it treats tasks as this package does."""

from crosstask.testing._suite import CHECKS, check_multitask_estimator, parametrize_with_task_checks

__all__ = ["CHECKS", "check_multitask_estimator", "parametrize_with_task_checks"]
