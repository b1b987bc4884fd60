"""Tables read by batches: the moments of the rows, and a pass that is stopped and goes on."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from crosstask import TaskStatistics

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow (the extra big) is not installed")


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(5000, 3)), columns=["age", "dose", "weight"])
    frame.insert(1, "site", rng.choice(["north", "south", "west"], 5000))
    frame["smoker"] = rng.random(5000) < 0.3
    return frame.assign(count=rng.integers(0, 9, 5000), cost=frame["age"] + rng.normal(size=5000))


@pytest.fixture
def parquet(frame, tmp_path):
    frame.to_parquet(tmp_path / "table.parquet", row_group_size=1500)
    return tmp_path / "table.parquet"


def read(path, **options):
    return TaskStatistics.from_table(path, **{"target": "cost", "task": "site", "batch_rows": 400} | options)


def same(one, other, **tolerance):
    assert_array_equal(one.tasks_, other.tasks_)
    assert_array_equal(one.cells().count, other.cells().count)
    for name in ("mean_x", "mean_y", "gram", "xy", "yy"):
        assert_allclose(getattr(one.moments(), name), getattr(other.moments(), name), **tolerance)


def rows_of(frame):
    features = frame.drop(columns="cost").astype({"smoker": float})
    return TaskStatistics(task_column="site").partial_fit(features, frame["cost"])


def test_parquet_gives_the_moments_of_its_rows(frame, parquet):
    found = read(parquet)
    same(found, rows_of(frame), rtol=1e-10, atol=1e-10)
    assert found.columns_ == ["age", "site", "dose", "weight", "smoker", "count"]
    two = TaskStatistics(task_column="site").partial_fit(frame[["age", "site", "dose"]], frame["cost"])
    same(read(parquet, features=["dose", "age"]), two, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["table.csv", "table.csv.gz"])
def test_csv_too(frame, tmp_path, name):
    frame.to_csv(tmp_path / name, index=False)
    same(read(tmp_path / name), rows_of(frame), rtol=1e-10, atol=1e-10)
    frame.to_csv(tmp_path / "semi.csv", index=False, sep=";")
    same(read(tmp_path / "semi.csv", delimiter=";"), rows_of(frame), rtol=1e-10, atol=1e-10)


def test_a_folder_of_parts(frame, tmp_path):
    for k in range(2):
        frame[k::2].to_parquet(tmp_path / f"part-{k}.parquet")
    same(read(tmp_path), rows_of(frame), rtol=1e-10, atol=1e-10)


def test_gaps_are_named_or_left_out(frame, tmp_path):
    holed = frame.astype({"count": float})
    holed.loc[3, "dose"] = np.nan
    holed.loc[4, "site"] = None
    holed.loc[5, "cost"] = np.inf
    holed.to_parquet(tmp_path / "table.parquet")
    with pytest.raises(ValueError, match=r"gaps or infinite values in column 'dose', 'cost', 'site'"):
        read(tmp_path / "table.parquet")
    found = read(tmp_path / "table.parquet", missing="drop")
    same(found, rows_of(holed.drop(index=[3, 4, 5])), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("make", [str, "category"])
def test_a_task_without_a_row_that_counts_is_no_task(frame, tmp_path, make):
    holed = frame.copy()
    holed.loc[holed["site"] == "west", "dose"] = np.nan
    holed.astype({"site": make}).to_parquet(tmp_path / "table.parquet")
    kept = frame[frame["site"] != "west"]
    found = read(tmp_path / "table.parquet", missing="drop")
    same(found, rows_of(kept), rtol=1e-10, atol=1e-10)
    frame.astype({"site": "category"})[frame["site"] != "west"].to_parquet(tmp_path / "unused.parquet")
    same(read(tmp_path / "unused.parquet"), rows_of(kept), rtol=1e-10, atol=1e-10)


def test_progress_says_memory_first_then_rows_a_second(parquet):
    said = []
    read(parquet, verbose=lambda done, total, text: said.append((done, total, text)))
    assert said[0][:2] == (0, 5000)
    assert "memory: 4 batches of at most 400 rows x 7 columns" in said[0][2]
    assert said[-1][:2] == (5000, 5000)
    assert "rows a second, 3 tasks" in said[-1][2]


@pytest.mark.parametrize("kind", ["table.parquet", "table.csv"])
def test_ctrl_c_leaves_a_checkpoint_to_go_on_from(frame, tmp_path, kind, monkeypatch):
    path, checkpoint = tmp_path / kind, tmp_path / "part"
    if kind.endswith("parquet"):
        frame.to_parquet(path, row_group_size=1500)
    else:
        frame.to_csv(path, index=False)
    monkeypatch.setattr("crosstask.summaries._batches.CSV_BLOCK", 1 << 15)
    absorb, calls = TaskStatistics._absorb_batch, []

    def interrupted(self, *arguments):
        calls.append(1)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        absorb(self, *arguments)

    monkeypatch.setattr(TaskStatistics, "_absorb_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(path, checkpoint=checkpoint)
    monkeypatch.setattr(TaskStatistics, "_absorb_batch", absorb)
    with pytest.raises(ValueError, match="of another table, or of other options: delete it"):
        read(path, checkpoint=checkpoint, features=["age"])
    said = []
    found = read(path, checkpoint=checkpoint, verbose=lambda done, total, text: said.append((done, text)))
    assert "going on from" in said[0][1]
    assert 0 < said[0][0] < 5000
    same(found, read(path), rtol=0, atol=0)
    assert not checkpoint.exists()


def test_a_second_ctrl_c_leaves_the_checkpoint_of_the_batch_before(parquet, tmp_path, monkeypatch):
    checkpoint, absorb, calls = tmp_path / "part", TaskStatistics._absorb_batch, []

    def interrupted(self, *arguments):
        absorb(self, *arguments)
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt  # summed, but not yet counted as done

    monkeypatch.setattr(TaskStatistics, "_absorb_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read(parquet, checkpoint=checkpoint, checkpoint_every=0.0, batch_rows=400)
    monkeypatch.setattr(TaskStatistics, "_absorb_batch", absorb)
    assert checkpoint.exists()
    same(read(parquet, checkpoint=checkpoint, batch_rows=400), read(parquet, batch_rows=400), rtol=0, atol=0)


SLOW = """
import sys, time
from crosstask import TaskStatistics
absorb = TaskStatistics._absorb_batch
def slow(self, *arguments):
    absorb(self, *arguments)
    time.sleep(0.1)
