"""Predicted gains against fits, textbook tests and simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression, Ridge
from tests.affinity.simulation import make_crowds

from crosstask import task_affinity
from crosstask.affinity._gain import pairwise_gains
from crosstask.affinity._moments import Moments, working_rows
from crosstask.tasks import TaskData, TaskMoments

OFF = ~np.eye(12, dtype=bool)


def _moments(X, y, task):
    return working_rows(TaskData.from_arrays(X, y, task))[0].moments()


def test_gain_and_error_against_repeated_draws():
    given = make_crowds(50, 3)
    rng = np.random.default_rng(0)
    gains, errors, truth = [], [], []
    for _ in range(60):
        X = rng.standard_normal(given.X.shape)
        y = (X * given.slopes[given.task]).sum(axis=1) + rng.standard_normal(len(X))
        found = pairwise_gains(_moments(X, y, given.task))
        gains.append(found.gain[OFF])
        errors.append(found.error[OFF])
        drawn = type(given)(X, y, given.task, given.slopes, given.second)
        truth.append(drawn.true_gains(found.ridge)[OFF])
    size = np.abs(np.mean(truth, axis=0))
    assert np.median(np.abs(np.mean(gains, axis=0) - np.mean(truth, axis=0)) / size) < 0.15
    covered = np.abs(np.array(gains) - np.mean(truth, axis=0)) < 1.96 * np.array(errors)
    assert 0.87 < covered.mean() < 0.99


def test_ranks_sources_by_their_true_gain():
    rank = {}
    for n_rows in (20, 50, 150):
        found = []
        for seed in range(8):
            given = make_crowds(n_rows, seed)
            gains = pairwise_gains(_moments(given.X, given.y, given.task))
            true = given.true_gains(gains.ridge)
            for j in range(12):
                others = np.arange(12) != j
                found.append(stats.spearmanr(gains.gain[others, j], true[others, j])[0])
        rank[n_rows] = np.mean(found)
    assert rank[20] > 0.4
    assert rank[50] > 0.75
    assert rank[150] > 0.9


def test_p_value_is_that_of_the_chi_squared_test_of_nested_least_squares():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((70, 4)), np.repeat([0, 1], [30, 40])
    y = X @ [1.0, 0.5, 0.0, 0.0] + rng.standard_normal(70)
    statistics = TaskMoments.of(TaskData.from_arrays(X, y, task))
    p_value = pairwise_gains(Moments.of(statistics, known_noise=True), ridge=1.0).p_value[0, 1]
    centred = [(X[task == t] - X[task == t].mean(0), y[task == t] - y[task == t].mean()) for t in (0, 1)]
    apart = sum(np.linalg.lstsq(A, b, rcond=None)[1][0] for A, b in centred)
    together = np.linalg.lstsq(*(np.concatenate(part) for part in zip(*centred, strict=True)), rcond=None)[1][0]
    assert p_value == pytest.approx(stats.chi2.sf(together - apart, 4), rel=1e-6)


def test_own_risk_without_a_ridge_is_that_of_least_squares():
    rng = np.random.default_rng(1)
    X, task = rng.standard_normal((200, 5)), np.repeat([0, 1], 100)
    moments = Moments.of(TaskMoments.of(TaskData.from_arrays(X, rng.standard_normal(200), task)), known_noise=True)
    risk = pairwise_gains(moments, ridge=1e-9).own_risk
    assert risk == pytest.approx(5 / 95, rel=0.02)  # d / (n - d)


def test_units_of_y_and_columns_and_the_place_of_x_change_nothing():
    given = make_crowds(40, 0)
    plain = task_affinity(given.X, given.y, task=given.task)
    moved = given.X * np.geomspace(1e-3, 1e3, 10) + 100.0 * given.task[:, None]
    other = task_affinity(moved, 7.0 * given.y + 3.0 * given.task, task=given.task)
    np.testing.assert_allclose(other.gain, plain.gain, rtol=1e-5)
    np.testing.assert_allclose(other.p_value, plain.p_value, rtol=1e-4, atol=1e-8)


def test_doors_and_names_agree():
    given = make_crowds(30, 1)
    names = np.array([f"shop {9 - k % 10}{k}" for k in range(12)])[given.task]
    frame = pd.DataFrame(given.X).assign(shop=names)
    frame.columns = frame.columns.map(str)
    by_column = task_affinity(frame, given.y, task_column="shop")
    by_array = task_affinity(given.X, given.y, task=names)
    np.testing.assert_allclose(by_column.gain, by_array.gain)
    by_number = task_affinity(given.X, given.y, task=given.task)
    order = [int(np.flatnonzero(by_array.tasks == names[given.task == t][0])[0]) for t in range(12)]
    np.testing.assert_allclose(by_array.gain[np.ix_(order, order)], by_number.gain, rtol=1e-8)


def test_a_permuted_source_helps_nobody():
    rng = np.random.default_rng(0)
    harmed = 0
    for seed in range(10):
        given = make_crowds(60, seed, own=0.0)
        y = given.y.copy()
        rows = np.flatnonzero(given.task == 0)
        y[rows] = rng.permutation(y[rows])
        table = task_affinity(given.X, y, task=given.task).frame()
        from_it = table[table["source"] == 0]
        assert not (from_it["verdict"] == "helps").any()
        harmed += (from_it["gain"] < 0).mean()
    assert harmed / 10 > 0.9


def test_classes_rank_like_their_log_odds():
    given = make_crowds(150, 0, own=0.0)
    logits = 2.0 * ((given.X * given.slopes[given.task]).sum(axis=1))
    y = np.where(np.random.default_rng(0).random(len(logits)) < 1 / (1 + np.exp(-logits)), "ill", "well")
    found = task_affinity(given.X, y, task=given.task)
    cosine = given.slopes @ given.slopes.T
    assert stats.spearmanr(found.gain[OFF], cosine[OFF])[0] > 0.7
    assert (found.own_loss > 0.2).all()
    assert (found.own_loss < 0.75).all()


def test_three_classes_average_over_one_against_the_rest():
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((300, 3)), np.repeat([0, 1, 2], 100)
    z = X * np.where(task == 2, -2.0, 2.0)[:, None]
    y = np.argmax(z + rng.gumbel(size=z.shape), axis=1).astype(str)
    gain = task_affinity(X, y, task=task).gain
    assert gain[0, 1] > 0 > gain[2, 1]
    assert gain[1, 0] > 0 > gain[2, 0]


@pytest.mark.parametrize("estimator", [Ridge(), LogisticRegression()])
def test_cross_learning_score_of_any_estimator(estimator):
    rng = np.random.default_rng(0)
    X, task = rng.standard_normal((240, 3)), np.repeat([0, 1, 2], 80)
    y = np.where(task == 2, -1.0, 1.0) * X.sum(axis=1) + 0.3 * rng.standard_normal(240)
    y = (y > 0).astype(int) if isinstance(estimator, LogisticRegression) else y
    found = task_affinity(X, y, task=task, estimator=estimator)
    assert found.method == "cross_learning"
    assert abs(found.gain[0, 1]) < 0.5
    assert found.gain[2, 1] < -2.0
    with pytest.raises(ValueError, match="without estimator="):
        found.groups()


def test_two_rows_a_task_and_columns_that_never_vary_are_borne():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.standard_normal((9, 2)), np.repeat([0.0, 1.0, 2.0], 3), np.ones(9)])
    found = task_affinity(X, rng.standard_normal(9), task=np.repeat([0, 1, 2], 3))
    assert np.isfinite(found.gain[~np.eye(3, dtype=bool)]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": np.zeros(20)}, "there is one only"),
        ({"X": np.zeros((20, 1501))}, "reduce them to 1500"),
        ({"y": np.array(["a"] * 20)}, "one class only"),
        ({"X": np.full((20, 2), np.nan)}, "NaN"),
        ({"X": np.ones((20, 2))}, "no column of X varies"),
        ({"task_column": 0}, "at once"),
    ],
)
def test_bad_input_gets_one_line(change, message):
    rng = np.random.default_rng(0)
    given = {"X": rng.standard_normal((20, 2)), "y": rng.standard_normal(20), "task": np.repeat([0, 1], 10)} | change
    with pytest.raises(ValueError, match=message) as raised:
        task_affinity(given.pop("X"), given.pop("y"), **given)
    assert "\n" not in str(raised.value)


def test_it_draws_and_speaks():
    given = make_crowds(60, 0)
    found = task_affinity(given.X, given.y, task=given.task)
    ax = found.plot()
    ax.figure.canvas.draw()
    assert [text.get_text() for text in ax.get_yticklabels()] == [str(given) for given in found.tasks[found.order()]]
    assert str(found).startswith("12 tasks, 132 ordered pairs: ")
    checked = found.cross_validated(5)
    assert len(checked) == 5
    assert (checked["low"] < checked["gain"]).all()
