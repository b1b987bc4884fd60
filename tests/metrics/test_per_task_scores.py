"""Every metric equals scikit-learn's, task by task."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from crosstask.metrics import per_task_scores

RNG = np.random.default_rng(0)
TASK = RNG.choice(np.array(["a", "b", "c"]), 120)
WEIGHT = RNG.integers(1, 4, 120).astype(float)


def _by_scikit_learn(function, y, prediction, weight):
    parts = [t == TASK for t in "abc"] + [np.ones(120, dtype=bool)]
    scores = [function(y[p], prediction[p], **({} if weight is None else {"sample_weight": weight[p]})) for p in parts]
    return scores[:3], scores[3]


def _compare(name, function, y, prediction, weight=None):
    by_task, pooled = _by_scikit_learn(function, y, prediction, weight)
    frame = per_task_scores(y, prediction, TASK, metrics=name, sample_weight=weight)
    assert frame[name].iloc[:3].to_numpy() == pytest.approx(by_task)
    assert frame[name]["(mean of tasks)"] == pytest.approx(np.mean(by_task))
    assert frame[name]["(all rows)"] == pytest.approx(pooled)
    assert frame[name]["(worst task)"] in (pytest.approx(min(by_task)), pytest.approx(max(by_task)))
    return frame


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("r2", sk.r2_score),
        ("mse", sk.mean_squared_error),
        ("rmse", sk.root_mean_squared_error),
        ("mae", sk.mean_absolute_error),
    ],
)
def test_regression(name, function, weight):
    y = RNG.normal(size=120)
    _compare(name, function, y, y + RNG.normal(size=120), weight)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ["accuracy", "balanced_accuracy", "f1"])
def test_labels(name, n_classes, weight):
    labels = np.array(["no", "perhaps", "yes"])[:n_classes]
    y, prediction = RNG.choice(labels, (2, 120))

    def f1(a, b, **given):
        extra = {"pos_label": labels[1]} if n_classes == 2 else {"average": "macro"}
        return sk.f1_score(a, b, **extra, **given)

    function = {"accuracy": sk.accuracy_score, "balanced_accuracy": sk.balanced_accuracy_score, "f1": f1}[name]
    _compare(name, function, y, prediction, weight)


@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["plain", "weighted"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities(n_classes, weight):
    y = RNG.integers(0, n_classes, 120)
    probability = np.round(RNG.dirichlet(np.ones(n_classes), 120), 1)  # rounded: ties
    probability = (probability + 0.05) / (probability + 0.05).sum(axis=1, keepdims=True)
    _compare("log_loss", lambda a, b, **k: sk.log_loss(a, b, labels=range(n_classes), **k), y, probability, weight)

    def auc(a, b, **given):
        classes = [1] if n_classes == 2 else range(n_classes)
        return np.mean([sk.roc_auc_score(a == k, b[:, k], **given) for k in classes])

    _compare("roc_auc", auc, y, probability, weight)
    if n_classes == 2:
        _compare("brier", lambda a, b, **k: sk.brier_score_loss(a, b[:, 1], **k), y, probability, weight)
        one_column = per_task_scores(y, probability[:, 1], TASK, metrics=["log_loss", "roc_auc", "brier"])
        pd.testing.assert_frame_equal(one_column, per_task_scores(y, probability, TASK)[one_column.columns])
    else:
        expected = ((np.eye(3)[y] - probability) ** 2).sum(axis=1)
        frame = per_task_scores(y, probability, TASK, metrics="brier", sample_weight=weight)
        assert frame["brier"]["(all rows)"] == pytest.approx(np.average(expected, weights=weight))


def test_worst_task_is_the_largest_error_and_the_smallest_score():
    frame = per_task_scores([0.0, 1, 0, 1], [0.0, 1, 0.5, 0.5], list("aabb"), metrics=["mae", "r2"])
    assert frame.loc["(worst task)", ["mae", "r2"]].tolist() == [0.5, 0.0]


def test_undefined_scores_are_left_out_of_the_mean():
    frame = per_task_scores([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]], ["a", "a", "b"], metrics="roc_auc")
    assert np.isnan(frame["roc_auc"]["b"])
    assert frame["roc_auc"]["(mean of tasks)"] == 1.0
    assert np.isnan(per_task_scores([1.0], [1.0], ["a"], metrics="r2")["r2"]).all()


def test_wide_equals_long():
    y = np.where(RNG.random((9, 3)) < 0.3, np.nan, RNG.normal(size=(9, 3)))
    prediction = RNG.normal(size=(9, 3))
    row, column = np.nonzero(~np.isnan(y))
    wide = per_task_scores(pd.DataFrame(y, columns=["c", "a", "b"]), prediction)
    long = per_task_scores(y[row, column], prediction[row, column], np.array(["c", "a", "b"])[column])
    pd.testing.assert_frame_equal(wide, long)


def test_own_functions_are_called_for_each_task():
    frame = per_task_scores([1, 2, 3], [1, 2, 4], [7, 7, 8], metrics={"hits": lambda y, p: float(sum(y == p))})
    assert frame["hits"].tolist() == [2.0, 0.0, 1.0, 0.0, 2.0]
    assert per_task_scores([1, 2], [1, 2], [7, 8], summary=False).index.tolist() == [7, 8]


def test_many_tasks_take_one_pass():
    task = np.arange(100_000)
    frame = per_task_scores(np.ones(100_000), np.zeros(100_000), task, metrics=["mae", "r2"])
    assert frame["mae"]["(mean of tasks)"] == 1.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"prediction": [1.0]}, "1 predictions for 2 values of y"),
        ({"task": None}, "task is None: give the task id"),
        ({"task": ["a", None]}, "1 missing task ids"),
        ({"y": [1.0, np.nan]}, "y is missing in 1 rows .first at 1"),
        ({"prediction": [np.nan, 1.0]}, "prediction is missing in 1 rows .first at 0"),
        ({"metrics": "r3"}, "there is no metric 'r3'; give a function"),
        ({"sample_weight": [1.0, -1.0]}, "negative"),
        ({"sample_weight": [1.0]}, "sample_weight has shape"),
        ({"y": []}, "at least one row"),
        ({"y": [0, 1], "prediction": np.ones((2, 3)), "metrics": "log_loss"}, "3 columns, but there are 2 classes"),
        (
            {"y": [0, 5], "prediction": np.ones((2, 2)), "classes": [0, 1]},
            "y has the class 5, which is not",
        ),
        ({"y": np.ones((2, 2)), "prediction": np.ones((2, 3)), "task": None}, "wide y of shape .2, 2."),
    ],
)
def test_errors(given, message):
    call = {"y": [1.0, 2.0], "prediction": [1.0, 2.0], "task": ["a", "b"], **given}
    with pytest.raises(ValueError, match=message):
        per_task_scores(call.pop("y"), call.pop("prediction"), call.pop("task"), **call)