TaskStatistics._absorb_batch = slow
TaskStatistics.from_table(sys.argv[1], target="cost", task="site", batch_rows=400, checkpoint=sys.argv[2],
                          checkpoint_every=0.0)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_leaves_a_checkpoint_to_go_on_from(parquet, tmp_path):
    checkpoint = tmp_path / "part"
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(parquet), str(checkpoint)], env=os.environ)
    for _ in range(600):
        if checkpoint.exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "it was killed in the middle"
    said = []
    found = read(parquet, checkpoint=checkpoint, verbose=lambda done, total, text: said.append((done, text)))
    assert "going on from" in said[0][1]
    same(found, read(parquet), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": "price"}, "has no column 'price': its columns are age, site"),
        ({"features": ["nope"]}, "has no column 'nope'"),
        ({"features": "age"}, "is one text: give a list of columns"),
        ({"features": ["site"]}, "must be different columns"),
        ({"target": "site", "task": "count"}, "no numbers in column 'site'"),
        ({"task": "count"}, "no numbers in column 'site'"),
        ({"missing": "mean"}, "missing='mean' is not known"),
        ({"batch_rows": 0}, "batch_rows=0"),
        ({"n_folds": 1}, "n_folds=1"),
    ],
)
def test_bad_options_are_refused_in_one_line(parquet, options, words):
    with pytest.raises(ValueError, match=words) as caught:
        read(parquet, **options)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_tables(tmp_path, frame):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read(tmp_path / "none.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"bad.parquet is not a table that can be read"):
        read(tmp_path / "bad.parquet")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match=r"empty.csv is not a table that can be read"):
        read(tmp_path / "empty.csv")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match=r"folder without Parquet files"):
        read(tmp_path / "folder")
    text = frame.to_csv(index=False) + "x,north,1,2,3,4,5\n"
    (tmp_path / "late.csv").write_text(text)
    with pytest.raises(ValueError, match=r"late.csv .*(cannot be read as numbers|no numbers)"):
        read(tmp_path / "late.csv")
    frame[:0].to_parquet(tmp_path / "none.parquet")
    with pytest.raises(ValueError, match="has no rows to learn from"):
        read(tmp_path / "none.parquet")


def test_bytes_that_are_no_text_are_no_table(tmp_path):
    (tmp_path / "table.csv").write_bytes(b"\x1f\x8b,site,cost\n1,a,2\n")
    with pytest.raises(ValueError, match="is not a table that can be read") as caught:
        read(tmp_path / "table.csv")
    assert "\n" not in str(caught.value)
