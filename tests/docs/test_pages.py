"""Every ```python block of README and of the documentation runs, and prints what the page says it prints."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = {ROOT / "docs" / "tutorial" / "index.md", ROOT / "docs" / "zh" / "index.md"}
FENCE = re.compile(r"^(?P<ticks>`{3,})(?P<kind>[^\n`]*)\n(?P<body>.*?)^(?P=ticks)\s*$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?(?![\w])")


@dataclass(frozen=True)
class Block:
    line: int
    kind: str
    body: str
    follows_directly: bool


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    end = 0
    for match in FENCE.finditer(text):
        between = text[end : match.start()].strip()
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(line, match["kind"].strip(), match["body"], between == "" and end > 0))
        end = match.end()
    return found


def pages() -> list[Path]:
    written = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in written if page not in NOTEBOOKS and "_build" not in page.parts]


def same_output(printed: str, shown: str) -> bool:
    """Compare word by word; a number may differ by what the digits shown leave open, a whole per cent by one."""
    words, numbers = split_numbers(printed)
    words_shown, numbers_shown = split_numbers(shown)
    if words != words_shown or len(numbers) != len(numbers_shown):
        return False
    whole = 1.0 if "%" in shown else 0.0
    return all(
        abs(float(one) - float(other)) <= (precision_of(other) or whole) * 1.01
        for one, other in zip(numbers, numbers_shown, strict=True)
    )


def split_numbers(text: str) -> tuple[list[str], list[str]]:
    return " ".join(NUMBER.sub(" # ", text).split()).split(), NUMBER.findall(text)


def precision_of(number: str) -> float:
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return 0.0 if decimals == 0 and not exponent else 10.0 ** (int(exponent or 0) - decimals)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_page_prints_what_it_says(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if page.name == "neural.md":
        pytest.importorskip("torch", reason='PyTorch is not installed: pip install "crosstask[neural]"')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    module = ModuleType("page")
    namespace: dict[str, Any] = module.__dict__
    blocks = blocks_of(page)
    for block, after in zip(blocks, [*blocks[1:], None], strict=False):
        if block.kind in {"pycon", "python"} and ">>> " in block.body:
            run_doctest(page, block, namespace)
        elif block.kind == "python":
            printed = run(page, block, namespace)
            if after is not None and after.kind == "text" and after.follows_directly:
                assert same_output(printed, after.body), f"{page.name}:{after.line} shows\n{after.body}\nbut\n{printed}"


def run(page: Path, block: Block, namespace: dict[str, Any]) -> str:
    printed = io.StringIO()
    code = compile("\n" * block.line + block.body, str(page), "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, namespace)
    return printed.getvalue()


def run_doctest(page: Path, block: Block, namespace: dict[str, Any]) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    test = doctest.DocTestParser().get_doctest(block.body, namespace, page.name, str(page), block.line)
    report: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=flags).run(test, out=report.append, clear_globs=False)
    namespace.update(test.globs)
    assert outcome.failed == 0, "".join(report)


def test_a_wrong_number_is_noticed():
    assert same_output("gain 0.4312 of 10\n", "gain  0.43 of 10")
    assert not same_output("gain 0.4512 of 10\n", "gain 0.43 of 10")
    assert not same_output("gain 0.43 of 11\n", "gain 0.43 of 10")
    assert not same_output("share 0.43", "blend 0.43")


def test_relative_links_lead_somewhere():
    for page in pages() + sorted(NOTEBOOKS):
        prose = FENCE.sub("", page.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", prose):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}, which is not there"


def test_every_public_name_is_on_a_page():
    import crosstask

    written = [ROOT / "README.md", *(page for page in (ROOT / "docs").rglob("*.md") if "_build" not in page.parts)]
    text = "\n".join(page.read_text(encoding="utf-8") for page in written)
    missing = [name for name in crosstask.__all__ if not re.search(rf"\b{re.escape(name)}\b", text)]
    assert missing == []
