"""KMM against cvxpy, KLIEP against cvxpy, ULSIF against a dense solve, all against a density ratio that is known."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor

from crosstask.transfer import KLIEP, KMM, ULSIF, DomainClassifierWeights, ImportanceWeighted
from crosstask.transfer._kmm_solver import solve_kmm
from crosstask.transfer._source_weights import effective_sample_size, gaussian

WEIGHTS = [KMM(), KLIEP(), ULSIF(), ULSIF(relative=0.1), DomainClassifierWeights()]


def samples(n: int = 80, m: int = 50, d: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 0.7 * rng.normal(size=(m, d)) + 0.8


@pytest.mark.parametrize(("gamma", "bound", "slack"), [(0.5, 1000.0, 0.8), (0.1, 3.0, 0.05), (0.02, 1.5, 1e-3)])
def test_kmm_solves_its_quadratic_programme(gamma, bound, slack):
    source, target = samples()
    n = len(source)
    K, kappa = gaussian(source, source, gamma), n * gaussian(source, target, gamma).mean(axis=1)
    w = solve_kmm(K, kappa, bound, slack)
    v = cp.Variable(n)
    sums = [cp.sum(v) <= n * (1 + slack), cp.sum(v) >= n * (1 - slack)]
    objective = cp.Minimize(0.5 * cp.quad_form(v, cp.psd_wrap(K)) - kappa @ v)
    best = cp.Problem(objective, [v >= 0, v <= bound, *sums]).solve("CLARABEL")
    assert 0.5 * w @ K @ w - kappa @ w <= best + 1e-6 * abs(best)
    assert w.min() >= 0
    assert w.max() <= bound
    assert abs(w.sum() - n) <= n * slack * (1 + 1e-9)


def test_kliep_finds_the_maximum():
    source, target = samples()
    model = KLIEP(gamma=0.4, n_centers=20).fit(source, target)
    at_source, at_target = (gaussian(X / model.scale_, model.centers_, 0.4) for X in (source, target))
    alpha = cp.Variable(20, nonneg=True)
    problem = cp.Problem(
        cp.Maximize(cp.sum(cp.log(at_target @ alpha)) / len(target)), [at_source.mean(axis=0) @ alpha == 1]
    )
    best = problem.solve("CLARABEL")
    assert np.log(at_target @ model.alpha_).mean() >= best - 2e-6
    assert model.weights_.mean() == pytest.approx(1.0)


@pytest.mark.parametrize("relative", [0.0, 0.3])
def test_ulsif_is_the_clipped_least_squares_solution(relative):
    source, target = samples()
    model = ULSIF(gamma=0.4, alpha=0.1, relative=relative, n_centers=20).fit(source, target)
    at_source, at_target = (gaussian(X / model.scale_, model.centers_, 0.4) for X in (source, target))
    H = sum(share * A.T @ A / len(A) for share, A in ((1 - relative, at_source), (relative, at_target)))
    alpha = np.linalg.lstsq(H + 0.1 * np.eye(20), at_target.mean(axis=0), rcond=None)[0]
    assert_allclose(model.alpha_, alpha.clip(0), atol=1e-8)


@pytest.mark.parametrize("weights", WEIGHTS, ids=repr)
def test_the_weights_follow_a_known_density_ratio(weights):
    """N(0, 1) against N(0.7, 1): the ratio is exp(0.7 x - 0.245). Means over four draws."""
    means, ratios, middle = [], [], np.array([-0.5, 0.5, 1.0])
    for seed in range(4):
        rng = np.random.default_rng(seed)
        source, target = rng.normal(size=(300, 1)), rng.normal(size=(200, 1)) + 0.7
        found = weights.fit(source, target)
        assert found.effective_sample_size_ == pytest.approx(effective_sample_size(found.weights_))
        means.append(found.weights_ @ source[:, 0] / found.weights_.sum())
        if hasattr(found, "density_ratio"):
            ratios.append(np.log(found.density_ratio(middle[:, None])))
    relative = getattr(weights, "relative", 0.0)
    assert np.mean(means) == pytest.approx(0.7, abs=0.25 if relative else 0.12)
    if ratios:
        ratio = np.exp(0.7 * middle - 0.245)
        assert_allclose(np.mean(ratios, axis=0), np.log(ratio / (1 - relative + relative * ratio)), atol=0.3)


@pytest.mark.parametrize("weights", WEIGHTS, ids=repr)
def test_units_of_the_columns_do_not_matter(weights):
    source, target = samples()
    first = weights.fit(source, target).weights_.copy()
    again = weights.fit(source * [1e-6, 1e6], target * [1e-6, 1e6]).weights_
    assert_allclose(again, first, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (KMM(gamma=0.0), "gamma=0.0 must be a positive number"),
        (KMM(bound=1.0), "bound=1.0 must be above 1"),
        (KMM(slack=0.0), "slack=0.0 must be positive"),
        (KLIEP(n_centers=0), "n_centers=0 must be a whole number"),
        (ULSIF(relative=1.0), "relative=1.0 must be at least 0 and below 1"),
        (ULSIF(alpha=-1.0), "alpha=-1.0 must be a positive number"),
    ],
)
def test_bad_parameters_are_named(weights, message):
    with pytest.raises(ValueError, match=message):
        weights.fit(*samples())


def test_widths_and_rows_are_checked():
    source, target = samples()
    for weights in WEIGHTS:
        with pytest.raises(ValueError, match="X_source has 2 columns and X_target 1"):
            weights.fit(source, target[:, :1])
    with pytest.raises(ValueError, match="two of each are needed"):
        DomainClassifierWeights().fit(source, target[:1])


def shifted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A curve that a line must fit near the target; no y of the target."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=200), 1.0 + 0.3 * rng.normal(size=60)])[:, None]
    task = np.repeat(["old", "new"], [200, 60])
    return X, X[:, 0] ** 2 + 0.1 * rng.normal(size=260), task


@pytest.mark.parametrize("weights", [None, *WEIGHTS[1:]], ids=repr)
def test_weighted_fits_serve_the_target(weights):
    X, y, task = shifted()
    holed = np.where(task == "new", np.nan, y)
    model = ImportanceWeighted(LinearRegression(), weights, target_task="new").fit(X, holed, task=task)
    plain = LinearRegression().fit(X[:200], y[:200])
    assert model.score(X, y, task=task) > 0.5 > 0.0 > plain.score(X[200:], y[200:])
    weight = model.source_weight_
    assert weight.mean() == pytest.approx(1.0)
    by_hand = LinearRegression().fit(X[:200], y[:200], sample_weight=weight)
    assert_allclose(model.predict(X[200:]), by_hand.predict(X[200:]))


def test_labelled_target_rows_count_once_and_sample_weights_multiply():
    X, y, task = shifted()
    holed = np.where((task == "new") & (np.arange(260) > 210), np.nan, y)
    own = np.linspace(0.5, 1.5, 260)
    model = ImportanceWeighted(Ridge(), DomainClassifierWeights(), target_task="new")
    model.fit(X, holed, task=task, sample_weight=own)
    weight = own[:211].copy()
    weight[:200] *= model.source_weight_
    expected = Ridge().fit(X[:211], y[:211], sample_weight=weight)
    assert_allclose(model.estimator_.coef_, expected.coef_)
    assert_allclose(model.predict(X), expected.predict(X))


def test_without_tasks_it_is_the_estimator():
    X, y, _ = shifted()
    assert_allclose(ImportanceWeighted(Ridge()).fit(X, y).predict(X), Ridge().fit(X, y).predict(X))


def test_a_small_effective_sample_size_is_warned_about():
    X, y, task = shifted()
    X = X + np.where(task == "new", 3.0, 0.0)[:, None]
    with pytest.warns(UserWarning, match=r"the 200 source rows an effective sample size of \d+: few of them"):
        model = ImportanceWeighted(Ridge(), target_task="new").fit(X, y, task=task)
    assert model.effective_sample_size_ < 20


def test_classes_by_name_with_unlabelled_targets():
    X, y, task = shifted()
    labels = np.where(task == "new", None, np.where(y > 1, "high", "low"))
    model = ImportanceWeighted(LogisticRegression(), DomainClassifierWeights(GaussianNB()), target_task="new")
    model.fit(X, labels, task=task)
    assert model.classes_.tolist() == ["high", "low"]
    assert model.predict_proba(X[200:]).shape == (60, 2)
    assert model.decision_function(X[200:]).shape == (60,)
    assert not hasattr(ImportanceWeighted(HistGradientBoostingRegressor()), "predict_proba")


def test_lines_for_what_does_not_work():
    X, y, task = shifted()
    with pytest.raises(ValueError, match="KNeighborsRegressor takes none"):
        ImportanceWeighted(KNeighborsRegressor(), target_task="new").fit(X, y, task=task)
    holed = y.copy()
    holed[5] = np.nan
    with pytest.raises(ValueError, match=r"1 source rows have no y \(first at row 5\): only rows of the target"):
        ImportanceWeighted(Ridge(), target_task="new").fit(X, holed, task=task)
    fitted = ImportanceWeighted(Ridge(), KLIEP(), target_task="new").fit(X, y, task=task)
    with pytest.raises(ValueError, match="no row of the target 'new' has a y"):
        fitted.score(X, np.where(task == "new", np.nan, y), task=task)
