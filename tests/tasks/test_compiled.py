"""Kernels are compiled once and kept; where the package is read-only, elsewhere, and that is said once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numba
import pytest

from crosstask.tasks import _compiled
from crosstask.tasks._compiled import is_ours, is_writable, kernels_can_be_kept, usual_folders


@pytest.fixture
def nothing_kept(monkeypatch, tmp_path):
    """A process that has no folder to write kernels to but a temporary one."""
    kernels_can_be_kept.cache_clear()
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(_compiled.tempfile, "gettempdir", lambda: str(tmp_path))
    usual = set(usual_folders())
    monkeypatch.setattr(_compiled, "is_writable", lambda folder: folder not in usual and is_writable(folder))
    yield tmp_path
    kernels_can_be_kept.cache_clear()


def test_a_read_only_install_keeps_kernels_elsewhere_and_says_so_once(nothing_kept):
    with pytest.warns(UserWarning, match="compiled kernels are kept in .*crosstask-kernels.*NUMBA_CACHE_DIR"):
        assert kernels_can_be_kept()
    folder = Path(numba.config.CACHE_DIR)
    assert folder.parent == nothing_kept
    assert is_ours(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kernels_can_be_kept()  # the same process
        kernels_can_be_kept.cache_clear()
        numba.config.CACHE_DIR = ""
        assert kernels_can_be_kept()  # the next process finds the folder


def test_a_folder_that_others_may_write_to_is_not_trusted(nothing_kept):
    folder = nothing_kept / f"crosstask-kernels-{_compiled._user()}"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.warns(UserWarning, match="each process compiles anew"):
        assert not kernels_can_be_kept()
    assert numba.config.CACHE_DIR == ""


def test_a_usual_install_changes_nothing(monkeypatch):
    kernels_can_be_kept.cache_clear()
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(_compiled, "is_writable", lambda folder: True)
    assert kernels_can_be_kept()
    assert numba.config.CACHE_DIR == ""
    kernels_can_be_kept.cache_clear()


def test_files_are_tried_and_not_permissions(tmp_path):
    assert is_writable(tmp_path / "new" / "folder")
    (tmp_path / "file").write_text("")
    assert not is_writable(tmp_path / "file" / "below")


def test_a_copy_without_a_cache_fits_in_a_fresh_process(tmp_path):
    """The package copied to where neither __pycache__ nor the home can be made: both names are taken by files."""
    source = Path(_compiled.__file__).parents[1]
    copy = tmp_path / "site" / "crosstask"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [copy, *(path for path in copy.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").write_text("")
    (tmp_path / "home").write_text("")
    (tmp_path / "temporary").mkdir()
    program = (
        "import numpy as np, crosstask as ct; from crosstask.couplings import _kernels; "
        "y = _kernels.__dict__; print(ct.__file__, next(k for k in y.values() if hasattr(k, 'py_func')).stats)"
    )
    environment = {**os.environ, "PYTHONPATH": str(copy.parent), "TMPDIR": str(tmp_path / "temporary")}
    environment |= {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(tmp_path / "home"), "NUMBA_CACHE_DIR": ""}
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert str(copy) in done.stdout
    assert done.stderr.count("compiled kernels are kept in") == 1
