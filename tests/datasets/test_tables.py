"""The shipped tables are what they say, and say where they come from."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd
import pytest

from crosstask.datasets import load_heart, load_parkinsons, load_sentences

LOADERS = [load_heart, load_parkinsons, load_sentences]


@pytest.mark.parametrize("loader", LOADERS, ids=lambda f: f.__name__)
def test_the_named_columns_exist_and_the_licence_is_stated(loader):
    frame = loader()
    target, task, time = frame.attrs["target"], frame.attrs["task"], frame.attrs["time"]
    assert {target, task} <= set(frame.columns)
    assert time is None or time in frame.columns
    assert frame[[target, task]].notna().all(axis=None)
    assert "CC BY 4.0" in frame.attrs["source"]
    assert frame.attrs["source"].split("doi:")[1].split(",")[0] in loader.__doc__
    assert "CC BY 4.0" in loader.__doc__


def test_every_shipped_file_has_a_licence_line():
    folder = files("crosstask.datasets") / "data"
    notes = (folder / "LICENSES.md").read_text(encoding="utf-8")
    shipped = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".gz"))
    assert shipped == ["heart.csv.gz", "parkinsons.csv.gz", "sentences.csv.gz"]
    assert all(f"`{name}`" in notes for name in shipped)


def test_heart_has_four_hospitals_and_keeps_its_gaps():
    frame = load_heart()
    assert frame.groupby("hospital").size().to_dict() == {
        "cleveland": 303,
        "hungarian": 294,
        "switzerland": 123,
        "va": 200,
    }
    assert "num" not in frame  # the graded answer would give the target away
    switzerland = frame[frame["hospital"] == "switzerland"]
    assert (switzerland["chol"] == 0).all()
    assert (switzerland["ill"] == 0).sum() == 8
    assert frame.isna().sum().sum() == 1759


def test_parkinsons_keeps_one_score_and_is_ordered_in_time_after_sorting():
    motor, total = load_parkinsons(), load_parkinsons(target="total_UPDRS")
    assert "total_UPDRS" not in motor
    assert "motor_UPDRS" not in total
    assert motor["patient"].value_counts().agg(["min", "max"]).tolist() == [101, 168]
    pd.testing.assert_frame_equal(motor.iloc[:, :-1], total.iloc[:, :-1])


def test_an_unknown_score_is_refused():
    with pytest.raises(ValueError, match=r"'UPDRS' is not a score .* use 'motor_UPDRS' or 'total_UPDRS'"):
        load_parkinsons(target="UPDRS")


def test_each_call_returns_a_fresh_table():
    first = load_sentences()
    first["text"] = ""
    assert (load_sentences()["text"].str.len() > 0).all()
