"""Coverage of the intervals, task by task, by simulation; and the textbook quantile where nothing is lent."""

from __future__ import annotations

import numpy as np
import pytest

from crosstask.guard import _conformal
from crosstask.guard._conformal import Conformal, check_coverage


def test_one_task_alone_is_split_conformal(monkeypatch):
    monkeypatch.setattr(_conformal, "CROWD_ROWS", 0.0)
    residual = np.random.default_rng(0).standard_normal(199)
    found = Conformal.of_residuals(residual, np.zeros(199, dtype=np.intp), np.ones(199), 1)
    for coverage in (0.5, 0.9):
        k = int(np.ceil(coverage * 200))  # the k-th smallest of n scores, k = ceil((n + 1) coverage)
        assert found.thresholds(coverage)[0] == pytest.approx(np.sort(np.abs(residual))[k - 1], rel=0.02)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_coverage_of_tasks_of_all_sizes_and_scales(coverage):
    rng = np.random.default_rng(0)
    sizes = np.array([8, 8, 15, 15, 30, 30, 60, 60, 200, 200])
    scale = np.exp(0.5 * rng.standard_normal(10))
    codes = np.repeat(np.arange(10), sizes)
    covered = np.zeros(10)
    for _ in range(300):
        residual = scale[codes] * rng.standard_normal(len(codes))
        threshold = Conformal.of_residuals(residual, codes, np.ones(len(codes)), 10).thresholds(coverage)[:10]
        covered += np.mean(np.abs(scale[:, None] * rng.standard_normal((10, 50))) <= threshold[:, None], axis=1)
    covered /= 300
    assert (np.abs(covered - coverage) < 0.06).all()
    assert abs(covered.mean() - coverage) < 0.02


def test_classes_and_unseen_tasks():
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(4), 100)
    chosen = rng.beta(4, 2, size=400)
    found = Conformal.of_probabilities(chosen, codes, np.ones(400), 4)
    threshold = found.thresholds(0.9)
    assert np.mean(1 - chosen <= threshold[codes]) == pytest.approx(0.9, abs=0.03)
    assert threshold[4] == pytest.approx(np.quantile(1 - chosen, 0.9), abs=0.02)


def test_too_few_rows_for_the_coverage_give_no_bound():
    found = Conformal.of_residuals(np.ones(5), np.zeros(5, dtype=np.intp), np.ones(5), 1)
    assert np.isinf(found.thresholds(0.99)).all()


@pytest.mark.parametrize("coverage", [0, 1, 90, "high", True])
def test_coverage_is_a_share(coverage):
    with pytest.raises(ValueError, match="between 0 and 1"):
        check_coverage(coverage)
