"""add-task, check and compare, as a user would type them, and what a hostile one tries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import crosstask as ct
from crosstask.cli._run import run


def _table(wards: list[str], seed: int, n: int = 25) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"ward": np.repeat(wards, n), "age": rng.normal(50, 9, n * len(wards)).round(1)})
    frame["dose"] = rng.normal(size=len(frame)).round(2)
    frame["ill"] = np.where(frame["age"] + rng.normal(0, 6, len(frame)) > 50, "yes", "no")
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("later")
    frame = _table(["017", "018", "019"], 0)
    kind = ct.CrossTaskClassifier(["pooled"], task_column="ward", cv=3, random_state=0)
    ct.save(kind.fit(frame.drop(columns="ill"), frame["ill"]), folder / "model.skops")
    _table(["020"], 1).to_csv(folder / "new.csv", index=False)
    _table(["017", "018", "019"], 2).to_csv(folder / "again.csv", index=False)
    return folder


def _words(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_one_more_ward_then_what_changed(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, later = str(folder / "model.skops"), tmp_path / "later.skops"
    assert run(["add-task", model, str(folder / "new.csv"), "-o", str(later)]) == 0
    assert "020" in _words(capsys)
    again = ct.load(later)
    assert again.tasks_.tolist() == ["017", "018", "019", "020"]
    assert run(["compare", model, str(later), "-o", str(tmp_path / "changes.csv")]) == 0
    assert _words(capsys).startswith("020 is new.")
    assert pd.read_csv(tmp_path / "changes.csv")["code"].tolist() == ["task_added"]
    assert run(["compare", model, model]) == 0
    assert _words(capsys) == "Nothing to note."


def test_check_with_and_without_the_target(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(folder / "model.skops")
    assert run(["check", model, str(folder / "again.csv"), "--target", "ill"]) == 0
    assert _words(capsys) == "Nothing to note."
    assert run(["check", model, str(folder / "again.csv")]) == 0
    assert _words(capsys) == "Column 'ill' is not used by the model."
    frame = _table(["017", "x"], 3).drop(columns=["dose", "ill"])
    frame.to_csv(tmp_path / "poor.csv", index=False)
    assert run(["check", model, str(tmp_path / "poor.csv")]) == 0
    assert _words(capsys) == "Column 'dose' is missing: no row can be predicted."
    turned = _table(["017", "018", "019"], 2, n=60)
    turned["ill"] = np.where(turned["ill"] == "yes", "no", "yes")
    turned.loc[0, "ill"] = None
    turned.to_csv(tmp_path / "turned.csv", index=False)
    assert run(["check", model, str(tmp_path / "turned.csv"), "--target", "ill", "-o", str(tmp_path / "r.csv")]) == 0
    assert "does worse than at fit" in _words(capsys)
    assert "worse" in set(pd.read_csv(tmp_path / "r.csv")["code"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add-task", "{model}", "{again}", "-o", "{out}"], "which the model knows already"),
        (["add-task", "{model}", "{new}", "-o", "{model}"], "exists already"),
        (["add-task", "{model}", "{absent}", "-o", "{out}"], "there is no file"),
        (["add-task", "{model}", "{new}", "-o", "{out}", "--target", "sick"], "has no column 'sick'"),
        (["add-task", "{new}", "{new}", "-o", "{out}"], "is a text file, not a model"),
        (["add-task", "{model}", "{odd}", "-o", "{out}"], "y holds the class maybe"),
        (["check", "{model}", "{new}", "--target", "sick"], "has no column 'sick'"),
        (["check", "{model}", "{new}", "-o", "{model}"], "exists already"),
        (["compare", "{model}", "{absent}"], "there is no file"),
        (["compare", "{model}", "{ridge}"], "was not fitted on a table"),
    ],
)
def test_what_cannot_be_is_one_line(
    arguments: list[str], words: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sklearn.linear_model import Ridge

    frame = _table(["021"], 4)
    frame.assign(ill=np.where(frame.index == 3, "maybe", frame["ill"])).to_csv(tmp_path / "odd.csv", index=False)
    ct.save(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "ridge.skops")
    places: dict[str, Any] = {
        "model": folder / "model.skops",
        "new": folder / "new.csv",
        "again": folder / "again.csv",
        "absent": tmp_path / "absent.csv",
        "odd": tmp_path / "odd.csv",
        "ridge": tmp_path / "ridge.skops",
        "out": tmp_path / "out.skops",
    }
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert run([argument.format(**places) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("crosstask: ")
    assert said.err.count("\n") == 1
    import re

    assert re.search(words, said.err)
    assert not places["out"].exists()
    assert before == {path: path.read_bytes() for path in folder.iterdir()}
