"""What must not matter: the order of rows, what tasks are called, how a repetition is written, what stands beside."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
from sklearn.utils import get_tags

from crosstask.testing._tables import TaskTable, answers, assert_same_answers, fitted, fixed_alpha, steady


def check_row_order(estimator: Any) -> None:
    """Fitting on the same rows in another order, so that tasks stand mixed, predicts the same."""
    if get_tags(estimator).non_deterministic:
        return
    table = TaskTable.make(estimator)
    mixed = table.rows(np.random.default_rng(1).permutation(len(table.y)))
    X, task = table.new_rows()
    expected = answers(fitted(estimator, table), X, task=task)
    assert_same_answers(answers(fitted(estimator, mixed), X, task=task), expected, "rows in another order")


def check_task_names(estimator: Any) -> None:
    """Tasks called by other numbers in another order, or by text, are predicted the same."""
    if get_tags(estimator).non_deterministic:
        return
    table = TaskTable.make(estimator)
    X, task = table.new_rows()
    expected = answers(fitted(estimator, table), X, task=task)
    for names in ([70, 31, 5], ["z", "m", "a"]):
        renamed = table.named(names)
        model = fitted(estimator, renamed)
        assert_same_answers(answers(model, X, task=np.asarray(names)[task]), expected, f"tasks called {names}")


def check_weights_are_repetitions(estimator: Any) -> None:
    """A row of weight k counts as k rows, and a row of weight 0 as none, at a fixed strength of the penalty."""
    if get_tags(estimator).non_deterministic or "sample_weight" not in inspect.signature(estimator.fit).parameters:
        return
    table = TaskTable.make(estimator)
    weight = np.arange(len(table.y)) % 4
    model = steady(estimator, table, **fixed_alpha(estimator))
    try:
        model.fit(table.X, table.y, task=table.task, sample_weight=weight.astype(float))
    except (TypeError, ValueError) as error:
        if "sample_weight" in str(error):
            return  # a wrapper may refuse weights that the estimator inside cannot take
        raise
    repeated = table.rows(np.repeat(np.arange(len(table.y)), weight))
    X, task = table.new_rows()
    expected = answers(fitted(estimator, repeated, **fixed_alpha(estimator)), X, task=task)
    assert_same_answers(answers(model, X, task=task), expected, "weights instead of repetitions", tolerance=1e-4)


def check_rows_are_predicted_alone(estimator: Any) -> None:
    """What is predicted for a row does not depend on the rows, or the tasks, that stand beside it."""
    table = TaskTable.make(estimator)
    model = fitted(estimator, table)
    X, task = table.new_rows()
    together = answers(model, X, task=task)
    for i in range(4):
        alone = answers(model, X[i : i + 1], task=task[i : i + 1])
        expected = {name: values[i : i + 1] for name, values in together.items()}
        assert_same_answers(alone, expected, f"row {i} predicted alone", tolerance=1e-9)


def check_refit_forgets(estimator: Any) -> None:
    """A second fit, on other tasks, leaves nothing of the first."""
    if get_tags(estimator).non_deterministic:
        return
    first = TaskTable.make(estimator, n_tasks=4, seed=5)
    second = TaskTable.make(estimator).named(["a", "b", "c"])
    X, task = second.new_rows()
    model = steady(estimator)
    model.fit(first.X, first.y, task=first.task)
    model.fit(second.X, second.y, task=second.task)
    fresh = steady(estimator).fit(second.X, second.y, task=second.task)
    assert_same_answers(answers(model, X, task=task), answers(fresh, X, task=task), "after a second fit")


CHECKS = (
    check_row_order,
    check_task_names,
    check_weights_are_repetitions,
    check_rows_are_predicted_alone,
    check_refit_forgets,
)
