"""Both check suites, scikit-learn's and ours, over every public estimator, from one table of instances."""

from __future__ import annotations

import warnings

from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from crosstask.multitask import EasyAdapt, IndependentTasks, MultiTaskClassifier, MultiTaskRegressor, PooledTasks
from crosstask.testing import parametrize_with_task_checks
from crosstask.transfer import FineTunedClassifier, FineTunedRegressor, PriorClassifier, PriorRegressor

MULTI_TASK = [
    IndependentTasks(Ridge()),
    IndependentTasks(LogisticRegression()),
    PooledTasks(Ridge()),
    PooledTasks(LogisticRegression()),
    EasyAdapt(Ridge()),
    EasyAdapt(LogisticRegression()),
    MultiTaskRegressor(),
    MultiTaskRegressor("feature_norm", alpha=0.1),
    MultiTaskRegressor("independent", alpha=0.1),
    MultiTaskRegressor("pooled", alpha=0.1),
    MultiTaskClassifier(tol=1e-12),  # scikit-learn compares weights with repetitions to 1e-7
    MultiTaskClassifier("feature_norm", alpha=0.1, tol=1e-12),
    MultiTaskClassifier("pooled", alpha=0.1),
]
TRANSFER = [PriorRegressor(), PriorClassifier(), FineTunedRegressor(), FineTunedClassifier()]

WIDE = {
    "check_classifier_multioutput": "of a wide target predict_proba is (row, task, class), for tasks with more "
    "than two classes; scikit-learn's check knows only (row, task)"
}
EXPECTED_FAILED: dict[str, dict[str, str]] = {  # class -> check -> reason
    "IndependentTasks(LogisticRegression)": WIDE,
    "PooledTasks(LogisticRegression)": WIDE,
    "EasyAdapt(LogisticRegression)": WIDE,
    "MultiTaskClassifier": WIDE,
}


def _expected(estimator):
    inner = getattr(estimator, "estimator", None)
    name = type(estimator).__name__
    return EXPECTED_FAILED.get(name if inner is None else f"{name}({type(inner).__name__})", {})


@parametrize_with_checks(MULTI_TASK + TRANSFER, expected_failed_checks=_expected)
def test_scikit_learns_suite(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        check(estimator)


@parametrize_with_task_checks(MULTI_TASK)
def test_our_suite(estimator, check):
    check(estimator)
