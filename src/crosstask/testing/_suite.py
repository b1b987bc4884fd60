"""The suite: all checks, run by a plain function, or handed to pytest one by one."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from crosstask.testing import _callers_data, _doors, _guests, _invariance, _task_ids

Check = Callable[[Any], None]
CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (*_doors.CHECKS, *_task_ids.CHECKS, *_invariance.CHECKS, *_callers_data.CHECKS, *_guests.CHECKS)
}


def check_multitask_estimator(
    estimator: Any, *, expected_failed_checks: Mapping[str, str] | None = None, on_fail: str = "raise"
) -> dict[str, str]:
    """Run every check on an estimator that takes ``task=`` in ``fit`` and ``predict``.

    Parameters
    ----------
    estimator : estimator instance
        Cloned before each check. A wrapper should hold an estimator that does not depend on the order of rows.
    expected_failed_checks : dict of str to str, optional
        Name of a check -> why it may fail. It must then fail: a check that passes is an error as well.
    on_fail : {"raise", "return"}, default="raise"
        Raise one AssertionError that lists all failures, or only return them.

    Returns
    -------
    dict of str to str
        Name of each check -> ``"passed"``, ``"failed as expected: .."`` or ``"failed: .."``.

    Raises
    ------
    TypeError
        If the estimator is a class, or its ``fit`` has no ``task``.
    AssertionError
        If a check fails that is not expected to.

    See Also
    --------
    sklearn.utils.estimator_checks.check_estimator : the other half; these checks do not repeat it.

    Notes
    -----
    No pytest needed. Each check fits small tables, a few dozen fits in all. Checks that do not concern an estimator
    (classes for a regressor, wide targets where the tags do not name them, weights where fit takes none) pass.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from crosstask.multitask import IndependentTasks
    >>> from crosstask.testing import check_multitask_estimator
    >>> len(check_multitask_estimator(IndependentTasks(Ridge())))
    28
    """
    _refuse_other_kinds(estimator)
    if on_fail not in ("raise", "return"):
        raise ValueError(f"on_fail must be 'raise' or 'return'; got {on_fail!r}.")
    expected = _known(expected_failed_checks or {})
    outcome: dict[str, str] = {}
    for name, check in CHECKS.items():
        try:
            check(estimator)
        except Exception as error:
            said = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
            outcome[name] = f"failed as expected: {expected[name]}" if name in expected else f"failed: {said}"
        else:
            outcome[name] = (
                "passed" if name not in expected else f"failed: it passed, but was to fail: {expected[name]}"
            )
    failures = [f"{name} {said}" for name, said in outcome.items() if said.startswith("failed: ")]
    if failures and on_fail == "raise":
        raise AssertionError(f"{len(failures)} of {len(CHECKS)} checks on {estimator!r}:\n" + "\n".join(failures))
    return outcome


def parametrize_with_task_checks(
    estimators: Iterable[Any], *, expected_failed_checks: Callable[[Any], Mapping[str, str]] | None = None
) -> Any:
    """Return a pytest decorator that runs a test once for each estimator and check.

    Parameters
    ----------
    estimators : iterable of estimator instances
        As for :func:`check_multitask_estimator`.
    expected_failed_checks : callable, optional
        Estimator -> {name of a check: reason}; these are marked xfail, strictly.

    Returns
    -------
    pytest.MarkDecorator
        The test takes the arguments ``estimator`` and ``check``, and calls ``check(estimator)``.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from crosstask.multitask import IndependentTasks
    >>> from crosstask.testing import parametrize_with_task_checks
    >>> @parametrize_with_task_checks([IndependentTasks(Ridge())])
    ... def test_tasks(estimator, check):
    ...     check(estimator)
    >>> len(test_tasks.pytestmark[0].args[1])
    28
    """
    import pytest

    cases: list[Any] = []
    for estimator in estimators:
        _refuse_other_kinds(estimator)
        expected = _known({} if expected_failed_checks is None else expected_failed_checks(estimator))
        for name, check in CHECKS.items():
            marks = [pytest.mark.xfail(reason=expected[name], strict=True)] if name in expected else []
            cases.append(pytest.param(estimator, check, marks=marks, id=f"{' '.join(repr(estimator).split())}-{name}"))
    return pytest.mark.parametrize(("estimator", "check"), cases)


def _refuse_other_kinds(estimator: Any) -> None:
    if isinstance(estimator, type):
        raise TypeError(f"give an instance, {estimator.__name__}(..), not the class.")
    if "task" not in inspect.signature(estimator.fit).parameters:
        raise TypeError(f"{type(estimator).__name__}.fit has no parameter task, so it is no multi-task estimator.")


def _known(expected: Mapping[str, str]) -> Mapping[str, str]:
    unknown = sorted(set(expected) - set(CHECKS))
    if unknown:
        raise ValueError(f"there is no check {', '.join(unknown)}; the checks are {', '.join(CHECKS)}.")
    return expected
