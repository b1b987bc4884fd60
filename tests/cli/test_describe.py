"""``crosstask describe`` says what is in a file without opening it further."""

from __future__ import annotations

from pathlib import Path

import pytest
from sklearn.linear_model import Ridge
from tests.persistence.store import STORED

import crosstask as ct
from crosstask.cli._run import run


def test_what_wrote_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["describe", str(STORED / "0.1.0" / "flagship.skops")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Model: CrossTaskClassifier, fitted on 80 rows" in said
    assert "by crosstask 0.1.0, scikit-learn " in said
    assert "Task column: site" in said
    assert "Tasks: 017, b, c, d" in said
    assert "Classes: ill, well" in said
    assert "colour (category)" in said
    assert said.endswith("Rows of the training data: none")


def test_a_model_without_tasks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = ct.save(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "ridge.skops")
    assert run(["describe", str(path)]) == 0
    said = capsys.readouterr().out
    assert "Ridge" in said
    assert "Task" not in said


def test_what_is_no_model_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "table.csv"
    path.write_text("a,b\n1,2\n")
    assert run(["describe", str(path)]) == 2
    assert (
        capsys.readouterr().err
        == f"crosstask: {path} is a text file, not a model that crosstask saved: use the file that save wrote.\n"
    )
