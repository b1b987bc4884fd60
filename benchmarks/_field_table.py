"""The tables of ``field.py``: who is how far behind, ranks, tasks harmed, candidates."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
SINGLE = ("single", "single, one penalty")
HARM = 0.02
FALSE_SHARE = 0.10


@dataclass(frozen=True)
class Cell:
    """One table at one size: losses of each method, (n_splits, n_tasks), on the splits that all methods have run."""

    name: str
    n_rows: int
    losses: dict[str, Array]
    candidates: dict[str, float]
    test_rows: float
    failed: list[str]

    def means(self) -> dict[str, float]:
        return {name: float(loss.mean()) for name, loss in self.losses.items()}

    @property
    def n_splits(self) -> int:
        return len(next(iter(self.losses.values())))


def read_cell(cache: Path, name: str, n_rows: int, splits: list[int], methods: list[str]) -> Cell | None:
    """Read the splits that hold all methods; a method that failed anywhere is left out and named."""
    paths = [cache / f"{name}-{n_rows}-{split}.json" for split in splits]
    runs = [json.loads(path.read_text()) for path in paths if path.exists()]
    runs = [run for run in runs if all(method in run for method in methods)]
    if not runs:
        return None
    failed = [method for method in methods if any("error" in run[method] for run in runs)]
    losses = {
        method: np.array([[*run[method]["loss"].values()] for run in runs])
        for method in methods
        if method not in failed
    }
    parts = [run["flagship"].get("candidates", {}) for run in runs if "flagship" in methods]
    names = [part for part in (parts[0] if parts else {}) if all(part in p for p in parts)]  # groups join by themselves
    means = {part: float(np.mean([p[part] for p in parts])) for part in names}
    _, _, n_tasks, n_test = runs[0]["shape"]
    return Cell(name, n_rows, losses, means, n_test / n_tasks, failed)


def print_tables(cache: Path, names: list[str], sizes: list[int], splits: list[int], methods: list[str]) -> None:
    found = (read_cell(cache, name, n, splits, methods) for name in names for n in sizes)
    cells = [cell for cell in found if cell is not None]
    if not cells:
        print("nothing was run that all methods have in common")
        return
    relative(cells, methods)
    if "flagship" in methods and any(name in methods for name in SINGLE):
        harmed(cells)
        own_candidates(cells)


def relative(cells: list[Cell], methods: list[str]) -> None:
    """Print how many per cent each method's mean loss is above the best, and the mean ranks."""
    print(
        f"\nper cent behind the best\n{'table, rows (splits)':24s}{'best':>9s}"
        + "".join(f"{m[:11]:>12s}" for m in methods)
    )
    behind, ranks = [], []
    for cell in cells:
        means = cell.means()
        best = min(means.values())
        row = [100.0 * (means.get(method, np.nan) / best - 1.0) for method in methods]
        behind.append(row)
        ranks.append(stats.rankdata(np.nan_to_num(row, nan=np.inf)))
        _line(f"{cell.name}, {cell.n_rows} ({cell.n_splits})", best, row)
        if cell.failed:
            print(f"    failed: {', '.join(cell.failed)}")
    print("mean over the sizes of a table")
    by_table: dict[str, Array] = {}
    for name in dict.fromkeys(cell.name for cell in cells):
        rows = [row for cell, row in zip(cells, behind, strict=True) if cell.name == name]
        by_table[name] = np.nanmean(rows, axis=0)
        _line(name, None, by_table[name])
    _line("mean rank", None, np.mean(ranks, axis=0), "{:.2f}")
    worst = {name: row[methods.index("flagship")] for name, row in by_table.items() if "flagship" in methods}
    far = [f"{name} {value:.1f} %" for name, value in worst.items() if value > 100.0 * HARM]
    print("the flagship is more than 2 % behind on: " + (", ".join(far) or "no table"))


def _line(title: str, best: float | None, row: Any, form: str = "{:.1f}") -> None:
    first = "" if best is None else f"{best:.4g}"
    print(f"{title:24s}{first:>9s}" + "".join(f"{form.format(value):>12s}" for value in row), flush=True)


def harmed(cells: list[Cell]) -> None:
    """Print the share of tasks whose loss is above 1.02 times that of their own model, shown and seen.

    The own model is the better one of the two. One-sided t test of the paired difference over the splits. Its variance
    is multiplied by 1 / K + n_test / n_train (Nadeau and Bengio) where it says "shown". Where test rows are many times
    the training rows that leaves no power: the uncorrected test, which is too ready to find harm, stands beside it.
    """
    print("\ntasks with more than 2 % above their own model")
    print(f"{'':24s}{'tasks':>6s}{'shown':>8s}{'uncorrected':>13s}{'in the mean':>13s}")
    total = np.zeros(4)
    for cell in cells:
        own = min((cell.losses[name] for name in SINGLE if name in cell.losses), key=np.mean)
        difference = cell.losses["flagship"] - (1.0 + HARM) * own
        share = cell.test_rows / cell.n_rows
        n_splits, n_tasks = difference.shape
        count = [
            n_tasks,
            significant(difference, 1.0 / n_splits + share),
            significant(difference, 1.0 / n_splits),
            int((difference.mean(axis=0) > 0).sum()),
        ]
        total += count
        title = f"{cell.name}, {cell.n_rows} ({n_splits})"
        print(f"{title:24s}{count[0]:6d}{count[1]:8d}{count[2]:13d}{count[3]:13d}")
    shares = 100.0 * total / total[0]
    print(f"{'all':24s}{int(total[0]):6d}{shares[1]:6.1f} %{shares[2]:11.1f} %{shares[3]:11.1f} %")


def significant(difference: Array, factor: float) -> int:
    """Count the tasks that Benjamini and Hochberg call harmed at 10 %."""
    n_splits = len(difference)
    if n_splits < 2:
        return 0
    error = np.sqrt(factor * difference.var(axis=0, ddof=1))
    p = stats.t.sf(difference.mean(axis=0) / np.maximum(error, 1e-300), n_splits - 1)
    return int((stats.false_discovery_control(p) <= FALSE_SHARE).sum())


def own_candidates(cells: list[Cell]) -> None:
    """Print the flagship's candidates on the same rows, to tell what is missing from what is weighed badly."""
    print("\nmean loss of the flagship and of its candidates")
    for cell in cells:
        shown = ", ".join(f"{name} {loss:.4g}" for name, loss in cell.candidates.items())
        print(f"{cell.name}, {cell.n_rows}: {cell.means()['flagship']:.4g}; {shown}")
