"""Tasks of fitted multi-task models as sources."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.frozen import FrozenEstimator

from crosstask.multitask import MultiTaskClassifier, MultiTaskRegressor
from crosstask.transfer import FineTunedRegressor, PriorClassifier, PriorRegressor, source_task


def _frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(90, 3)) * [1.0, 20.0, 0.1], columns=["a", "b", "c"])
    site = np.repeat(["x", "y", "z"], 30)
    y = frame["a"] + frame["b"] / 20 * (1 + (site == "y")) + rng.normal(size=90)
    return frame, site, y.to_numpy()


def test_one_task_or_their_mean_is_taken_from_a_real_model_with_its_columns():
    frame, site, y = _frame()
    model = MultiTaskRegressor(task_column="site", alpha=0.1).fit(frame.assign(site=site), y)
    target = frame[["c", "a", "b"]]  # another order, and no task column
    for task, expected in (("y", model.coef_[1]), (None, model.coef_.mean(axis=0))):
        as_it_stands = PriorRegressor(source_task(model, task), alpha=np.inf, strength=1.0).fit(target, y)
        assert_allclose(as_it_stands.coef_, expected[[2, 0, 1]], rtol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_come_along(n_classes):
    frame, site, y = _frame()
    labels = np.array(["low", "middle", "high"])[np.digitize(y, np.quantile(y, np.arange(1, n_classes) / n_classes))]
    model = MultiTaskClassifier(alpha=0.1).fit(frame, labels, task=site)
    as_it_stands = PriorClassifier(source_task(model, "z"), alpha=np.inf, strength=1.0).fit(frame, labels)
    assert as_it_stands.classes_.tolist() == model.classes_.tolist()
    assert_allclose(as_it_stands.coef_, np.atleast_2d(model.coef_[2]), rtol=1e-9)


def test_a_model_of_one_task_is_a_source_as_it_stands_and_one_of_several_asks_which():
    frame, site, y = _frame()
    one = MultiTaskRegressor(alpha=0.1).fit(frame, y)
    start = FineTunedRegressor(FrozenEstimator(one), max_iter=1, cv=2).fit(frame, y)
    assert start.history_["train_loss"][0] == pytest.approx(np.mean((y - one.predict(frame)) ** 2) / 2, rel=1e-9)
    several = MultiTaskRegressor(alpha=0.1).fit(frame, y, task=site)
    with pytest.raises(ValueError, match="of 3 tasks: say which one"):
        PriorRegressor(FrozenEstimator(several)).fit(frame, y)
