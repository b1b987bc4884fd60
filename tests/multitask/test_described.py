"""Tasks that nobody has seen, predicted from what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge as SklearnRidge

import crosstask as ct
from crosstask.multitask._coefficient_ridge import Ridge, stacked

T, N, D = 24, 15, 2
IDS = [f"t{k:02d}" for k in range(T)]


def _world(told: float, seed: int = 0) -> tuple[pd.DataFrame, Any, Any, Any]:
    """Descriptors and rows of 24 tasks whose first slope follows size and region as far as ``told`` says."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"size": rng.normal(size=T), "region": rng.choice(["north", "south"], T)}, index=IDS)
    known = told * (1.5 * frame["size"] + 2.0 * (frame["region"] == "north"))
    slopes = np.column_stack([known + 0.3 * rng.normal(size=T), np.full(T, -1.0)])
    X = rng.normal(size=(T * N, D))
    y = np.einsum("ij,ij->i", X, np.repeat(slopes, N, axis=0)) + 0.5 * rng.normal(size=T * N)
    return frame, X, y, np.repeat(IDS, N)


def _split(told: float, seed: int = 0) -> tuple[Any, Any, Any, Any, Any, Any]:
    frame, X, y, task = _world(told, seed)
    new = np.isin(task, IDS[18:])
    model = ct.DescribedTasks(ct.MultiTaskRegressor(alpha=0.02), frame).fit(X[~new], y[~new], task=task[~new])
    return model, X[new], y[new], task[new], frame, (X[~new], y[~new], task[~new])


def test_a_new_task_is_predicted_from_what_it_is() -> None:
    model, X, y, task, _, (seen, target, names) = _split(1.0)
    plain = ct.MultiTaskRegressor(alpha=0.02, unseen_task="mean").fit(seen, target, task=names)
    mine, mean = (float(np.mean((y - one.predict(X, task=task)) ** 2)) for one in (model, plain))
    assert mine < 0.5 * mean
    assert model.task_error_ < 0.5 * model.mean_error_
    np.testing.assert_array_equal(model.predict(seen, task=names), plain.predict(seen, task=names))
    both = model.predict(np.vstack([seen[:3], X[:3]]), task=[*names[:3], *task[:3]])
    np.testing.assert_array_equal(
        both, np.r_[model.predict(seen[:3], task=names[:3]), model.predict(X[:3], task=task[:3])]
    )


def test_where_descriptors_tell_nothing_a_new_task_is_the_average_one() -> None:
    """Eighteen tasks are few: by chance they seem to tell something in one draw of ten, and that may cost a quarter."""
    ratios: list[float] = []
    for seed in range(20):
        model, X, y, task, _, _ = _split(0.0, seed)
        own = model.estimator_
        mean = X @ own.coef_.mean(axis=0) + own.intercept_.mean()
        predicted = model.predict(X, task=task)
        ratios.append(float(np.mean((y - predicted) ** 2) / np.mean((y - mean) ** 2)))
        if np.isinf(model.alpha_):
            np.testing.assert_allclose(predicted, mean, rtol=1e-12, atol=1e-12)
            assert model.task_error_ == model.mean_error_
        else:
            assert model.task_error_ < model.mean_error_
    assert np.isclose(ratios, 1.0).mean() >= 0.8
    assert np.mean(ratios) < 1.03
    assert max(ratios) < 1.5


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_intervals_cover_rows_of_new_tasks(coverage: float) -> None:
    inside: list[float] = []
    for seed in range(6):
        model, X, y, task, _, (seen, _, names) = _split(1.0, seed)
        low, high = model.predict_interval(X, task=task, coverage=coverage).T
        inside.append(float(((low <= y) & (y <= high)).mean()))
        assert np.isnan(model.predict_interval(seen[:2], task=names[:2])).all()
    assert coverage - 0.1 < np.mean(inside) < min(coverage + 0.12, 1.0)
    assert np.isinf(model.predict_interval(X[:1], task=task[:1], coverage=0.99)).all()


def test_the_ridge_is_scikit_learns() -> None:
    model, *_ = _split(1.0)
    Z = np.asarray(model.encoder_.transform(model.task_features.loc[model.tasks_]))
    B = stacked(model.estimator_)
    plain = SklearnRidge(alpha=3.0).fit(Z, B)
    np.testing.assert_allclose(Ridge.of(Z, B, 3.0)(Z), plain.predict(Z))


def test_classes_a_column_and_descriptors_that_come_with_the_rows(tmp_path: Any) -> None:
    frame, X, y, task = _world(1.0)
    table = pd.DataFrame(X, columns=["u", "v"]).assign(shop=task)
    labels = np.where(y > 0, "up", "down")
    known = frame.iloc[:20]
    model = ct.DescribedTasks(ct.MultiTaskClassifier(alpha=0.02), known, task_column="shop")
    old = table["shop"].isin(known.index)
    model.fit(table[old], labels[old])
    assert not hasattr(model, "predict_interval")
    with pytest.raises(ValueError, match="task_features has no row for 't20', 't21'"):
        model.predict(table)
    later = model.predict_proba(table[~old], task_features=frame.iloc[20:])
    assert (model.classes_[later.argmax(axis=1)] == labels[~old]).mean() > 0.7
    again = ct.load(ct.save(model, tmp_path / "model.skops"))
    np.testing.assert_array_equal(again.predict_proba(table[~old], task_features=frame.iloc[20:]), later)


def test_what_cannot_be_learnt_is_said() -> None:
    frame, X, y, task = _world(1.0)
    inner = ct.MultiTaskRegressor(alpha=0.1)
    with pytest.raises(ValueError, match="Ridge has none for each task"):
        ct.DescribedTasks(SklearnRidge(), frame).fit(X, y, task=task)
    with pytest.raises(ValueError, match="no row for 't00'"):
        ct.DescribedTasks(inner, frame.iloc[1:]).fit(X, y, task=task)
    with pytest.raises(ValueError, match="at least 4 tasks"):
        ct.DescribedTasks(inner, frame).fit(X[: 2 * N], y[: 2 * N], task=task[: 2 * N])
    with pytest.raises(ValueError, match="must be a pandas data frame"):
        ct.DescribedTasks(inner, {"a": 1}).fit(X, y, task=task)
    with pytest.raises(ValueError, match="need descriptors"):
        ct.DescribedTasks(inner).fit(X, y, task=task).predict(X[:1], task=["q"])
