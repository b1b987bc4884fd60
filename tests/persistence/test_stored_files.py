"""Model files of every version since the first, and what damaged or hostile ones do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from tests.persistence.store import STORED, answers

import crosstask as ct
from crosstask.persistence import ModelFileError, VersionMismatchWarning, _moved, describe, load, save, write_atomically
from crosstask.persistence import _load as loading
from crosstask.persistence._card import CARD

FILES = sorted(STORED.rglob("*.skops"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name} {path.stem}")
def test_files_of_older_versions_open_and_say_the_same(path: Path) -> None:
    kept = json.loads(path.with_suffix(".json").read_text())
    rows = pd.DataFrame(kept["rows"]["data"], columns=kept["rows"]["columns"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionMismatchWarning)  # of scikit-learn
        model = load(path)
    np.testing.assert_allclose(answers(model, rows), kept["answers"], rtol=1e-10)
    assert describe(path)["versions"]["crosstask"] == path.parent.name


def test_the_present_version_has_its_files() -> None:
    assert {path.stem for path in FILES if path.parent.name == ct.__version__} == {
        "linear",
        "trace_norm",
        "guard",
        "flagship",
    }


def _small(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    X, task = rng.normal(size=(30, 2)), np.repeat(["a", "b", "c"], 10)
    return save(ct.MultiTaskRegressor(alpha=0.1).fit(X, X[:, 0], task=task), tmp_path / "small.skops")


def _with_card(path: Path, change: Any) -> Path:
    """Rewrite the readable page of a model file."""
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    card = json.loads(members[CARD])
    members[CARD] = json.dumps(change(card)).encode()
    with ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as refusal:
        load(path)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_one_flipped_bit_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    path = _small(tmp_path)
    content, rng = path.read_bytes(), np.random.default_rng(1)
    X, task = rng.normal(size=(6, 2)), np.tile(["a", "b", "c"], 2)
    expected, refused = load(path).predict(X, task=task), 0
    for place in rng.integers(len(content), size=150):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(damaged))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)
            try:
                again = load(path)
            except ModelFileError:
                refused += 1
                continue
        np.testing.assert_array_equal(again.predict(X, task=task), expected)
    assert refused > 75


@pytest.mark.parametrize(
    "change",
    [
        lambda card: [],
        lambda card: {**card, "format": True},
        lambda card: {**card, "versions": []},
        lambda card: {**card, "versions": {"crosstask": 1}},
    ],
)
def test_a_page_that_is_not_ours(change: Any, tmp_path: Path) -> None:
    path = _with_card(_small(tmp_path), change)
    assert "is a damaged model file" in _refusal(path)
    with pytest.raises(ModelFileError):
        describe(path)


def test_a_locked_zip_is_a_damaged_file(tmp_path: Path) -> None:
    path = _small(tmp_path)
    content = bytearray(path.read_bytes())
    for place in range(len(content)):  # the flag "encrypted" in every header
        if content[place : place + 4] == b"PK\x01\x02":
            content[place + 8] |= 1
        elif content[place : place + 4] == b"PK\x03\x04":
            content[place + 6] |= 1
    path.write_bytes(bytes(content))
    assert "is a damaged model file" in _refusal(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = _small(tmp_path)
    with ZipFile(path, "a", compression=ZIP_DEFLATED) as archive, archive.open("zeros.npy", "w") as member:
        for _ in range(300):
            member.write(bytes(2**20))
    assert "would unpack to" in _refusal(path)


def test_only_what_may_differ_is_warned_of(tmp_path: Path) -> None:
    path = _small(tmp_path)
    _with_card(path, lambda card: {**card, "versions": {**card["versions"], "crosstask": "0.0.9"}})
    load(path)  # older versions of ours open without a word
    for newer in ("99.0.0", "strange"):
        _with_card(path, lambda card, newer=newer: {**card, "versions": {**card["versions"], "crosstask": newer}})
        with pytest.warns(VersionMismatchWarning, match=rf"saved with crosstask {newer}"):
            load(path)
    _with_card(path, lambda card: {**card, "format": loading.FORMAT + 1})
    assert "upgrade crosstask" in _refusal(path)


def _rewritten(path: Path, name: str, change: Any, *, signed: bool) -> None:
    """Change one member of a model file, and the hash on its page if it shall pass for the file saved."""
    with ZipFile(path) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    members[name] = change(members[name])
    if signed:
        members[CARD] = json.dumps({k: v for k, v in json.loads(members[CARD]).items() if k != "sha256"}).encode()
    with ZipFile(path, "w") as archive:
        for one, content in members.items():
            archive.writestr(one, content)


def test_a_class_that_has_moved_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _small(tmp_path)
    now = "crosstask.multitask._regressor.MultiTaskRegressor"
    _rewritten(
        path, "schema.json", lambda text: text.replace(b"multitask._regressor", b"multitask._former"), signed=True
    )
    assert "_former" in _refusal(path)
    monkeypatch.setitem(_moved.MOVED, "crosstask.multitask._former.MultiTaskRegressor", now)
    assert type(load(path)) is ct.MultiTaskRegressor
    other = save(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "other.skops").read_bytes()
    assert _moved.with_new_homes(other) == other


def test_content_that_is_not_as_it_was_saved_is_refused(tmp_path: Path) -> None:
    path = _small(tmp_path)
    with ZipFile(path) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".npy"))
    _rewritten(path, name, lambda content: content[:-1] + bytes([content[-1] ^ 1]), signed=False)
    assert "it is not as it was saved" in _refusal(path)


def test_pipes_are_refused_and_links_written_through(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="is a pipe or a device"):
        write_atomically(pipe, b"content", force=True)
    place, link = tmp_path / "place.skops", tmp_path / "link.skops"
    place.write_bytes(b"old")
    link.symlink_to(place)
    assert write_atomically(link, b"new", force=True) == link
    assert link.is_symlink()
    assert place.read_bytes() == b"new"


WRITER = """
import sys
from pathlib import Path
from crosstask.persistence import write_atomically
own, path, force = sys.argv[1].encode(), Path(sys.argv[2]), sys.argv[3] == "force"
print("ready", flush=True)
sys.stdin.readline()
for _ in range(200 if force else 1):
    try:
        write_atomically(path, own * 1_000_000, force=force)
        print("written")
    except FileExistsError:
        print("refused")
"""


def _race(path: Path, force: str) -> tuple[list[str], set[bytes]]:
    """Let two processes write one path at once; return what each said last, and all that a reader saw."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, own, str(path), force],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for own in "ab"
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    seen: set[bytes] = set()
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            content = path.read_bytes()
            seen.add(content[:1] if content == content[:1] * 1_000_000 else b"torn")
    return [writer.communicate()[0].split()[-1] for writer in writers], seen


def test_two_processes_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    said, seen = _race(path, "force")
    assert said == ["written", "written"]
    assert seen <= {b"a", b"b"}
    path.unlink()
    said, seen = _race(path, "no")
    assert sorted(said) == ["refused", "written"]
    assert path.read_bytes()[:1] == b"ab"[said.index("written") :][:1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.skops"]


def test_a_forged_depth_is_refused(tmp_path: Path) -> None:
    path = _small(tmp_path)
    _rewritten(path, "schema.json", lambda _: b"[" * 100_000, signed=True)
    assert "cannot be read as a model" in _refusal(path)
