"""An intercept of the task's own, found for all tasks at once, against one task and fold at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.optimize import minimize

from crosstask.guard._assess import evidence_of
from crosstask.guard._level import only_level, relevelled
from crosstask.guard._losses import LogitMixture, QuantileMixture, SquaredMixture, check_scoring

SIZES = [1, 2, 7, 30, 0, 11]


def _rows(seed: int = 0) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(SIZES)), SIZES)
    return rng, codes, rng.integers(0, 3, len(codes)), rng.uniform(0.5, 2.0, len(codes))


def _one_by_one(z: Any, y: Any, codes: Any, fold: Any, level_of: Any) -> Any:
    shifted = z.copy()
    for t in np.unique(codes):
        for k in np.unique(fold):
            train, test = (codes == t) & (fold != k), (codes == t) & (fold == k)
            if train.any():
                shifted[test] += level_of(z[train], y[train], train)
    return shifted


def test_means_and_quantiles_are_numpys() -> None:
    rng, codes, fold, weight = _rows()
    z, y = rng.normal(size=(len(codes), 1)), rng.normal(size=(len(codes), 1))
    mean = _one_by_one(z, y, codes, fold, lambda a, b, some: np.average(b - a, axis=0, weights=weight[some]))
    assert_allclose(relevelled(z, y, codes, fold, weight, SquaredMixture()), mean, rtol=1e-12, atol=1e-12)
    for q in (0.1, 0.5, 0.95):
        expected = _one_by_one(z, y, codes, fold, lambda a, b, _, q=q: np.quantile(b - a, q))
        assert_allclose(relevelled(z, y, codes, fold, weight, QuantileMixture(q=q)), expected, rtol=1e-12, atol=1e-12)


def test_one_fold_leaves_levels_as_they_are() -> None:
    rng, codes, fold, weight = _rows()
    z, y = rng.normal(size=(len(codes), 1)), rng.normal(size=(len(codes), 1))
    for loss in (SquaredMixture(), QuantileMixture(q=0.5)):  # cv of a single split, or a budget that ended there
        assert_allclose(relevelled(z, y, codes, 0 * fold, weight, loss), z)


@pytest.mark.parametrize("K", [1, 3])
def test_levels_of_log_odds_are_scipys(K: int) -> None:
    rng, codes, fold, weight = _rows(1)
    z = rng.normal(size=(len(codes), K))
    label = rng.integers(0, max(K, 2), len(codes))
    y = label[:, None].astype(float) if K == 1 else np.eye(K)[label]
    loss = LogitMixture()

    def level_of(a: Any, b: Any, some: Any) -> Any:
        def value(level: Any) -> float:
            return float(weight[some] @ loss.value(b, a + level) + 0.25 * level @ level)

        return minimize(value, np.zeros(K), tol=1e-12).x

    expected = _one_by_one(z, y, codes, fold, level_of)
    assert_allclose(relevelled(z, y, codes, fold, weight, loss), expected, atol=2e-5)


def test_a_task_that_only_its_level_sets_apart_is_told_from_one_that_is_turned() -> None:
    rng = np.random.default_rng(0)
    n, T = 60, 4
    codes, fold = np.repeat(np.arange(T), n), np.tile(np.arange(5), T * n // 5)
    x, noise = rng.normal(size=T * n), 0.3 * rng.normal(size=T * n)
    y = np.array([0.0, 3.0, 0.0, 3.0])[codes] + np.array([1.0, 1.0, -1.0, -1.0])[codes] * x + noise
    own, shared = y - noise * 1.05, x
    found = np.stack([own, shared], axis=1)[..., None]
    scoring, q = check_scoring(None, False, "response")
    kind: dict[str, Any] = {"scoring": scoring, "q": q, "linear": False, "n_classes": 0, "own": 0}
    evidence = evidence_of(found, y, codes, np.ones(T * n), fold, T, **kind)
    losses = ((y - own) ** 2, (y - shared) ** 2)
    tasks = np.arange(T)
    told = only_level(evidence, tasks, shared[:, None], y, losses, 1.2, kind)
    assert told.tolist() == [False, True, False, False]
    assert_array_equal(only_level(evidence, tasks[1:3], shared[:, None], y, losses, 1.2, kind), told[1:3])
    moved = relevelled(shared[:, None], y[:, None], codes, fold, np.ones(T * n), evidence.loss)[:, 0]
    d = (losses[1] - (y - moved) ** 2)[codes == 1]
    by_hand = stats.ttest_1samp(d, 0.0).statistic / np.sqrt(1.2)
    assert by_hand > stats.t.ppf(0.975, n - 1)
