"""Both check suites on the flagship, with light candidates: the same code, fewer fits."""

from __future__ import annotations

import warnings

import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from crosstask import CrossTaskClassifier, CrossTaskRegressor
from crosstask.testing import parametrize_with_task_checks

LIGHT = [
    CrossTaskRegressor([("ridge", Ridge())], cv=2, random_state=0),
    CrossTaskClassifier([("logistic", LogisticRegression(max_iter=1000))], cv=2, random_state=0),
]
FOLDS = "the guard deals rows to folds in the order in which they stand, so that another order is another draw"
COPIES = "a row of weight two is held out in one fold, its two copies may be in two"
WIDE = {"check_classifier_multioutput": "of a wide target predict_proba is (row, task, class)"}


def ours(estimator: object) -> dict[str, str]:
    expected = {"check_row_order": FOLDS, "check_wide_equals_long": FOLDS}
    if isinstance(estimator, CrossTaskRegressor):
        expected["check_weights_are_repetitions"] = COPIES
    return expected


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(LIGHT, expected_failed_checks=lambda _: WIDE)
def test_scikit_learns_suite_on_the_flagship(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_task_checks(LIGHT, expected_failed_checks=ours)
def test_our_suite_on_the_flagship(estimator, check):
    check(estimator)
