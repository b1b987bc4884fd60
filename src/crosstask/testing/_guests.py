"""What makes an estimator a good guest in scikit-learn: parameters, copies on disk, routing, searches."""

from __future__ import annotations

import pickle
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.utils.metadata_routing import get_routing_for_object

from crosstask.testing._doors import frame_of, has_column_door
from crosstask.testing._tables import TaskTable, answers, assert_same_answers, clone, fitted, steady

RAISE: dict[str, Any] = {"error_score": "raise"}


def check_clone_and_parameters(estimator: Any) -> None:
    """A fit changes no parameter; a clone has the same ones and nothing that was learned."""
    table = TaskTable.make(estimator)
    model = steady(estimator)
    before = {name: repr(value) for name, value in model.get_params(deep=True).items()}
    model.fit(table.X, table.y, task=table.task)
    after = {name: repr(value) for name, value in model.get_params(deep=True).items()}
    changed = [name for name in before if before[name] != after.get(name)]
    assert not changed, f"fit changed the parameters {changed}"
    copied = clone(model)
    assert not hasattr(copied, "tasks_"), "a clone knows tasks_ before it is fitted"
    X, task = table.new_rows()
    refitted = copied.fit(table.X, table.y, task=table.task)
    assert_same_answers(answers(refitted, X, task=task), answers(model, X, task=task), "a clone, fitted")


def check_pickle(estimator: Any) -> None:
    """A fitted model comes back from pickle and predicts the very same."""
    table = TaskTable.make(estimator)
    model = fitted(estimator, table)
    X, task = table.new_rows()
    try:
        copied = pickle.loads(pickle.dumps(model))
    except (AttributeError, TypeError, pickle.PicklingError) as error:
        raise AssertionError(f"a fitted model cannot be pickled: {error}") from error
    assert_same_answers(answers(copied, X, task=task), answers(model, X, task=task), "after pickle", tolerance=0.0)


def check_save_and_load(estimator: Any) -> None:
    """A fitted model comes back from ``crosstask.save`` and ``crosstask.load`` and predicts the very same."""
    from crosstask.persistence import UntrustedTypesError, load, save

    table = TaskTable.make(estimator)
    model = fitted(estimator, table)
    X, task = table.new_rows()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.skops"
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".*holds rows of the training data", UserWarning)
                save(model, path)
        except (TypeError, ValueError, AttributeError) as error:
            raise AssertionError(f"a fitted model cannot be saved: {error}") from error
        try:
            copied = load(path)
        except UntrustedTypesError as error:
            ours = [name for name in error.types if name.startswith(("crosstask.", "sklearn.", "numpy.", "scipy."))]
            assert not ours, f"load does not know {ours}"
            copied = load(path, trusted=error.types)  # a third party vouches for its own types
    assert_same_answers(
        answers(copied, X, task=task), answers(model, X, task=task), "after save and load", tolerance=0.0
    )


def check_routed_cross_validation(estimator: Any) -> None:
    """With metadata routing, cross-validation that is given ``task`` equals the same loop by hand."""
    table = TaskTable.make(estimator)
    routing = get_routing_for_object(steady(estimator))
    for method in ("fit", "predict", "score"):
        assert routing.consumes(method, ["task"]) == {"task"}, f"{method} does not request task by default"
    by_hand: list[float] = []
    for train, test in table.folds:
        model = steady(estimator).fit(table.X[train], table.y[train], task=table.task[train])
        by_hand.append(model.score(table.X[test], table.y[test], task=table.task[test]))
    with config_context(enable_metadata_routing=True):
        routed = cross_validate(
            steady(estimator), table.X, table.y, cv=table.folds, params={"task": table.task}, **RAISE
        )
    worst = np.abs(np.asarray(by_hand) - routed["test_score"]).max()
    assert worst <= 1e-6, f"routed cross-validation differs from the loop by hand by {worst:.2g}"


def check_column_in_searches(estimator: Any) -> None:
    """By the column door, cross_val_predict and GridSearchCV need nothing else and equal the loop by hand."""
    if not has_column_door(estimator):
        return
    table = TaskTable.make(estimator).named(["n", "s", "w"])
    frame = frame_of(table.X, table.task)
    model = steady(estimator, task_column="site")
    by_hand = np.empty(len(table.y), dtype=table.y.dtype)
    for train, test in table.folds:
        by_hand[test] = clone(model).fit(frame.iloc[train], table.y[train]).predict(frame.iloc[test])
    found = np.asarray(cross_val_predict(model, frame, table.y, cv=table.folds))
    assert_same_answers({"predict": found}, {"predict": by_hand}, "cross_val_predict")
    search = GridSearchCV(model, {"task_column": ["site"]}, cv=table.folds, **RAISE).fit(frame, table.y)
    whole = clone(model).fit(frame, table.y)
    assert_same_answers({"predict": search.predict(frame)}, {"predict": whole.predict(frame)}, "GridSearchCV.predict")


CHECKS = (
    check_clone_and_parameters,
    check_pickle,
    check_save_and_load,
    check_routed_cross_validation,
    check_column_in_searches,
)
