from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.metrics import hinge_loss, log_loss, mean_pinball_loss, mean_poisson_deviance, mean_squared_error

from crosstask.losses import Huber, Logistic, Loss, Multinomial, Poisson, Quantile, Squared, SquaredHinge, as_loss

N = 7
EACH = [Squared(), Huber(0.8), Quantile(0.3, smoothing=0.5), Poisson(), Logistic(), Multinomial(), SquaredHinge()]
LOSSES = pytest.mark.parametrize("loss", EACH, ids=str)


def sample(loss, seed=0):
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 2.0, N)
    if isinstance(loss, Multinomial):
        return rng.integers(0, 3, N).astype(float), 2 * rng.normal(size=(N, 3)), weight
    if loss.classifies:
        return (rng.random(N) < 0.5).astype(float), 2 * rng.normal(size=N), weight
    if isinstance(loss, Poisson):
        return rng.poisson(1.5, N).astype(float), rng.normal(size=N), weight
    return rng.normal(size=N), rng.normal(size=N), weight


@LOSSES
def test_gradient_is_the_slope_of_the_value(loss):
    y, z, s = sample(loss)
    gradient = loss.gradient(y, z, s)
    for index in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[index] += 1e-6
        down[index] -= 1e-6
        slope = (loss.value(y, up, s) - loss.value(y, down, s)) / 2e-6
        assert_allclose(gradient[index], slope, atol=1e-8)


@LOSSES
def test_curvature_is_the_slope_of_the_gradient_and_below_its_bound(loss):
    y, z, s = sample(loss)
    K = z.shape[1] if z.ndim == 2 else 1
    curvature = loss.curvature(y, z, s).reshape(N, K, K)
    for k in range(K):
        nudge = np.zeros((N, K))
        nudge[:, k] = 1e-6
        up, down = (loss.gradient(y, z + sign * nudge.reshape(z.shape), s) for sign in (1, -1))
        assert_allclose(curvature[:, :, k], ((up - down) / 2e-6).reshape(N, K), atol=1e-7)
    assert (np.linalg.eigvalsh(curvature) <= loss.smoothness * s[:, None] + 1e-12).all()


@LOSSES
def test_majoriser_touches_the_loss_and_lies_above_it(loss):
    y, z, s = sample(loss)
    K = z.shape[1] if z.ndim == 2 else 1
    M, gradient = loss.majoriser(y, z, s).reshape(N, K, K), loss.gradient(y, z, s).reshape(N, K)
    rng = np.random.default_rng(1)
    for _ in range(200):
        to = z + rng.normal(size=z.shape) * rng.choice([0.1, 1.0, 10.0])
        if isinstance(loss, Poisson):  # there only on the way to the row's own optimum
            to = z + rng.random(N) * (np.log(np.maximum(y, 1e-3)) - z)
        delta = (to - z).reshape(N, K)
        model = s * loss.row_value(y, z) + np.sum(gradient * delta, axis=1)
        model += 0.5 * np.einsum("nk,nkm,nm->n", delta, M, delta)
        assert (model >= s * loss.row_value(y, to) - 1e-9).all()


@LOSSES
def test_conjugate_meets_fenchel_young(loss):
    y, z, s = sample(loss)
    u = loss.gradient(y, z, np.ones(N))
    inner = float(np.sum((z * u).reshape(N, -1).sum(axis=1) * s))
    assert loss.value(y, z, s) + loss.conjugate(y, u, s) == pytest.approx(inner, abs=1e-12)
    for share in (0.0, 0.3, 0.9):  # a dual point that is scaled to be feasible stays in the domain
        for seed in (1, 2, 3):
            other = sample(loss, seed)[1]
            inner = float(np.sum((other * share * u).reshape(N, -1).sum(axis=1) * s))
            assert loss.value(y, other, s) + loss.conjugate(y, share * u, s) >= inner - 1e-12


@pytest.mark.parametrize("loss", [loss for loss in EACH if not isinstance(loss, Squared)], ids=str)
def test_conjugate_is_infinite_where_no_slope_reaches(loss):
    y, z, s = sample(loss)
    assert max(loss.conjugate(y, np.full(z.shape, side * 9.0), s) for side in (1, -1)) == np.inf


@LOSSES
def test_extreme_predictions_stay_finite(loss):
    y, z, s = sample(loss)
    for far in (1e5, -1e5):
        moved = z * far
        assert np.isfinite(loss.value(y, moved, s))
        assert np.isfinite(loss.gradient(y, moved, s)).all()
        assert np.isfinite(loss.conjugate(y, loss.gradient(y, moved, np.ones(N)), s))


