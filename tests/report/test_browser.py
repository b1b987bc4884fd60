"""The page in a real browser, on a phone and on a desk: silent, no wider than the screen, labels whole and apart."""

from __future__ import annotations

import html
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crosstask import rows_saved, task_affinity
from crosstask.report import (
    Advised,
    Compared,
    Curve,
    HeldOut,
    HeldOutScores,
    ReportData,
    Source,
    TargetReport,
    Way,
    WhoHelps,
    render,
    render_target,
)
from crosstask.report._shrinkage import Shrinkage

Make = Callable[..., ReportData]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
PROBE = Path(__file__).with_name("probe.js")
PHONE, DESK = 360, 1200
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--enable-logging=stderr", "--hide-scrollbars",
    "--window-size=1600,1000",
)  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine (Debian: apt-get install chromium)"),
]


def look_at(page: str, folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what the probe measured on the phone and on the desk, and the messages on the console."""
    frames = "".join(
        f'<iframe style="border: 0; width: {width}px; height: 900px" srcdoc="{html.escape(page)}"></iframe>'
        for width in (PHONE, DESK)
    )
    probe = folder / "probe.html"
    script = PROBE.read_text(encoding="utf-8")
    probe.write_text(f'<!DOCTYPE html><meta charset="utf-8"><script>{script}</script>{frames}', encoding="utf-8")
    command = [str(BROWSER), *OPTIONS, f"--user-data-dir={folder / 'profile'}", "--dump-dom", probe.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    body = shown.stdout.partition("<body>")[2].partition("</body>")[0]
    console = [line for line in shown.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(body)), console


def long_names(data: ReportData) -> ReportData:
    """Return the same report with names that no column was made for."""
    names = [
        f"Vereinigte_Krankenhausverwaltungsgesellschaft_{i}" if i % 2 else f"University hospital of the north, ward {i}"
        for i in range(len(data.tasks))
    ]
    assert data.coefficients is not None
    features = tuple(f"{name} = more_than_the_upper_limit_of_normal" for name in data.coefficients.features)
    return replace(
        data,
        tasks=tuple(replace(task, name=name) for task, name in zip(data.tasks, names, strict=True)),
        candidates=tuple(f"{name} with a long name" for name in data.candidates),
        own=f"{data.own} with a long name",
        coefficients=replace(data.coefficients, tasks=tuple(names), features=features),
    )


def with_rows_held_out(data: ReportData) -> ReportData:
    """Return the same report with scores on rows that no model has seen."""
    names = [*(task.name for task in data.tasks), "mean"]
    scores = [HeldOutScores(name, 200, 0.48, 0.44, 0.08, -0.02, 0.18, 0.77, 0.8) for name in names]
    return replace(data, held_out=HeldOut("Drawn at random with seed 0.", "patients", tuple(scores[:-1]), scores[-1]))


@pytest.mark.parametrize("n_tasks", [4, 139])
@pytest.mark.parametrize("names", ["plain", "long"])
def test_the_page_in_a_browser(report_data: Make, tmp_path: Path, n_tasks: int, names: str) -> None:
    data = report_data(n_tasks)
    data = with_rows_held_out(long_names(data) if names == "long" else data)
    (phone, desk), console = look_at(render(data), tmp_path)
    assert console == []
    assert (phone["width"], desk["width"]) == (PHONE, DESK)
    for found in (phone, desk):
        assert found["drawings"] > 20
        assert found["folded"] <= found["width"]
        assert found["unfolded"] <= found["width"]
        assert found["silent"] == []
        assert found["figures"] == []
        assert found["cut"] == []
        assert found["over"] == []
    if names == "plain":
        assert "held-out" not in desk["sideways"]


def test_the_page_of_one_target_in_a_browser(tmp_path: Path) -> None:
    ways = tuple(
        Way(
            f"{kind} with a long name",
            kind,
            0.4 + 0.1 * i,
            0.25,
            'not among the candidates: add ("x", PooledTasks(..))' * (i == 1),
        )
        for i, kind in enumerate(("target only", "pooled", "transferred", "other", "guarded"))
    )
    sources = tuple(Source(f"hospital number {i} of many", 1000 + i, "prior: strength 0.25") for i in range(5))
    target = TargetReport(
        "the new hospital", "log loss", "balanced", 40, "share", "It gains.", 0.1, -0.2, 0.3, ways, sources, {}, ""
    )
    (phone, desk), console = look_at(render_target(target), tmp_path)
    assert console == []
    assert (phone["width"], desk["width"]) == (PHONE, DESK)
    for found in (phone, desk):
        assert found["unfolded"] <= found["width"]
        assert found["silent"] == found["cut"] == found["over"] == []


def with_advice(data: ReportData) -> ReportData:
    """Return the same report with everything that `advise` adds, and with slopes."""
    rng, T = np.random.default_rng(0), len(data.tasks)
    task = np.repeat([f"{name.name}" for name in data.tasks], 12)
    X = rng.standard_normal((len(task), 3))
    who = WhoHelps.of(task_affinity(X, X.sum(axis=1) + rng.standard_normal(len(task)), task=task))
    saved = rows_saved([12, 25, 50, 99], [0.61, 0.5, 0.45, 0.44], [0.5, 0.47, 0.44, 0.435], greater_is_better=False)
    curve = Curve.of(saved, "own", "mean tied")
    compared = tuple(Compared(name, True, "for a reason that is told", 0.5, 3.0, 2e7) for name in data.candidates)
    findings = (("CT004", "warning", "With 23 rows a task, gains under 14 % cannot be told from luck."),)
    own = rng.standard_normal((T, 4))
    names = ("age", "sex = male", "cholesterol", "a_column_with_quite_a_long_name")
    slopes = Shrinkage(names, tuple(one.name for one in data.tasks), own, 0.4 * own, np.zeros(4))
    said = "Planned: 139 tasks, 48 fits, 2 workers, about 20 s, 0.4 GB."
    return replace(
        data,
        shrinkage=slopes,
        advised=Advised(
            "An answer.", findings, compared, who, plan=said, curve=curve, saved="With 12 rows as with 25."
        ),
    )


@pytest.mark.parametrize("n_tasks", [4, 42, 139])
def test_the_advice_in_a_browser(report_data: Make, tmp_path: Path, n_tasks: int) -> None:
    (phone, desk), console = look_at(render(with_advice(report_data(n_tasks))), tmp_path)
    assert console == []
    for found in (phone, desk):
        assert found["folded"] <= found["width"]
        assert found["unfolded"] <= found["width"]
        assert found["silent"] == found["figures"] == found["cut"] == found["over"] == []


def test_the_probe_notices_what_is_wrong(tmp_path: Path) -> None:
    page = """<!DOCTYPE html><html><body><script>console.error("trouble")</script>
    <div style="width: 500px">wide</div><details><summary>more</summary><div style="width: 3000px">wider</div></details>
    <section id="table"><div class="wide" style="overflow: auto"><div style="width: 2000px">more</div></div></section>
    <figure><svg><text x="0" y="20">one</text><text x="5" y="20">two</text></svg></figure>
    <svg role="img" aria-label="told" width="50" height="30"><text x="40" y="20">too far to the right</text></svg>"""
    (phone, desk), console = look_at(page, tmp_path)
    assert "trouble" in console[0]
    assert phone["folded"] > PHONE
    assert desk["folded"] == DESK < desk["unfolded"]
    assert len(phone["silent"]) == len(phone["figures"]) == 1
    assert desk["sideways"] == ["table"]
    assert phone["cut"] == ["too far to the right"]
    assert phone["over"] == ["one | two"]
