import cvxpy as cp
import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, mean_pinball_loss

from crosstask.guard._evidence import Evidence
from crosstask.guard._losses import (
    LogitMixture,
    LogMixture,
    QuantileMixture,
    SquaredMixture,
    check_scoring,
    scores_to_probabilities,
)
from crosstask.guard._rules import shared_stack


def cases():
    rng = np.random.default_rng(0)
    onehot = np.eye(3)[rng.integers(0, 3, 7)]
    return {
        "squared": (SquaredMixture(), rng.standard_normal((7, 1)), rng.standard_normal((7, 1))),
        "brier": (SquaredMixture(), onehot, rng.dirichlet(np.ones(3), 7)),
        "quantile": (QuantileMixture(q=0.8, width=0.3), rng.standard_normal((7, 1)), rng.standard_normal((7, 1))),
        "log": (LogMixture(), np.zeros((7, 1)), rng.uniform(0.1, 1, (7, 1))),
        "logit": (LogitMixture(), rng.integers(0, 2, (7, 1)).astype(float), rng.standard_normal((7, 1))),
        "softmax": (LogitMixture(), onehot, rng.standard_normal((7, 3))),
    }


@pytest.mark.parametrize("name", cases())
def test_slope_and_curvature_are_the_derivatives(name):
    loss, y, z = cases()[name]
    h = 1e-5
    for k in range(z.shape[1]):
        step = h * np.eye(z.shape[1])[k]
        numeric = (loss.value(y, z + step) - loss.value(y, z - step)) / (2 * h)
        np.testing.assert_allclose(loss.slope(y, z)[:, k], numeric, atol=1e-7)
        numeric = (loss.slope(y, z + step) - loss.slope(y, z - step)) / (2 * h)
        np.testing.assert_allclose(loss.curvature(y, z)[:, :, k], numeric, atol=1e-6)


def test_values_agree_with_scikit_learn():
    rng = np.random.default_rng(3)
    label = rng.integers(0, 2, 20)
    score = rng.standard_normal((20, 1))
    p = scores_to_probabilities(score)
    y = label[:, None].astype(float)
    assert LogitMixture().value(y, score).mean() == pytest.approx(log_loss(label, p))
    assert SquaredMixture().value(np.eye(2)[label], p).mean() == pytest.approx(2 * brier_score_loss(label, p[:, 1]))
    amount = rng.standard_normal(20)
    exact = QuantileMixture(q=0.3, width=0.1).exact(amount[:, None], score).mean()
    assert exact == pytest.approx(mean_pinball_loss(amount, score[:, 0], alpha=0.3))


def test_the_rounded_corner_stays_within_its_bound_and_is_close_to_cvxpy():
    rng = np.random.default_rng(4)
    P, y = rng.standard_normal((60, 3, 1)), rng.standard_normal((60, 1))
    loss = QuantileMixture(q=0.5, width=0.02, factor=2.0)
    gap = loss.value(y, P[:, 0]) - loss.exact(y, P[:, 0])
    assert gap.min() >= 0.0
    assert gap.max() <= 2 * 0.02 * np.log(2) + 1e-12
    zeros = np.zeros(60, dtype=np.intp)
    evidence = Evidence(P, y, zeros, np.ones(60), zeros, 1, loss)
    v = shared_stack(evidence, np.ones(1))
    x = cp.Variable(3)
    problem = cp.Problem(cp.Minimize(cp.norm1(y[:, 0] - P[:, :, 0] @ x)), [x >= 0, cp.sum(x) == 1])
    assert evidence.row_losses(v[None]).sum() == pytest.approx(problem.solve(solver=cp.CLARABEL), rel=2e-3)


@pytest.mark.parametrize(
    ("scoring", "classification", "mix", "says"),
    [
        ("log_loss", False, "response", "squared"),
        ("squared", True, "response", "log_loss"),
        (("quantile", 1.5), False, "response", "strictly between"),
        ("brier", True, "linear", "mix='response'"),
    ],
)
def test_a_wrong_scoring_says_what_serves(scoring, classification, mix, says):
    with pytest.raises(ValueError, match=says):
        check_scoring(scoring, classification, mix)