def test_values_are_those_of_scikit_learn():
    y, z, s = sample(Poisson())
    deviance = mean_poisson_deviance(y, np.exp(z), sample_weight=s)
    assert Poisson().value(y, z, s) == pytest.approx(0.5 * s.sum() * deviance)
    y, z, s = sample(Quantile())
    pinball = mean_pinball_loss(y, z, sample_weight=s, alpha=0.3) * s.sum()
    for h in (1.0, 0.1):
        loss = Quantile(0.3, smoothing=h)
        assert pinball <= loss.value(y, z, s) <= pinball + 0.25 * h * s.sum()
        assert loss.scored().value(y, z, s) == pytest.approx(pinball)
    assert Huber(1e9).value(y, z, s) == pytest.approx(Squared().value(y, z, s))
    y, z, s = sample(SquaredHinge())
    side = 2 * y - 1  # scikit-learn needs both classes: each row goes with one of the other class that costs nothing
    rows = [2 * hinge_loss([side[i], -side[i]], [z[i], -9 * side[i]]) for i in range(N)]
    assert SquaredHinge().value(y, z, s) == pytest.approx(s @ np.square(rows))
    y, z, s = sample(Squared())
    assert Squared().value(y, z, s) == pytest.approx(0.5 * s.sum() * mean_squared_error(y, z, sample_weight=s))
    y, z, s = sample(Logistic())
    p = 1 / (1 + np.exp(-z))
    assert Logistic().value(y, z, s) == pytest.approx(log_loss(y, p, sample_weight=s, normalize=False))
    y, z, s = sample(Multinomial())
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    assert Multinomial().value(y, z, s) == pytest.approx(
        log_loss(y, p, sample_weight=s, normalize=False, labels=[0, 1, 2])
    )


def test_names_and_objects():
    assert isinstance(as_loss("squared"), Squared)
    assert isinstance(as_loss("logistic", n_classes=2), Logistic)
    assert isinstance(as_loss("logistic", n_classes=3), Multinomial)
    given = Logistic()
    assert as_loss(given) is given
    assert isinstance(clone(given), Logistic)
    for name, kind in (("huber", Huber), ("quantile", Quantile), ("poisson", Poisson), ("squared_hinge", SquaredHinge)):
        assert isinstance(as_loss(name), kind)
    with pytest.raises(ValueError, match="unknown loss 'hinge': give one of 'squared', 'huber', 'quantile', 'poisson'"):
        as_loss("hinge")
    with pytest.raises(ValueError, match="needs classes"):
        Multinomial().n_outputs(None)
    with pytest.raises(ValueError, match=r"is for two classes, and y has 3\. Use loss='logistic'"):
        SquaredHinge().n_outputs(3)


@pytest.mark.parametrize("kind", [Huber, Quantile])
def test_widths_follow_the_spread_inside_the_tasks(kind):
    """Multiply y by 1000, shift whole tasks, add far values: the width is that of the noise, in units of y."""
    rng = np.random.default_rng(0)
    codes = np.repeat([0, 1], 400)
    noise = 3.0 * rng.normal(size=800)
    width = lambda y, s=None: list(  # noqa: E731
        kind().bound_to(y, codes, np.ones(800) if s is None else s).get_params().values()
    )[0 if kind is Huber else 1]
    expected = 3.0 * (1.345 if kind is Huber else 0.1)
    assert width(noise) == pytest.approx(expected, rel=0.06)
    spoilt = np.where(np.arange(800) % 50 == 0, 1e9, noise + 1e4 * codes)
    assert width(spoilt) == pytest.approx(expected, rel=0.1)
    assert width(1000 * noise) == pytest.approx(1000 * width(noise))
    weight = rng.integers(1, 4, 800).astype(float)
    again = np.repeat(np.arange(800), weight.astype(int))
    repeated = kind().bound_to(noise[again], codes[again], np.ones(len(again)))
    assert repeated.get_params() == kind().bound_to(noise, codes, weight).get_params()
    assert width(np.where(np.arange(800) % 5 == 0, 1.0, 0.0)) > 0
    assert width(np.full(800, 7.0)) > 0


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (Huber(delta=0.0), r"Huber\(delta=0.0\): give a positive delta"),
        (Quantile(1.0), r"Quantile\(quantile=1.0\): give a number between 0 and 1"),
        (Quantile(smoothing=-1.0), r"Quantile\(smoothing=-1.0\): smoothing must be positive"),
    ],
)
def test_impossible_widths_are_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        loss.bound_to(np.arange(4.0), np.zeros(4, dtype=int), np.ones(4))


@pytest.mark.parametrize("loss", [Huber(), Quantile()], ids=str)
def test_a_loss_without_width_says_what_to_do(loss):
    with pytest.raises(ValueError, match="follows the spread of y: call bound_to"):
        loss.value(np.zeros(2), np.ones(2), np.ones(2))


def test_counts_are_checked():
    with pytest.raises(ValueError, match=r"is for counts, and y has 1 negative value\(s\), the smallest -2"):
        Poisson().check_target(np.array([1.0, -2.0]))


def test_a_loss_needs_only_what_contributing_lists():
    """The defaults of the base class do the rest."""
    assert {"row_value", "gradient", "curvature", "conjugate"} <= set(vars(Loss))
    assert Squared().majoriser(np.zeros(2), np.zeros(2), np.array([1.0, 3.0])).tolist() == [1.0, 3.0]
    assert Multinomial().majoriser(np.zeros(1), np.zeros((1, 2)), np.ones(1)).tolist() == [[[0.5, 0.0], [0.0, 0.5]]]
