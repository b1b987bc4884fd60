"""Each thing that is not a model file gets one line that says what it is."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge

from crosstask.persistence import ModelFileError, describe, load, save
from crosstask.persistence._card import CARD


def _model() -> Any:
    return Ridge().fit([[0.0], [1.0]], [0.0, 1.0])


def _refusal(path: Path) -> str:
    with pytest.raises((ModelFileError, FileNotFoundError)) as refusal:
        load(path)
    with pytest.raises((ModelFileError, FileNotFoundError)):
        describe(path)
    message = str(refusal.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
def test_a_pickle(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(pickle.dumps(_model(), protocol=protocol))
    assert "is a pickle (which can run any code" in _refusal(path)


@pytest.mark.parametrize("compress", [0, 3])
def test_a_joblib_file(compress: int, tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(_model(), path, compress=compress)
    assert "pickle" in _refusal(path)


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.touch()
    assert "is empty" in _refusal(path)


def test_random_bytes_and_text(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    assert "some binary file" in _refusal(path)
    path.write_text("age,weight\n1,2\n")
    assert "is a text file" in _refusal(path)


def test_an_absent_file_and_a_directory(tmp_path: Path) -> None:
    assert "there is no file" in _refusal(tmp_path / "absent.skops")
    assert "is a directory" in _refusal(tmp_path)


def test_another_zip(tmp_path: Path) -> None:
    path = tmp_path / "photos.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    assert f"holds no {CARD}" in _refusal(path)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_file(share: float, tmp_path: Path) -> None:
    path = save(_model(), tmp_path / "model.skops")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "damaged" in _refusal(path)


def test_a_file_with_flipped_bytes_never_ends_in_another_error(tmp_path: Path) -> None:
    path = save(_model(), tmp_path / "model.skops")
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(100):
        damaged = bytearray(content)
        for position in rng.integers(len(content), size=20):
            damaged[position] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(damaged))
        try:
            load(path)
        except ModelFileError:
            refused += 1
    assert refused > 50


def _forge(estimator: Any, path: Path, change: Any) -> Path:
    X = np.random.default_rng(0).normal(size=(100, 3))
    estimator.fit(X, X[:, 0])
    change(estimator)
    return save(estimator, path)


@pytest.mark.parametrize(
    ("field", "value"), [("left", 10**6), ("right", 0), ("feature_idx", 3), ("feature_idx", -1), ("is_categorical", 1)]
)
def test_a_forged_boosting_tree_is_refused(field: str, value: int, tmp_path: Path) -> None:
    def change(model: Any) -> None:
        nodes = model._predictors[0][0].nodes
        nodes[field][0] = value

    path = _forge(HistGradientBoostingRegressor(max_iter=1), tmp_path / "model.skops", change)
    with pytest.raises(ModelFileError, match="points outside its own tables"):
        load(path)


def test_a_forged_forest_is_refused(tmp_path: Path) -> None:
    def narrower(model: Any) -> None:
        model.n_features_in_ = 2

    def wild(model: Any) -> None:
        tree = model.estimators_[0].tree_
        state = tree.__getstate__()
        state["nodes"]["left_child"][0] = 10**6
        tree.__setstate__(state)

    for change in (narrower, wild):
        forest = RandomForestRegressor(n_estimators=1, random_state=0)
        path = _forge(forest, tmp_path / f"{change.__name__}.skops", change)
        with pytest.raises(ModelFileError, match="points outside its own tables"):
            load(path)


def test_existing_files_are_refused_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="exists already"):
        save(_model(), path)
    assert path.read_text() == "mine"
    path.chmod(0o640)
    save(_model(), path, force=True)
    assert load(path).predict([[1.0]]).shape == (1,)
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.skops"]


def test_an_interrupted_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.skops"
    path.write_text("mine")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(_model(), path, force=True)
    assert path.read_text() == "mine"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.skops"]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no directory"):
        save(_model(), tmp_path / "no" / "model.skops")
    with pytest.raises(IsADirectoryError, match="is a directory"):
        save(_model(), tmp_path)
