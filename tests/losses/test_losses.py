from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.metrics import log_loss, mean_squared_error

from crosstask.losses import Logistic, Multinomial, Squared, as_loss

N = 7


def sample(loss, seed=0):
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 2.0, N)
    if isinstance(loss, Squared):
        return rng.normal(size=N), rng.normal(size=N), weight
    if isinstance(loss, Logistic):
        return (rng.random(N) < 0.5).astype(float), 2 * rng.normal(size=N), weight
    return rng.integers(0, 3, N).astype(float), 2 * rng.normal(size=(N, 3)), weight


LOSSES = pytest.mark.parametrize("loss", [Squared(), Logistic(), Multinomial()], ids=str)


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
def test_conjugate_meets_fenchel_young(loss):
    y, z, s = sample(loss)
    u = loss.gradient(y, z, np.ones(N))
    inner = float(np.sum((z * u).reshape(N, -1).sum(axis=1) * s))
    assert loss.value(y, z, s) + loss.conjugate(y, u, s) == pytest.approx(inner, abs=1e-12)
    other = sample(loss, seed=1)[1]
    inner = float(np.sum((other * u).reshape(N, -1).sum(axis=1) * s))
    assert loss.value(y, other, s) + loss.conjugate(y, u, s) > inner


@pytest.mark.parametrize("loss", [Logistic(), Multinomial()], ids=str)
def test_conjugate_is_infinite_where_no_slope_reaches(loss):
    y, z, s = sample(loss)
    assert loss.conjugate(y, np.full(z.shape, 5.0), s) == np.inf


@LOSSES
def test_extreme_predictions_stay_finite(loss):
    y, z, s = sample(loss)
    for far in (1e5, -1e5):
        moved = z * far
        assert np.isfinite(loss.value(y, moved, s))
        assert np.isfinite(loss.gradient(y, moved, s)).all()
        assert np.isfinite(loss.conjugate(y, loss.gradient(y, moved, np.ones(N)), s))


def test_values_are_those_of_scikit_learn():
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
    with pytest.raises(ValueError, match="unknown loss 'hinge': give one of 'squared', 'logistic', 'multinomial'"):
        as_loss("hinge")
    with pytest.raises(ValueError, match="needs classes"):
        Multinomial().n_outputs(None)
