"""The default score does not reward knowing the task means, and reads every door."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import cross_val_score
from tests.testing.toys import Honest, HonestClassifier

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 2))
TASK = np.repeat([0, 1], 20)
Y = X[:, 0] + 100.0 * TASK + RNG.normal(size=40)


def test_one_task_is_r2_and_task_means_score_zero():
    one = Honest().fit(X[:20], Y[:20])
    assert one.score(X[:20], Y[:20]) == pytest.approx(r2_score(Y[:20], one.predict(X[:20])))
    means = Honest(penalty=1e-12).fit(np.zeros((40, 1)), Y, task=TASK)
    assert means.score(np.zeros((40, 1)), Y, task=TASK) == pytest.approx(0.0, abs=1e-6)
    assert r2_score(Y, means.predict(np.zeros((40, 1)), task=TASK)) > 0.99


def test_within_task_score_by_hand():
    model = Honest().fit(X, Y, task=TASK)
    predicted = model.predict(X, task=TASK)
    error = ((Y - predicted) ** 2).sum()
    spread = sum(((Y[t == TASK] - Y[t == TASK].mean()) ** 2).sum() for t in (0, 1))
    assert model.score(X, Y, task=TASK) == pytest.approx(1 - error / spread)


def test_weights_are_repetitions_and_zero_is_absent():
    weight = np.arange(40) % 3
    model = Honest().fit(X, Y, task=TASK)
    rows = np.repeat(np.arange(40), weight)
    expected = model.score(X[rows], Y[rows], task=TASK[rows])
    assert model.score(X, Y, task=TASK, sample_weight=weight) == pytest.approx(expected)
    assert model.score(X, Y, task=TASK, sample_weight=pd.Series(weight)) == pytest.approx(expected)


def test_accuracy_of_classifiers():
    label = np.where(np.median(Y) < Y, "high", "low")
    label[:5] = "high"
    label[-5:] = "low"
    model = HonestClassifier().fit(X, label, task=TASK)
    assert model.score(X, label, task=TASK) == accuracy_score(label, model.predict(X, task=TASK))


def _wide():
    wide = pd.DataFrame({"t10": Y, "t2": -2 * Y, "a": Y**2})
    wide.iloc[::3, 1] = np.nan
    return wide


def test_wide_scores_columns_by_name_in_any_order_and_number():
    wide = _wide()
    model = Honest().fit(X, wide)
    answer = model.predict(X)
    parts = {}
    for j, name in enumerate(wide):
        seen = wide[name].notna().to_numpy()
        y = wide[name].to_numpy()[seen]
        parts[name] = (((y - answer[seen, j]) ** 2).sum(), ((y - y.mean()) ** 2).sum())
    for names in (["t10", "t2", "a"], ["a", "t10", "t2"], ["t2"], ["t2", "a"]):
        error, spread = np.sum([parts[name] for name in names], axis=0)
        assert model.score(X, wide[names]) == pytest.approx(1 - error / spread)
    assert model.score(X, wide.to_numpy()) == pytest.approx(model.score(X, wide))


def test_wide_column_that_one_fold_does_not_observe():
    wide = _wide()
    wide.loc[20:, "t2"] = np.nan
    halves = [(np.arange(20), np.arange(20, 40))]
    model = Honest().fit(X[:20], wide.iloc[:20])
    expected = model.score(X[20:], wide.iloc[20:][["t10", "a"]])
    assert cross_val_score(Honest(), X, wide, cv=halves)[0] == pytest.approx(expected)


def test_wide_weights_by_cell_and_by_row():
    wide = _wide()
    model = Honest().fit(X, wide)
    rows = np.arange(40) % 2
    cells = np.tile(rows[:, None], (1, 3))
    expected = model.score(X[rows == 1], wide[rows == 1])
    assert model.score(X, wide, sample_weight=rows) == pytest.approx(expected)
    assert model.score(X, wide, sample_weight=cells) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.c_[Y, Y], "to be scored has 2 columns, but the model was fitted with the 3 columns 't10', 't2', 'a'"),
        (pd.DataFrame({"z": Y}), "to be scored has 1 columns, but"),
        (_wide() * np.nan, "no observed value: there is nothing to score"),
    ],
)
def test_wide_targets_that_cannot_be_scored(y, message):
    with pytest.raises(ValueError, match=message):
        Honest().fit(X, _wide()).score(X, y)


def test_constant_targets():
    model = Honest(penalty=1e-12).fit(X, np.ones(40), task=TASK)
    assert model.score(X, model.predict(X, task=TASK) * 0 + 2.0, task=TASK) == 0.0


def test_scoring_leaves_the_model_alone():
    model = Honest().fit(X, Y, task=TASK)
    before = dict(vars(model))
    model.score(X[:5], Y[:5], task=TASK[:5])
    assert all(vars(model)[name] is value for name, value in before.items())
