"""What the diagnosis means, in sentences with stable codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crosstask.advisor._diagnose import Diagnosis

Severity = Literal["note", "advice", "warning"]
SHOWN = 5
CHANCE = 0.01  # p-value below which a difference counts as shown
FEW_ROWS = 20


@dataclass(frozen=True)
class Finding:
    """One thing worth knowing.

    Parameters
    ----------
    code : str
        Stable, CT001 and up; docs/findings.md explains each.
    severity : {"note", "advice", "warning"}
        How much it matters.
    text : str
        One sentence or two.
    """

    code: str
    severity: Severity
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"


def findings_of(
    diagnosis: Diagnosis, tasks: NDArray[Any], names: list[str], read: list[tuple[str, str]]
) -> list[Finding]:
    """Return the findings of the diagnosis; ``read`` are those of the table's reader."""
    return [
        *_sizes(diagnosis, tasks),
        *_levels(diagnosis),
        *_slopes(diagnosis),
        *_outliers(diagnosis, tasks, names),
        *_groups(diagnosis),
        *(Finding("CT009", "note", text) for _, text in read),
    ]


def by_severity(findings: list[Finding]) -> list[Finding]:
    """Return the warnings first, then advice, then notes."""
    rank = {"warning": 0, "advice": 1, "note": 2}
    return sorted(findings, key=lambda one: (rank[one.severity], one.code))


def size_findings(n: NDArray[Any], tasks: NDArray[Any]) -> list[Finding]:
    """Return the findings on the number of tasks and of their rows."""
    small = np.flatnonzero(n < FEW_ROWS)
    found: list[Finding] = []
    if len(tasks) == 1:
        found.append(Finding("CT001", "warning", "There is one task only, so there is nobody to learn from."))
    if len(small):
        found.append(
            Finding(
                "CT002",
                "advice",
                f"{len(small)} of {len(n)} tasks have fewer than {FEW_ROWS} rows ({_listed(tasks[small])}): what is "
                "said of them alone rests on little, and what they share carries most of their model.",
            )
        )
    return found


def _sizes(diagnosis: Diagnosis, tasks: NDArray[Any]) -> list[Finding]:
    n, d = diagnosis.n, len(diagnosis.columns)
    found = size_findings(n, tasks)
    median = float(np.median(n))
    if median < 3 * d:
        found.append(
            Finding(
                "CT003",
                "advice",
                f"The median task has {median:.0f} rows for {d} columns: a model of its own is mostly noise, and "
                "sharing has much to give if slopes agree.",
            )
        )
    elif median > 30 * d:
        found.append(
            Finding(
                "CT003",
                "note",
                f"The median task has {median:.0f} rows for {d} columns, {median / max(d, 1):.0f} a column: its own "
                "model is nearly as good as it will be, and sharing can add two or three per cent at most.",
            )
        )
    return found


def power_finding(n: NDArray[Any], low: NDArray[Any], high: NDArray[Any]) -> list[Finding]:
    """Say how large a gain must be, from the 95 % intervals of the measured gains."""
    detectable, rows = detectable_gain(low, high), float(np.median(n))
    if len(n) < 2 or not np.isfinite(detectable):
        return []
    return [
        Finding(
            "CT004",
            "warning" if detectable > 0.2 else "note",
            f"With {rows:.0f} rows a task, gains under {100 * detectable:.0f} % in a single task cannot be told from "
            "luck.",
        )
    ]


def detectable_gain(low: NDArray[Any], high: NDArray[Any]) -> float:
    """Return the gain that is found in four of five cases: 2.8 = 1.96 + .84 standard errors; NaN without intervals."""
    half = 0.5 * (high - low)[np.isfinite(high - low)]
    return 2.8 / 1.96 * float(np.median(half)) if len(half) else float("nan")


def _levels(diagnosis: Diagnosis) -> list[Finding]:
    if len(diagnosis.n) < 2 or diagnosis.level_p >= CHANCE:
        return []
    return [
        Finding(
            "CT005",
            "advice",
            f"The tasks' levels differ (they hold {100 * diagnosis.level_share:.0f} % of the variance of y): every "
            "model needs an intercept for each task. That alone is no reason to leave a task alone.",
        )
    ]


def _slopes(diagnosis: Diagnosis) -> list[Finding]:
    if len(diagnosis.n) < 2:
        return []
    if diagnosis.slope_p >= CHANCE:
        return [
            Finding("CT006", "advice", "That the tasks' slopes differ cannot be shown: common slopes are worth trying.")
        ]
    share = f"{100 * diagnosis.slope_excess:.0f} % of the differences between their slopes are not chance"
    if np.isfinite(diagnosis.pooled_gain) and diagnosis.pooled_gain > 0:
        text = (
            f"The tasks' slopes differ ({share}), yet common slopes lose {100 * diagnosis.pooled_gain:.1f} % less on "
            "held-out rows than one model each: tie them, do not pool them."
        )
    else:
        text = f"The tasks' slopes differ ({share}): common slopes for all would cost more than they save."
    return [Finding("CT006", "advice", text)]


def _outliers(diagnosis: Diagnosis, tasks: NDArray[Any], names: list[str]) -> list[Finding]:
    found: list[Finding] = []
    for one in diagnosis.outliers[:SHOWN]:
        name = names[int(diagnosis.columns[one.column])]
        turned = "; its predictions run against theirs" if one.agreement < -0.2 else ""
        sign = "has the opposite sign" if one.own * one.others < 0 else "differs most"
        found.append(
            Finding(
                "CT007",
                "warning",
                f"{tasks[one.task]} is unlike the others (p = {one.p_value:.1g}){turned}: its slope on {name} {sign} "
                f"({one.own:.2g} against {one.others:.2g} a standard deviation).",
            )
        )
    if len(diagnosis.outliers) > SHOWN:
        rest = [one.task for one in diagnosis.outliers[SHOWN:]]
        found.append(Finding("CT007", "warning", f"Unlike the others are also {_listed(tasks[rest])}."))
    return found


def _groups(diagnosis: Diagnosis) -> list[Finding]:
    groups = diagnosis.groups
    worth = diagnosis.worth_of_groups
    if groups is None or not worth:
        return []
    sizes = np.bincount(groups.labels)
    return [
        Finding(
            "CT008",
            "advice",
            f"The tasks fall into {groups.n_groups} groups (of {', '.join(map(str, sizes[:8]))}"
            f"{', ..' if len(sizes) > 8 else ''} tasks) that are better pooled apart: {100 * worth:.1f} % less "
            "held-out loss than one pool or none.",
        )
    ]


def _listed(names: NDArray[Any]) -> str:
    shown = ", ".join(str(name) for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
