"""Every code that a finding can have has a page, and every page a code."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_code_has_a_page_that_says_what_to_do():
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src/crosstask/advisor").glob("*.py"))
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "docs/findings").glob("*.md")}
    assert set(re.findall(r'"(CT\d{3})"', source)) == set(pages)
    for code, text in pages.items():
        assert text.startswith(f"# {code}: ")
        for part in ("**Severity:**", "**Rests on.**", "**What it means.**", "**What to do.**"):
            assert part in text
