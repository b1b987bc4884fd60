"""The bounds of docs/guard.md on a small part of their grid, with room for the few replications."""

import numpy as np
import pytest
from benchmarks.guard import summarise, tables_of
from benchmarks.guard_batch import batch_weights
from benchmarks.guard_logistic import LOOSE, PENALTY, fit
from benchmarks.guard_parts import change
from benchmarks.guard_simulation import NAMES, simulate
from sklearn.linear_model import LogisticRegression

from crosstask.guard._evidence import Evidence
from crosstask.guard._losses import LogMixture, SquaredMixture
from crosstask.guard._rules import guard_weights


def evidence_of(residuals, codes, loss=None):
    n = len(residuals)
    y = np.random.default_rng(9).standard_normal((n, 1))
    zeros = np.zeros(n, dtype=np.intp)
    predictions = y[:, :, None] - residuals[:, :, None]
    n_tasks = int(codes.max()) + 1
    return Evidence(predictions, y, codes, np.ones(n), zeros, n_tasks, loss or SquaredMixture())


def test_closed_form_candidates_are_scikit_learns():
    from benchmarks.guard_simulation import ALPHAS, _paths
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((3, 30, 10)), rng.standard_normal((3, 30))
    Z = np.concatenate([X, np.ones((3, 30, 1)), y[..., None]], axis=-1)
    own, pooled, _, tied = _paths(np.einsum("tni,tnj->tij", Z, Z)[None])
    for a, alpha in enumerate(ALPHAS):
        for t in range(3):
            ridge = Ridge(alpha=30 * alpha).fit(X[t], y[t])
            np.testing.assert_allclose(own[a, 0, t], [*ridge.coef_, ridge.intercept_], rtol=1e-8, atol=1e-10)
        ridge = Ridge(alpha=90 * alpha).fit(X.reshape(-1, 10), y.reshape(-1))
        np.testing.assert_allclose(pooled[a, 0, 0], [*ridge.coef_, ridge.intercept_], rtol=1e-8, atol=1e-10)
    heavy = tied[-1, 0, :, :-1]  # slopes of tasks tied strongly lie closer together than those of tasks alone
    assert heavy.std(axis=0).mean() < own[0, 0, :, :-1].std(axis=0).mean()


def test_simulated_logistic_candidates_are_scikit_learns():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((1, 3, 40, 10)), rng.integers(0, 2, (1, 3, 40)).astype(float)
    own, pooled, _, tied, rate = np.moveaxis(fit(X, y)[0], 1, 0)
    ones = np.full((120, 1), np.sqrt(PENALTY / LOOSE))  # an intercept whose penalty is LOOSE
    rows, label = X.reshape(120, 10), y.reshape(120)
    by_task = np.kron(np.eye(3), np.ones((40, 1)))
    apart = np.hstack([rows * flag[:, None] for flag in by_task.T])
    levels = ones * by_task

    def scores(*columns):
        model = LogisticRegression(C=1.0 / PENALTY, fit_intercept=False, tol=1e-10, max_iter=10_000)
        return model.fit(np.hstack(columns), label).decision_function(np.hstack(columns))

    for coefficients, expected in (
        (own, scores(apart, levels)),
        (pooled, scores(rows, ones)),
        (tied, scores(rows / np.sqrt(LOOSE), apart, levels)),
    ):
        said = np.einsum("tnd,td->tn", X[0], coefficients[:, :-1]) + coefficients[:, -1:]
        np.testing.assert_allclose(said.reshape(120), expected, atol=1e-4)
    np.testing.assert_allclose(1.0 / (1.0 + np.exp(-rate[:, -1])), (y[0].sum(axis=1) + 0.5) / 41.0)


def test_identical_tasks_keep_the_gain():
    cell = simulate(40, 1.0, 0, n_replications=12, seed=7)
    kept = {mode: summarise(cell, mode) for mode in ("balanced", "cautious", "bold")}
    assert kept["balanced"]["mean"] < 0.0
    assert kept["balanced"]["kept"] > 93.0
    assert kept["cautious"]["kept"] > 75.0
    assert kept["bold"]["kept"] > 95.0


@pytest.mark.parametrize(("n_tasks", "n_flipped"), [(10, 2), (4, 1)])
@pytest.mark.parametrize("relatedness", [0.5, 1.0])
def test_sign_flipped_tasks_are_hardly_harmed(n_tasks, n_flipped, relatedness):
    cell = simulate(40, relatedness, n_flipped, n_tasks=n_tasks, n_replications=12, seed=7)
    balanced, cautious, bold = (summarise(cell, mode) for mode in ("balanced", "cautious", "bold"))
    assert balanced["flipped"] < 4.0
    assert cautious["flipped"] < 2.0
    assert balanced["mean"] < 1.0
    assert bold["flipped"] > balanced["flipped"]


