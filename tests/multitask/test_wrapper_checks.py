"""scikit-learn's own checks, on the wrappers."""

from __future__ import annotations

import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from crosstask.multitask import EasyAdapt, PooledTasks

ESTIMATORS = [  # those around linear models are in tests/test_check_suites.py
    PooledTasks(HistGradientBoostingRegressor(max_iter=5), "category"),
    PooledTasks(HistGradientBoostingClassifier(max_iter=5), "category"),
    PooledTasks(Ridge(), "none"),
    EasyAdapt(make_pipeline(MinMaxScaler(), Ridge())),
]


def expected_failures(estimator: object) -> dict[str, str]:
    if not hasattr(estimator, "predict_proba"):
        return {}
    return {"check_classifier_multioutput": "the wide door returns (n_rows, n_tasks, n_classes)"}


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected_failures)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
