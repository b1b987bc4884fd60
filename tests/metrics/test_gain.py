"""The gain, and that its interval covers the true gain as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from crosstask.metrics import task_gain


def test_gain_is_the_relative_reduction_of_the_mean_loss():
    frame = task_gain([1.0, 3, 4, 4], [1.0, 1, 4, 6], ["b", "b", "a", "a"], random_state=0)
    assert frame.index.tolist() == ["a", "b", "(all tasks)"]
    assert frame["gain"].tolist() == pytest.approx([-0.25, 0.5, 0.0 + 1 - 6 / 6])
    assert frame["n"].tolist() == [2, 2, 4]


def test_weights_are_repetitions():
    rng = np.random.default_rng(0)
    own, model = rng.random((2, 30))
    task, weight = np.arange(30) % 3, rng.integers(1, 4, 30)
    weighted = task_gain(own, model, task, sample_weight=weight, random_state=0)
    repeated = task_gain(*(np.repeat(v, weight) for v in (own, model, task)), random_state=0)
    columns = ["own_loss", "model_loss", "gain"]
    np.testing.assert_allclose(weighted[columns], repeated[columns])


def test_equal_losses_gain_nothing_and_one_row_has_no_interval():
    frame = task_gain([0.0, 0.0, 2.0], [0.0, 0.0, 1.0], ["a", "a", "b"], random_state=0)
    assert frame.loc["a", ["gain", "low", "high"]].tolist() == [0.0, 0.0, 0.0]
    assert frame.loc["b", ["low", "high"]].isna().all()


def _losses(rng, n, true_gain):
    own = rng.gamma(2.0, size=n)
    model = own * (1 - true_gain) + rng.normal(scale=0.3, size=n) * np.sqrt(own)
    return own, np.abs(model)


@pytest.mark.parametrize("n", [10, 40])
def test_bootstrap_interval_covers_about_as_often_as_it_says(n):
    rng = np.random.default_rng(n)
    n_tasks = 1500
    own, model = _losses(rng, n * n_tasks, 0.1)
    long_own, long_model = _losses(rng, 400_000, 0.1)
    truth = 1 - long_model.mean() / long_own.mean()
    frame = task_gain(own, model, np.repeat(np.arange(n_tasks), n), n_bootstrap=400, random_state=0).iloc[:-1]
    covered = ((frame["low"] <= truth) & (truth <= frame["high"])).mean()
    assert 0.90 <= covered <= 0.985


def test_two_level_interval_of_the_average_sees_that_tasks_differ():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(150):
        gains = rng.normal(0.1, 0.2, 25)
        own = np.ones(25 * 20)
        model = 1 - np.repeat(gains, 20) + rng.normal(scale=0.05, size=500)
        average = task_gain(own, np.abs(model), np.repeat(np.arange(25), 20), n_bootstrap=200, random_state=0).iloc[-1]
        hits += average["low"] <= 0.1 <= average["high"]
    assert 0.88 <= hits / 150 <= 0.995


def test_nadeau_bengio_interval_is_the_textbook_one_when_own_losses_are_constant():
    rng = np.random.default_rng(0)
    fold = np.tile(np.arange(5), 8)
    own, model = np.ones(40), rng.random(40)
    d = np.array([(own - model)[fold == k].mean() for k in range(5)])
    half = stats.t.ppf(0.975, 4) * np.sqrt((1 / 5 + 0.2 / 0.8) * d.var(ddof=1))
    row = task_gain(own, model, np.zeros(40, dtype=int), folds=fold, random_state=0).iloc[0]
    assert [row["low"], row["high"]] == pytest.approx([d.mean() - half, d.mean() + half])
    wider = task_gain(own, model, np.zeros(40, dtype=int), folds=fold, test_share=0.5, random_state=0).iloc[0]
    assert wider["high"] > row["high"]


def test_folds_that_a_task_is_not_in_are_left_out():
    own, model = np.ones(7), np.array([0.5, 0.7, 0.9, 0.4, 0.6, 0.8, 0.2])
    frame = task_gain(own, model, list("aaabbbc"), folds=[0, 1, 2, 0, 1, 1, 2], random_state=0)
    assert np.isfinite(frame.loc[["a", "b"], ["low", "high"]]).all(axis=None)
    assert frame.loc["c", ["low", "high"]].isna().all()


def test_a_hundred_thousand_tasks():
    rng = np.random.default_rng(0)
    frame = task_gain(*rng.random((2, 200_000)), np.repeat(np.arange(100_000), 2), n_bootstrap=3, random_state=0)
    assert len(frame) == 100_001


@pytest.mark.parametrize(
    ("own", "model", "given", "message"),
    [
        ([1.0, -1], [1.0, 1], {}, "loss_own must be finite and 0 or more; row 1 has -1"),
        ([1.0, 1], [np.nan, 1], {}, "loss_model must be finite"),
        ([1.0], [1.0, 1], {}, "loss_own has shape .1,. for 2 task ids"),
        ([1.0, 1], [1.0, 1], {"level": 95}, "level is the coverage"),
        ([1.0, 1], [1.0, 1], {"folds": [0]}, "give the fold of each row"),
    ],
)
def test_errors(own, model, given, message):
    with pytest.raises(ValueError, match=message):
        task_gain(own, model, ["a", "b"], **given)
