"""The documentation builds without a warning."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path):
    for package in ("sphinx", "furo", "numpydoc", "myst_nb"):
        pytest.importorskip(
            package, reason=f"{package} is not installed: `make docs` installs it, `make test` need not"
        )
    options = ["-q", "-W", "--keep-going", "-b", "html", "-d", str(tmp_path / "trees")]
    options += ["-D", "nb_execution_mode=off"]  # the cells are run by test_tutorial.py
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(tmp_path / "html")],
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "html" / "api" / "generated" / "crosstask.multitask.MultiTaskRegressor.html").read_text("utf-8")
    assert "coef_" in page
