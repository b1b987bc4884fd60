from __future__ import annotations

import importlib.util
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_pictures_of_couplings_are_those_that_the_script_draws():
    spec = importlib.util.spec_from_file_location("coupling_pictures", DOCS / "pictures" / "couplings.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    drawn = script.pictures()
    for path, text in drawn.items():
        assert path.read_text(encoding="utf-8") == text, f"run python docs/pictures/couplings.py: {path.name} is old"
    shown = re.findall(r"\(pictures/(\S+\.svg)\)", (DOCS / "couplings.md").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(path.name for path in drawn)
