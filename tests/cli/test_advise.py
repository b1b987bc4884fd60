"""``crosstask advise`` and ``crosstask affinity`` as typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crosstask.cli._run import run


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    shop = np.repeat(["a", "b", "c", "odd"], 30)
    frame = pd.DataFrame({"shop": shop, "price": rng.standard_normal(120), "rain": rng.standard_normal(120)})
    frame["sold"] = np.where(shop == "odd", -2.0, 2.0) * frame["price"] + rng.standard_normal(120)
    frame.loc[3, "rain"] = np.nan
    path = tmp_path_factory.mktemp("advise") / "sales.csv"
    frame.to_csv(path, index=False)
    return path


def test_advise_answers_and_writes(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "advice.json"
    asked = ["advise", str(table), "--target", "sold", "--task", "shop", "--time-budget", "1", "--json", str(out)]
    assert run(asked) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "CT007 odd is unlike the others" in shown
    assert "the yardstick" in shown
    answer = json.loads(out.read_text(encoding="utf-8"))
    assert answer["answer"] in shown
    assert run(asked) == 2
    assert "exists already" in capsys.readouterr().err


def test_affinity_answers_and_draws(table: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["affinity", str(table), "--target", "sold", "--task", "shop"]
    picture, pairs = tmp_path / "who.svg", tmp_path / "pairs.csv"
    assert run([*asked, "--plot", str(picture), "--pairs", str(pairs)]) == 0
    shown = capsys.readouterr().out
    assert "4 tasks, 12 ordered pairs" in shown
    assert "4 tasks in 2 groups" in shown
    assert picture.read_bytes().startswith(b"<?xml")
    assert len(pd.read_csv(pairs)) == 12


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["affinity", "--plot", "who.txt"], "is no name of a picture"),
        (["advise", "--for", "zoo"], "is no task of the table"),
        (["advise", "--time", "hour"], "hour"),
    ],
)
def test_bad_options_get_one_line(
    table: Path, more: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, *options = more
    assert run([command, str(table), "--target", "sold", "--task", "shop", *options]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "Traceback" not in error
