"""The suite passes what is right, and each of its checks finds the defect that it is for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sklearn.linear_model import Ridge
from tests.testing.toys import BROKEN, Honest, HonestClassifier

from crosstask.testing import CHECKS, check_multitask_estimator, parametrize_with_task_checks


@parametrize_with_task_checks([Honest(), HonestClassifier()])
def test_right_estimators_pass(estimator, check):
    check(estimator)


def test_each_check_has_a_defect_that_it_finds():
    assert set(BROKEN) == set(CHECKS)
    assert all(check.__doc__ for check in CHECKS.values())


@pytest.mark.parametrize("name", CHECKS)
def test_check_finds_its_defect(name):
    outcome = check_multitask_estimator(BROKEN[name], on_fail="return")
    assert outcome[name].startswith("failed: ")
    passed = sum(said == "passed" for said in outcome.values())
    assert passed >= len(CHECKS) // 2, f"the toy fails nearly everywhere: {outcome}"


def test_all_failures_are_raised_in_one_error_that_names_them():
    with pytest.raises(AssertionError, match=r"(?s)of \d+ checks on CentresWhat.*check_rows_are_predicted_alone"):
        check_multitask_estimator(BROKEN["check_rows_are_predicted_alone"])


def test_expected_failures_are_allowed_and_must_happen():
    broken = BROKEN["check_read_only_arrays"]
    outcome = check_multitask_estimator(broken, expected_failed_checks={"check_read_only_arrays": "writes"})
    assert outcome["check_read_only_arrays"] == "failed as expected: writes"
    with pytest.raises(AssertionError, match="check_pickle failed: it passed, but was to fail: no reason"):
        check_multitask_estimator(Honest(), expected_failed_checks={"check_pickle": "no reason"})
    with pytest.raises(ValueError, match="there is no check check_nothing"):
        check_multitask_estimator(Honest(), expected_failed_checks={"check_nothing": ""})


@parametrize_with_task_checks(
    [BROKEN["check_pickle"]],
    expected_failed_checks=lambda _: dict.fromkeys(("check_pickle", "check_save_and_load"), "holds a lambda"),
)
def test_expected_failures_are_marked(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("given", "message"), [(Honest, "give an instance, Honest"), (Ridge(), "Ridge.fit has no parameter task")]
)
def test_what_is_no_multi_task_estimator_is_refused(given, message):
    with pytest.raises(TypeError, match=message):
        check_multitask_estimator(given)


def test_the_suite_needs_no_pytest():
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from tests.testing.toys import Honest\n"
        "from crosstask.testing import check_multitask_estimator\n"
        "print(len(check_multitask_estimator(Honest())))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(len(CHECKS))
