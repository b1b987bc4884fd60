"""MultiTaskRegressor and MultiTaskClassifier against scikit-learn, where both solve the same problem."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, MultiTaskLasso, Ridge
from sklearn.preprocessing import StandardScaler

from crosstask.couplings import FeatureNorm, MeanTied
from crosstask.multitask import MultiTaskClassifier, MultiTaskRegressor

COUPLINGS = ["independent", "pooled", "mean_tied", "feature_norm"]


def test_one_task_is_ridge(regression_rows):
    X, y, _ = regression_rows
    model = MultiTaskRegressor("independent", alpha=0.3, standardize=False).fit(X, y)
    ridge = Ridge(alpha=0.3 * len(y)).fit(X, y)
    assert_allclose(model.coef_[0], ridge.coef_)
    assert_allclose(model.intercept_[0], ridge.intercept_)
    scaled = MultiTaskRegressor("pooled", alpha=0.3).fit(X, y)
    scaler = StandardScaler().fit(X)
    assert_allclose(scaled.coef_[0], Ridge(0.3 * len(y)).fit(scaler.transform(X), y).coef_ / scaler.scale_)


@pytest.mark.parametrize("labels", ["binary_rows", "three_class_rows"])
def test_one_task_is_logistic_regression(labels, request):
    X, y, _ = request.getfixturevalue(labels)
    model = MultiTaskClassifier("independent", alpha=0.02, standardize=False, tol=1e-12).fit(X, y)
    rival = LogisticRegression(C=1 / (0.02 * len(y)), tol=1e-10, max_iter=10_000).fit(X, y)
    assert_allclose(np.squeeze(model.coef_), np.squeeze(rival.coef_), atol=1e-5)
    assert_allclose(model.predict_proba(X), rival.predict_proba(X), atol=1e-5)
    assert_allclose(model.decision_function(X), rival.decision_function(X), atol=1e-4)
    assert_array_equal(model.classes_, rival.classes_)


def test_wide_target_is_multi_task_lasso():
    rng = np.random.default_rng(3)
    X, W = rng.normal(size=(50, 8)), rng.normal(size=(8, 3)) * (np.arange(8) < 3)[:, None]
    Y = X @ W + 2.0 + rng.normal(size=(50, 3))
    rival = MultiTaskLasso(alpha=0.3, tol=1e-10, max_iter=100_000).fit(X, Y)
    model = MultiTaskRegressor("feature_norm", alpha=0.3 / 3, standardize=False, tol=1e-12).fit(X, Y)
    assert_allclose(model.coef_, rival.coef_, atol=1e-6)
    assert_allclose(model.predict(X), rival.predict(X), atol=1e-5)


def test_independent_is_one_ridge_a_task(regression_rows):
    X, y, task = regression_rows
    model = MultiTaskRegressor("independent", alpha=0.05, standardize=False).fit(X, y, task=task)
    for t, name in enumerate(model.tasks_):
        rows = task == name
        assert_allclose(model.coef_[t], Ridge(0.05 * len(y)).fit(X[rows], y[rows]).coef_)
    equal = MultiTaskRegressor("independent", alpha=0.05, standardize=False, task_weight="equal").fit(X, y, task=task)
    rows = task == "b"  # (1/T)(1/n_t) sum .5 r^2 + a/2 |w|^2 = ridge with T n_t a
    assert_allclose(equal.coef_[1], Ridge(0.05 * 4 * rows.sum()).fit(X[rows], y[rows]).coef_)


def test_pooled_is_ridge_after_removing_task_means(regression_rows):
    X, y, task = regression_rows
    model = MultiTaskRegressor("pooled", alpha=0.2, standardize=False).fit(X, y, task=task)
    centred, residual = X.copy(), y.copy()
    for name in np.unique(task):
        centred[task == name] -= X[task == name].mean(axis=0)
        residual[task == name] -= y[task == name].mean()
    by_hand = Ridge(0.2 * len(y), fit_intercept=False).fit(centred, residual).coef_
    assert_allclose(model.coef_, np.tile(by_hand, (4, 1)))
    assert len(np.unique(model.intercept_.round(6))) == 4


def test_mean_tied_is_ridge_on_replicated_columns(regression_rows):
    """With a free intercept for each task, centred rows and c > 0: |w0|^2 c + sum |v_t|^2 (Daume's columns)."""
    X, y, task = regression_rows
    codes = np.unique(task, return_inverse=True)[1]
    model = MultiTaskRegressor(MeanTied(centre_weight=0.25), alpha=0.2, standardize=False).fit(X, y, task=task)
    centred, residual = X.copy(), y.copy()
    for t in range(4):
        centred[codes == t] -= X[codes == t].mean(axis=0)
        residual[codes == t] -= y[codes == t].mean()
    own = (np.eye(4)[codes][:, :, None] * centred[:, None, :]).reshape(len(y), -1)
    w = Ridge(0.2 * len(y), fit_intercept=False).fit(np.hstack([centred / 0.5, own]), residual).coef_
    assert_allclose(model.shared_coef_, w[:5] / 0.5)
    assert_allclose(model.coef_, w[:5] / 0.5 + w[5:].reshape(4, 5))


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("kind", ["regression", "binary", "three_class"])
def test_doors_and_makes_agree(coupling, kind, request):
    X, y, task = request.getfixturevalue(f"{kind}_rows")
    make = MultiTaskRegressor if kind == "regression" else MultiTaskClassifier
    model = make(coupling, alpha=0.05, tol=1e-10)
    answer = "predict" if kind == "regression" else "predict_proba"
    expected = getattr(clone(model).fit(X, y, task=task), answer)(X, task=task)
    frame = pd.DataFrame(X, columns=list("uvwxy")).assign(site=task)
    column = clone(model).set_params(task_column="site")
    assert_allclose(getattr(clone(column).fit(frame, y), answer)(frame), expected, atol=1e-7)
    polar = pl.from_pandas(frame)
    assert_allclose(getattr(clone(column).fit(polar, y), answer)(polar), expected, atol=1e-7)
    for csr in (sparse.csr_array(X), sparse.csr_matrix(X)):
        assert_allclose(getattr(clone(model).fit(csr, y, task=task), answer)(csr, task=task), expected, atol=1e-5)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_wide_target_with_gaps_equals_long_rows(coupling):
    rng = np.random.default_rng(4)
    X, Y = rng.normal(size=(40, 4)), rng.normal(size=(40, 3))
    Y[rng.random(Y.shape) < 0.3] = np.nan
    seen, task = ~np.isnan(Y.T.ravel()), np.repeat([0, 1, 2], 40)
    wide = MultiTaskRegressor(coupling, alpha=0.1, tol=1e-10).fit(X, Y)
    long = MultiTaskRegressor(coupling, alpha=0.1, tol=1e-10).fit(
        np.tile(X, (3, 1))[seen], Y.T.ravel()[seen], task=task[seen]
    )
    assert_allclose(wide.coef_, long.coef_, atol=1e-7)
    assert_allclose(wide.predict(X)[:, 1], long.predict(X, task=np.full(40, 1)), atol=1e-7)
    labels = np.where(np.isnan(Y), None, np.where(Y > 0, "up", "down"))
    proba = MultiTaskClassifier(coupling, alpha=0.1).fit(X, labels).predict_proba(X)
    assert proba.shape == (40, 3, 2)
    assert_allclose(proba.sum(axis=2), 1.0)


@pytest.mark.parametrize("kind", ["regression", "binary"])
@pytest.mark.parametrize("coupling", COUPLINGS)
def test_weights_order_and_names(kind, coupling, request):
    X, y, task = request.getfixturevalue(f"{kind}_rows")
    make = MultiTaskRegressor if kind == "regression" else MultiTaskClassifier
    model = make(coupling, alpha=0.05, tol=1e-11)
    rng = np.random.default_rng(5)
    weight = rng.integers(0, 3, len(y))
    again = np.repeat(np.arange(len(y)), weight)
    weighted = clone(model).fit(X, y, task=task, sample_weight=weight)
    repeated = clone(model).fit(X[again], y[again], task=task[again])
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-6)
    base = clone(model).fit(X, y, task=task)
    order = rng.permutation(len(y))
    assert_allclose(clone(model).fit(X[order], y[order], task=task[order]).coef_, base.coef_, atol=1e-6)
    renamed = np.array([4, 3, 2, 1])[np.unique(task, return_inverse=True)[1]]
    assert_allclose(clone(model).fit(X, y, task=renamed).coef_[::-1], base.coef_, atol=1e-6)


