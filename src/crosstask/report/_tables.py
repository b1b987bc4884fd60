"""The tables of the page: scores of every candidate, rows of every task, coefficients in numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from crosstask.report._data import CoefficientTable, HeldOut, ReportData
from crosstask.report._figures import MANY
from crosstask.report._scale import Scale, effect_text, gain_text, interval_text, loss_text, share_text


@dataclass(frozen=True)
class Cell:
    """A number in a table; ``best`` marks the best of its row."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class ScoreTable:
    """Out-of-fold losses: a row for each task, and a summary row for each candidate."""

    header: list[str]
    rows: list[tuple[str, list[Cell]]]
    summary: list[tuple[str, list[Cell]]]
    summary_header: list[str]

    @property
    def many(self) -> bool:
        """Whether the tasks are too many to be shown unfolded."""
        return len(self.rows) > MANY


def score_table(data: ReportData) -> ScoreTable:
    """Mark the best candidate of each task; beside them the guarded mixture, which is not a candidate."""
    losses = np.array([task.losses for task in data.tasks], dtype=np.float64).reshape(-1, len(data.candidates))
    guarded = np.array([task.guarded_loss for task in data.tasks], dtype=np.float64)
    rows: list[tuple[str, list[Cell]]] = []
    for task, line in zip(data.tasks, losses, strict=True):
        best = np.nanmin(line) if np.isfinite(line).any() else math.nan
        cells = [Cell(loss_text(float(value)), bool(value == best)) for value in line]
        rows.append((task.name, [*cells, Cell(loss_text(task.guarded_loss))]))
    names = [f"{name} (own)" if name == data.own and name != "own" else name for name in data.candidates]
    summary = _summary([*names, "guarded"], np.column_stack([losses, guarded]), losses)
    return ScoreTable([*names, "guarded"], rows, summary, ["mean", "median", "worst task", "best for"])


def held_out_table(held: HeldOut) -> tuple[list[str], list[list[str]]]:
    """Return the header, and a row of texts for each task, then one for the mean."""
    header = ["held out", "own loss", "guarded loss", "gain", "interval", "own AUC", "guarded AUC"]
    rows = [
        [
            task.name,
            f"{task.rows:,}",
            loss_text(task.own_loss),
            loss_text(task.guarded_loss),
            gain_text(task.gain),
            interval_text(task.low, task.high),
            loss_text(task.own_auc),
            loss_text(task.guarded_auc),
        ]
        for task in (*held.tasks, held.mean)
    ]
    return header, rows


def _summary(names: list[str], table: np.ndarray, losses: np.ndarray) -> list[tuple[str, list[Cell]]]:
    columns = [column[np.isfinite(column)] for column in np.transpose(table)]
    means, medians, worst = (
        np.array([measure(column) if len(column) else np.nan for column in columns])
        for measure in (np.mean, np.median, np.max)
    )
    full = np.where(np.isfinite(losses), losses, np.inf)
    wins = np.bincount(full.argmin(axis=1), minlength=losses.shape[1]) if len(full) else np.zeros(losses.shape[1])
    rows: list[tuple[str, list[Cell]]] = []
    for c, name in enumerate(names):
        cells = [
            Cell(loss_text(float(column[c])), bool(np.isfinite(column[c]) and column[c] == np.nanmin(column)))
            for column in (means, medians, worst)
        ]
        rows.append((name, [*cells, Cell(str(int(wins[c])) if c < losses.shape[1] else "")]))
    return rows


@dataclass(frozen=True)
class RowBars:
    """Rows of each task as bars, with the mean of the target."""

    rows: list[tuple[str, float, str, str]]
    columns: list[tuple[float, float, str]]
    target_header: str
    said: str

    @property
    def many(self) -> bool:
        """Whether the tasks are too many for a bar each."""
        return len(self.rows) > MANY


def row_bars(data: ReportData) -> RowBars:
    """Measure the tasks' rows against the largest task."""
    counts = np.array([task.rows for task in data.tasks], dtype=np.float64)
    scale = Scale(0.0, float(counts.max()) if len(counts) else 1.0)
    write = share_text if data.kind == "classification" else loss_text
    rows: list[tuple[str, float, str, str]] = []
    for task in sorted(data.tasks, key=lambda task: -task.rows):
        target = "" if task.target is None else write(task.target)
        rows.append((task.name, scale.at(task.rows), f"{task.rows:,}", target))
    columns = [(round(100.0 * i / len(rows), 3), row[1], f"{row[0]}: {row[2]} rows") for i, row in enumerate(rows)]
    header = "" if all(not row[3] for row in rows) else ("share" if data.kind == "classification" else "mean")
    low, middle, high = (int(q) for q in np.quantile(counts, [0.0, 0.5, 1.0])) if len(counts) else (0, 0, 0)
    span = f"{low:,} rows each" if low == high else f"{low:,} to {high:,} rows, half of them with {middle:,} or more"
    said = f"{len(rows)} tasks with {span}"
    return RowBars(rows, columns, header, said)


def coefficient_rows(table: CoefficientTable, most: int = 3000) -> list[tuple[str, str, str, str, str, str]]:
    """Return feature, task, value, interval, shared value and odds ratio in words, at most so many lines."""
    rows: list[tuple[str, str, str, str, str, str]] = []
    for j, feature in enumerate(table.features):
        for t, task in enumerate(table.tasks):
            if len(rows) == most:
                return rows
            value = float(table.value[t, j])
            interval = ""
            if table.low is not None and table.high is not None:
                interval = interval_text(float(table.low[t, j]), float(table.high[t, j]), effect_text)
            shared = "" if table.shared is None else effect_text(float(table.shared[j]))
            odds = loss_text(math.exp(min(value, 700.0))) if table.odds else ""
            rows.append((feature, task, effect_text(value), interval, shared, odds))
    return rows
