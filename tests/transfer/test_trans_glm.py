"""Trans-GLM: against R's glmtrans, and the properties that detection claims."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_score
from tests.transfer.glm_cases import cases

from crosstask import load, save
from crosstask.losses import Squared
from crosstask.model_selection import TargetTaskKFold
from crosstask.transfer import TransGLMClassifier, TransGLMRegressor
from crosstask.transfer._kernels import gram_path
from crosstask.transfer._lasso import LassoOptions, MomentData

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))


@pytest.fixture(scope="module")
def reference():
    folder = DATA / "glmtrans_reference"
    if not folder.exists():
        pytest.skip(f"{folder} is missing: set CROSSTASK_DATA to the folder that holds it")
    X = pd.read_csv(folder / "case_X.csv.gz", header=None).to_numpy()
    table = pd.read_csv(folder / "case_y.csv.gz")
    coef, detection = pd.read_csv(folder / "case_coef.csv"), pd.read_csv(folder / "case_detection.csv")
    return X, table["y"].to_numpy(), table["domain"].to_numpy(), coef, detection


@pytest.fixture(scope="module")
def reference_fit(reference):
    X, y, task, _, detection = reference
    alpha, debias = detection["lam_transfer"][0], detection["lam_debias"][0]
    return TransGLMRegressor(target_task=0, alpha=alpha, debias_alpha=debias).fit(X, y, task=task)


def test_detection_keeps_exactly_the_informative_sources(reference_fit):
    table = reference_fit.sources_
    assert table["source"][table["verdict"] == "kept"].tolist() == [1, 2, 3, 4, 5]
    assert reference_fit.gap_ < 1e-4


def test_two_steps_solve_what_r_recorded_and_solve_it_better(reference, reference_fit):
    """R stopped its first step early: its objective is above ours, its coefficients are 2e-4 from the optimum."""
    X, y, task, coef, detection = reference
    rows, alpha = task <= 5, detection["lam_transfer"][0]
    scale = X[rows].std(axis=0)

    def objective(w):
        residual = y[rows] - X[rows] @ w
        return 0.5 * np.var(residual) + alpha * np.abs(scale * w).sum()

    recorded = coef["w_a"].to_numpy()[1:]
    assert objective(reference_fit.pooled_coef_) < objective(recorded) + 1e-12
    assert objective(recorded) - objective(reference_fit.pooled_coef_) < 1e-7
    np.testing.assert_allclose(reference_fit.pooled_coef_, recorded, atol=3e-4)
    np.testing.assert_allclose(reference_fit.pooled_intercept_, coef["w_a"][0], atol=1e-4)


def test_with_rs_stopping_rule_the_two_steps_are_rs(reference):
    """The same descent, stopped as glmnet stops on its path of 100 lambdas, gives the recorded digits."""
    X, y, task, coef, detection = reference
    rows, target = task <= 5, task == 0
    options = LassoOptions(Squared())
    data = MomentData.of(X[rows], y[rows], np.ones(rows.sum()), options)
    m, n = data.moments, rows.sum()
    alphas = data.largest_alpha() * 0.01 ** (np.arange(49) / 99)
    np.testing.assert_allclose(alphas[-1], detection["lam_transfer"][0], rtol=1e-10)
    stop = 1e-7 * m.yy[0]
    path, _ = gram_path(m.gram[0], m.xy[0], data.penalty, n * alphas, np.zeros(X.shape[1]), stop, 10**6)
    np.testing.assert_allclose(path[-1], coef["w_a"][1:], atol=1e-9)
    own = MomentData.of(X[target], y[target], np.ones(target.sum()), options)
    left = own.shifted(path[-1], float(coef["w_a"][0])).path(np.array([detection["lam_debias"][0]]))
    np.testing.assert_allclose(left.coef[0], coef["delta_a"][1:], atol=1e-4)
    np.testing.assert_allclose(left.intercept[0], coef["delta_a"][0], atol=1e-4)
    np.testing.assert_allclose(path[-1] + left.coef[0], coef["glmtrans_auto"][1:], atol=1e-4)


def test_permuted_flipped_and_constant_sources_are_let_in_one_time_in_ten_at_most():
    weights = []
    for seed in range(50):
        X, y, task = cases(seed)
        table = TransGLMRegressor(target_task="target", n_alphas=20, cv=5).fit(X, y, task=task).sources_
        weights.append(table.set_index("source")["weight"])
    mean = pd.concat(weights, axis=1).mean(axis=1)
    assert mean["good"] > 0.9
    assert mean[["flipped", "permuted", "constant"]].max() <= 0.1


def test_a_copy_of_a_source_changes_nothing():
    X, y, task = cases(0)
    once = TransGLMRegressor(target_task="target").fit(X, y, task=task)
    copied = np.flatnonzero(task == "good")[::-1]
    rows = np.concatenate([np.arange(len(y)), copied])
    names = np.concatenate([task, np.repeat("twin", len(copied))])
    twice = TransGLMRegressor(target_task="target").fit(X[rows], y[rows], task=names)
    np.testing.assert_array_equal(twice.predict(X), once.predict(X))
    table = twice.sources_.set_index("source")
    assert table["weight"][["good", "twin"]].tolist() == [0.5, 0.5]
    assert "same rows as good" in table["reason"]["twin"]


def test_a_copy_is_found_where_many_rows_agree_in_the_first_columns():
    rng = np.random.default_rng(0)
    X, task = np.zeros((120, 15)), np.repeat(["own", "old", "twin"], 40)
    X[:, 10:] = rng.integers(0, 2, (120, 5))
    y = X[:, 12] + rng.integers(0, 2, 120)
    order = rng.permutation(40)
    X[80:], y[80:] = X[40:80][order], y[40:80][order]
    table = TransGLMRegressor("own", n_alphas=10, cv=3).fit(X, y, task=task).sources_.set_index("source")
    assert "same rows as old" in table["reason"]["twin"]


@pytest.mark.parametrize("few", [1, 40])
def test_a_target_of_one_class_gets_its_smoothed_base_rate(few):
    X, y, task = cases(0, d=4, kind="classification")
    rows = np.flatnonzero((task != "target") | (np.cumsum(task == "target") <= few))
    y[task == "target"] = 1.0
    model = TransGLMClassifier("target", n_alphas=10, cv=3, sources=[]).fit(X[rows], y[rows], task=task[rows])
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], (few + 0.5) / (few + 1.0))
    assert model.gap_ < 1e-6


def test_names_of_tasks_and_scale_of_y_do_not_matter():
    X, y, task = cases(1)
    model = TransGLMRegressor(target_task="target").fit(X, y, task=task)
    scaled = TransGLMRegressor(target_task="target").fit(X * 1e-4, 1e6 * y, task=task)
    assert scaled.sources_["verdict"].tolist() == model.sources_["verdict"].tolist()
    np.testing.assert_allclose(scaled.predict(X * 1e-4), 1e6 * model.predict(X), rtol=1e-3, atol=1e3)


def test_no_source_is_the_lasso_of_the_target():
    X, y, task = cases(2)
    none = TransGLMRegressor(target_task="target", sources=[]).fit(X, y, task=task)
    own = task == "target"
    alone = TransGLMRegressor().fit(X[own], y[own])
    np.testing.assert_allclose(none.coef_, alone.coef_)
    assert none.alpha_ == np.inf
    assert none.sources_["verdict"].tolist() == ["left out"] * 4


def test_table_prints_one_plain_line_a_source():
    X, y, task = cases(0)
    model = TransGLMRegressor(target_task="target").fit(X, y, task=task)
    lines = str(model.sources_).split("\n")
    assert [line.split(":")[0] for line in lines] == ["constant", "flipped", "good", "permuted"]
    assert lines[2].startswith("good: kept: its loss")
    assert lines[1].startswith("flipped: left out: it contradicts the target")
    assert model.sources_["loss"][2] < model.sources_["threshold"][2]


def test_scorers_and_files(tmp_path):
    X, y, task = cases(0)
    table = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])]).assign(site=task)
    folds = TargetTaskKFold(3, target_task="target", task_column="site", random_state=0)
    model = TransGLMRegressor(target_task="target", task_column="site", n_alphas=15, cv=3)
    scores = cross_val_score(model, table, y, cv=folds)
    assert scores.mean() > 0.6
    fitted = model.fit(table, y)
    without_task = table.drop(columns="site")
    np.testing.assert_array_equal(fitted.predict(without_task), fitted.predict(table))
    save(fitted, tmp_path / "model.skops")
    again = load(tmp_path / "model.skops")
    np.testing.assert_array_equal(again.predict(without_task), fitted.predict(without_task))
    assert str(again.sources_) == str(fitted.sources_)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target_task": "nowhere"}, "target_task='nowhere' has no rows; the tasks are 'constant'"),
        ({"target_task": None}, "was not told which task to serve: give target_task="),
        ({"sources": ["target"]}, "sources names 'target', which is the target: a task is no source of its own"),
        ({"sources": ["good", "gone"]}, "sources names 'gone', which has no rows; there are 'constant'"),
        ({"sources": "good"}, "sources='good': give 'auto', 'all', or a list of task ids"),
        ({"alpha": -1.0}, "alpha=-1.0: give 'auto' or a number above 0"),
        ({"cv": 1}, "cv=1: give the number of folds, 2 or more"),
        ({"level": 0.0}, "level=0.0: give the share of useless sources let in"),
        ({"loss": "quantile"}, "has straight pieces, where Newton's steps fail"),
        ({"loss": "logistic"}, "loss='logistic' is for classes: use TransGLMClassifier"),
    ],
)
def test_bad_parameters_get_one_clear_line(options, message):
    X, y, task = cases(0)
    with pytest.raises(ValueError, match=message) as error:
        TransGLMRegressor(**{"target_task": "target", **options}).fit(X, y, task=task)
    assert "\n" not in str(error.value)


def test_target_without_labels_names_methods_that_need_none():
    X, y, task = cases(0)
    y[task == "target"] = np.nan
    with pytest.raises(ValueError, match=r"no row of the target 'target' has a y.*CORAL"):
        TransGLMRegressor(target_task="target").fit(X, y, task=task)
    y[:2] = [0.3, 0.5]
    assert np.isfinite(TransGLMRegressor(target_task="target").fit(X, y, task=task).coef_).all()


def test_counts_and_classes_have_the_same_properties():
    weights = {"counts": [], "classes": []}
    for seed in range(8):
        for kind, found in weights.items():
            X, y, task = cases(seed, kind=kind)
            options = {"target_task": "target", "n_alphas": 15, "cv": 3}
            made = TransGLMClassifier(**options) if kind == "classes" else TransGLMRegressor(loss="poisson", **options)
            model = made.fit(X, y, task=task)
            assert model.gap_ < 1e-4
            found.append(model.sources_.set_index("source")["weight"])
    for found in weights.values():
        mean = pd.concat(found, axis=1).mean(axis=1)
        assert mean["good"] >= 0.8
        assert mean[["flipped", "permuted", "constant"]].mean() <= 0.1


def test_poisson_predicts_means_and_refuses_negative_counts():
    X, y, task = cases(0, kind="counts")
    model = TransGLMRegressor("target", loss="poisson", n_alphas=15, cv=3).fit(X, y, task=task)
    np.testing.assert_allclose(model.predict(X), np.exp(X @ model.coef_ + model.intercept_))
    with pytest.raises(ValueError, match="loss='poisson' is for counts"):
        model.fit(X, y - 1.0, task=task)


def test_intervals_cover_as_often_as_they_say():
    slopes, covered, wide = np.repeat([0.5, 0.0], [5, 75]), [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        X, task = rng.standard_normal((240, 80)), np.repeat([0, 1, 2], 80)
        y = X @ slopes + rng.standard_normal(240)
        model = TransGLMRegressor(0, alpha=0.1, debias_alpha=0.2, sources="all", intervals=True).fit(X, y, task=task)
        table = model.confidence_intervals(0.9)
        covered.append((table["low"] <= slopes) & (slopes <= table["high"]))
        wide.append(table["high"] - table["low"])
    rate = np.mean(covered, axis=0)
    assert abs(rate.mean() - 0.9) < 0.03
    assert rate[:5].mean() > 0.75
    assert 0.2 < np.mean(wide) < 0.6


def test_intervals_are_for_what_they_are_for():
    X, y, task = cases(0)
    with pytest.raises(ValueError, match="fitted without intervals: set intervals=True"):
        TransGLMRegressor("target", sources="all", n_alphas=8, cv=3).fit(X, y, task=task).confidence_intervals()
    with pytest.raises(ValueError, match="intervals=True is for loss='squared'"):
        TransGLMRegressor("target", loss="poisson", intervals=True, sources=[], cv=3).fit(X, y**2, task=task)
