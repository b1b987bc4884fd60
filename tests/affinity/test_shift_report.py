"""shift_report on simulated tables whose shift is known, and its tests against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel

from crosstask.affinity import shift_report
from crosstask.affinity._shift_tests import delong, discrepancy, same_answers


def simulated(kind: str, seed: int, regression: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """300 rows of a source and 200 of the target; what differs has the name of the kind."""
    rng = np.random.default_rng(seed)
    task = np.repeat(["s", "t"], [300, 200])
    target = task == "t"
    if kind == "label":
        y = (rng.random(500) < np.where(target, 0.2, 0.5)).astype(int)
        return rng.normal(size=(500, 4)) + y[:, None] * [1.0, -0.7, 0.0, 0.3], y, task
    X = rng.normal(size=(500, 4))
    if kind in ("covariate", "covariate and concept"):
        X = X + target[:, None] * [0.8, 0.0, 0.8, 0.0]
    z = X @ [1.5, -1.0, 0.0, 0.5]
    if kind in ("concept", "covariate and concept"):
        z = np.where(target, X @ [-0.5, -1.0, 1.5, 0.5], z)
    if regression:
        return X, z + rng.normal(size=500), task
    return X, (rng.random(500) < 1 / (1 + np.exp(-z))).astype(int), task


@pytest.mark.parametrize("kind", ["none", "covariate", "label", "concept", "covariate and concept"])
def test_the_shift_that_is_there_is_named(kind):
    found = []
    for seed in range(4):
        X, y, task = simulated(kind, seed)
        found.append(shift_report(X, y, task=task, target_task="t", n_permutations=200).shifts[0].verdict)
    assert found.count(kind.split()[-1]) >= 3, found


@pytest.mark.parametrize("kind", ["none", "covariate", "concept"])
def test_regression_too(kind):
    X, y, task = simulated(kind, 0, regression=True)
    shift = shift_report(X, y, task=task, target_task="t", n_permutations=200).shifts[0]
    assert shift.verdict == kind
    if kind == "concept":
        assert shift.due_to_y_given_x > 0.7 * (shift.loss_target - shift.loss_source) > 0


def test_the_two_parts_add_up_and_the_ratio_needs_no_label():
    X, y, task = simulated("label", 0)
    shift = shift_report(X, y, task=task, target_task="t").shifts[0]
    assert shift.due_to_x + shift.due_to_y_given_x == pytest.approx(shift.loss_target - shift.loss_source)
    truth = {k: np.mean(y[task == "t"] == k) / np.mean(y[task == "s"] == k) for k in (0, 1)}
    assert shift.prior_ratio == pytest.approx(truth, abs=0.5)
    assert shift.prior_ratio[0] > 1 > shift.prior_ratio[1]
    holed = np.where(task == "t", np.nan, y)
    blind = shift_report(X, holed, task=task, target_task="t").shifts[0]
    assert blind.prior_ratio == pytest.approx(shift.prior_ratio)
    assert blind.verdict in ("X differs, y unknown", "X alike, y unknown")
    assert np.isnan(blind.y_given_x_p)


def test_a_line_and_a_row_for_each_source():
    X, y, task = simulated("covariate", 0)
    frame = pd.DataFrame(X, columns=list("abcd")).assign(site=np.where(np.arange(500) < 150, "r", task))
    report = shift_report(frame, y, task_column="site", target_task="t")
    lines = str(report).splitlines()
    assert [line.split(":")[0] for line in lines] == ["r to t", "s to t"]
    assert "covariate shift; reweigh the source's rows (ImportanceWeighted)" in lines[1]
    assert report.frame().index.tolist() == ["r", "s"]
    assert report.frame()["n_source"].tolist() == [150, 150]


def test_delong_is_the_area_and_its_interval_covers():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(200):
        target = np.repeat([True, False], [30, 50])
        score = rng.normal(size=80) + target
        area = delong(score, target)
        assert area.value == pytest.approx(roc_auc_score(target, score))
        inside += area.low <= stats.norm.cdf(1 / np.sqrt(2)) <= area.high
    assert 0.88 <= inside / 200 <= 0.99


def test_the_discrepancy_is_the_distance_of_kernel_means():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2))
    target = np.arange(50) < 20
    K = rbf_kernel(X)
    expected = K[:20, :20].mean() + K[20:, 20:].mean() - 2 * K[:20, 20:].mean()
    value, p = discrepancy(K, target, np.zeros(50, dtype=int), 200, np.random.RandomState(0))
    assert value == pytest.approx(expected)
    assert 0 < p <= 1


def test_permutations_and_multipliers_keep_their_level():
    rng, wrong = np.random.default_rng(0), np.zeros(2)
    for seed in range(100):
        X, target = rng.normal(size=(60, 2)), np.arange(60) < 30
        group = rng.integers(0, 2, 60)
        wrong[0] += discrepancy(rbf_kernel(X), target, group, 99, np.random.RandomState(seed))[1] <= 0.05
        residual, moments = rng.normal(size=(60, 1)), np.column_stack([np.ones(60), X])
        wrong[1] += same_answers(residual, moments, np.ones(60), target, np.random.RandomState(seed)) <= 0.05
    assert (wrong <= 13).all(), wrong  # 5 expected; 14 or more have probability 5e-4


def test_lines_for_what_does_not_work():
    X, y, task = simulated("none", 0)
    with pytest.raises(ValueError, match="target_task='x' has no rows; the tasks are 's', 't'"):
        shift_report(X, y, task=task, target_task="x")
    with pytest.raises(ValueError, match="1 source rows have no y"):
        shift_report(X, np.where(np.arange(500) == 3, np.nan, y), task=task, target_task="t")
    with pytest.raises(ValueError, match=r"level=2 must lie between 0 and 1"):
        shift_report(X, y, task=task, target_task="t", level=2)
