"""Reading tables of any usual make."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crosstask.cli._run import BadInputError
from crosstask.cli._tables import read_table
from crosstask.cli._target import make_problem

ROWS = [["017", 1.5, "a, b"], ["NA", 2.25, "c"]]


def _written(delimiter: str) -> str:
    lines = [["site", "x", "word"], *[[str(cell) for cell in row] for row in ROWS]]
    quoted = [[f'"{cell}"' if delimiter in cell else cell for cell in line] for line in lines]
    return "\n".join(delimiter.join(line) for line in quoted) + "\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("make", ["plain", "gz", "bom", "utf-16", "crlf"])
def test_makes_of_csv(delimiter: str, make: str, tmp_path: Path) -> None:
    text = _written(delimiter)
    path = tmp_path / "table.csv"
    content = {
        "plain": text.encode(),
        "gz": gzip.compress(text.encode()),
        "bom": b"\xef\xbb\xbf" + text.encode(),
        "utf-16": text.encode("utf-16"),
        "crlf": text.replace("\n", "\r\n").encode(),
    }[make]
    path.write_bytes(content)
    frame = read_table(path, text=["site"])
    assert list(frame.columns) == ["site", "x", "word"]
    assert frame["site"].tolist() == ["017", "NA"]  # neither 17 nor a gap
    assert frame["x"].tolist() == [1.5, 2.25]
    assert frame["word"].tolist() == ["a, b", "c"]


def test_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("site;x\nn;1,5\ns;2,5\n")
    assert read_table(path)["x"].tolist() == [1.5, 2.5]


def test_a_row_number_without_a_name_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    pd.DataFrame({"site": ["n", "s"], "x": [1.0, 2.0]}).to_csv(path)
    assert list(read_table(path).columns) == ["site", "x"]


def test_question_marks_are_gaps(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("site,x\nn,1\ns,?\n")
    assert np.isnan(read_table(path)["x"][1])


def test_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"site": ["n", "s"], "x": [1.0, 2.0]})
    frame.to_parquet(tmp_path / "table.parquet")
    pd.testing.assert_frame_equal(read_table(tmp_path / "table.parquet"), frame)


def _problem(frame: pd.DataFrame, **options: object) -> object:
    return make_problem(frame, Path("t.csv"), target="y", task="site", roles={}, kind=None, **options)


def _frame(y: object, site: object = None) -> pd.DataFrame:
    n = len(y)  # type: ignore[arg-type]
    return pd.DataFrame({"site": ["n", "s"] * (n // 2) if site is None else site, "x": np.arange(float(n)), "y": y})


@pytest.mark.parametrize(
    ("y", "kind", "dtype"),
    [
        ([0, 1] * 5, "classification", "i"),
        ([0.0, 1.0] * 5, "classification", "i"),
        (["ill", "well"] * 5, "classification", "O"),
        ([True, False] * 5, "classification", "O"),
        (list(range(10)), "regression", "f"),
        ([1.5, 2.5, 3.5, 4.5, 1.0] * 2, "regression", "f"),
    ],
)
def test_the_target_is_recognised(y: list[object], kind: str, dtype: str) -> None:
    problem = _problem(_frame(y))
    assert problem.kind == kind  # type: ignore[attr-defined]
    assert np.asarray(problem.y).dtype.kind in dtype + "U"  # type: ignore[attr-defined]
    assert problem.notes[0].lower().startswith(kind)  # type: ignore[attr-defined]


def test_rows_without_a_target_are_left_out_aloud() -> None:
    problem = _problem(_frame([1.0, np.nan, 3.0, 4.0, 5.0, 6.0]))
    assert len(problem.y) == 5  # type: ignore[attr-defined]
    assert "1 rows without a value of 'y' were left out." in problem.notes  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("site", "kept"),
    [(["017", "018"] * 3, ["017", "018"]), (["17", "18"] * 3, [17, 18]), (["17", "b"] * 3, ["17", "b"])],
)
def test_ids_with_leading_zeros_stay_text(site: list[str], kept: list[object]) -> None:
    problem = _problem(_frame([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], site))
    assert sorted(problem.X["site"].unique().tolist(), key=str) == kept  # type: ignore[attr-defined]


def test_dates_become_dates() -> None:
    frame = _frame([1.0, 2.0, 3.0, 4.0]).assign(day=["2024-01-03", "2024-01-02", "2023-12-31", "2024-02-01"])
    problem = make_problem(frame, Path("t.csv"), target="y", task="site", roles={"--time": "day"}, kind=None)
    assert problem.X["day"].dtype.kind == "M"


def test_the_caller_hears_the_nearest_name() -> None:
    with pytest.raises(BadInputError, match="did you mean 'site'"):
        make_problem(_frame([1.0, 2.0]), Path("t.csv"), target="y", task="sites", roles={}, kind=None)
