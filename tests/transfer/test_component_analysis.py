"""TCA and JDA against dense generalised eigenproblems solved by scipy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import eigh, subspace_angles
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel

from crosstask.transfer import JDA, TCA

TASK = np.repeat(["a", "b", "t"], [25, 15, 20])


def rows(d: int = 6, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scale = np.linspace(2.0, 0.5, d)
    return rng.normal(size=(60, d)) * scale + (TASK == "t")[:, None] * rng.normal(size=d)


def difference(X: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    n, m = one.sum(), other.sum()
    return np.sqrt(n * m / (n + m)) * (X[one].mean(axis=0) - X[other].mean(axis=0))


def dense(X: np.ndarray, apart: list[np.ndarray], mu: float, k: int) -> np.ndarray:
    """The leading generalised eigenvectors, scaled so that W'AW = I."""
    n, d = X.shape
    B = np.cov(X.T, bias=True)
    A = mu * np.trace(B) / d * np.eye(d) + np.array(apart).T @ np.array(apart) / n
    return eigh(B, A)[1][:, ::-1][:, :k]


def same_up_to_sign(found: np.ndarray, expected: np.ndarray) -> None:
    """Scaled by the mean variance, which the fitted constraint leaves out of W."""
    found, expected = (W / np.linalg.norm(W[:, 0]) for W in (found, expected))
    assert_allclose(np.abs(found), np.abs(expected), atol=1e-7)


@pytest.mark.parametrize("mu", [1e-4, 1.0])
def test_tca_solves_the_generalised_eigenproblem(mu):
    X = rows()
    model = TCA("t", n_components=3, mu=mu).fit(X, task=TASK)
    apart = [difference(X, name == TASK, TASK == "t") for name in "ab"]
    same_up_to_sign(model.components_, dense(X, apart, mu, 3))
    assert_allclose(model.transform(X), (X - X.mean(axis=0)) @ model.components_)


def test_all_landmarks_are_the_kernel_itself():
    """In the span of the rows: maximise a'KHKa subject to a'(mu v K + K L K) a = 1."""
    X = rows()
    n, mu, gamma = len(X), 0.3, 0.2
    model = TCA("t", n_components=3, mu=mu, kernel="rbf", gamma=gamma, n_landmarks=n, random_state=0).fit(X, task=TASK)
    K = rbf_kernel(X, gamma=gamma)
    H = np.eye(n) - 1.0 / n
    E = []
    for name in "ab":
        s, t = name == TASK, TASK == "t"
        E.append(np.sqrt(s.sum() * t.sum() / (s.sum() + t.sum())) * (s / s.sum() - t / t.sum()))
    L = np.array(E).T @ np.array(E) / n
    v = np.trace(H @ K) / n / n  # the Nystroem features are n columns
    A = mu * v * K + K @ L @ K
    a = eigh(K @ H @ K / n, A + 1e-12 * np.eye(n))[1][:, ::-1][:, :3]
    expected = H @ K @ a
    found = model.transform(X)
    assert subspace_angles(found, expected).max() < 1e-3
    assert_allclose(np.corrcoef(found.T, expected.T)[:3, 3:] ** 2, np.corrcoef(expected.T) ** 2, atol=1e-3)


def test_small_mu_brings_the_means_together_and_large_mu_is_pca():
    X = rows()
    gap = {}
    for mu in (1e-6, 1e6):
        Z = TCA("t", n_components=2, mu=mu).fit_transform(X, task=TASK)
        Z = Z / Z.std(axis=0)
        gap[mu] = np.linalg.norm(Z[TASK == "a"].mean(axis=0) - Z[TASK == "t"].mean(axis=0))
    assert gap[1e-6] < 1e-3 < 0.1 < gap[1e6]
    axes = PCA(2).fit(X).components_.T
    assert subspace_angles(TCA("t", n_components=2, mu=1e9).fit(X, task=TASK).components_, axes).max() < 1e-6
    assert subspace_angles(TCA(n_components=2).fit(X).components_, axes).max() < 1e-6  # no tasks: PCA


def test_jda_with_known_classes_is_one_eigenproblem():
    X, y = rows(), np.tile([0, 1, 2], 20)
    model = JDA("t", n_components=3, mu=0.5).fit(X, y, task=TASK)
    t = TASK == "t"
    apart = [difference(X, name == TASK, t) for name in "ab"]
    apart += [difference(X, (name == TASK) & (y == c), t & (y == c)) for c in range(3) for name in "ab"]
    same_up_to_sign(model.components_, dense(X, apart, 0.5, 3))
    assert_array_equal(model.pseudo_labels_, y[t])


def test_jda_finds_the_classes_of_a_moved_target():
    rng = np.random.default_rng(0)
    y = np.where(rng.random(60) < 0.5, "a", "b")
    X = rng.normal(size=(60, 4)) + np.where(y == "a", 2.5, -2.5)[:, None] * [1, 0, 0, 0]
    X[TASK == "t"] += [0.0, 6.0, 0.0, 0.0]
    holed = np.where(TASK == "t", None, y)
    for estimator in (None, LogisticRegression()):
        model = JDA("t", n_components=2, estimator=estimator).fit(X, holed, task=TASK)
        assert (model.pseudo_labels_ == y[TASK == "t"]).mean() > 0.9
        assert model.n_iter_ <= 10


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TCA("t", mu=0.0), "mu=0.0 must be a positive number"),
        (TCA("t", kernel="cubic"), "kernel='cubic' is not known: use 'linear', 'rbf'"),
        (JDA("t", n_components=1.5), "n_components=1.5 must be a whole number"),
    ],
)
def test_bad_parameters_are_named(model, message):
    with pytest.raises(ValueError, match=message):
        model.fit(rows(), np.tile([0, 1], 30), task=TASK)


def test_jda_needs_the_sources_classes_and_names_those_that_do_not():
    X = rows()
    with pytest.raises(ValueError, match=r"class of every source row, and 40 have none.*CORAL, .*TCA need no y"):
        JDA("t").fit(X, task=TASK)
    y = np.tile(["u", "v"], 30).astype(object)
    y[3] = None
    with pytest.raises(ValueError, match=r"and 1 have none"):
        JDA("t").fit(X, y, task=TASK)
