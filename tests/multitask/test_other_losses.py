"""Huber, quantile, Poisson and squared hinge losses in the estimators, against scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import HuberRegressor, PoissonRegressor, QuantileRegressor
from sklearn.metrics import d2_pinball_score, mean_pinball_loss
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.svm import LinearSVC

from crosstask.couplings import MeanTied
from crosstask.losses import Huber, Logistic, Poisson, Quantile, SquaredHinge
from crosstask.multitask import MultiTaskClassifier, MultiTaskRegressor


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(160, 3)), np.repeat(["a", "b", "c", "d"], 40)
    level = np.repeat([0.0, 0.5, 1.0, 1.5], 40)
    return X, rng.poisson(np.exp(level + 0.4 * X[:, 0] - 0.2 * X[:, 1])), task


def test_one_task_is_scikit_learns_poisson_regressor(counts):
    X, y, _ = counts
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    ours = MultiTaskRegressor("independent", loss="poisson", alpha=0.1, standardize=False, tol=1e-12)
    rival = PoissonRegressor(alpha=0.1, tol=1e-10, max_iter=1000, solver="newton-cholesky")
    ours.fit(X, y, sample_weight=weight)
    rival.fit(X, y, sample_weight=weight)
    assert_allclose(ours.coef_[0], rival.coef_, atol=1e-6)
    assert_allclose(ours.predict(X), rival.predict(X), rtol=1e-6)
    for t in "ab":
        rows = counts[2] == t
        alone = MultiTaskRegressor("independent", loss="poisson", alpha=0.1, standardize=False, tol=1e-12)
        alone.fit(X, y, task=counts[2])
        rival.fit(X[rows], y[rows], sample_weight=None)
        assert not np.allclose(alone.predict(X[rows], task=counts[2][rows]), rival.predict(X[rows]))
        rival.set_params(alpha=0.1 * 4).fit(X[rows], y[rows])  # n_t is a quarter of n
        assert_allclose(alone.predict(X[rows], task=counts[2][rows]), rival.predict(X[rows]), rtol=1e-6)
        rival.set_params(alpha=0.1)


def test_one_task_is_scikit_learns_huber_regressor_at_its_scale(regression_rows):
    X, y, _ = regression_rows
    y = np.where(np.arange(len(y)) % 17 == 0, y + 50.0, y)
    rival = HuberRegressor(epsilon=1.35, alpha=0.5, tol=1e-12, max_iter=20_000).fit(X, y)
    loss = Huber(delta=1.35 * rival.scale_)
    ours = MultiTaskRegressor("independent", loss=loss, alpha=0.5 * rival.scale_ / len(y), standardize=False, tol=1e-13)
    ours.fit(X, y)
    assert_allclose(ours.coef_[0], rival.coef_, atol=1e-4)
    assert_allclose(ours.intercept_[0], rival.intercept_, atol=1e-4)


@pytest.mark.parametrize("q", [0.2, 0.5, 0.9])
def test_one_task_without_penalty_comes_to_the_quantile_regressor(regression_rows, q):
    X, y, _ = regression_rows
    best = mean_pinball_loss(y, QuantileRegressor(quantile=q, alpha=0.0).fit(X, y).predict(X), alpha=q)
    for h in (0.5, 0.02):
        loss = Quantile(q, smoothing=h)
        ours = MultiTaskRegressor("independent", loss=loss, alpha=1e-9, standardize=False, tol=1e-8).fit(X, y)
        found = mean_pinball_loss(y, ours.predict(X), alpha=q)
        assert best - 1e-9 <= found <= best + h / 4 + 1e-6


def test_one_task_is_scikit_learns_linear_svc_without_intercept(binary_rows):
    X, y, _ = binary_rows
    ours = MultiTaskClassifier(
        "independent", loss="squared_hinge", alpha=0.05, fit_intercept=False, standardize=False, tol=1e-13
    ).fit(X, y)
    rival = LinearSVC(C=1 / (0.05 * len(y)), fit_intercept=False, tol=1e-12, max_iter=100_000).fit(X, y)
    assert_allclose(ours.coef_, rival.coef_, atol=1e-6)
    assert_allclose(ours.decision_function(X), rival.decision_function(X), atol=1e-5)
    assert_array_equal(ours.predict(X), rival.predict(X))


def test_far_values_move_the_mean_and_not_huber_or_the_median(regression_rows):
    X, y, task = regression_rows
    spoilt = np.where(np.arange(len(y)) % 20 == 0, y + 1e4, y)
    moved = {}
    for loss in ("squared", "huber", "quantile"):
        clean, hit = (MultiTaskRegressor(loss=loss, alpha=0.05).fit(X, target, task=task) for target in (y, spoilt))
        moved[loss] = np.abs(clean.predict(X, task=task) - hit.predict(X, task=task)).mean()
    assert moved["squared"] > 100
    assert max(moved["huber"], moved["quantile"]) < 1.0


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_each_task_has_its_share_of_rows_below_the_quantile(q):
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(900, 2)), np.repeat([0, 1, 2], 300)
    y = X[:, 0] + (1.0 + task) * rng.standard_t(3, size=900)
    model = MultiTaskRegressor("pooled", loss=Quantile(q), alpha=1e-3).fit(X, y, task=task)
    below = y < model.predict(X, task=task)
    assert_allclose([below[task == t].mean() for t in range(3)], q, atol=0.03)


@pytest.mark.parametrize("loss", ["huber", "quantile", "poisson"])
@pytest.mark.parametrize("coupling", ["mean_tied", "feature_norm"])
def test_alpha_is_chosen_weights_repeat_and_y_keeps_its_unit(counts, loss, coupling):
    X, y, task = counts
    model = MultiTaskRegressor(coupling, loss=loss, n_alphas=4, cv=2).fit(X, y, task=task)
    assert np.isfinite(model.path_["cv_loss"]).all()
    assert model.gap_ <= 1e-6
    fixed = clone(model).set_params(alpha=0.02, tol=1e-10)
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    again = np.repeat(np.arange(len(y)), weight)
    weighted = clone(fixed).fit(X, y, task=task, sample_weight=weight)
    repeated = clone(fixed).fit(X[again], y[again], task=task[again])
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-5)
    if loss == "huber" and coupling == "mean_tied":  # square and straight parts grow as the penalty does
        thousand = clone(fixed).fit(X, 1000.0 * y, task=task)
        once = clone(fixed).fit(X, y, task=task)
        assert_allclose(thousand.predict(X, task=task), 1000.0 * once.predict(X, task=task), rtol=1e-3, atol=1.0)


def test_a_task_without_any_count_keeps_a_rate(counts):
    X, y, task = counts
    none = np.where(task == "b", 0, y)
    model = MultiTaskRegressor("independent", loss="poisson", alpha=0.1, tol=1e-12).fit(X, none, task=task)
    rows = task == "b"
    assert_allclose(model.predict(X[rows], task=task[rows]), 0.5 * none.mean() / 40.5, rtol=1e-6)


def test_fitted_losses_know_their_widths(regression_rows):
    X, y, task = regression_rows
    model = MultiTaskRegressor(loss="huber", alpha=0.1).fit(X, y, task=task)
    assert isinstance(model.loss_, Huber)
    assert model.loss_.delta > 0
    assert Huber().delta is None
    asked = Quantile(0.9)
    assert MultiTaskRegressor(loss=asked, alpha=0.1).fit(X, y, task=task).loss_.smoothing > 0
    assert asked.smoothing is None


def test_squared_hinge_has_no_probabilities(binary_rows, three_class_rows):
    X, y, task = binary_rows
    model = MultiTaskClassifier(loss="squared_hinge", alpha=0.1).fit(X, y, task=task)
    assert not hasattr(model, "predict_proba")
    with pytest.raises(AttributeError) as caught:
        model.predict_proba  # noqa: B018
    assert "decision values and no probabilities, so there is no predict_proba" in str(caught.value.__cause__)
    assert hasattr(MultiTaskClassifier(loss=Logistic()), "predict_proba")
    assert model.score(X, y, task=task) > 0.6
    coupled = MultiTaskClassifier(MeanTied(0.5), loss=SquaredHinge(), n_alphas=3, cv=2).fit(X, y, task=task)
    assert coupled.gap_ <= 1e-6
    with pytest.raises(ValueError, match="is for two classes, and y has 3"):
        MultiTaskClassifier(loss="squared_hinge", alpha=0.1).fit(*three_class_rows[:2])


def test_targets_that_do_not_fit_the_loss_are_refused(counts):
    X, y, task = counts
    with pytest.raises(ValueError, match=r"is for counts, and y has 160 negative value\(s\).*use loss='squared'"):
        MultiTaskRegressor(loss="poisson", alpha=0.1).fit(X, -1.0 - y, task=task)
    with pytest.raises(ValueError, match="needs a y above zero"):
        MultiTaskRegressor(loss=Poisson(), alpha=0.1).fit(X, 0 * y, task=task)
    with pytest.raises(ValueError, match=r"loss='poisson' is for amounts"):
        MultiTaskClassifier(loss="poisson", alpha=0.1).fit(X, y, task=task)
    with pytest.raises(ValueError, match=r"loss='squared_hinge' is for classes"):
        MultiTaskRegressor(loss="squared_hinge", alpha=0.1).fit(X, y, task=task)


def test_score_is_scikit_learns_d2_inside_tasks(counts, regression_rows):
    X, y, task = counts
    weight = np.random.default_rng(1).uniform(0.5, 2.0, len(y))
    ours = MultiTaskRegressor("independent", loss="poisson", alpha=0.1, standardize=False, tol=1e-10).fit(X, y)
    rival = PoissonRegressor(alpha=0.1, tol=1e-10, solver="newton-cholesky").fit(X, y)
    assert ours.score(X, y, sample_weight=weight) == pytest.approx(rival.score(X, y, weight), rel=1e-6)
    several = MultiTaskRegressor(loss="poisson", alpha=0.01).fit(X, y, task=task)
    made, null = 0.0, 0.0
    for t in np.unique(task):
        rows = task == t
        predicted = several.predict(X[rows], task=task[rows])
        made += Poisson().value(y[rows], np.log(predicted), np.ones(rows.sum()))
        null += Poisson().value(y[rows], np.full(rows.sum(), np.log(y[rows].mean())), np.ones(rows.sum()))
    assert several.score(X, y, task=task) == pytest.approx(1 - made / null)
    X, y, task = regression_rows
    for q in (0.2, 0.5):
        model = MultiTaskRegressor(loss=Quantile(q), alpha=0.01).fit(X, y)
        assert model.score(X, y) == pytest.approx(d2_pinball_score(y, model.predict(X), alpha=q), abs=1e-3)
    huber = MultiTaskRegressor(loss=Huber(1e9), alpha=0.01).fit(X, y, task=task)
    squared = MultiTaskRegressor(alpha=0.01).fit(X, y, task=task)
    assert huber.score(X, y, task=task) == pytest.approx(squared.score(X, y, task=task), abs=1e-6)


def test_exposure_is_a_column_that_multiplies_the_mean(counts):
    """Claims per policy with policies as weights is claims with policies as exposure: the same likelihood."""
    X, _, task = counts
    rng = np.random.default_rng(3)
    policies = rng.integers(1, 30, len(task)).astype(float)
    claims = rng.poisson(policies * np.exp(0.3 * X[:, 0] - 1.0))
    frame = pd.DataFrame(X, columns=["age", "power", "km"]).assign(shop=task, policies=policies)
    model = MultiTaskRegressor(
        "mean_tied", loss="poisson", alpha=0.1, task_column="shop", exposure_column="policies", tol=1e-10,
        standardize=False,
    ).fit(frame, claims)  # fmt: skip
    rate = clone(model).set_params(exposure_column=None, alpha=0.1 * len(task) / policies.sum())
    rate.fit(frame.drop(columns="policies"), claims / policies, sample_weight=policies)
    assert_allclose(model.coef_, rate.coef_, atol=1e-5)
    assert_allclose(model.predict(frame), policies * rate.predict(frame.drop(columns="policies")), rtol=1e-5)
    assert list(model.coefficients()["feature"].unique()) == ["age", "power", "km"]
    polar = pl.from_pandas(frame)
    assert_allclose(clone(model).fit(polar, claims).predict(polar), model.predict(frame))
    doubled = frame.assign(policies=2 * policies)
    assert_allclose(model.predict(doubled), 2 * model.predict(frame))
    assert model.score(frame, claims) > 0
    scores = cross_val_score(model, frame, claims, cv=KFold(3, shuffle=True, random_state=0))
    assert np.isfinite(scores).all()
    search = GridSearchCV(model, {"alpha": [0.01, 1.0]}, cv=KFold(3, shuffle=True, random_state=0)).fit(frame, claims)
    assert search.predict(frame).shape == (len(task),)
    chosen = clone(model).set_params(alpha="auto", n_alphas=3, cv=2).fit(frame, claims)
    assert np.isfinite(chosen.path_["cv_loss"]).all()


def test_exposure_by_position_and_at_the_wide_door(counts):
    X, y, task = counts
    exposure = np.random.default_rng(3).uniform(0.5, 2.0, len(y))
    codes = np.unique(task, return_inverse=True)[1].astype(float)
    base = MultiTaskRegressor(loss="poisson", alpha=0.1, exposure_column=-1, tol=1e-10)
    expected = clone(base).fit(np.column_stack([X, exposure]), y, task=task)
    for order in ([0, 1, 2, 3, 4], [3, 0, 1, 2, 4], [4, 3, 0, 1, 2]):
        table = np.column_stack([X, exposure, codes])[:, order]
        model = clone(base).set_params(task_column=order.index(4), exposure_column=order.index(3)).fit(table, y)
        assert_allclose(model.coef_, expected.coef_)
        assert_allclose(model.predict(table), expected.predict(np.column_stack([X, exposure]), task=task))
    Y = np.column_stack([y[:80], y[80:]]).astype(float)
    Y[::7, 0] = np.nan
    table = np.column_stack([X, exposure])[:80]
    wide = clone(base).fit(table, Y)
    seen = ~np.isnan(Y.T.ravel())
    long = clone(base).fit(np.tile(table, (2, 1))[seen], Y.T.ravel()[seen], task=np.repeat([0, 1], 80)[seen])
    assert_allclose(wide.coef_, long.coef_, atol=1e-7)
    assert_allclose(wide.predict(table)[:, 1], long.predict(table, task=np.full(80, 1)), atol=1e-6)
    scored = long.score(np.tile(table, (2, 1))[seen], Y.T.ravel()[seen], task=np.repeat([0, 1], 80)[seen])
    assert wide.score(table, Y) == pytest.approx(scored, abs=1e-6)


def test_wrong_exposures_are_named(counts):
    X, y, task = counts
    frame = pd.DataFrame(X, columns=["age", "power", "km"]).assign(shop=task, days=1.0)
    model = MultiTaskRegressor(loss="poisson", alpha=0.1, task_column="shop", exposure_column="days")
    with pytest.raises(ValueError, match=r"column 'days' holds the exposure, and 160 row\(s\) of it are not positive"):
        model.fit(frame.assign(days=0.0), y)
    with pytest.raises(ValueError, match="are not positive numbers"):
        model.fit(frame.assign(days="long"), y)
    with pytest.raises(ValueError, match="no column 'weeks' to read the exposure from; its columns are 'age'"):
        clone(model).set_params(exposure_column="weeks").fit(frame, y)
    with pytest.raises(ValueError, match="exposure_column='days' is for loss='poisson', and the loss is 'squared'"):
        clone(model).set_params(loss="squared").fit(frame, y)
    with pytest.raises(ValueError, match="named both as task_column and as exposure_column"):
        MultiTaskRegressor(loss="poisson", alpha=0.1, task_column=3, exposure_column=-1).fit(
            np.column_stack([X, np.arange(160) % 3]), y
        )
    with pytest.raises(ValueError, match="no columns besides the exposure"):
        model.fit(frame[["shop", "days"]], y)
