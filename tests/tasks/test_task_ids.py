"""Task ids of every make: the same tasks whatever held them, and never two tasks behind one id or one behind two."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crosstask.tasks import TaskIndex, as_task_ids

TEXT = ["b", "a", "b"]
NUMBERS = [2, 1, 2]
DAYS = ["2024-01-02", "2024-01-01", "2024-01-02"]


@pytest.mark.parametrize(
    "values",
    [
        TEXT,
        tuple(TEXT),
        np.array(TEXT),
        np.array(TEXT, dtype=object),
        np.array(TEXT, dtype="S"),
        pd.Series(TEXT, index=[7, 7, 9]),
        pd.Series(TEXT, dtype="string"),
        pd.Series(TEXT, dtype="string[pyarrow]"),
        pd.Series(pd.Categorical(TEXT)),
        pd.Index(TEXT),
        pl.Series(TEXT),
        pl.Series(TEXT, dtype=pl.Categorical),
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_text_of_every_make(values):
    ids = as_task_ids(values, 3, "task=")
    assert ids.dtype.kind == "U"
    assert ids.tolist() == TEXT


@pytest.mark.parametrize(
    "values",
    [
        NUMBERS,
        [2.0, 1, 2],
        np.array(NUMBERS, dtype=np.int8),
        np.array(NUMBERS, dtype=np.uint64),
        np.array(NUMBERS, dtype=np.float32),
        np.array(NUMBERS, dtype=object),
        pd.Series(NUMBERS, dtype="Int64"),
        pd.Series(NUMBERS, dtype="int64[pyarrow]"),
        pd.Series(pd.Categorical(NUMBERS)),
        pl.Series(NUMBERS),
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_whole_numbers_of_every_make(values):
    ids = as_task_ids(values, 3, "task=")
    assert ids.dtype == np.int64
    assert ids.tolist() == NUMBERS


@pytest.mark.parametrize(
    "values",
    [
        np.array(DAYS, dtype="datetime64[D]"),
        np.array(DAYS, dtype="datetime64[ns]"),
        [dt.date.fromisoformat(day) for day in DAYS],
        pd.Series(pd.to_datetime(DAYS)),
        pd.to_datetime(DAYS).tolist(),
        pl.Series([dt.date.fromisoformat(day) for day in DAYS]),
        pd.Series(pd.PeriodIndex(DAYS, freq="D")),
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_days_of_every_make_and_resolution_are_one_text(values):
    assert as_task_ids(values, 3, "task=").tolist() == DAYS


def test_other_ids_become_text():
    assert as_task_ids([True, False], 2, "").tolist() == ["True", "False"]
    assert as_task_ids(np.array([1.5, 2.0]), 2, "").tolist() == ["1.5", "2.0"]
    assert as_task_ids([(1, "a"), (2, "b")], 2, "").tolist() == ["(1, 'a')", "(2, 'b')"]
    assert as_task_ids(range(2), 2, "").tolist() == [0, 1]


@pytest.mark.parametrize("make", [list, lambda v: np.array(v, dtype=object), np.array, pd.Series])
@pytest.mark.parametrize("base", [2**53, 2**62, 2**63, 2**70])
def test_large_numbers_that_differ_stay_apart(make, base):
    ids = as_task_ids(make([base, base + 1]), 2, "task=")
    assert len(set(ids.tolist())) == 2
    assert [int(one) for one in ids.tolist()] == [base, base + 1]


@given(st.lists(st.one_of(st.integers(-5, 5), st.integers()), min_size=1))
def test_codes_find_their_ids_again_and_tasks_are_sorted(numbers):
    ids = as_task_ids(numbers, len(numbers), "task=")
    index, codes = TaskIndex.learn(ids, "task=")
    assert index.ids[codes].tolist() == ids.tolist()
    assert index.ids.tolist() == sorted(set(ids.tolist()))
    assert index.encode(ids, "task=").tolist() == codes.tolist()


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1), min_size=1, unique=True))
def test_text_ids_are_refused_or_told_apart(texts):
    try:
        ids = as_task_ids(texts, len(texts), "task=")
        index, codes = TaskIndex.learn(ids, "task=")
    except ValueError as error:
        assert "missing" in str(error) or "differ only by" in str(error)  # noqa: PT017
        return
    assert sorted(codes.tolist()) == list(range(len(texts)))
    assert index.ids[codes].tolist() == texts


@pytest.mark.parametrize(
    "values",
    [
        ["a", None, "b"],
        ["a", float("nan"), "b"],
        ["a", " ", "b"],
        [1, np.nan, 2],
        np.array([1.0, np.nan, 2.0]),
        np.array(["2024-01-01", "NaT", "2024-01-01"], dtype="datetime64[s]"),
        np.array(["a", "", "b"]),
        pd.Series(["a", None, "b"], dtype="string"),
        pd.Series(["a", None, "b"], dtype="string[pyarrow]"),
        pd.Series([1, None, 2], dtype="Int64"),
        pd.Series(pd.Categorical(["a", None, "b"])),
        pl.Series(["a", None, "b"]),
        pl.Series([1, None, 2]),
    ],
    ids=lambda values: f"{type(values).__name__} {getattr(values, 'dtype', '')}",
)
def test_missing_ids_are_counted_and_placed(values):
    with pytest.raises(ValueError, match=r"task= has 1 missing task ids \(first at row 1\): drop these rows, or give"):
        as_task_ids(values, 3, "task=")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, "a", 2], r"mixes types \('a' and 1\)"),
        ([True, "a", 2], "mixes types"),
        ([1.0, np.inf, 2], r"holds infinite ids \(first at row 1\)"),
        ([1, 2], "has 2 task ids for 3 rows of X; give one id for each row"),
        (np.ones((3, 1)), r"must be one-dimensional, one id a row; it has shape \(3, 1\)"),
        ("abc", "must be one-dimensional"),
        (5, "must be one-dimensional"),
        ((one for one in "abc"), "must be one-dimensional"),
    ],
)
def test_ids_that_cannot_be(values, message):
    with pytest.raises(ValueError, match=message):
        as_task_ids(values, 3, "task=")


@pytest.mark.parametrize("twins", [("017", "17"), ("17 ", "17"), ("17.0", "17"), ("-1", "-01"), ("a", " a")])
def test_twins_in_one_column_are_refused(twins):
    with pytest.raises(ValueError, match=r"which differ only by spaces, leading zeros or type: spell one task"):
        TaskIndex.learn(np.array([*twins, "z"]), "column 'site'")


@pytest.mark.parametrize(
    ("known", "given_later", "cure"),
    [([17, 4], ["17"], "astype\\(int\\)"), (["017", "004"], [17], "dtype=str"), (["a", "17"], [17.0], "dtype=str")],
)
def test_twins_between_fit_and_predict_are_refused(known, given_later, cure):
    index, _ = TaskIndex.learn(as_task_ids(known, len(known), "task="), "task=")
    with pytest.raises(ValueError, match=f"but the model was fitted with .*{cure}"):
        index.encode(as_task_ids(given_later, 1, "task="), "task=")


def test_ids_that_only_look_alike_to_the_eye_are_different_tasks():
    index, _ = TaskIndex.learn(np.array(["A", "a", "10", "1e1", "²", "2"]), "task=")
    assert len(index.ids) == 6


def test_unknown_ids_are_minus_one():
    index, _ = TaskIndex.learn(np.array([3, 1, 3]), "task=")
    assert index.encode(np.array([1, 2, 3, 99]), "task=").tolist() == [0, -1, 1, -1]
    assert index.encode(np.array(["x"]), "task=").tolist() == [-1]
