import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression

from crosstask.guard._assess import paired
from crosstask.guard._evidence import Evidence
from crosstask.guard._level import _logit_levels
from crosstask.guard._losses import SquaredMixture
from crosstask.guard._sentences import code_of, sentence, span


def two_tasks(n=30):
    rng = np.random.default_rng(0)
    codes, zeros = np.repeat([0, 1], n), np.zeros(2 * n, dtype=np.intp)
    evidence = Evidence(
        np.zeros((2 * n, 2, 1)), np.zeros((2 * n, 1)), codes, np.ones(2 * n), zeros, 2, SquaredMixture()
    )
    return evidence, rng.uniform(1, 2, 2 * n), rng.uniform(0, 2, 2 * n)


def test_without_overlap_the_interval_is_students():
    evidence, own, other = two_tasks()
    found = paired(evidence, own, other, None, overlap=1.0)
    for t in (0, 1):
        d = (own - other)[evidence.codes == t]
        base = own[evidence.codes == t].mean()
        interval = stats.ttest_1samp(d, 0.0).confidence_interval()
        np.testing.assert_allclose(
            [found.gain[t], found.low[t], found.high[t]], np.array([d.mean(), interval.low, interval.high]) / base
        )


def test_overlap_of_training_sets_widens_by_its_root():
    evidence, own, other = two_tasks()
    plain, wide = (paired(evidence, own, other, None, overlap=o) for o in (1.0, 2.25))
    np.testing.assert_allclose((wide.high - wide.low) / (plain.high - plain.low), 1.5)


def test_rows_of_one_group_count_once():
    evidence, own, other = two_tasks()
    first = np.arange(60) % 30
    doubled = evidence.take(np.sort(np.tile(np.arange(60), 2)))
    once = paired(evidence, own, other, first, 1.0)
    twice = paired(doubled, np.repeat(own, 2), np.repeat(other, 2), np.repeat(first, 2), 1.0)
    np.testing.assert_allclose([once.gain, once.low, once.high], [twice.gain, twice.low, twice.high])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_an_intercept_of_its_own_is_that_of_logistic_regression(n_classes):
    rng = np.random.default_rng(1)
    label = rng.integers(0, n_classes, 200)
    if n_classes == 2:
        y, z = label[:, None].astype(float), np.zeros((200, 1))
    else:
        y, z = np.eye(3)[label], np.zeros((200, 3))
    one, heavy = np.zeros(200, dtype=np.intp), np.full(200, 1e6)
    level = _logit_levels(z, y, heavy, one, 1)[0]  # so many rows that the prior of half a row is nothing
    log_rate = np.log(np.bincount(label))
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(np.zeros((200, 1)), label)
    expected = model.intercept_ if n_classes == 2 else log_rate - log_rate.mean()
    np.testing.assert_allclose(level, expected, atol=1e-4)


def test_codes_follow_the_weight_on_what_shares_nothing():
    no = np.zeros(5, dtype=bool)
    assert list(code_of(np.array([0.0, 0.2, 0.5, 0.8, 1.0]), no, no)) == ["share", "share", "blend", "alone", "alone"]
    assert list(code_of(np.array([0.9, 0.9]), np.array([True, False]), np.array([False, True]))) == [
        "borrowed",
        "blend",
    ]


def facts(**change):
    nothing = {"gain": 0.05, "low": -0.01, "high": 0.11, "sharing": -0.12, "sharing_low": -0.2, "sharing_high": -0.04}
    return {**nothing, "level": False, "why": "", **change}


def test_sentences_say_what_was_tested():
    assert sentence("switzerland", "alone", "log loss", facts()) == (
        "leave switzerland alone: sharing raises its log loss by 12 % (4 to 20 %)."
    )
    assert "no gain from sharing could be shown" in sentence("x", "alone", "log loss", facts(sharing_high=0.01))
    assert sentence("x", "share", "log loss", facts(low=0.01)) == "share with x: its log loss falls by 5 % (1 to 11 %)."
    assert "within what chance explains" in sentence("x", "blend", "log loss", facts())
    assert "rises by 5 %" in sentence("x", "blend", "log loss", facts(gain=-0.05, low=-0.1, high=-0.01))
    assert "an intercept of its own" in sentence("x", "blend", "log loss", facts(level=True))
    assert span(float("nan"), 1.0) == "no interval"