def test_class_weights_are_sample_weights(binary_rows):
    X, y, task = binary_rows
    by_name = MultiTaskClassifier(alpha=0.1, class_weight={"ill": 3.0, "well": 1.0}).fit(X, y, task=task)
    by_row = MultiTaskClassifier(alpha=0.1).fit(X, y, task=task, sample_weight=np.where(y == "ill", 3.0, 1.0))
    assert_allclose(by_name.coef_, by_row.coef_)
    balanced = MultiTaskClassifier(alpha=0.1, class_weight="balanced").fit(X, y, task=task)
    half = len(y) / (2.0 * np.array([np.sum(y == "ill"), np.sum(y == "well")]))
    by_row = MultiTaskClassifier(alpha=0.1).fit(X, y, task=task, sample_weight=half[(y == "well").astype(int)])
    assert_allclose(balanced.coef_, by_row.coef_)
    with pytest.raises(ValueError, match="balanced"):
        MultiTaskClassifier(alpha=0.1, class_weight="even").fit(X, y, task=task)


def test_one_class_alone_is_the_smoothed_prior(binary_rows):
    X, y, task = binary_rows
    y = np.where(task == "b", "ill", y)
    model = MultiTaskClassifier("independent", alpha=0.1, tol=1e-12).fit(X, y, task=task)
    n = (task == "b").sum()
    proba = model.predict_proba(X[task == "b"], task=task[task == "b"])
    assert_allclose(proba, np.tile([(n + 0.5) / (n + 1), 0.5 / (n + 1)], (n, 1)), rtol=1e-6)


