"""The splitters stand wherever scikit-learn takes ``cv``, by column or by routed metadata."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, cross_validate

from crosstask.model_selection import (
    LeaveOneTaskOut,
    TargetTaskKFold,
    TaskKFold,
    TaskShuffleSplit,
    TaskTimeSeriesSplit,
)

RNG = np.random.default_rng(0)
TASK = RNG.integers(0, 4, 60)
TIME = np.arange(60) % 12
X = np.c_[RNG.normal(size=(60, 2)), TASK, TIME]
Y = X @ [1.0, 2.0, 0.5, 0.1] + RNG.normal(size=60)

BY_COLUMN = [
    TaskKFold(3, task_column=2, random_state=0),
    TaskShuffleSplit(3, task_column=2, random_state=0),
    TargetTaskKFold(3, target_task=1, task_column=2, random_state=0),
    LeaveOneTaskOut(task_column=2),
    TaskTimeSeriesSplit(3, time_column=3, task_column=2),
]
BY_ARRAY = [
    TaskKFold(3, random_state=0),
    TaskShuffleSplit(3, random_state=0),
    TargetTaskKFold(3, target_task=1, random_state=0),
    LeaveOneTaskOut(),
    TaskTimeSeriesSplit(3),
]


def _name(splitter):
    return type(splitter).__name__


def _by_hand(cv, **given):
    return [Ridge().fit(X[a], Y[a]).score(X[b], Y[b]) for a, b in cv.split(X, Y, **given)]


@pytest.mark.parametrize("cv", BY_COLUMN, ids=_name)
def test_by_column_in_cross_val_score_and_grid_search(cv):
    by_hand = _by_hand(cv)
    assert cross_val_score(Ridge(), X, Y, cv=cv) == pytest.approx(by_hand)
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=cv).fit(X, Y)
    assert search.best_score_ == pytest.approx(np.mean(by_hand))
    assert search.n_splits_ == cv.get_n_splits(X, Y) == len(by_hand)


@pytest.mark.parametrize("cv", BY_ARRAY, ids=_name)
def test_by_routed_metadata_in_cross_validate_and_grid_search(cv):
    by_hand = _by_hand(cv, task=TASK, time=TIME)
    with config_context(enable_metadata_routing=True):
        params = {"task": TASK, "time": TIME}
        assert cross_validate(Ridge(), X, Y, cv=cv, params=params)["test_score"] == pytest.approx(by_hand)
        search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=cv).fit(X, Y, **params)
    assert search.best_score_ == pytest.approx(np.mean(by_hand))


def test_cross_val_predict_and_old_style_groups():
    assert cross_val_predict(Ridge(), X, Y, cv=BY_COLUMN[0]).shape == (60,)
    cv = TaskKFold(3, task_column=2, random_state=0)
    by_hand = _by_hand(cv, groups=TIME)
    assert cross_val_score(Ridge(), X, Y, cv=cv, groups=TIME) == pytest.approx(by_hand)


@pytest.mark.parametrize("cv", BY_ARRAY, ids=_name)
def test_repr_and_clone(cv):
    assert repr(cv).startswith(f"{_name(cv)}(")
    search = clone(GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=cv))
    assert vars(search.cv) == vars(cv)
