"""The page: whole, self-contained, escaped, and without labels on top of each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from crosstask.report import ReportData, render, write_report

Make = Callable[..., ReportData]
VOID = {"meta", "br", "hr", "img", "input", "link"}


class Outline(HTMLParser):
    """Checks that tags nest, and keeps what the tests ask about."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    assert parser.open == []
    return parser


@pytest.mark.parametrize("n_tasks", [1, 2, 4, 20, 21, 41, 139, 1000])
@pytest.mark.parametrize("classification", [True, False])
def test_a_page_for_any_number_of_tasks(report_data: Make, n_tasks: int, classification: bool) -> None:
    data = report_data(n_tasks, classification=classification)
    page = render(data)
    found = outline(page)
    assert page.lstrip().startswith("<!DOCTYPE html>")
    text = " ".join(found.text)
    assert all(task.name in text for task in data.tasks)
    assert "nan" not in re.sub(r"[a-z]*nan[a-z]+|[a-z]+nan", "", text.lower())
    assert ("Do the probabilities mean what they say?" in text) is classification
    assert len(page) < 4_500_000
    ids = [attrs["id"] for _, attrs in found.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_the_page_needs_nothing_from_outside(report_data: Make) -> None:
    page = render(report_data(42))
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert "@import" not in page
    assert "url(" not in page
    found = outline(page)
    assert not found.find("link")
    assert not found.find("img")
    assert all((attrs.get("href") or "#").startswith("#") for _, attrs in found.tags)


def test_every_drawing_says_what_it_shows_or_is_hidden(report_data: Make) -> None:
    for n_tasks in (4, 139):
        for attrs in outline(render(report_data(n_tasks))).find("svg"):
            inner = set(attrs) <= {"x", "y"}  # a mark placed inside another drawing
            assert inner or attrs.get("aria-hidden") == "true" or (attrs.get("role") == "img" and attrs["aria-label"])


def test_everything_is_escaped(report_data: Make) -> None:
    evil = '<script>alert("1")</script>'
    data = report_data(4)
    tasks = tuple(type(task)(**{**vars(task), "name": evil, "reason": evil}) for task in data.tasks)
    columns = tuple(type(column)(evil, evil, 0.5, evil) for column in data.columns)
    table = data.coefficients
    assert table is not None
    changed = report_data(
        4,
        tasks=tasks,
        columns=columns,
        target=evil,
        task_word=evil,
        loss=evil,
        mode=evil,
        candidates=tuple(f"{evil}{i}" for i in range(7)),
        own=f"{evil}1",
        findings=((evil, evil),),
        borrowed=((evil, evil),),
        reproduce=evil,
        versions={evil: evil},
        seconds={evil: 1.0},
        made=evil,
        coefficients=type(table)(**{**vars(table), "features": (evil,) * 10, "tasks": (evil,) * 4}),
    )
    page = render(changed)
    assert "<script" not in page
    assert "alert(&#34;1&#34;)" in page
    for attrs in outline(page).find("svg"):
        assert "alert" not in " ".join(attrs)


def test_the_same_data_give_the_same_page(report_data: Make) -> None:
    assert render(report_data(4)) == render(report_data(4))


@pytest.mark.parametrize("n_tasks", [4, 42, 139])
def test_positions_stay_inside_and_axis_labels_apart(report_data: Make, n_tasks: int) -> None:
    found = outline(render(report_data(n_tasks)))
    for tag in ("circle", "line", "rect", "text"):
        for attrs in found.find(tag):
            for name in ("x", "cx", "x1", "x2", "y", "cy", "y1", "y2", "width", "height"):
                value = attrs.get(name) or "0%"
                if value.endswith("%"):
                    assert -0.01 <= float(value[:-1]) <= 100.5
    from crosstask.report._figures import gain_figure

    for ticks in (gain_figure(report_data(n_tasks)).ticks, gain_figure(report_data(n_tasks)).height_ticks):
        assert 2 <= len(ticks) <= 6
        gaps = [b.at - a.at for a, b in pairwise(ticks)]
        assert min(gaps) >= 14.0  # 45 px of the 320 px that a phone has


def test_an_existing_report_is_refused_unless_forced(report_data: Make, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="exists already"):
        write_report(report_data(4), path)
    assert path.read_text() == "mine"
    assert write_report(report_data(4), path, force=True) == path
    assert path.read_text(encoding="utf-8").lstrip().startswith("<!DOCTYPE html>")
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


def test_only_the_flagship_has_a_report(tmp_path: Path) -> None:
    from sklearn.linear_model import Ridge

    with pytest.raises(TypeError, match="made of a fitted CrossTaskRegressor or CrossTaskClassifier; Ridge is none"):
        write_report(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), tmp_path / "report.html")
