"""The reader: every kind of column, the same in fit and predict, from every make of table."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from crosstask.auto import TableReader

N = 40


def a_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": np.where(np.arange(N) % 9 == 3, np.nan, np.arange(N) / 7),
            "spelt": [str(0.5 * i) if i % 5 else "NA" for i in range(N)],
            "flag": [True, False, None, True] * (N // 4),
            "colour": ["red", "green", "blue", None] * (N // 4),
            "zip": ["01234", "01235", "22222", "01234"] * (N // 4),
            "day": pd.date_range("2023-12-30", periods=N, freq="12D"),
            "iso": [f"2024-01-{i % 28 + 1:02d}" for i in range(N)],
            "patient": [f"p-{i}" for i in range(N)],
            "one": 1.0,
            "nothing": [None] * N,
            "decimal": ["1,5", "2,5", "3,5", "1,5"] * (N // 4),
        }
    )


@pytest.fixture
def reader() -> TableReader:
    return TableReader().fit(a_table())


def kinds(reader: TableReader) -> dict[str, str]:
    return {schema["name"]: schema["kind"] for schema in reader.schema_}


def test_each_kind_of_column_is_recognised(reader):
    assert kinds(reader) == {
        "number": "number",
        "spelt": "number",
        "flag": "boolean",
        "colour": "category",
        "zip": "category",
        "day": "date",
        "iso": "date",
        "patient": "identifier",
        "one": "constant",
        "nothing": "empty",
        "decimal": "category",
    }
    assert [code for code, _ in reader.findings_] == [
        "numbers-as-text",
        "identifier-dropped",
        "constant-column",
        "empty-column",
    ]


def test_values_are_what_they_say(reader):
    table = a_table()
    read = dict(zip(reader.output_names_, reader.transform(table).T, strict=True))
    assert_array_equal(read["number"], table["number"])
    assert_array_equal(read["spelt"][:6], [np.nan, 0.5, 1.0, 1.5, 2.0, np.nan])
    assert_array_equal(read["flag"][:4], [1.0, 0.0, np.nan, 1.0])
    levels = dict(zip(reader.output_names_, reader.output_levels_, strict=True))
    assert [levels["colour"][int(code)] for code in read["colour"][:3]] == ["red", "green", "blue"]
    assert np.isnan(read["colour"][3])
    days = (table["day"] - table["day"].min()).dt.days
    assert_array_equal(read["day"], days)
    months = [levels["day: month"][int(code)] for code in read["day: month"]]
    assert months == [day.strftime("%b") for day in table["day"]]
    weekdays = [levels["day: weekday"][int(code)] for code in read["day: weekday"]]
    assert weekdays == [day.strftime("%a") for day in table["day"]]


def test_makes_of_the_same_table_agree():
    table = a_table()
    from_pandas = TableReader().fit(table)
    frames = {
        "polars": pl.from_pandas(table),
        "nullable pandas": table.convert_dtypes(),
        "objects": table.astype(object),
        "array of objects": table.astype(object).to_numpy(),
    }
    expected = from_pandas.transform(table)
    for make, frame in frames.items():
        other = TableReader(list(table.columns)).fit(frame)
        assert kinds(other) == kinds(from_pandas), make
        assert_allclose(other.transform(frame), expected, err_msg=make)
        assert_allclose(from_pandas.transform(frame), expected, err_msg=make)


def test_plain_numbers_are_read_as_they_are():
    X = np.random.default_rng(0).normal(size=(30, 3))
    assert_array_equal(TableReader().fit(X).transform(X), X)
    integers = np.arange(60).reshape(30, 2)
    assert_array_equal(TableReader().fit(integers).transform(integers), integers)


def test_what_was_fitted_does_not_depend_on_the_order_of_rows(reader):
    table = a_table()
    shuffled = TableReader().fit(table.sample(frac=1.0, random_state=0))
    assert_array_equal(shuffled.transform(table), reader.transform(table))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2", "3.5", "-4e2"] * 5, "number"),
        (["007", "008", "007", "009"] * 5, "category"),
        (["2024-01-31", "2024-02-30"] * 10, "category"),  # 30 February is no date
        (["2024-01-31 12:30", "2024-02-01T08:00"] * 10, "date"),
        ([dt.date(2024, 1, 1), dt.date(2024, 1, 9)] * 10, "date"),
        ([dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None] * 10, "date"),
        ([np.timedelta64(1, "D"), np.timedelta64(2, "D")] * 10, "number"),
        ([True, False] * 10, "boolean"),
        ([1, "a"] * 10, "category"),
        ([f"name {i}" for i in range(20)], "identifier"),
        ([5.0, np.nan] * 10, "number"),
        (pd.Categorical([3, 1, 3, 2] * 5), "category"),
    ],
)
def test_kinds_at_the_edges(values, kind):
    table = pd.DataFrame({"x": [1.0, 2.0] * 10, "column": values})
    assert kinds(TableReader().fit(table))["column"] == kind


def test_rare_and_unseen_categories_become_other():
    levels = ["a"] * 10 + ["b"] * 10 + ["c", "d"]
    reader = TableReader().fit(pd.DataFrame({"x": np.arange(22.0), "level": levels}))
    assert reader.schema_[1]["categories"] == ["a", "b", "other"]
    read = reader.transform(pd.DataFrame({"x": [0.0] * 4, "level": ["b", "c", "never seen", None]}))
    assert_array_equal(read[:, 1], [1.0, 2.0, 2.0, np.nan])


def test_an_unseen_category_is_missing_where_nothing_was_rare():
    reader = TableReader().fit(pd.DataFrame({"level": ["a", "b"] * 10}))
    assert_array_equal(reader.transform(pd.DataFrame({"level": ["b", "c"]})).ravel(), [1.0, np.nan])


def test_thousands_of_categories_stay_within_what_boosting_takes():
    rng = np.random.default_rng(0)
    levels = [f"shop {k}" for k in rng.integers(0, 3000, size=20000)]
    reader = TableReader().fit(pd.DataFrame({"level": levels}))
    assert len(reader.schema_[0]["categories"]) == 255
    assert reader.schema_[0]["categories"][-1] == "other"


def test_whole_numbers_of_few_values_may_be_codes():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {"pain": rng.integers(1, 5, 200), "age": rng.integers(20, 90, 200), "half": rng.choice([0.5, 1, 2], 200)}
    )
    reader = TableReader().fit(table)
    assert [schema.get("codes") for schema in reader.schema_] == [[1.0, 2.0, 3.0, 4.0], None, None]
    assert "coded-numbers" in dict(reader.findings_)


def test_almost_numbers_are_reported():
    table = pd.DataFrame({"x": np.arange(40.0), "level": ["1", "2", "3", "4", "5"] * 7 + ["1", "2", "3", "4", "1,5"]})
    assert "'1,5'" in dict(TableReader().fit(table).findings_)["almost-numbers"]


def test_infinite_values_are_refused_by_column_and_row():
    table = pd.DataFrame({"fine": [1.0, 2.0, 3.0], "broken": [1.0, np.inf, -np.inf]})
    with pytest.raises(ValueError, match=r"infinity in column 'broken' \(row 1, 2\)"):
        TableReader().fit(table).transform(table)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("spelt", "many", "column 'spelt' held numbers in fit, but here it has 'many' in row 0"),
        ("iso", "yesterday", "column 'iso' held dates in fit, but here it has 'yesterday' in row 0"),
        ("day", 17.0, "column 'day' held dates in fit, but here it holds numbers"),
        ("number", pd.Timestamp("2024-01-01"), "column 'number' held numbers in fit, but here it holds dates"),
    ],
)
def test_a_column_that_changed_its_kind_is_named(reader, column, value, words):
    row = a_table().iloc[:1].astype(object)
    row[column] = [value]
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        reader.transform(row)


def test_what_cannot_be_a_table_is_refused():
    with pytest.raises(ValueError, match=r"sparse X .* X\.toarray\(\)"):
        TableReader().fit(sparse.eye(3, format="csr"))
    with pytest.raises(ValueError, match="Complex data not supported"):
        TableReader().fit(np.ones((3, 1), dtype=complex) * 1j)
    with pytest.raises(TypeError, match="argument must be a string or a number"):
        TableReader().fit(np.array([[{"a": 1}], [2.0]], dtype=object))
    with pytest.raises(ValueError, match="no column left to learn from"):
        TableReader().fit(pd.DataFrame({"name": [f"n{i}" for i in range(30)], "one": 1}))


def test_the_table_is_left_as_it_is():
    table = a_table()
    before = table.copy(deep=True)
    TableReader().fit(table).transform(table)
    pd.testing.assert_frame_equal(table, before)
