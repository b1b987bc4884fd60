import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import crosstask as ct

SCALED = make_pipeline(StandardScaler(), Ridge())
LINEAR = [
    ("own", ct.IndependentTasks(SCALED)),
    ("pooled", ct.PooledTasks(Ridge())),
    ("easy", ct.EasyAdapt(Ridge())),
    ("tied", ct.MultiTaskRegressor("mean_tied", alpha=0.1)),
    ("groups", ct.GroupedTasks(ct.MultiTaskRegressor("pooled", alpha=0.1))),
]


def tasks(n_classes=0, n_tasks=4, n=25):
    rng = np.random.default_rng(0)
    task = np.repeat([f"t{k}" for k in range(n_tasks)], n)
    X = rng.standard_normal((len(task), 3)) * [1.0, 1e-3, 50.0] + [0.0, 1.0, 1000.0]
    z = X @ [1.0, 300.0, 0.02] - 320.0 + rng.standard_normal(len(task))
    return X, (np.searchsorted(np.quantile(z, np.arange(1, n_classes) / n_classes), z) if n_classes else z), task


def test_one_vector_of_coefficients_predicts_what_the_guard_predicts(tmp_path):
    X, y, task = tasks()
    guard = ct.TransferGuard(LINEAR, mode="bold", cv=3, random_state=0).fit(X, y, task=task)
    guard._weights = np.random.default_rng(1).dirichlet(
        np.ones(len(LINEAR)), len(guard.tasks_)
    )  # every candidate counts
    linear = guard.export()
    np.testing.assert_allclose(linear.predict(X, task=task), guard.predict(X, task=task), rtol=1e-9)
    by_hand = [X[i] @ linear.coef_[int(t[1])] + linear.intercept_[int(t[1])] for i, t in enumerate(task)]
    np.testing.assert_allclose(by_hand, guard.predict(X, task=task), rtol=1e-9)
    strange = np.array(["new"] * 5)
    guard_said = guard.predict(X[:5], task=strange)
    np.testing.assert_allclose(linear.predict(X[:5], task=strange), guard_said, rtol=1e-9)
    back = ct.load(ct.save(linear, tmp_path / "linear.skops"))
    np.testing.assert_array_equal(back.predict(X, task=task), linear.predict(X, task=task))
    assert set(linear.coefficients()["feature"]) == {"x0", "x1", "x2"}


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes_mixed_on_their_scores(n_classes):
    X, y, task = tasks(n_classes)
    logistic = make_pipeline(StandardScaler(), LogisticRegression())
    candidates = [("own", ct.IndependentTasks(logistic)), ("tied", ct.MultiTaskClassifier("mean_tied", alpha=0.1))]
    guard = ct.TransferGuard(candidates, mix="linear", cv=3, random_state=0).fit(X, y, task=task)
    np.testing.assert_allclose(guard.export().predict_proba(X, task=task), guard.predict_proba(X, task=task), rtol=1e-7)
    with pytest.raises(ValueError, match="mix='response' mixed probabilities"):
        ct.TransferGuard(candidates, cv=3, random_state=0).fit(X, y, task=task).export()


def test_frames_keep_their_columns_and_lose_those_of_the_folds():
    X, y, task = tasks()
    table = pd.DataFrame(X, columns=["a", "b", "c"]).assign(site=task, patient=np.arange(len(y)) // 2)
    guard = ct.TransferGuard(LINEAR[:2], task_column="site", group_column="patient", cv=3, random_state=0)
    linear = guard.fit(table, y).export()
    served = table.drop(columns="patient")
    np.testing.assert_allclose(linear.predict(served), guard.predict(served), rtol=1e-9)
    assert linear.columns_ == ["a", "b", "c"]


def test_what_is_not_linear_is_named():
    X, y, task = tasks()
    candidates = [*LINEAR[:1], ("tree", ct.PooledTasks(DecisionTreeRegressor(random_state=0)))]
    guard = ct.TransferGuard(candidates, mode="bold", cv=3, random_state=0).fit(X, y, task=task)
    guard._weights[:] = 0.5
    with pytest.raises(ValueError, match=r"'tree' \(PooledTasks\) cannot be exported: its predictions are no linear"):
        guard.export()
    with pytest.raises(ValueError, match="not fitted yet"):
        ct.TransferGuard(LINEAR).export()


def test_the_wide_door_is_exported_too():
    X, y, _ = tasks(n_tasks=2)
    Y = y.reshape(2, -1).T
    guard = ct.TransferGuard(LINEAR[:2], cv=3, random_state=0).fit(X[: len(Y)], Y)
    np.testing.assert_allclose(guard.export().predict(X), guard.predict(X), rtol=1e-9)
