"""What holds for all that learns from rows of other tasks: doors, target rows without a task, pipelines, files."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from tests.transfer.from_rows import ESTIMATORS, TRANSFORMERS, by_column, table

from crosstask.model_selection import TargetTaskKFold
from crosstask.persistence import load, save
from crosstask.transfer import CORAL, LabelledRows

served = pytest.mark.parametrize("made", ESTIMATORS, ids=lambda made: " ".join(repr(made).split())[:60])
named = pytest.mark.parametrize("made", TRANSFORMERS, ids=lambda made: type(made).__name__)


@named
def test_the_column_and_the_array_give_the_same(made):
    frame, y = table()
    X = frame.drop(columns="site")
    by_array = clone(made).fit_transform(X, y, task=frame["site"])
    assert_array_equal(by_column(made).fit_transform(frame, y), by_array)
    assert_array_equal(by_column(made).fit_transform(pl.from_pandas(frame), y), by_array)
    place = clone(made).set_params(task_column=1)
    assert_array_equal(place.fit_transform(frame.to_numpy(dtype=object), y), by_array)


@named
def test_rows_without_a_task_are_the_targets(made):
    frame, y = table()
    target = frame[frame["site"] == "t"]
    aligner = by_column(made).fit(frame, y)
    expected = aligner.transform(target)
    assert_array_equal(aligner.transform(target.drop(columns="site")), expected)
    assert_array_equal(aligner.transform(target.assign(site=None)), expected)
    by_array = clone(made).fit(frame.drop(columns="site"), y, task=frame["site"])
    assert_array_equal(by_array.transform(target.drop(columns="site")), expected)
    numbers = clone(made).set_params(target_task=3)
    ids = frame["site"].map({"a": 1, "b": 2, "t": 3})
    numbers.set_params(task_column="site").fit(frame.assign(site=ids), y)
    assert_array_equal(numbers.transform(target.assign(site=np.nan)), expected)
    place = clone(made).set_params(task_column=1).fit(frame.to_numpy(dtype=object), y)
    assert_array_equal(place.transform(target.drop(columns="site").to_numpy()), expected)


@named
def test_unlabelled_target_rows_change_nothing_or_are_allowed(made):
    frame, y = table()
    holed = np.where(frame["site"] == "t", None, y)
    assert by_column(made).fit_transform(frame, holed).shape[0] == len(frame)


@named
def test_pipelines_and_searches_serve_the_target(made):
    frame, y = table()
    model = make_pipeline(by_column(made), LabelledRows(LogisticRegression()))
    folds = TargetTaskKFold(3, target_task="t", task_column="site", random_state=0)
    scores = cross_val_score(model, frame, y, cv=folds)
    assert scores.mean() > 0.6
    search = GridSearchCV(model, {"labelledrows__estimator__C": [0.1, 1.0]}, cv=folds).fit(frame, y)
    new = frame[frame["site"] == "t"].drop(columns="site")
    assert len(search.predict(new)) == 24


@named
def test_saved_and_loaded_it_maps_the_same(made, tmp_path):
    frame, y = table()
    aligner = by_column(made).fit(frame, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # some keep rows, and say so
        path = save(aligner, tmp_path / "aligner.skops")
    assert_array_equal(load(path).transform(frame), aligner.transform(frame))


@named
def test_names_of_what_comes_out(made):
    frame, y = table()
    framed = by_column(made).set_output(transform="pandas").fit(frame, y).transform(frame.drop(columns="site"))
    assert framed.shape[1] == len(set(framed.columns))


@served
def test_estimators_serve_the_target_by_either_door(made, tmp_path):
    frame, y = table(is_classifier(made))
    before = frame.copy()
    X, target = frame.drop(columns="site"), (frame["site"] == "t").to_numpy()
    model = by_column(made).fit(frame, y)
    again = clone(made).fit(X, y, task=frame["site"])
    answer = model.predict(frame)
    assert_array_equal(model.predict(X), answer)  # a row without a task is the target's; other rows are served alike
    assert_array_equal(again.predict(X), answer)
    assert_array_equal(again.predict(X, task=frame["site"]), answer)
    assert model.score(frame, y) == again.score(X, y, task=frame["site"]) == model.score(frame[target], y[target])
    assert model.score(frame, y) > (0.7 if is_classifier(made) else 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # some keep rows, and say so
        path = save(model, tmp_path / "model.skops")
    assert_array_equal(load(path).predict(frame), answer)
    pd.testing.assert_frame_equal(frame, before)
    if is_classifier(made) and hasattr(model, "predict_proba"):
        assert_array_equal(model.classes_[model.predict_proba(X).argmax(axis=1)], answer)


@served
def test_searches_hold_out_target_rows_only(made):
    frame, y = table(is_classifier(made))
    folds = TargetTaskKFold(2, target_task="t", task_column="site", random_state=0)
    search = GridSearchCV(by_column(made), {"task_column": ["site"]}, cv=folds, error_score="raise").fit(frame, y)
    by_hand = [
        by_column(made).fit(frame.iloc[train], y[train]).score(frame.iloc[test], y[test])
        for train, test in folds.split(frame, y)
    ]
    assert search.best_score_ == pytest.approx(np.mean(by_hand))


def test_nobodys_table_is_changed():
    frame, y = table()
    before = frame.copy()
    for made in TRANSFORMERS:
        by_column(made).fit_transform(frame, y)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"target_task": None}, r"CORAL was not told which task to serve: give target_task=, one of 'a', 'b', 't'"),
        ({"target_task": "x"}, r"target_task='x' has no rows; the tasks are 'a', 'b', 't'"),
        ({"target_task": " t"}, r"target_task has the id ' t' \(text\), but the model was fitted with 't'"),
        ({"task_column": None}, r"target_task='t' was given, but not which task each row belongs to"),
        ({"task_column": "town"}, r"X has no column 'town'"),
    ],
)
def test_what_does_not_fit_together_is_one_clear_line(given, message):
    frame, y = table()
    with pytest.raises(ValueError, match=message):
        CORAL("t", task_column="site").set_params(**given).fit(frame, y)


def test_more_lines():
    frame, y = table()
    only = frame[frame["site"] == "t"]
    with pytest.raises(ValueError, match=r"all rows belong to target_task='t', so there is no task to learn from"):
        CORAL("t", task_column="site").fit(only)
    with pytest.raises(ValueError, match=r"which differ only by spaces"):  # a source that is the target
        CORAL("t", task_column="site").fit(frame.replace({"site": {"a": "t "}}))
    with pytest.raises(ValueError, match=r"by task_column='site' and by task= at once"):
        CORAL("t", task_column="site").fit(frame, y, task=frame["site"])
    fitted = CORAL("t", task_column="site").fit(frame)
    with pytest.raises(ValueError, match=r"1 task\(s\) that fit has not seen \('x'\)"):
        fitted.transform(frame.replace({"site": {"a": "x"}}))
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(frame.drop(columns=["site", "u"]))
    with pytest.raises(ValueError, match="fitted without tasks"):
        CORAL().fit(frame.drop(columns="site")).transform(frame.drop(columns="site"), task=frame["site"])
    sources = np.where(frame["site"] == "t", 1.0, 0.0)
    for weight, whose in ((sources, "source"), (1.0 - sources, "target")):
        with pytest.raises(ValueError, match=f"sample_weight is zero in every {whose} row: ImportanceWeighted weighs"):
            by_column(ESTIMATORS[0]).fit(frame, y, sample_weight=weight)
