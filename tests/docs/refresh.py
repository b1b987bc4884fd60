"""Write what the pages' code prints now under it: `python tests/docs/refresh.py README.md docs/guard.md`.

Look at the difference before you commit it: a number that moved is news, and the prose around it may be wrong now.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("MPLBACKEND", "Agg")

from test_pages import blocks_of, run, same_output


def refresh(page: Path) -> int:
    """Replace every shown output that differs from what is printed, and return how many did."""
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "page"}
    blocks = blocks_of(page)
    changed = 0
    for block, after in zip(blocks, [*blocks[1:], None], strict=False):
        if block.kind != "python" or ">>> " in block.body:
            continue
        printed = run(page, block, namespace)
        if after is None or after.kind != "text" or not after.follows_directly or same_output(printed, after.body):
            continue
        start = text.index(block.body) + len(block.body)
        position = text.index(after.body, start)
        text = text[:position] + printed + text[position + len(after.body) :]
        changed += 1
    page.write_text(text, encoding="utf-8")
    return changed


if __name__ == "__main__":
    pages = [Path(name).resolve() for name in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for page in pages:
            sys.stdout.write(f"{page.name}: {refresh(page)} output(s) changed\n")
