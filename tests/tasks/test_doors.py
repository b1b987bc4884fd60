"""The three doors: what they hand on, for tables of every make, and what they refuse in one line."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from tests.testing.toys import Honest, HonestClassifier

RNG = np.random.default_rng(0)
N = 12
X = RNG.normal(size=(N, 2))
Y = RNG.normal(size=N)
SITE = np.array(["b", "a", "c"] * 4)
FRAME = pd.DataFrame({"p": X[:, 0], "site": SITE, "q": X[:, 1]})


def _answers(table, column):
    model = Honest(task_column=column).fit(table, Y)
    assert model.tasks_.tolist() == ["a", "b", "c"]
    assert model.n_features_in_ == 3
    return model.predict(table)


def test_tables_of_every_make_give_one_answer():
    expected = Honest().fit(X, Y, task=SITE).predict(X, task=SITE)
    rows = [list(row) for row in FRAME.itertuples(index=False)]
    for table, columns in [
        (FRAME, ["site", 1, -2]),
        (FRAME.set_axis([7] * N), ["site"]),
        (FRAME.astype({"site": "category"}), ["site"]),
        (FRAME.astype({"site": "string[pyarrow]", "p": "float64[pyarrow]", "q": "Float64"}), ["site"]),
        (pl.from_pandas(FRAME), ["site", 1]),
        (FRAME.to_numpy(), [1, -2]),
        (rows, [1]),
        (FRAME.set_axis([5, 6, 7], axis=1), [6, 1]),
    ]:
        for column in columns:
            try:
                found = _answers(table, column)
            except TypeError as error:  # scikit-learn wants names that are all text, or none
                assert "feature names" in str(error).lower()  # noqa: PT017
                continue
            np.testing.assert_allclose(found, expected)


def test_sparse_goes_through_the_array_door():
    expected = Honest().fit(X, Y, task=SITE).predict(X, task=SITE)
    for make in (sparse.csr_array, sparse.csc_matrix, sparse.coo_array):
        np.testing.assert_allclose(Honest().fit(make(X), Y, task=SITE).predict(make(X), task=SITE), expected)
    with pytest.raises(ValueError, match=r"a sparse X cannot hold the column 0 with the tasks.*task=ids"):
        Honest(task_column=0).fit(sparse.csr_array(X), Y)


def test_wide_answers_stand_in_the_order_of_the_callers_columns():
    wide = pd.DataFrame({"t10": Y, "t2": -Y, "a": 2 * Y})
    model = Honest().fit(X, wide)
    assert model.tasks_.tolist() == ["a", "t10", "t2"]
    answer = model.predict(X)
    for j, name in enumerate(wide):
        np.testing.assert_allclose(answer[:, j], Honest().fit(X, wide[name]).predict(X))
    weights = np.column_stack([np.ones(N), np.arange(N), np.arange(N)[::-1]])
    weighted = Honest().fit(X, wide, sample_weight=weights).predict(X)
    for j, name in enumerate(wide):
        np.testing.assert_allclose(weighted[:, j], Honest().fit(X, wide[name], sample_weight=weights[:, j]).predict(X))


@pytest.mark.parametrize("hole", [None, np.nan, pd.NA])
def test_holes_of_a_wide_target_are_left_out(hole):
    wide = pd.DataFrame({"u": Y, "v": -Y}, dtype=object if hole is None or hole is pd.NA else float)
    wide.loc[3, "v"] = hole
    answer = Honest().fit(X, wide).predict(X)
    keep = np.arange(N) != 3
    np.testing.assert_allclose(answer[:, 1], Honest().fit(X[keep], -Y[keep]).predict(X))


def test_classes_of_every_make():
    labels = ["yes", "no", "yes", "no", "no", "yes"] * 2
    for y in (
        labels,
        np.array(labels, dtype=object),
        pd.Series(labels, dtype="string"),
        pd.Series(pd.Categorical(labels)),
        pl.Series(labels),
    ):
        assert HonestClassifier().fit(X, y, task=SITE).classes_.tolist() == ["no", "yes"]


def test_rows_of_weight_zero_are_absent_with_their_task():
    weight = (SITE != "c").astype(float)
    model = Honest().fit(X, Y, task=SITE, sample_weight=weight)
    assert model.tasks_.tolist() == ["a", "b"]
    without = Honest().fit(X[SITE != "c"], Y[SITE != "c"], task=SITE[SITE != "c"])
    np.testing.assert_allclose(model.coef_, without.coef_)


def test_one_number_as_weight_is_that_weight_everywhere():
    twice = Honest().fit(np.r_[X, X], np.r_[Y, Y], task=np.r_[SITE, SITE])
    np.testing.assert_allclose(Honest().fit(X, Y, task=SITE, sample_weight=2.0).coef_, twice.coef_)


def test_a_hundred_thousand_tasks():
    task = np.arange(100_000).astype(str)
    rows = Honest()._open_fit(np.zeros((100_000, 1)), np.zeros(100_000), task)
    assert rows.n_tasks == 100_000
    assert (rows.task == task).all()


BAD_FITS = [
    ({"X": X[:0], "y": Y[:0], "task": SITE[:0]}, "X has no rows"),
    ({"column": "nope", "X": FRAME}, "X has no column 'nope' to read the tasks from; its columns are 'p', 'site', 'q'"),
    ({"column": 9, "X": FRAME}, "X has no column 9"),
    ({"column": True, "X": FRAME}, "X has no column True"),
    ({"column": "site"}, "X is an array without names: give the position"),
    ({"column": 2}, "column 2 for the tasks is outside X, which has 2 columns"),
    ({"column": "site", "X": FRAME[["site"]]}, "X has no columns besides the task column 'site'"),
    ({"column": "site", "X": FRAME, "task": SITE}, "given by task_column='site' and by task= at once: use one of them"),
    ({"y": np.c_[Y, Y], "task": SITE}, "given by task= and by a wide target with 2 columns at once"),
    ({"column": "site", "X": FRAME, "y": np.c_[Y, Y]}, "by task_column='site' and by a wide target with 2 columns"),
    ({"X": FRAME.set_axis(["p", "site", "p"], axis=1), "task": SITE}, "X has 2 columns named 'p': rename all but one"),
    ({"task": SITE[:5]}, "task= has 5 task ids for 12 rows"),
    ({"task": [None, *SITE[1:]]}, "1 missing task ids"),
    ({"task": ["1", "01"] * 6}, "the ids '01' and '1', which differ only by"),
    ({"y": np.c_[Y, np.full(N, np.nan)]}, "the wide target has no observed value in column 1: drop the column"),
    ({"y": pd.DataFrame(np.c_[Y, Y], columns=["u", "u"])}, "the wide target has 2 columns named 'u'"),
    ({"y": [np.nan, *Y[1:]], "task": SITE}, r"Input y contains NaN: 1 of 12 targets are missing \(first at row 0\)"),
    ({"y": ["u", "v"] * 6, "task": SITE}, r"y holds text \('u'\), but a regressor predicts numbers"),
    ({"y": None}, "target y is None: pass the column to predict"),
    ({"y": Y[:5], "task": SITE}, "y has 5 values for 12 rows of X: give one target for each row"),
    ({"weight": -np.ones(N), "task": SITE}, "sample_weight has 12 negative values: weights count repetitions"),
    ({"weight": np.zeros(N), "task": SITE}, "sample_weight is zero in every row"),
    ({"weight": np.full(N, np.nan), "task": SITE}, "sample_weight holds NaN or infinite values"),
    ({"weight": ["x"] * N, "task": SITE}, "sample_weight holds values that are not numbers"),
    ({"weight": np.ones(5), "task": SITE}, r"sample_weight.shape == \(5,\), expected \(12,\)"),
    ({"weight": np.ones((N, 2)), "task": SITE}, "must be 1D array or scalar"),
    ({"X": np.where(X > 1, np.nan, X), "task": SITE}, "contains NaN in column 0, 1, which Honest"),
    ({"X": FRAME, "task": SITE}, "X has text, dates or the like in column 'site', and Honest takes numbers: encode"),
    ({"X": FRAME.assign(site=pd.Timestamp(0)), "task": SITE}, "text, dates or the like in column 'site'"),
    ({"X": FRAME.to_numpy(), "task": SITE}, "text, dates or the like in column 1, and"),
    ({"X": X[:, 0], "task": SITE}, r"Expected 2D array for X.*got shape \(12,\). Reshape your data"),
]


@pytest.mark.parametrize(("call", "message"), BAD_FITS, ids=[message[:40] for _, message in BAD_FITS])
def test_bad_fits_are_refused_in_one_line_and_leave_everything_as_it_was(call, message):
    given = {"X": X, "y": Y, "task": None, "weight": None, **call}
    copies = {name: given[name].copy() for name in ("X", "y") if hasattr(given[name], "copy")}
    model = Honest(task_column=given.get("column"))
    with pytest.raises(ValueError, match=message) as caught:
        model.fit(given["X"], given["y"], task=given["task"], sample_weight=given["weight"])
    assert "\n" not in str(caught.value)
    for name, copy in copies.items():
        assert str(given[name]) == str(copy), f"{name} was changed"
    assert not hasattr(model, "coef_")


ARRAY, COLUMN = Honest().fit(X, Y, task=SITE), Honest(task_column="site").fit(FRAME, Y)
BAD_PREDICTIONS = [
    (ARRAY, {"X": X}, "fitted on 3 tasks, and predict was not told.*pass task= to predict, or.*task_column="),
    (ARRAY, {"X": X[:0], "task": SITE[:0]}, "X has no rows"),
    (ARRAY, {"X": X[:, :1], "task": SITE}, "X has 1 features, but Honest is expecting 2 features"),
    (
        ARRAY,
        {"X": X[:2], "task": ["a", "new"]},
        r"task= has 1 task\(s\) that fit has not seen \('new'\): fit",
    ),
    (ARRAY, {"X": X[:2], "task": ["a", None]}, "1 missing task ids"),
    (ARRAY, {"X": X[:2], "task": ["a"]}, "1 task ids for 2 rows"),
    (COLUMN, {"X": FRAME, "task": SITE}, "given by task_column='site' and by task= at once"),
    (COLUMN, {"X": FRAME[["p", "q"]]}, "X has no column 'site' to read the tasks from; its columns are 'p', 'q'"),
    (COLUMN, {"X": FRAME.assign(site="new")}, r"column 'site' has 1 task\(s\) that fit has not seen \('new'\)"),
    (
        COLUMN,
        {"X": FRAME[["q", "site", "p"]]},
        "(?s)feature names should match those that were passed.*order",
    ),
    (COLUMN, {"X": FRAME.rename(columns={"q": "r"})}, "(?s)feature names should match.*unseen at fit time.*r"),
    (Honest().fit(X, Y), {"X": X, "task": SITE}, "the model was fitted without tasks: fit it with task= as well"),
    (Honest().fit(X, Y, task=np.arange(N) % 2), {"X": X[:1], "task": ["1"]}, r"'1' \(text\), but .* 1 \(a number\)"),
]


@pytest.mark.parametrize(("model", "call", "message"), BAD_PREDICTIONS, ids=[m[:40] for *_, m in BAD_PREDICTIONS])
def test_bad_predictions_are_refused(model, call, message):
    with pytest.raises(ValueError, match=message):
        model.predict(**call)


def test_polars_names_must_match_those_of_fit():
    table = pl.from_pandas(FRAME)
    model = Honest(task_column="site").fit(table, Y)
    assert model.feature_names_in_.tolist() == ["p", "site", "q"]
    for other in (table.select("q", "site", "p"), table.rename({"q": "r"})):
        with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
            model.predict(other)
    np.testing.assert_allclose(model.predict(FRAME), model.predict(table))


def test_polars_dates_and_text_columns_are_named():
    table = pl.DataFrame({"p": X[:, 0], "day": ["2024-01-01"] * N}).with_columns(pl.col("day").str.to_date())
    with pytest.raises(ValueError, match="text, dates or the like in column 'day'"):
        Honest().fit(table, Y, task=SITE)
