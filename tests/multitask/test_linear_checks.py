"""Both check suites, scikit-learn's and ours, on the linear estimators."""

from __future__ import annotations

import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from crosstask.multitask import EasyAdapt, IndependentTasks, MultiTaskClassifier, MultiTaskRegressor, PooledTasks
from crosstask.testing import parametrize_with_task_checks

# A short grid: the checks fit hundreds of small tables, and what they look at does not depend on its length.
AUTO = [
    MultiTaskRegressor(n_alphas=6),
    MultiTaskRegressor("independent", n_alphas=6, unseen_task="mean"),
    MultiTaskClassifier(n_alphas=4, cv=3),
]
FIXED = [
    MultiTaskRegressor("pooled", alpha=0.1, unseen_task="pooled"),
    MultiTaskRegressor("feature_norm", alpha=0.1, standardize=False),
    MultiTaskRegressor(alpha=0.1, task_weight="equal"),
    MultiTaskClassifier(alpha=0.1, class_weight="balanced"),
    MultiTaskClassifier("feature_norm", alpha=0.05, unseen_task="mean"),
    MultiTaskClassifier("pooled", alpha=0.1, loss="multinomial"),
    MultiTaskClassifier("independent", alpha=0.1),
]
WRAPPERS = [
    IndependentTasks(Ridge()),
    IndependentTasks(LogisticRegression(), unseen_task="mean"),
    PooledTasks(Ridge(), unseen_task="pooled"),
    PooledTasks(LogisticRegression()),
    EasyAdapt(Ridge()),
    EasyAdapt(LogisticRegression()),
]


def expected_failures(estimator: object) -> dict[str, str]:
    if isinstance(estimator, MultiTaskRegressor):
        return {}
    return {"check_classifier_multioutput": "the wide door returns (n_rows, n_tasks, n_classes)"}


@parametrize_with_checks([*AUTO, *FIXED], expected_failed_checks=expected_failures)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def expected_task_failures(estimator: object) -> dict[str, str]:
    if estimator is not AUTO[2]:
        return {}
    return {"check_wide_equals_long": "alpha is chosen on other folds: the wide door holds whole rows out"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # scikit-learn's own lbfgs
@parametrize_with_task_checks([*AUTO, *FIXED, *WRAPPERS], expected_failed_checks=expected_task_failures)
def test_task_checks(estimator, check):
    check(estimator)
