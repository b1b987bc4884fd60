from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from tests.transfer.glm_cases import cases

from crosstask import load, save
from crosstask.transfer import TransGLMRegressor, TransLasso
from crosstask.transfer._trans_lasso import q_aggregate

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
QUICK = {"n_alphas": 15, "cv": 3}


def test_weights_minimise_the_stated_objective():
    rng = np.random.default_rng(0)
    y = rng.standard_normal(40)
    F = y[:, None] * np.array([0.9, 0.5, 0.8, -1.0]) + rng.standard_normal((40, 4))
    share, temperature = rng.dirichlet(np.ones(40)), 0.04

    def objective(theta):
        spread = (y - F @ theta) ** 2 + (y[:, None] - F) ** 2 @ theta
        return share @ spread / 2.0 + temperature * np.sum(theta * np.log(np.maximum(theta, 1e-300)))

    found = minimize(
        objective, np.full(4, 0.25), method="SLSQP", bounds=[(1e-12, 1.0)] * 4, options={"ftol": 1e-14},
        constraints={"type": "eq", "fun": lambda theta: theta.sum() - 1.0},
    )  # fmt: skip
    ours = q_aggregate(F, y, share, temperature)
    assert ours.sum() == pytest.approx(1.0)
    assert objective(ours) <= found.fun + 1e-10
    np.testing.assert_allclose(ours, found.x, atol=1e-4)


def test_answer_is_the_weighted_sum_of_the_two_steps_of_the_sets():
    X, y, task = cases(3)
    model = TransLasso("target", sources=["good", "permuted"], **QUICK).fit(X, y, task=task)
    near = model.source_tasks_[np.argsort(model.distances_)][:2].tolist()
    sets = [TransGLMRegressor("target", sources=near[:size], **QUICK).fit(X, y, task=task) for size in range(3)]
    np.testing.assert_allclose(model.coef_, sum(w * one.coef_ for w, one in zip(model.weights_, sets, strict=True)))
    assert model.intercept_ == pytest.approx(sum(w * s.intercept_ for w, s in zip(model.weights_, sets, strict=True)))
    weight = model.sources_.set_index("source")["weight"]
    assert weight[near[0]] == pytest.approx(1.0 - model.weights_[0])
    assert weight[near[1]] == pytest.approx(model.weights_[2])


def test_recorded_case_is_on_the_level_of_r():
    folder = DATA / "glmtrans_reference"
    if not folder.exists():
        pytest.skip(f"{folder} is missing: set CROSSTASK_DATA to the folder that holds it")
    X = pd.read_csv(folder / "case_X.csv.gz", header=None).to_numpy()
    table, coef = pd.read_csv(folder / "case_y.csv.gz"), pd.read_csv(folder / "case_coef.csv")
    model = TransLasso(0).fit(X, table["y"], task=table["domain"])
    weight = model.sources_["weight"].to_numpy()
    assert weight[:5].min() > 0.5
    assert weight[5:].max() < 0.1
    recorded, two_steps = coef["translasso"].to_numpy()[1:], coef["glmtrans_auto"].to_numpy()[1:]
    assert np.linalg.norm(model.coef_ - two_steps) < np.linalg.norm(recorded - two_steps)


def test_useless_sources_have_a_tenth_of_the_weight_at_most_and_the_target_gains():
    weights, gains = [], []
    slopes = np.repeat([1.0, 0.0], [4, 16])
    for seed in range(50):
        X, y, task = cases(seed)
        model = TransLasso("target", n_alphas=10, cv=3).fit(X, y, task=task)
        weights.append(model.sources_.set_index("source")["weight"])
        alone = TransGLMRegressor("target", sources=[], n_alphas=10, cv=3).fit(X, y, task=task)
        gains.append(np.linalg.norm(alone.coef_ - slopes) - np.linalg.norm(model.coef_ - slopes))
    mean = pd.concat(weights, axis=1).mean(axis=1)
    assert mean["good"] > 0.7
    assert mean[["flipped", "permuted", "constant"]].max() <= 0.1
    assert np.mean(gains) > 0.1


def test_unit_of_y_and_copies_of_a_source_change_nothing(tmp_path):
    X, y, task = cases(0)
    model = TransLasso("target", **QUICK).fit(X, y, task=task)
    other = TransLasso("target", **QUICK).fit(X, 1000.0 * y, task=task)
    np.testing.assert_allclose(other.coef_, 1000.0 * model.coef_, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(other.weights_, model.weights_, atol=1e-4)
    good = np.flatnonzero(task == "good")[::-1]
    copied = TransLasso("target", **QUICK).fit(
        np.vstack([X, X[good]]), np.append(y, y[good]), task=np.append(task, np.full(len(good), "twin"))
    )
    np.testing.assert_array_equal(copied.predict(X), model.predict(X))
    shared = copied.sources_.set_index("source")["weight"]
    assert shared["good"] == shared["twin"] == pytest.approx((1.0 - model.weights_[0]) / 2.0)
    again = load(save(model, tmp_path / "model.skops"))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_one_task_is_a_lasso():
    X, y, task = cases(0)
    own = task == "target"
    one = TransLasso(**QUICK).fit(X[own], y[own])
    np.testing.assert_allclose(one.coef_, TransGLMRegressor(**QUICK).fit(X[own], y[own]).coef_)
    np.testing.assert_array_equal(one.weights_, [1.0])


def test_bad_sources_and_levels_get_one_line():
    X, y, task = cases(0)
    with pytest.raises(ValueError, match="sources names 'target', which is the target"):
        TransLasso("target", sources=["target"]).fit(X, y, task=task)
    with pytest.raises(ValueError, match="level=2: give the share"):
        TransLasso("target", level=2).fit(X, y, task=task)


@pytest.mark.parametrize("kind", [TransGLMRegressor, TransLasso])
@pytest.mark.parametrize("sources", ["auto", "all", ["good", "flipped"]])
def test_a_source_whose_rows_all_weigh_nothing_is_as_if_it_were_not_there(kind, sources):
    X, y, task = cases(0)
    gone = np.isin(task, ["flipped", "constant"])
    model = kind("target", sources=sources, **QUICK).fit(X, y, task=task, sample_weight=np.where(gone, 0.0, 1.0))
    names = ["good"] if isinstance(sources, list) else sources
    without = kind("target", sources=names, **QUICK).fit(X[~gone], y[~gone], task=task[~gone])
    np.testing.assert_allclose(model.coef_, without.coef_)
    table = model.sources_.set_index("source")
    assert table.loc["flipped", "weight"] == 0.0
    assert table.loc["flipped", "reason"] == "left out: all its rows have the weight zero."


def test_the_callers_folds_are_those_of_the_weights():
    X, y, task = cases(0)
    own = np.flatnonzero(task == "target")
    folds = [(own[20:], own[:10]), (own[20:], own[10:20])]  # the last rows are never held out
    model = TransLasso("target", cv=folds, n_alphas=15).fit(X, y, task=task)
    moved = np.where(np.isin(np.arange(len(y)), own[:20]), 10.0 * y, y)
    assert model.weights_.sum() == pytest.approx(1.0)
    assert model.noise_ < np.var(y[own[:20]])
    assert TransLasso("target", cv=folds, n_alphas=15).fit(X, moved, task=task).noise_ > 5.0 * model.noise_
