"""Both check suites, scikit-learn's and ours, on the linear estimators."""

from __future__ import annotations

from sklearn.utils.estimator_checks import parametrize_with_checks

from crosstask.multitask import MultiTaskClassifier, MultiTaskRegressor
from crosstask.testing import parametrize_with_task_checks

# What tests/test_check_suites.py has not: choices of alpha, weights of tasks and classes, unseen tasks. A short grid,
# for the checks fit hundreds of small tables, and what they look at does not depend on its length.
SHORT_GRID = MultiTaskClassifier(n_alphas=4, cv=3)
ESTIMATORS = [
    SHORT_GRID,
    MultiTaskRegressor("independent", n_alphas=6, unseen_task="mean"),
    MultiTaskRegressor("pooled", alpha=0.1, unseen_task="pooled", standardize=False),
    MultiTaskRegressor(alpha=0.1, task_weight="equal"),
    MultiTaskClassifier(alpha=0.1, class_weight="balanced"),
    MultiTaskClassifier("pooled", alpha=0.1, loss="multinomial"),
]


def expected_failures(estimator: object) -> dict[str, str]:
    if isinstance(estimator, MultiTaskRegressor):
        return {}
    return {"check_classifier_multioutput": "the wide door returns (n_rows, n_tasks, n_classes)"}


@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def expected_task_failures(estimator: object) -> dict[str, str]:
    if estimator is not SHORT_GRID:
        return {}
    return {"check_wide_equals_long": "alpha is chosen on other folds: the wide door holds whole rows out"}


@parametrize_with_task_checks(ESTIMATORS, expected_failed_checks=expected_task_failures)
def test_task_checks(estimator, check):
    check(estimator)