def test_unrelated_tasks_are_not_harmed():
    cell = simulate(40, 0.0, 0, n_replications=12, seed=7)
    assert summarise(cell, "balanced")["mean"] < 0.5


def test_the_rule_knows_neither_the_order_of_tasks_nor_the_unit_of_y():
    cell = simulate(20, 0.75, 2, n_replications=2, seed=1)
    weights = batch_weights(tables_of(cell), "balanced")
    turned = type(cell)(
        3e4 * cell.residuals[:, ::-1], 3e4 * cell.centred[:, ::-1], cell.excess, cell.flipped, cell.fold
    )
    np.testing.assert_allclose(batch_weights(tables_of(turned), "balanced")[:, ::-1], weights, atol=1e-6)
    np.testing.assert_allclose(weights.sum(axis=-1), 1.0)
    assert change(cell, np.broadcast_to(np.eye(len(NAMES))[0], weights.shape)).max() == 0.0


@pytest.mark.parametrize("n_tasks", [1, 2, 3])
@pytest.mark.parametrize("mode", ["balanced", "cautious", "bold"])
def test_few_tasks_and_tasks_without_rows(n_tasks, mode):
    rng = np.random.default_rng(n_tasks)
    residuals = rng.standard_normal((12 * n_tasks, 3)) * [1.0, 0.3, 2.0]
    evidence = evidence_of(residuals, np.repeat(np.arange(n_tasks), 12))
    weights = guard_weights(evidence, mode).task
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    assert (weights[:, 1] > 0.5).all()
    parts = (getattr(evidence, name) for name in ("predictions", "y", "codes", "weight", "fold"))
    hollow = Evidence(*parts, n_tasks + 1, SquaredMixture())
    weights = guard_weights(hollow, mode).task
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)


def test_tasks_that_agree_to_the_letter_do_not_divide_by_zero():
    residuals = np.tile([[1.0, 0.5], [-1.0, -0.5]], (20, 1))
    weights = guard_weights(evidence_of(residuals, np.repeat(np.arange(4), 10))).task
    np.testing.assert_allclose(weights[:, 1], 1.0, atol=1e-3)
    perfect = guard_weights(evidence_of(np.zeros((40, 2)), np.repeat(np.arange(4), 10))).task
    assert np.isfinite(perfect).all()


def test_classifiers_that_rows_cannot_tell_apart_count_alike():
    """Two models of equal worth whose errors differ by chance: a few rows do not choose between them."""
    rng = np.random.default_rng(3)
    p = np.column_stack([rng.uniform(0.1, 0.9, 40), rng.uniform(0.6, 0.9, (40, 2))])
    codes, zeros = np.repeat(np.arange(4), 10), np.zeros(40, dtype=np.intp)
    parts = (p[:, :, None], np.zeros((40, 1)), codes, np.ones(40), zeros, 4)
    with_charge = guard_weights(Evidence(*parts, LogMixture())).shared
    without = guard_weights(Evidence(*parts, LogMixture(even=0.0))).shared
    assert abs(with_charge[1] - with_charge[2]) < 0.5 * abs(without[1] - without[2])
    assert with_charge[0] < 0.25
    heavy = guard_weights(Evidence(*parts, LogMixture(even=1e6))).shared
    np.testing.assert_allclose(heavy, 1 / 3, atol=1e-3)


def test_a_constant_says_nothing_of_what_tasks_have_in_common():
    """In nats gains are compared for models that share; a constant that is bad in one task sets no task apart."""
    rng = np.random.default_rng(4)
    codes, zeros = np.repeat(np.arange(4), 20), np.zeros(80, dtype=np.intp)
    p = rng.uniform(0.5, 0.95, (80, 3))
    p[codes == 0, 2] = rng.uniform(0.01, 0.05, 20)
    parts = (p[:, :, None], np.zeros((80, 1)), codes, np.ones(80), zeros, 4, LogMixture(), 0)
    known = guard_weights(Evidence(*parts, np.array([True, False, True]))).belief
    unknown = guard_weights(Evidence(*parts)).belief
    assert known[0, 0] < unknown[0, 0]


def test_log_loss_stays_in_nats():
    """A task that is easy (losses near zero) must not shout down the others, as relative losses would make it."""
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(3), 40)
    p = np.clip(rng.beta(4, 2, (120, 2)), 0.01, 0.99)
    p[codes == 0] = [0.999, 0.998]
    zeros = np.zeros(120, dtype=np.intp)
    evidence = Evidence(p[:, :, None], np.zeros((120, 1)), codes, np.ones(120), zeros, 3, LogMixture())
    np.testing.assert_array_equal(evidence.scale(), 1.0)
    better = p[codes > 0].copy()
    without = Evidence(
        better[:, :, None], np.zeros((80, 1)), codes[codes > 0] - 1, np.ones(80), zeros[:80], 2, LogMixture()
    )
    np.testing.assert_allclose(guard_weights(evidence).shared, guard_weights(without).shared, atol=0.02)