def test_unseen_tasks_by_policy(regression_rows):
    X, y, task = regression_rows
    new = np.full(len(y), "new")
    mean = MultiTaskRegressor(alpha=0.1, unseen_task="mean").fit(X, y, task=task)
    assert_allclose(mean.predict(X, task=new), X @ mean.coef_.mean(axis=0) + mean.intercept_.mean())
    pooled = MultiTaskRegressor(alpha=0.1, unseen_task="pooled", standardize=False).fit(X, y, task=task)
    assert_allclose(pooled.predict(X, task=new), Ridge(0.1 * len(y)).fit(X, y).predict(X))
    mixed = np.where(np.arange(len(y)) % 2, task, "new")
    expected = np.where(mixed == "new", pooled.predict(X, task=new), pooled.predict(X, task=task))
    assert_allclose(pooled.predict(X, task=mixed), expected)


def test_constant_column_is_harmless_and_scales_do_not_matter(regression_rows):
    X, y, task = regression_rows
    wide = np.column_stack([X * [1e-6, 1.0, 1e6, 1.0, 1.0], np.ones(len(y))])
    for coupling in COUPLINGS:
        plain = MultiTaskRegressor(coupling, alpha=0.05, tol=1e-10).fit(X, y, task=task)
        model = MultiTaskRegressor(coupling, alpha=0.05, tol=1e-10).fit(wide, y, task=task)
        assert_allclose(model.predict(wide, task=task), plain.predict(X, task=task), atol=1e-4)
        assert_allclose(model.coef_[:, 5], 0.0, atol=1e-10)


def test_float32_is_close_to_float64(regression_rows):
    X, y, task = regression_rows
    half = MultiTaskRegressor(alpha=0.1).fit(X.astype(np.float32), y, task=task)
    assert_allclose(half.coef_, MultiTaskRegressor(alpha=0.1).fit(X, y, task=task).coef_, rtol=1e-3, atol=1e-4)


def test_coefficients_frame(three_class_rows, regression_rows):
    X, y, task = regression_rows
    frame = pd.DataFrame(X, columns=list("uvwxy")).assign(site=task)
    model = MultiTaskRegressor(alpha=0.1, task_column="site").fit(frame, y)
    table = model.coefficients()
    assert list(table.columns) == ["task", "feature", "value", "shared", "difference"]
    row = table.query("task == 'c' and feature == 'w'").iloc[0]
    assert row["value"] == model.coef_[2, 2]
    assert row["shared"] == model.shared_coef_[2]
    assert_allclose(table["value"] - table["shared"], table["difference"])
    X, y, task = three_class_rows
    classes = MultiTaskClassifier("feature_norm", alpha=0.1).fit(X, y, task=task)
    table = classes.coefficients()
    assert len(table) == 4 * 3 * 5
    row = table.query("task == 'd' and feature == 'x4' and `class` == 'top'").iloc[0]
    assert row["value"] == classes.coef_[3, 2, 4]


