"""Tables as they are: the encoder, and fits by passes over batches against fits on rows in memory."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder

import crosstask as ct
from crosstask.auto import _passes
from crosstask.auto._column_encoder import ColumnSurvey, survey, table_columns

pytest.importorskip("pyarrow", reason="pyarrow (the extra big) is not installed")
FEATURES = ["age", "sex", "town", "smoker", "day"]


def _table(n: int = 1500, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"age": rng.normal(50, 10, n), "sex": rng.choice(["m", "f"], n)})
    frame["town"] = rng.choice(np.array(["x", "y", "z", None], dtype=object), n)
    frame["smoker"] = rng.random(n) < 0.3
    frame["site"] = rng.choice(["a", "b", "c", "d"], n)
    frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, n), "D")
    z = 0.05 * (frame["age"] - 50) + 0.5 * (frame["sex"] == "m") - 0.7 * (frame["town"] == "x") + 0.3 * frame["smoker"]
    z += frame["site"].map({"a": -1, "b": 0, "c": 0.5, "d": 0.2})
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame["ill"] = np.where(rng.random(n) < 1 / (1 + np.exp(-z)), "yes", "no")
    frame["visits"] = rng.poisson(np.exp(0.5 * z))
    frame.loc[frame["site"] == "d", "visits"] = 0  # a task without a count leans on the others' rate
    frame.loc[frame["site"] == "c", "ill"] = "yes"  # a task that lacks a class
    return frame.assign(cost=z + rng.normal(size=n))


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return _table()


@pytest.fixture
def parquet(table: pd.DataFrame, tmp_path: Any) -> Any:
    table.to_parquet(tmp_path / "table.parquet", row_group_size=600)
    return tmp_path / "table.parquet"


def _inner(target: str, coupling: str = "mean_tied", **options: Any) -> Any:
    options = {"n_alphas": 5} | options
    if target == "ill":
        return ct.MultiTaskClassifier(coupling, **options)
    return ct.MultiTaskRegressor(coupling, loss="poisson" if target == "visits" else "squared", **options)


def _hashed_folds(model: Any, frame: pd.DataFrame, target: str) -> list[Any]:
    matrix = model.encoder_.encode(table_columns(frame[FEATURES], FEATURES))
    y = (frame[target] == "yes").astype(float) if target == "ill" else frame[target]
    fold = ct.TaskStatistics().folds(matrix, y)
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)]


@pytest.mark.parametrize(
    ("target", "coupling", "options"),
    [
        ("ill", "mean_tied", {}),
        ("ill", "independent", {"task_weight": "equal"}),
        ("ill", "pooled", {"alpha": 0.05, "standardize": False}),
        ("visits", "mean_tied", {}),
        ("visits", "independent", {"alpha": 0.02}),
        ("cost", "feature_norm", {}),
        ("cost", "mean_tied", {"alpha": 0.1}),
    ],
)
def test_passes_over_a_table_give_the_fit_on_its_rows(
    table: pd.DataFrame, parquet: Any, target: str, coupling: str, options: dict[str, Any]
) -> None:
    by_passes = ct.EncodedTasks(_inner(target, coupling, **options), task_column="site")
    by_passes.fit_table(parquet, target=target, features=FEATURES, batch_rows=350)
    cv = {} if "alpha" in options else {"cv": _hashed_folds(by_passes, table, target)}
    tol = 1e-9 if coupling == "feature_norm" else 1e-14
    rows = ct.EncodedTasks(_inner(target, coupling, tol=tol, **options, **cv), task_column="site")
    rows.fit(table[[*FEATURES[:4], "site", "day"]], table[target])
    one, other = by_passes.estimator_, rows.estimator_
    assert by_passes.encoder_.names_out_ == rows.encoder_.names_out_
    assert_allclose(one.alpha_, other.alpha_, rtol=1e-9)
    scale = np.abs(other.coef_).max()
    assert_allclose(one.coef_, other.coef_, rtol=0, atol=(3e-5 if coupling == "feature_norm" else 1e-6) * scale)
    assert_array_equal(by_passes.feature_names_in_, rows.feature_names_in_)
    method = "predict_proba" if target == "ill" else "predict"
    assert_allclose(getattr(by_passes, method)(table[list(rows.feature_names_in_)]),
                    getattr(rows, method)(table[list(rows.feature_names_in_)]), rtol=1e-4, atol=1e-5)  # fmt: skip
    if target == "ill":
        assert by_passes.classes_.tolist() == ["no", "yes"]


def test_csv_and_a_folder_of_parts_are_the_same_table(table: pd.DataFrame, parquet: Any, tmp_path: Any) -> None:
    table.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "parts").mkdir()
    for k in range(2):
        table[750 * k : 750 * (k + 1)].to_parquet(tmp_path / "parts" / f"{k}.parquet")
    found = [
        ct.EncodedTasks(_inner("ill", alpha=0.05), task_column="site").fit_table(path, target="ill", features=FEATURES)
        for path in (parquet, tmp_path / "table.csv", tmp_path / "parts")
    ]
    for model in found[1:]:
        assert_allclose(model.estimator_.coef_, found[0].estimator_.coef_, rtol=1e-9, atol=1e-12)


def test_the_encoder_is_scikit_learns(table: pd.DataFrame) -> None:
    model = ct.EncodedTasks(ct.MultiTaskRegressor(alpha=0.1), task_column="site")
    model.fit(table[["age", "town", "site"]], table["cost"])
    theirs = make_column_transformer(
        (SimpleImputer(add_indicator=True), ["age"]),
        (OneHotEncoder(categories=[["x", "y", "z"]], handle_unknown="ignore", sparse_output=False), ["town"]),
    )
    there = table["town"].notna()
    expected = np.asarray(theirs.fit_transform(table))
    ours = pd.DataFrame(model.encoder_.encode(table_columns(table[["age", "town"]], ["age", "town"])))
    ours.columns = model.encoder_.names_out_
    assert_allclose(ours[["age", "age: missing"]], expected[:, :2])
    assert_allclose(ours.loc[there, ["town=x", "town=y", "town=z"]], expected[there, 2:])
    shares = table["town"].value_counts(normalize=True)
    assert_allclose(ours.loc[~there, ["town=x", "town=y", "town=z"]].iloc[0], shares[["x", "y", "z"]])
    assert_array_equal(ours["town: missing"], ~there)


def test_batches_learn_what_the_whole_table_says(table: pd.DataFrame) -> None:
    whole = survey(table_columns(table[FEATURES], FEATURES), FEATURES)
    added = [ColumnSurvey(one.name, one.kind) for one in whole]
    for first in range(0, len(table), 400):
        part = table_columns(table[FEATURES].iloc[first : first + 400], FEATURES)
        for one, column in zip(added, part, strict=True):
            one.add(column)
    for one, other in zip(added, whole, strict=True):
        assert (one.n_rows, one.n_present, one.counts, one.varies) == (
            other.n_rows,
            other.n_present,
            other.counts,
            other.varies,
        )
        assert one.mean == pytest.approx(other.mean, rel=1e-13)


def test_new_rows_levels_tasks_and_the_file(table: pd.DataFrame, parquet: Any, tmp_path: Any) -> None:
    polars = pytest.importorskip("polars")
    model = ct.EncodedTasks(_inner("ill", alpha=0.05, unseen_task="mean"), task_column="site")
    model.fit_table(parquet, target="ill", features=FEATURES)
    columns = list(model.feature_names_in_)
    new = table[columns].head(6).assign(town=["rome", None, "x", "y", "z", "x"], site=["a", "b", "q", "q", "a", "b"])
    said = model.predict_proba(new)
    assert_array_equal(model.predict_proba(polars.from_pandas(new)), said)
    again = ct.load(ct.save(model, tmp_path / "model.skops"))
    assert_array_equal(again.predict_proba(new), said)
    before = model.predict_proba(table[columns])
    later = table[columns].head(200).assign(site="rome")
    model.add_task(later, table["ill"].head(200))
    assert model.tasks_.tolist() == ["a", "b", "c", "d", "rome"]
    assert_array_equal(model.predict_proba(table[columns]), before)
    assert set(model.coefficients()["feature"]) == set(model.encoder_.names_out_)
    assert "harmed" not in str(ct.check(model, table[columns], table["ill"]))


@pytest.mark.parametrize("stop_at", [2, 7, 12, 20, 33])
def test_a_fit_that_is_stopped_goes_on(
    parquet: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    options: dict[str, Any] = {"target": "ill", "features": FEATURES, "batch_rows": 350}
    checkpoint = tmp_path / "part"

    def fit(**more: Any) -> Any:
        return ct.EncodedTasks(_inner("ill"), task_column="site").fit_table(parquet, **options, **more)

    calls: list[int] = []
    known = _passes._TableFit._known_rows

    def stopped(self: Any, chunk: Any) -> Any:
        calls.append(1)
        if len(calls) == stop_at:
            signal.raise_signal(signal.SIGINT)
        return known(self, chunk)

    monkeypatch.setattr(_passes._TableFit, "_known_rows", stopped)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=checkpoint)
    monkeypatch.setattr(_passes._TableFit, "_known_rows", known)
    with pytest.raises(ValueError, match="of another table, or of other options"):
        ct.EncodedTasks(_inner("visits"), task_column="site").fit_table(
            parquet, **(options | {"target": "visits"}), checkpoint=checkpoint
        )
    said: list[str] = []
    found = fit(checkpoint=checkpoint, verbose=lambda done, total, text: said.append(text))
    assert said[0].startswith("going on from")
    assert not checkpoint.exists()
    never = fit()
    assert_array_equal(found.estimator_.coef_, never.estimator_.coef_)
    assert_array_equal(found.estimator_.intercept_, never.estimator_.intercept_)
    assert_array_equal(found.estimator_.path_["cv_loss"], never.estimator_.path_["cv_loss"])


@pytest.mark.skipif(not hasattr(signal, "raise_signal") or os.name == "nt", reason="needs SIGINT")
def test_ctrl_c_inside_a_batch_waits_for_its_end(parquet: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint, calls = tmp_path / "part", []
    known = _passes._TableFit._known_rows

    def pressed(self: Any, chunk: Any) -> Any:
        calls.append(1)
        if len(calls) == 8:
            signal.raise_signal(signal.SIGINT)
        return known(self, chunk)

    def fit(**more: Any) -> Any:
        model = ct.EncodedTasks(_inner("cost", alpha=0.1), task_column="site")
        return model.fit_table(parquet, target="cost", features=FEATURES, batch_rows=350, **more)

    monkeypatch.setattr(_passes._TableFit, "_known_rows", pressed)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=checkpoint)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    monkeypatch.setattr(_passes._TableFit, "_known_rows", known)
    assert_array_equal(fit(checkpoint=checkpoint).estimator_.coef_, fit().estimator_.coef_)


def test_a_second_ctrl_c_leaves_the_checkpoint_of_the_batch_before(
    parquet: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, calls = tmp_path / "part", []
    absorb = ct.TaskStatistics._absorb_batch

    def interrupted(self: Any, *arguments: Any) -> None:
        absorb(self, *arguments)
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt  # summed, but not yet counted as done

    def fit(**more: Any) -> Any:
        model = ct.EncodedTasks(_inner("cost", alpha=0.1), task_column="site")
        return model.fit_table(parquet, target="cost", features=FEATURES, batch_rows=350, **more).estimator_

    monkeypatch.setattr(ct.TaskStatistics, "_absorb_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(checkpoint=checkpoint, checkpoint_every=0.0)
    monkeypatch.setattr(ct.TaskStatistics, "_absorb_batch", absorb)
    assert checkpoint.exists()
    assert_array_equal(fit(checkpoint=checkpoint).coef_, fit().coef_)


def test_batches_of_any_size_deal_rows_with_gaps_into_the_same_folds(parquet: Any) -> None:
    paths = [
        ct.EncodedTasks(_inner("cost"), task_column="site")
        .fit_table(parquet, target="cost", features=FEATURES, batch_rows=rows)
        .estimator_.path_["cv_loss"]
        for rows in (37, 111, 600)
    ]
    for path in paths[1:]:
        assert_allclose(path, paths[0], rtol=1e-9)


def test_empty_fields_of_a_csv_are_gaps(table: pd.DataFrame, tmp_path: Any) -> None:
    holed = table[["age", "site", "ill"]].fillna({"age": 0.0})
    holed.drop(index=[3, 7]).to_csv(tmp_path / "whole.csv", index=False)
    holed.loc[3, "ill"], holed.loc[7, "site"] = None, " "
    holed.to_csv(tmp_path / "holed.csv", index=False)
    models = [ct.EncodedTasks(_inner("ill", alpha=0.05), task_column="site") for _ in range(2)]
    with pytest.warns(UserWarning, match=r"2 rows of .* have no target or no task"):
        models[0].fit_table(tmp_path / "holed.csv", target="ill")
    models[1].fit_table(tmp_path / "whole.csv", target="ill")
    assert_allclose(models[0].estimator_.coef_, models[1].estimator_.coef_, rtol=1e-10, atol=1e-13)


def test_memory_is_said_before_the_fit(parquet: Any) -> None:
    said: list[str] = []
    model = ct.EncodedTasks(_inner("ill"), task_column="site")
    model.fit_table(parquet, target="ill", features=FEATURES, verbose=lambda done, total, text: said.append(text))
    assert said[0].startswith("memory: 4 batches of 16,384 rows x 7 columns")
    memory = next(k for k, text in enumerate(said) if "4 tasks x 9 encoded columns, 5 folds, 25 fits at a time" in text)
    assert memory < next(k for k, text in enumerate(said) if text.startswith("moments"))
    assert sum("Newton's pass" in text and "done" in text for text in said) == model.estimator_.n_iter_


def test_rows_without_a_target_are_left_out_and_said(table: pd.DataFrame, tmp_path: Any) -> None:
    holed = table.copy()
    holed.loc[[3, 5], "ill"] = None
    holed.loc[7, "site"] = None
    holed.to_parquet(tmp_path / "holed.parquet")
    table.drop(index=[3, 5, 7]).to_parquet(tmp_path / "whole.parquet", index=False)
    models = [ct.EncodedTasks(_inner("ill", alpha=0.05), task_column="site") for _ in range(2)]
    with pytest.warns(UserWarning, match=r"3 rows of .* have no target or no task"):
        models[0].fit_table(tmp_path / "holed.parquet", target="ill", features=FEATURES)
    models[1].fit_table(tmp_path / "whole.parquet", target="ill", features=FEATURES)
    assert_allclose(models[0].estimator_.coef_, models[1].estimator_.coef_, rtol=1e-10, atol=1e-13)


def _fit(inner: Any, path: Any, **options: Any) -> Any:
    given = {"target": "ill", "features": FEATURES} | options
    return ct.EncodedTasks(inner, task_column="site").fit_table(path, **given)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda p: _fit(ct.MultiTaskSVC(), p), "fit_table fits MultiTaskRegressor and MultiTaskClassifier"),
        (lambda p: _fit(ct.MultiTaskRegressor(loss="huber"), p), "loss='huber' has no fit by passes"),
        (lambda p: _fit(ct.MultiTaskClassifier("feature_norm"), p), "does not go by rounds: use 'independent'"),
        (lambda p: _fit(ct.MultiTaskClassifier(cv=3), p), "cv=3 does not go by rounds"),
        (lambda p: _fit(ct.MultiTaskClassifier(), p, target="town", features=["age"]), "has 3 class"),
        (lambda p: _fit(ct.MultiTaskClassifier(), p, target="price"), "has no column 'price'"),
        (lambda p: _fit(ct.MultiTaskRegressor(), p), "column 'ill' of .* holds texts"),
        (
            lambda p: ct.EncodedTasks(ct.MultiTaskRegressor()).fit_table(p, target="cost"),
            "task_column=None: name it",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(parquet: Any, call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        call(parquet)
    assert "\n" not in str(caught.value)


def test_bad_columns_are_named(table: pd.DataFrame) -> None:
    model = ct.EncodedTasks(ct.MultiTaskRegressor(alpha=0.1), task_column="site")
    frame = table[["age", "sex", "site"]]
    with pytest.raises(ValueError, match="column 'age' has infinite values"):
        model.fit(frame.assign(age=np.inf), table["cost"])
    alone = model.fit(frame.assign(one=1.0)[["one", "site"]], table["cost"])
    assert alone.encoder_.names_out_ == ["one"]
    means = table.groupby("site")["cost"].mean()
    assert_allclose(alone.predict(frame.assign(one=1.0)[["one", "site"]]), means[table["site"]])
    with pytest.raises(ValueError, match=r"column.s. 'name' hold no category and no number: 0 feature"):
        model.fit(frame.assign(name=[f"n{k}" for k in range(len(frame))])[["name", "site"]], table["cost"])
    model.fit(frame, table["cost"])
    with pytest.raises(ValueError, match="column 'age' held numbers in fit, and holds dates here"):
        model.predict(frame.assign(age=pd.Timestamp("2024-01-01")))
    with pytest.raises(ValueError, match="column 'age' held numbers in fit, but here it has 'old' in row 0"):
        model.predict(frame.assign(age="old"))
    filled = frame.fillna({"age": 50.0})
    assert_array_equal(model.predict(filled.assign(age=filled["age"].map(str))), model.predict(filled))
    with pytest.raises(ValueError, match="X is sparse"):
        ct.EncodedTasks(ct.MultiTaskRegressor(alpha=0.1)).fit(
            sparse.csr_array(np.eye(4)), [1, 2, 3, 4], task=[0, 0, 1, 1]
        )
    many = pd.DataFrame({"name": [f"n{k}" for k in range(40)], "x": range(40), "site": ["a", "b"] * 20})
    assert model.fit(many, np.arange(40.0)).encoder_.names_out_ == ["x"]
