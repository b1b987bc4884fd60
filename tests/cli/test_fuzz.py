"""Twenty seconds of what ``benchmarks/fuzz.py`` does for ten minutes, counted in cases and not by the clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks import fuzz


@pytest.mark.slow
def test_no_traceback_and_nothing_half_written(tmp_path: Path) -> None:
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    fuzz.make_inputs(inputs)
    given = {path.name for path in inputs.iterdir()}
    codes: list[int] = []
    for number in range(80):
        folder = tmp_path / f"case{number}"
        folder.mkdir()
        _, code, _, said = fuzz.one_case(inputs, folder, np.random.RandomState([2, number]))
        fuzz.keep_promises(folder, given, code, said)
        codes.append(code)
    assert set(codes) == {0, 2}
