"""The file of statistics: what it gives back, what it refuses, and what it never writes."""

import contextlib
import io
import json
import pickle
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from crosstask import TaskStatistics


@pytest.fixture
def statistics():
    rng = np.random.default_rng(0)
    task = np.repeat(["east", "west"], [90, 120])
    return TaskStatistics(n_folds=2).partial_fit(rng.normal(size=(210, 3)), rng.normal(size=210), task)


def test_what_is_saved_comes_back(statistics, tmp_path):
    path = statistics.save(tmp_path / "site.stats")
    again = TaskStatistics.load(path)
    assert_array_equal(again.tasks_, statistics.tasks_)
    for name in ("total", "count", "origin", "offset", "scatter"):
        assert_array_equal(getattr(again.cells(), name), getattr(statistics.cells(), name))
    assert (again.n_folds, again.door_, again.feature_names_) == (2, "array", None)
    more = again.partial_fit([[1.0, 2.0, 3.0]], [4.0], ["north"])
    assert_array_equal(more.tasks_, ["east", "north", "west"])


def test_the_format_is_arrays_and_json(statistics, tmp_path):
    path = statistics.save(tmp_path / "site.stats")
    with np.load(path, allow_pickle=False) as stored:
        header = json.loads(stored["header"].tobytes())
        shapes = {name: stored[name].shape for name in stored.files if name != "header"}
    assert (header["format"], header["version"]) == ("crosstask.statistics", 1)
    assert shapes == {"ids": (2,), "total": (2, 2), "count": (2, 2), "origin": (2, 4), "offset": (2, 2, 4),
                      "scatter": (2, 2, 10)}  # fmt: skip


def test_small_tasks_are_not_written(tmp_path):
    rng = np.random.default_rng(1)
    task = np.repeat(["large", "small"], [200, 6])
    statistics = TaskStatistics().partial_fit(rng.normal(size=(206, 2)), rng.normal(size=206), task)
    with pytest.raises(
        ValueError, match=r"1 of 2 tasks have too few rows to be written: task 'small' has .* min_rows=10"
    ):
        statistics.save(tmp_path / "site.stats")
    assert not (tmp_path / "site.stats").exists()
    statistics.save(tmp_path / "site.stats", small="drop")
    assert TaskStatistics.load(tmp_path / "site.stats").tasks_.tolist() == ["large"]
    statistics.save(tmp_path / "all.stats", min_rows=1)
    assert TaskStatistics.load(tmp_path / "all.stats").tasks_.tolist() == ["large", "small"]
    with pytest.raises(ValueError, match="small='x' is not known"):
        statistics.save(tmp_path / "x", small="x")
    with pytest.raises(ValueError, match="a lower min_rows"):
        statistics.save(tmp_path / "x", min_rows=10_000, small="drop")
    with pytest.raises(FileExistsError):
        statistics.save(tmp_path / "all.stats", min_rows=1)


def _changed(content, **arrays):
    """The file with some of its arrays replaced."""
    with np.load(io.BytesIO(content)) as stored:
        held = {name: stored[name] for name in stored.files} | arrays
    stream = io.BytesIO()
    np.savez(stream, **held)
    return stream.getvalue()


def _header(content, **changes):
    with np.load(io.BytesIO(content)) as stored:
        header = json.loads(stored["header"].tobytes()) | changes
    return _changed(content, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8))


def _objects(content):
    return _changed(content, ids=np.array([{"a": 1}, None], dtype=object))


def _zip(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", "hello")
    return stream.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda c: c[: len(c) // 2],
        lambda c: b"",
        lambda c: b"hello",
        lambda c: pickle.dumps({"a": 1}),
        _zip,
        _objects,
        lambda c: _header(c, format="other"),
        lambda c: _header(c, version="1"),
        lambda c: _header(c, n_folds=3),
        lambda c: _header(c, features=["one"]),
        lambda c: _header(c, door="window"),
        lambda c: _changed(c, total=-np.ones((2, 2))),
        lambda c: _changed(c, origin=np.full((2, 4), np.nan)),
        lambda c: _changed(c, ids=np.array(["east", "east"])),
        lambda c: _changed(c, scatter=-np.ones((2, 2, 10))),
        lambda c: _changed(c, offset=np.zeros((2, 2, 5))),
        lambda c: _changed(c, header=np.frombuffer(b"[1]", dtype=np.uint8)),
        lambda c: _changed(c, header=np.frombuffer(b"{", dtype=np.uint8)),
        lambda c: c[:100] + bytes(255 - b for b in c[100:140]) + c[140:],
    ],
)
def test_damaged_and_foreign_files_are_refused_in_one_line(statistics, tmp_path, damage):
    content = statistics.save(tmp_path / "good.stats").read_bytes()
    (tmp_path / "bad.stats").write_bytes(damage(content))
    with pytest.raises(ValueError, match=r"bad.stats is damaged, or no file of statistics") as caught:
        TaskStatistics.load(tmp_path / "bad.stats")
    assert "\n" not in str(caught.value)


def test_a_later_version_says_what_to_install(statistics, tmp_path):
    content = _header(statistics.save(tmp_path / "a.stats").read_bytes(), version=2, written_by="crosstask 9.0")
    (tmp_path / "b.stats").write_bytes(content)
    with pytest.raises(ValueError, match=r"version 2 of the format, written by crosstask 9.0.*install a newer one"):
        TaskStatistics.load(tmp_path / "b.stats")


def test_every_flipped_byte_is_refused_or_read(statistics, tmp_path):
    content = bytearray(statistics.save(tmp_path / "a.stats").read_bytes())
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(content), 200):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        (tmp_path / "b.stats").write_bytes(damaged)
        with contextlib.suppress(ValueError):  # and nothing else
            TaskStatistics.load(tmp_path / "b.stats")
