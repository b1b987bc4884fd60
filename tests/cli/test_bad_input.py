"""What a hostile newcomer tries first: exit code 2, one line that names the cure, and no file left behind."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crosstask.cli._run import run

Refused = Callable[..., str]


def table(**columns: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    site = np.repeat(["north", "south", "west"], 10)
    frame = pd.DataFrame({"site": site, "age": rng.normal(50, 9, 30).round(1), "y": rng.normal(size=30).round(3)})
    return frame.assign(**columns)


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    """Run ``crosstask fit`` on a table, expect one line on stderr, and return it."""

    def call(content: pd.DataFrame | bytes | str | None, *options: str, name: str = "table.csv", code: int = 2) -> str:
        path = tmp_path / name
        if isinstance(content, pd.DataFrame):
            content.to_csv(path, index=False)
        elif isinstance(content, str):
            path.write_text(content)
        elif content is not None:
            path.write_bytes(content)
        before = sorted(tmp_path.iterdir())
        given = ["fit", str(path), "--target", "y", "--task", "site", *options]
        assert run(given) == code
        said = capsys.readouterr()
        assert sorted(tmp_path.iterdir()) == before
        assert said.out == ""
        assert said.err.startswith("crosstask: ")
        assert said.err.count("\n") == 1
        assert "Traceback" not in said.err
        return said.err

    return call


def test_absent_columns(refused: Refused) -> None:
    assert "has no column 'z' for --target: its columns are site, age, y" in refused(table(), "--target", "z")
    assert "no column 'Site' for --task: did you mean 'site'?" in refused(table(), "--task", "Site")
    assert "no column 'day' for --time" in refused(table(), "--time", "day")
    assert "no column 'who' for --group" in refused(table(), "--group", "who")


def test_files_that_are_no_tables(refused: Refused, tmp_path: Path) -> None:
    assert "has a header (site, age, y) but no rows" in refused("site,age,y\n")
    assert "is empty" in refused("")
    assert "is empty" in refused("\n \n")
    assert "is a binary file" in refused(np.random.default_rng(0).bytes(4000))
    assert "is a zip or Excel file" in refused(b"PK\x03\x04" + bytes(50), name="table.xlsx")
    assert "there is no file" in refused(None, name="absent.csv")
    assert "damaged gz file" in refused(gzip.compress(b"site,age,y\nn,1,2\n")[:20], name="table.csv.gz")
    assert "Expected 3 fields in line 3" in refused("site,age,y\nn,1,2\nn,1,2,3\n")
    assert "two columns named 'age'" in refused("site,age,age,y\nn,1,2,3\n")
    (tmp_path / "folder").mkdir()
    assert "is a directory" in refused(None, name="folder")


def test_encodings(refused: Refused) -> None:
    latin = "site,age,y\nnörd,1,2\n".encode("latin-1")
    message = refused(latin)
    assert "is not utf-8 text (byte 0xf6 in line 2)" in message
    assert "--encoding latin-1" in message
    assert "no encoding 'klingon'" in refused(latin, "--encoding", "klingon")


def test_parquet(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "is not a Parquet file that can be read" in refused("site,age,y\n", name="table.parquet")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "needs pyarrow: pip install 'crosstask[big]'" in refused("site,age,y\n", name="table.parquet")


def test_targets(refused: Refused) -> None:
    assert "has no value in any of 30 rows" in refused(table(y=np.nan))
    assert "is 1 in every row" in refused(table(y=1))
    assert "is 'ill' in every row" in refused(table(y="ill"))
    infinite = table()
    infinite.loc[3, "y"] = np.inf
    assert "is infinite in 1 rows (first in row 4)" in refused(infinite)
    names = [f"name {i}" for i in range(30)]
    assert "has 30 different values in 30 rows, too many for classes" in refused(table(y=names))
    dirty = table().astype({"y": object})
    dirty.loc[5, "y"] = "tbd"
    assert "holds numbers, but also 'tbd' (row 6)" in refused(dirty)
    assert "--regression needs numbers, but column 'y' holds 'ill'" in refused(
        table(y=["ill", "well"] * 15), "--regression"
    )
    assert "too many for classes: drop --classification" in refused(table(), "--classification")


def test_tasks(refused: Refused) -> None:
    assert "has no value in any row: it must say which task" in refused(table(site=np.nan))
    gaps = table()
    gaps.loc[[4, 7], "site"] = None
    assert "has no value in 2 rows (first in row 5)" in refused(gaps)
    assert "--target and --task both name the column 'y'" in refused(table(), "--task", "y")
    assert "--task and --time both name the column 'site'" in refused(table(), "--time", "site")


def test_two_spellings_of_one_task(refused: Refused) -> None:
    message = refused(table(site=["017", "17", "18"] * 10))
    assert "'017' and '17'" in message


def test_features(refused: Refused) -> None:
    assert "no column beside 'y' and 'site'" in refused(table().drop(columns="age"))
    infinite = table()
    infinite.loc[2, "age"] = -np.inf
    assert "has infinite values in column 'age'" in refused(infinite)
    assert "has no value in any column that could be learned from" in refused(table(age=np.nan))


def test_times(refused: Refused) -> None:
    assert "is neither a number nor a date like 2024-05-31 (for example 'soon')" in refused(
        table(day="soon"), "--time", "day"
    )
    gap = table(day="2024-05-31")
    gap.loc[4, "day"] = None
    assert "has no time in row 5" in refused(gap, "--time", "day")


def test_outputs_are_refused_before_the_table_is_read(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text("mine")
    for option in ("--report", "-o"):
        assert "exists already" in refused(None, option, str(tmp_path / "report.html"), name="absent.csv")
        assert "there is no directory" in refused(None, option, str(tmp_path / "no" / "x"), name="absent.csv")
        assert "is a directory" in refused(None, option, str(tmp_path), name="absent.csv")
    assert (tmp_path / "report.html").read_text() == "mine"
    same = str(tmp_path / "one")
    assert "is named for two outputs" in refused(None, "--report", same, "-o", same, name="absent.csv")


def test_options(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["fit", "table.csv", "--task", "site"], "Missing option '--target' (see crosstask fit --help)"),
        (["fit", "table.csv", "--target", "y", "--task", "s", "--mode", "wild"], "'balanced'"),
        (["fit", "--nonsense"], "--nonsense"),
        (["dance"], "No such command 'dance' (see crosstask --help)"),
        (["demo", "moon"], "'heart', 'parkinsons', 'sentences'"),
    ):
        assert run(arguments) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1


def test_model_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "new.csv"
    table().to_csv(rows, index=False)
    forged = tmp_path / "pickle.skops"
    forged.write_bytes(pickle.dumps({"a": 1}))
    text = tmp_path / "text.skops"
    text.write_text("hello")
    for model, said in (
        (forged, "is a pickle (which can run any code"),
        (text, "is a text file"),
        (tmp_path / "absent.skops", "there is no file"),
        (tmp_path, "is a directory"),
    ):
        assert run(["predict", str(model), str(rows), "-o", str(tmp_path / "out.csv")]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not (tmp_path / "out.csv").exists()


def test_a_fault_of_ours_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(request: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("crosstask.cli._fit.fit_table", fail)
    assert run(["fit", str(tmp_path / "t.csv"), "--target", "y", "--task", "site"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("crosstask: ZeroDivisionError: oh")
    assert error.count("\n") == 1


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(request: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("crosstask.cli._fit.fit_table", interrupt)
    assert run(["fit", str(tmp_path / "t.csv"), "--target", "y", "--task", "site"]) == 130
    assert "interrupted; no file was left half written." in capsys.readouterr().err
