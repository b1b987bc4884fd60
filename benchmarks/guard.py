"""The guard on simulated and on real tasks: python benchmarks/guard.py [--part signs] [--replications 200].

Prints every table of docs/guard.md, part by part: "signs" (related tasks, some of them turned, with what no rule can
pass), "worlds" (other ways to differ), "classes" (log loss, and its charges), "crowds" (the flagship with groups) and
"real". Numbers in brackets are the upper ends, those after ± the half widths, of 95 % intervals over the replications.
The real tables are read from the folder that CROSSTASK_DATA names
(default ../shared/data).
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.guard_batch import Tables, batch_weights, squared
from benchmarks.guard_parts import best_candidate, bounds, change, classes, crowds, share, upper, worlds
from benchmarks.guard_simulation import Cell, simulate

Array = NDArray[np.float64]
RELATEDNESS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
BLOCK = 50
MODES = ("balanced", "cautious", "bold")
PARTS = ("signs", "worlds", "classes", "crowds", "real")


def tables_of(cell: Cell) -> Tables:
    """The held-out rows of a cell, as the rules see them."""
    return squared(cell.centred[..., None] - cell.residuals, cell.centred)


def summarise(cell: Cell, mode: str) -> dict[str, float]:
    """Mean change, its upper end, that of the flipped tasks, and the share of the best candidate's gain, per cent."""
    found = change(cell, batch_weights(tables_of(cell), mode))
    flipped = found[:, cell.flipped].mean(axis=1) if cell.flipped.any() else np.zeros(len(found))
    kept, half = share(found, best_candidate(cell))
    return {
        "mean": 100 * float(found.mean()),
        "upper": upper(found.mean(axis=1)),
        "flipped": 100 * float(flipped.mean()),
        "flipped upper": upper(flipped),
        "kept": kept,
        "half": half,
    }


def draw_cell(n_rows: int, relatedness: float, n_flipped: int, n_tasks: int, n_replications: int, seed: int) -> Cell:
    """Draw the replications in blocks of 50, block b from seed + b, so that more of them keep the first."""
    blocks = []
    for start in range(0, n_replications, BLOCK):
        size = min(BLOCK, n_replications - start)
        options = {"n_tasks": n_tasks, "n_replications": size, "seed": seed + start // BLOCK}
        blocks.append(simulate(n_rows, relatedness, n_flipped, **options))
    parts = {name: np.concatenate([getattr(b, name) for b in blocks]) for name in ("residuals", "centred", "excess")}
    return Cell(**parts, flipped=blocks[0].flipped, fold=blocks[0].fold)


def simulated(n_replications: int, seed: int, sizes: list[int]) -> None:
    for n_tasks, n_flipped in ((10, 2), (4, 1)):
        print(f"\n{n_tasks} tasks, {n_replications} replications, seed {seed}: change of the squared error, per cent")
        print(
            "| mode | rows | mean of cells | worst cell (upper) | flipped, worst (upper) | identical | share of best |"
        )
        print("|---|---|---|---|---|---|---|")
        for n_rows in sizes:
            cells = {
                (r, k): draw_cell(n_rows, r, k, n_tasks, n_replications, seed)
                for r in RELATEDNESS
                for k in (0, n_flipped)
            }
            for mode in MODES:
                found = {key: summarise(cell, mode) for key, cell in cells.items()}
                mean = np.mean([f["mean"] for f in found.values()])
                worst = max(found.values(), key=lambda f: f["upper"])
                flipped = max((f for key, f in found.items() if key[1]), key=lambda f: f["flipped upper"])
                same = found[1.0, 0]
                print(
                    f"| {mode} | {n_rows} | {mean:+.1f} | {worst['mean']:+.1f} ({worst['upper']:+.1f}) | "
                    f"{flipped['flipped']:+.1f} ({flipped['flipped upper']:+.1f}) | {same['mean']:+.1f} | "
                    f"{same['kept']:.1f} ± {same['half']:.1f} % |",
                    flush=True,
                )
            if n_rows == min(sizes):
                bounds({key: (cell, tables_of(cell)) for key, cell in cells.items()}, n_rows)


def data_folder() -> Path:
    """Return the folder of the real tables, or say plainly that it is missing."""
    folder = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not (folder / "school.npz").exists():
        raise SystemExit(f"{folder} holds no school.npz: set CROSSTASK_DATA to the folder of the benchmark tables.")
    return folder


def real(seeds: int) -> None:
    from benchmarks.guard_real import SIZES, load_tables, run_table

    print(f"\nreal tables, {seeds} seeds: mean loss behind the best single candidate, per cent")
    print("| table | rows | best candidate | balanced | cautious | bold | own |")
    print("|---|---|---|---|---|---|---|")
    behind: dict[str, list[float]] = {name: [] for name in (*MODES, "own")}
    for table in load_tables(data_folder()):
        for n_rows in SIZES:
            result = run_table(table, n_rows, seeds)
            if not result["rules"]:
                print(f"| {table.name} | {n_rows} | too few tasks of that size | | | | |")
                continue
            best = min(result["candidates"], key=lambda name: result["candidates"][name])
            floor = result["candidates"][best]
            gaps = {name: 100 * (result["rules"][name] / floor - 1) for name in MODES}
            gaps["own"] = 100 * (result["candidates"]["own"] / floor - 1)
            for name, gap in gaps.items():
                behind[name].append(gap)
            row = " | ".join(f"{gaps[name]:+.1f}" for name in (*MODES, "own"))
            print(f"| {table.name} | {n_rows} | {best} | {row} |", flush=True)
    print("| mean | | | " + " | ".join(f"{np.mean(behind[name]):+.1f}" for name in (*MODES, "own")) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, default=None, help="one part; all of them by default")
    parser.add_argument("--replications", type=int, default=200)
    parser.add_argument("--rows", type=int, nargs="+", default=[20, 40, 100, 300])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=4, help="of the real tables, and of the crowds")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scikit-learn {sklearn.__version__}, ", end="")
    print(f"{platform.machine()}, {os.cpu_count()} cores")
    run: dict[str, Callable[[], None]] = {
        "signs": lambda: simulated(options.replications, options.seed, options.rows),
        "worlds": lambda: worlds(options.replications // 2, options.seed),
        "classes": lambda: classes(options.replications // 2, options.seed),
        "crowds": lambda: crowds(options.draws),
        "real": lambda: real(options.draws),
    }
    for part in PARTS if options.part is None else [options.part]:
        start = time.perf_counter()
        run[part]()
        print(f"({part}: {time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