def test_fitted_attributes_certify_the_fit(binary_rows):
    X, y, task = binary_rows
    model = MultiTaskClassifier(FeatureNorm(), alpha=0.03).fit(X, y, task=task)
    assert 0 <= model.gap_ <= 1e-6
    assert model.path_ == {}
    assert model.alpha_ == 0.03
    assert model.n_iter_ > 0
    assert isinstance(model.solver_, str)
    assert isinstance(model.coupling_, FeatureNorm)
    both = np.isin(task, [t for t in np.unique(task) if len(np.unique(y[task == t])) == 2])  # no prior rows
    X, y, task = X[both], y[both], task[both]
    same = MultiTaskClassifier(FeatureNorm(), alpha=0.03, standardize=False).fit(X, y, task=task)
    z = np.where(y == "well", 1.0, -1.0) * same.decision_function(X, task=task)
    penalty = np.sqrt((same.coef_**2).sum(axis=0)).sum()
    assert_allclose(same.objective_, np.logaddexp(0, -z).mean() + 0.03 * penalty, rtol=1e-9)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (MultiTaskRegressor("mean-tied"), r"unknown coupling 'mean-tied': give one of 'independent', 'pooled', 'mean_"),
        (MultiTaskRegressor(loss="hubert"), r"unknown loss 'hubert': give one of 'squared'"),
        (MultiTaskRegressor(loss="logistic"), r"loss='logistic' is for classes.*use loss='squared'"),
        (MultiTaskRegressor(alpha="best"), r"alpha='best' is not known: use 'auto'"),
        (MultiTaskRegressor(alpha=0.0), r"alpha=0.0 must be positive, or 'auto'"),
        (MultiTaskRegressor(task_weight="size"), r"task_weight='size' is not known: use 'rows', 'equal'"),
        (MultiTaskRegressor(unseen_task="x"), r"unseen_task='x' is not known: use 'error', 'mean', 'pooled'"),
        (MultiTaskRegressor(n_alphas=0), r"n_alphas=0 must be a number, at least 1"),
    ],
)
def test_unknown_words_are_refused(model, message, regression_rows):
    X, y, task = regression_rows
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, task=task)
    assert not hasattr(model, "coef_")


def test_bad_rows_are_refused(regression_rows, binary_rows):
    X, y, task = regression_rows
    model = MultiTaskRegressor(alpha=0.1)
    frame = pd.DataFrame(X, columns=list("uvwxy"))
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match=r"contains .* in column 'v', which MultiTaskRegressor"):
            model.fit(frame.assign(v=value), y, task=task)
    with pytest.raises(ValueError, match="negative values"):
        model.fit(X, y, task=task, sample_weight=-np.ones(len(y)))
    with pytest.raises(ValueError, match="zero in every row"):
        model.fit(X, y, task=task, sample_weight=np.zeros(len(y)))
    with pytest.raises(ValueError, match=r"y holds one class \(ill\) in every task"):
        MultiTaskClassifier(alpha=0.1).fit(X, np.full(len(y), "ill"), task=task)
    with pytest.raises(ValueError, match=r"loss='squared' is for amounts.*MultiTaskRegressor"):
        MultiTaskClassifier(loss="squared").fit(*binary_rows[:2])
    fitted = MultiTaskRegressor(alpha=0.1).fit(frame, y, task=task)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(frame.rename(columns={"u": "z"}), task=task)
    with pytest.raises(ValueError, match="expecting 5 features"):
        MultiTaskRegressor(alpha=0.1).fit(X, y, task=task).predict(X[:, :3], task=task)
    with pytest.raises(ValueError, match="was not told which task"):
        fitted.predict(frame)


def test_one_row_tasks_are_allowed(regression_rows):
    X, y, task = regression_rows
    lone = np.where(np.arange(len(y)) == 3, "lone", task)
    for alpha in (0.1, "auto"):
        model = MultiTaskRegressor(alpha=alpha).fit(X, y, task=lone)
        assert_allclose(model.predict(X[[3]], task=["lone"]), y[3])


def test_callers_arrays_stay(binary_rows):
    X, y, task = binary_rows
    weight = np.ones(len(y))
    for array in (X, y, task, weight):
        array.flags.writeable = False
    copies = [array.copy() for array in (X, y, task, weight)]
    MultiTaskClassifier(n_alphas=3, cv=2).fit(X, y, task=task, sample_weight=weight).predict(X, task=task)
    for array, copy in zip((X, y, task, weight), copies, strict=True):
        assert_array_equal(array, copy)
