"""Task ids that are missing, look alike, or are new; tasks that are poor."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import get_tags

from crosstask.testing._tables import (
    TaskTable,
    answers,
    assert_finite,
    assert_raises,
    assert_same_answers,
    fitted,
    parameters,
    steady,
)


def check_tasks_attribute(estimator: Any) -> None:
    """``tasks_`` holds the distinct ids, sorted, whatever the order of the rows."""
    table = TaskTable.make(estimator).named(["s", "w", "n"])
    shuffled = table.rows(np.random.default_rng(0).permutation(len(table.y)))
    for mixed in (shuffled, shuffled.rows(np.argsort(shuffled.task)[::-1])):
        model = steady(estimator).fit(mixed.X, mixed.y, task=mixed.task)
        assert list(model.tasks_) == ["n", "s", "w"], f"tasks_ is {model.tasks_!r}, expected the sorted ids"


def check_missing_ids_raise(estimator: Any) -> None:
    """A missing task id is an error that says so, in fit and in predict."""
    table = TaskTable.make(estimator).named(["n", "s", "w"])
    model = fitted(estimator, table)
    for hole in (None, float("nan")):
        ids = table.task.astype(object)
        ids[4] = hole
        unfitted = steady(estimator)
        assert_raises(lambda ids=ids, m=unfitted: m.fit(table.X, table.y, task=ids), f"the id {hole} in fit", "missing")
        assert_raises(lambda ids=ids: model.predict(table.X, task=ids), f"the id {hole} in predict", "missing")


def check_lookalike_ids_raise(estimator: Any) -> None:
    """Ids that differ only by type or leading zeros are an error, not two tasks or an unseen one."""
    table = TaskTable.make(estimator)
    names = ["1", "01", "2"]
    model = steady(estimator)
    ids = table.named(names).task
    assert_raises(lambda: model.fit(table.X, table.y, task=ids), "the ids '1' and '01' in fit", "'1'", "'01'")
    for known, given in ((["1", "2", "3"], 1), ([1, 2, 3], "1"), (["001", "002", "003"], "1")):
        named = table.named(known)
        seen = steady(estimator).fit(named.X, named.y, task=named.task)
        what = f"predict for {given!r} after a fit on {known[0]!r}"
        assert_raises(lambda m=seen, g=given: m.predict(table.X[:2], task=np.array([g, g])), what, str(given))


def check_unseen_task(estimator: Any) -> None:
    """An unseen task is refused by name under "error", and served finitely under "mean" and "pooled"."""
    table = TaskTable.make(estimator).named(["n", "s", "w"])
    X, task = table.new_rows()
    known = None
    policies = ("error", "mean", "pooled") if "unseen_task" in parameters(estimator) else (None,)
    for policy in policies:
        model = steady(estimator, table, **({} if policy is None else {"unseen_task": policy}))
        try:
            model.fit(table.X, table.y, task=table.task)
        except ValueError as error:
            if "unseen_task" in str(error):
                continue  # a policy may be refused, by name
            raise AssertionError(f"unseen_task={policy!r} fails: {error}") from error
        if known is None:
            known = answers(model, X, task=task)
        assert_same_answers(answers(model, X, task=task), known, f"known tasks under unseen_task={policy!r}")
        new = np.where(np.arange(len(X)) % 2 == 0, "elsewhere", task)
        if policy in (None, "error"):
            assert_raises(lambda m=model, ids=new: m.predict(X, task=ids), "an unseen task", "elsewhere")
            continue
        with warnings.catch_warnings():  # an estimator may warn that it serves tasks that it does not know
            warnings.simplefilter("ignore")
            served = assert_finite(model, X, f"an unseen task under {policy!r}", task=new)
        seen = {name: values[1::2] for name, values in known.items()}
        beside = {name: values[1::2] for name, values in served.items()}
        assert_same_answers(beside, seen, f"known tasks beside an unseen one under {policy!r}", tolerance=1e-9)


def check_one_row_task(estimator: Any) -> None:
    """A task with a single row is fitted and predicted like any other, with finite numbers."""
    table = TaskTable.make(estimator)
    few = table.rows(np.flatnonzero((table.task < 2) | (np.arange(len(table.y)) == len(table.y) - 1)))
    model = steady(estimator).fit(few.X, few.y, task=few.task)
    X, task = table.new_rows()
    assert_finite(model, X, "a task with one row", task=task)


def check_one_class_task(estimator: Any) -> None:
    """A task with one class is fitted, leans to that class, and excludes no other class by probability 0."""
    if not is_classifier(estimator):
        return
    table = TaskTable.make(estimator)
    kept = table.rows(np.flatnonzero((table.task < 2) | (table.y == "yes")))
    model = steady(estimator).fit(kept.X, kept.y, task=kept.task)
    assert list(model.classes_) == ["no", "yes"], f"classes_ is {model.classes_!r}, expected the union over tasks"
    found = assert_finite(model, kept.X[kept.task == 2], "a task with one class", task=np.full(sum(kept.task == 2), 2))
    leaning = float(np.mean(found["predict"] == "yes"))
    assert leaning >= 0.5, f"a task whose rows are all 'yes' is predicted 'yes' in {leaning:.0%} of its own rows"
    if "predict_proba" in found:
        assert (found["predict_proba"] > 0).all(), "a class that a task has not shown yet has probability 0"


def check_probabilities(estimator: Any) -> None:
    """Probabilities lie in [0, 1], add up to one, and the most probable class is the predicted one."""
    if not is_classifier(estimator) or not hasattr(steady(estimator), "predict_proba"):
        return
    tags = get_tags(estimator).classifier_tags
    for k in (2, 3) if tags is not None and tags.multi_class else (2,):
        table = TaskTable.make(estimator, n_classes=k, n_rows=24)
        model = fitted(estimator, table)
        X, task = table.new_rows()
        probability = np.asarray(model.predict_proba(X, task=task))
        assert probability.shape == (len(X), k), f"predict_proba has shape {probability.shape} for {k} classes"
        assert ((probability >= 0) & (probability <= 1)).all(), "a probability lies outside [0, 1]"
        assert np.allclose(probability.sum(axis=1), 1.0), "probabilities do not add up to one"
        predicted = np.searchsorted(model.classes_, model.predict(X, task=task))
        short = probability.max(axis=1) - probability[np.arange(len(X)), predicted]
        assert (short < 1e-9).all(), "predict does not give the most probable class"


CHECKS = (
    check_tasks_attribute,
    check_missing_ids_raise,
    check_lookalike_ids_raise,
    check_unseen_task,
    check_one_row_task,
    check_one_class_task,
    check_probabilities,
)
