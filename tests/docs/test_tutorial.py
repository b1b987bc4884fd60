"""The tutorial runs, in both languages, and both languages run the same code."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGLISH = ROOT / "docs" / "tutorial" / "index.md"
CHINESE = ROOT / "docs" / "zh" / "index.md"
CELL = re.compile(r"^```\{code-cell\}[^\n]*\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)
OPTION = re.compile(r"^:[^\n]*\n", re.MULTILINE)


def cells_of(page: Path) -> list[str]:
    return [OPTION.sub("", match["body"]) for match in CELL.finditer(page.read_text(encoding="utf-8"))]


@pytest.mark.slow
def test_the_tutorial_runs_and_its_assertions_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    namespace: dict[str, Any] = {"display": print}
    cells = cells_of(ENGLISH)
    assert sum("assert" in cell for cell in cells) >= 10
    for number, cell in enumerate(cells, start=1):
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            exec(compile(cell, f"tutorial cell {number}", "exec"), namespace)


def test_both_languages_run_the_same_code():
    english, chinese = cells_of(ENGLISH), cells_of(CHINESE)
    assert len(english) == len(chinese)
    for number, (one, other) in enumerate(zip(english, chinese, strict=True), start=1):
        assert ast.dump(ast.parse(one)) == ast.dump(ast.parse(other)), f"cell {number} differs"


def test_both_languages_have_the_same_headings():
    prose = [CELL.sub("", page.read_text(encoding="utf-8")) for page in (ENGLISH, CHINESE)]
    levels = [re.findall(r"^(#+) ", text, re.MULTILINE) for text in prose]
    assert levels[0] == levels[1]
