"""One more task against what the others share: the joint optimum's own condition, and the others untouched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge

import crosstask as ct
from crosstask.couplings import NoSharedPartError
from crosstask.datasets import make_related_tasks

RNG = np.random.default_rng(0)
T, N, D = 6, 25, 4
X = RNG.normal(size=(T * N, D)) * [1.0, 2.0, 1.0, 0.5]
TASK = np.repeat([f"t{k}" for k in range(T)], N)
SLOPES = np.array([1.0, -0.5, 0.3, 0.0]) + 0.4 * RNG.normal(size=(T, D))
Z = np.einsum("ij,ij->i", X, np.repeat(SLOPES, N, axis=0)) + np.repeat(RNG.normal(size=T), N) + RNG.normal(size=T * N)
TARGETS = {
    "squared": Z,
    "huber": Z,
    "poisson": RNG.poisson(np.exp(0.3 * np.clip(Z, -3, 3))).astype(float),
    "logistic": np.where(Z > 0, "yes", "no"),
    "multinomial": np.array(["a", "b", "c"])[np.digitize(Z, [-1.0, 1.0])],
}
KEPT = [
    "independent",
    "pooled",
    "mean_tied",
    ct.MeanTied(centre_weight=0.3, weight=2.0),
    "feature_norm",
    ct.FeatureNorm(weight=0.5),
    "element_norm",
    "task_norm",
    "trace_norm",
    ct.TaskCovariance(ridge=0.2, weight=1.5),
    ct.SharedSubspace(n_components=2, outside=0.2),
    ct.Clustered(n_clusters=2, within=0.3, centre_weight=0.7),
    ct.Decomposed(ct.Pooled(weight=0.1), ct.FeatureNorm()),
    ct.Decomposed(ct.MeanTied(centre_weight=1.0, weight=2.0), ct.TraceNorm(), weight=0.5),
    "robust_centre",
]


def _model(coupling: Any, loss: str = "squared", **options: Any) -> Any:
    kind: Any = ct.MultiTaskClassifier if loss in ("logistic", "multinomial") else ct.MultiTaskRegressor
    return kind(coupling, loss=loss, **{"alpha": 0.02, "tol": 1e-10, "max_iter": 20_000, **options})


def _same_as_within(model: Any, y: Any, *, atol: float, own: str = "t2") -> None:
    """At the joint optimum a task solves its own problem, so the same rows under a new name give the same slopes."""
    model.fit(X, y, task=TASK)
    before, rows = model.predict(X, task=TASK), own == TASK
    model.add_task(X[rows], y[rows], task="t25")
    assert model.tasks_.tolist() == ["t0", "t1", "t2", "t25", "t3", "t4", "t5"]
    np.testing.assert_allclose(model.coef_[3], model.coef_[2], atol=atol)
    np.testing.assert_allclose(model.intercept_[3], model.intercept_[2], atol=atol)
    np.testing.assert_array_equal(model.predict(X, task=TASK), before)


@pytest.mark.parametrize("coupling", KEPT, ids=str)
def test_rows_of_a_task_under_a_new_name_give_its_slopes(coupling: Any) -> None:
    _same_as_within(_model(coupling), Z, atol=2e-4)


@pytest.mark.parametrize("loss", ["huber", "poisson", "logistic", "multinomial"])
@pytest.mark.parametrize("coupling", ["mean_tied", "trace_norm"])
def test_with_other_losses(coupling: str, loss: str) -> None:
    _same_as_within(_model(coupling, loss), TARGETS[loss], atol=1e-3)


@pytest.mark.parametrize(
    "options",
    [{"task_weight": "equal"}, {"standardize": False}, {"fit_intercept": False}],
    ids=str,
)
def test_with_other_options(options: dict[str, Any]) -> None:
    _same_as_within(_model("mean_tied", **options), Z, atol=1e-5)


def test_with_class_weights_and_a_task_that_lacks_a_class() -> None:
    y = np.where((TASK == "t2") & (Z < 9), "yes", TARGETS["logistic"])
    _same_as_within(_model("mean_tied", "logistic", class_weight="balanced"), y, atol=1e-4)


def test_counts_that_are_all_zero_lean_on_the_others() -> None:
    y = np.where(TASK == "t2", 0.0, TARGETS["poisson"])
    _same_as_within(_model("mean_tied", "poisson"), y, atol=1e-3)


def test_a_dense_solve_for_the_centre() -> None:
    model = _model(ct.MeanTied(), standardize=False).fit(X, Z, task=TASK)
    new, y = RNG.normal(size=(12, D)), RNG.normal(size=12)
    model.add_task(new, y, task=["t9"] * 12)
    centred, target = new - new.mean(axis=0), y - y.mean()
    ridge = 0.02 * T * N
    w0 = model.coef_[:T].mean(axis=0)
    expected = w0 + np.linalg.solve(centred.T @ centred + ridge * np.eye(D), centred.T @ (target - centred @ w0))
    np.testing.assert_allclose(model.coef_[T], expected, rtol=1e-8)
    np.testing.assert_allclose(model.intercept_[T], y.mean() - new.mean(axis=0) @ expected, rtol=1e-8)


def test_the_second_new_task_meets_what_the_first_one_met() -> None:
    once = _model("trace_norm").fit(X, Z, task=TASK)
    both = clone(once).fit(X, Z, task=TASK)
    new, y = RNG.normal(size=(20, D)), RNG.normal(size=20)
    for name in ("u", "v"):
        once.add_task(new, y, task=name)
    both.add_task(np.vstack([new, new]), np.tile(y, 2), task=np.repeat(["u", "v"], 20))
    np.testing.assert_allclose(once.coef_, both.coef_, rtol=1e-12)
    np.testing.assert_array_equal(once.coef_[-1], once.coef_[-2])


def test_weights_count_as_repetitions_and_sparse_rows_as_dense() -> None:
    new, y, weight = RNG.normal(size=(10, D)), RNG.normal(size=10), RNG.integers(0, 3, 10)
    fitted = [_model("mean_tied").fit(X, Z, task=TASK) for _ in range(3)]
    fitted[0].add_task(new, y, task="u", sample_weight=weight)
    fitted[1].add_task(np.repeat(new, weight, axis=0), np.repeat(y, weight), task="u")
    fitted[2].add_task(sparse.csr_array(np.repeat(new, weight, axis=0)), np.repeat(y, weight), task="u")
    for other in fitted[1:]:
        np.testing.assert_allclose(other.coef_, fitted[0].coef_, rtol=1e-9)


def test_by_a_column_with_numbers_as_ids_and_unseen_tasks() -> None:
    frame = pd.DataFrame(X, columns=list("abcd")).assign(site=np.repeat([10, 20, 30, 40, 50, 60], N))
    model = _model("mean_tied", task_column="site", unseen_task="pooled").fit(frame, Z)
    rows, stranger = frame["site"] == 20, frame.assign(site=99)
    before = model.predict(stranger)
    assert model.add_task(frame[rows].assign(site=5), Z[rows]) is model
    assert model.tasks_.tolist() == [5, 10, 20, 30, 40, 50, 60]
    np.testing.assert_allclose(model.predict(frame[rows].assign(site=5)), model.predict(frame[rows]), atol=1e-6)
    np.testing.assert_array_equal(model.predict(stranger), before)
    assert len(model.coefficients()) == 7 * D


def test_a_column_that_the_new_task_did_not_measure() -> None:
    gaps = X.copy()
    gaps[TASK == "t2", 1] = np.nan
    model = _model("mean_tied", measured="auto").fit(gaps, Z, task=TASK)
    rows = TASK == "t2"
    model.add_task(gaps[rows], Z[rows], task="t9")
    assert model.measured_[-1].tolist() == [True, False, True, True]
    np.testing.assert_allclose(model.completed_coef_[-1], model.completed_coef_[2], atol=1e-5)
    assert model.coef_[-1, 1] == 0.0


@pytest.mark.parametrize(
    ("coupling", "words"),
    [
        (ct.GraphTied([("t0", "t1"), ("t2", "t3"), ("t4", "t5")]), "a new task has none"),
        ("fused_in_time", "those before and after it"),
        ("dirty", "FeatureNorm . ElementNorm"),
    ],
)
def test_couplings_without_a_shared_part_say_so(coupling: Any, words: str) -> None:
    model = _model(coupling, tol=1e-4).fit(X, Z, task=TASK)
    before = model.coef_
    with pytest.raises(NoSharedPartError, match=words) as refusal:
        model.add_task(X[:5], Z[:5], task="u")
    assert "fit again" in str(refusal.value)
    assert model.coef_ is before


def test_what_cannot_be_added_is_said_and_changes_nothing() -> None:
    model = _model("mean_tied").fit(X, Z, task=TASK)
    state = dict(vars(model))
    for words, arguments in {
        "knows already": (X[:5], Z[:5], "t1"),
        "differ only by|has the id": (X[:5], Z[:5], " t1"),
        "not told which task": (X[:5], Z[:5], None),
        "features": (X[:5, :2], Z[:5], "u"),
        "needs the target": (X[:5], None, "u"),
        "4 values for 5 rows": (X[:5], Z[:4], "u"),
        "NaN": (X[:5], np.full(5, np.nan), "u"),
        "ids like 7": (X[:5], Z[:5], 7),
    }.items():
        with pytest.raises(ValueError, match=words):
            model.add_task(*arguments[:2], task=arguments[2])
    assert all(vars(model)[name] is value for name, value in state.items())
    wide = _model("mean_tied").fit(X[:N], Z.reshape(T, N).T)
    with pytest.raises(ValueError, match="wide target"):
        wide.add_task(X[:5], Z[:5], task="u")
    with pytest.raises(ValueError, match="without tasks"):
        _model("mean_tied").fit(X, Z).add_task(X[:5], Z[:5], task="u")
    labels = _model("mean_tied", "logistic").fit(X, TARGETS["logistic"], task=TASK)
    with pytest.raises(ValueError, match="class perhaps, which fit has not seen"):
        labels.add_task(X[:5], ["perhaps"] * 5, task="u")


@pytest.mark.parametrize("inner", [Ridge(), LogisticRegression(), HistGradientBoostingClassifier(max_iter=3)], ids=repr)
def test_independent_tasks(inner: Any) -> None:
    y = Z if isinstance(inner, Ridge) else TARGETS["logistic"]
    model = ct.IndependentTasks(inner).fit(X, y, task=TASK)
    before, rows = model.predict(X, task=TASK), TASK == "t2"
    model.add_task(X[rows], y[rows], task="t25").add_task(X[:1], y[:1], task="one")
    np.testing.assert_array_equal(model.predict(X, task=TASK), before)
    alone = clone(inner).fit(X[rows], y[rows])
    np.testing.assert_array_equal(model.predict(X, task=["t25"] * len(X)), alone.predict(X))
    assert list(model.fallbacks_) == ["one"]
    if inner.__class__ is not Ridge:
        assert model.predict_proba(X[:3], task=["one"] * 3).shape == (3, 2)


@pytest.mark.parametrize(
    "model",
    [
        ct.PooledTasks(Ridge(), unseen_task="pooled"),
        ct.EasyAdapt(Ridge(), unseen_task="pooled"),
        ct.MultiTaskBoostingRegressor(max_iter=5, unseen_task="pooled"),
    ],
)
def test_models_without_a_shared_part_say_so_and_serve_a_new_task_as_pooled(model: Any) -> None:
    data = make_related_tasks(n_tasks=3, n_rows=20, random_state=0)
    model.fit(data.X, data.y, task=data.task)
    assert not hasattr(model, "add_task")
    with pytest.raises(AttributeError, match=f"{type(model).__name__} .* so no task can be added: fit again"):
        model.add_task(data.X, data.y, task="new")
    assert np.isfinite(model.predict(data.X[:3], task=["new"] * 3)).all()
