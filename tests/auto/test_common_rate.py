"""Rows of average x tie free intercepts to the common rate: by hand, in folds, and where they must do nothing."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from scipy.stats import betabinom

from crosstask.auto._common_rate import Rows
from crosstask.auto._rates import WEIGHTS, agreement
from crosstask.multitask import MultiTaskClassifier


def draw() -> Rows:
    rng = np.random.default_rng(0)
    task = np.repeat(["a", "b", "c"], [12, 8, 10])
    y = (rng.random(30) < np.repeat([0.3, 0.9, 0.5], [12, 8, 10])).astype(int)
    return Rows(rng.normal(size=(30, 2)), y, task, None, [(np.arange(20), np.arange(20, 30))])


def more_of(rows: Rows) -> Rows:
    return rows.common_rate().added_to(rows)


def test_each_task_gets_one_row_of_each_class_at_the_mean():
    rows = draw()
    more = more_of(rows)
    assert more.X.shape == (36, 2)
    assert_allclose(more.X[30:], np.tile(rows.X.mean(axis=0), (6, 1)))
    assert_array_equal(more.task[30:], ["a", "a", "b", "b", "c", "c"])
    weight, rate = agreement(np.array([[(rows.y[rows.task == t] == k).sum() for k in (0, 1)] for t in "abc"], float))
    assert_allclose(more.sample_weight[30:], np.tile(weight * rate, 3))
    train, test = more.folds[0]
    assert_array_equal(train, [*range(20), *range(30, 36)])
    assert_array_equal(test, np.arange(20, 30))
    assert len(rows.y) == 30
    assert len(rows.folds[0][0]) == 20


def test_the_intercepts_are_those_of_the_penalised_likelihood():
    """Slopes held at nothing by a huge alpha: each intercept alone minimises its own rows plus the two added ones."""
    rows = draw()
    more = more_of(rows)
    model = MultiTaskClassifier("pooled", alpha=1e6, tol=1e-10)
    model.fit(more.X, more.y, task=more.task, sample_weight=more.sample_weight)
    zeros, ones = more.sample_weight[30:32]
    for t, name in enumerate("abc"):
        k, n = rows.y[rows.task == name].sum(), (rows.task == name).sum()

        def loss(b: np.ndarray, k: float = k, n: float = n) -> float:
            return float((n + zeros + ones) * np.logaddexp(0.0, b[0]) - (k + ones) * b[0])

        assert_allclose(model.intercept_[t], minimize(loss, [0.0], tol=1e-10).x[0], atol=1e-4)


def test_weights_count_as_repetitions():
    rows = draw()
    weight = np.where(np.arange(30) % 3 == 0, 2.0, 1.0)
    weighted = more_of(Rows(rows.X, rows.y, rows.task, weight, None))
    twice = np.repeat(np.arange(30), weight.astype(int))
    repeated = more_of(Rows(rows.X[twice], rows.y[twice], rows.task[twice], None, None))
    assert_allclose(weighted.sample_weight[-6:], repeated.sample_weight[-6:])
    assert_allclose(weighted.X[-1], repeated.X[-1])


def test_one_task_is_left_alone():
    rows = draw()
    alone = Rows(rows.X, rows.y, np.repeat("a", 30), None, None)
    assert alone.common_rate() is None


def test_the_weight_of_the_common_rate_is_the_most_probable_one():
    """scipy's beta-binomial at the rate found, times the prior, has its largest value at the weight found."""
    counts = np.random.default_rng(3).binomial(12, [[0.2], [0.5], [0.4], [0.35]], size=(4, 1)) * [[-1.0, 1.0]] + [
        [12, 0]
    ]
    weight, rate = agreement(counts)
    n, k = counts.sum(axis=1), counts[:, 1]

    def log_posterior(m: float) -> float:
        known = n / (n + m)
        p = (known @ (k / n) + 0.25) / (known.sum() + 0.5)
        return float(betabinom.logpmf(k, n, m * p, m * (1 - p)).sum() - 0.5 * (np.log(m / 2.0) / 1.5) ** 2)

    assert_allclose(weight, WEIGHTS[np.argmax([log_posterior(m) for m in WEIGHTS])])
    known = n / (n + weight)
    assert_allclose(rate[1], (known @ (k / n) + 0.25) / (known.sum() + 0.5))


def test_many_tasks_show_how_much_they_agree():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([6.0, 3.0, 1.0], size=400)
    weight, rate = agreement(np.array([rng.multinomial(30, one) for one in p], dtype=float))
    assert_allclose(weight, 10.0, rtol=0.25)
    assert_allclose(rate, [0.6, 0.3, 0.1], atol=0.02)
    alike, _ = agreement(rng.multinomial(30, [0.9, 0.1], size=400).astype(float))
    assert alike > 100.0
    far, _ = agreement(np.array([[30.0, 0.0], [0.0, 30.0]] * 20))
    assert far == WEIGHTS[0]


def values(intercept_spread: float, n_tasks: int = 300) -> Rows:
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(n_tasks), 8)
    X = rng.normal(size=(len(task), 2)) + rng.normal(size=(n_tasks, 2))[task]
    level = 5.0 + intercept_spread * rng.normal(size=n_tasks)
    return Rows(X, X @ [1.0, -1.0] + level[task] + 2.0 * rng.normal(size=len(task)), task, None, None)


def test_the_common_mean_weighs_noise_over_spread():
    found = values(1.0).common_mean()
    assert_allclose(found.weight, [4.0], rtol=0.3)  # 2^2 / 1^2
    assert_allclose(found.classes - found.average @ [1.0, -1.0], [5.0], atol=0.3)
    more = found.added_to(values(1.0))
    assert len(more.y) == 301 * 8 - 8 + 300
    assert_allclose(values(0.0).common_mean().weight, [1000.0], rtol=0.99)


def test_twice_the_weights_are_answered_by_twice_the_weight():
    rows = values(1.0, n_tasks=50)
    doubled = Rows(rows.X, rows.y, rows.task, np.full(len(rows.y), 2.0), None)
    once, twice = rows.common_mean(), doubled.common_mean()
    assert_allclose(twice.weight, 2.0 * once.weight, rtol=0.01)  # the noise of a row of weight 1 is twice as large
    assert_allclose(twice.classes, once.classes, rtol=0.01)


def test_intercepts_far_apart_and_few_tasks_are_left_free():
    assert values(50.0).common_mean() is None
    assert values(1.0, n_tasks=2).common_mean() is None
