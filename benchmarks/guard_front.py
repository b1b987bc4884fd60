"""What rules of the guard give away for what they protect: python benchmarks/guard_front.py [--replications 100].

Each line is a rule on the same tables of 20 rows a task (ten tasks, and four): the change of the loss of flipped tasks,
in their worst cell, and the share of the best candidate's gain that identical tasks keep. Three families are swept:

- fixed: n own(v) + m others(v) + kappa u log C (1 - v_own), the same m and kappa for every task;
- release: one stack for all, and "cautious" for tasks on whose own rows it does harm, from a number of nats on;
- prototype: m = n s_t^2 / tau^2 (at most 400) by DerSimonian and Laird on the gains of the shared stack, kappa .25, and
  own evidence alone (kappa 1) where the posterior mean of a task's gain is negative.

A rule is on the front where no other rule keeps more and harms less. ``--classes`` is the same for log loss.
"""

from __future__ import annotations

import argparse
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.guard import MODES, draw_cell, tables_of
from benchmarks.guard_batch import Tables, batch_weights, logarithmic
from benchmarks.guard_logistic import draw as draw_classes
from benchmarks.guard_parts import best_candidate, change, share, upper

from crosstask.guard._simplex import minimise_convex, minimise_quadratic

Array = NDArray[np.float64]
ROWS = 20
PRIOR_ROWS = (0.0, 10.0, 20.0, 40.0, 80.0, 160.0, 400.0)
KAPPAS = (0.0, 0.25, 0.5, 1.0, 2.0)
NATS = (-1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 4.0)
MOST_PRIOR_ROWS = 400.0


def pooled_weights(tables: Tables, prior_rows: Array, kappa: Array) -> Array:
    """Minimise n own(v) + m others(v) + kappa u log C (1 - v_own) with m and kappa of each task, (R, T)."""
    n, scale = tables.n, tables.scale()
    R, T, C = *tables.y.shape[:2], tables.predictions.shape[-1]
    shared = batch_weights(tables, "bold")
    _, slope, bend = tables.model(shared, scale)
    linear = slope - np.matmul(bend, shared[..., None])[..., 0]
    others_bend = (bend.sum(axis=1, keepdims=True) - bend) / (n * (T - 1))
    others_linear = (linear.sum(axis=1, keepdims=True) - linear) / (n * (T - 1))
    pull = prior_rows[..., None, None] * others_bend
    push = prior_rows[..., None] * others_linear + (kappa * tables.loss.unit * np.log(C))[..., None]
    push[..., 0] = (prior_rows[..., None] * others_linear)[..., 0]
    if tables.loss.quadratic:
        flat = minimise_quadratic((bend + pull).reshape(-1, C, C), (linear + push).reshape(-1, C))
        return flat.reshape(R, T, C)

    def objective(v: Array) -> tuple[Array, Array, Array]:
        weights = v.reshape(R, T, C)
        value, first, second = tables.model(weights, scale)
        pulled = np.matmul(pull, weights[..., None])[..., 0]
        value = value + (weights * (0.5 * pulled + push)).sum(axis=2)
        return value.reshape(-1), (first + pulled + push).reshape(-1, C), (second + pull).reshape(-1, C, C)

    return minimise_convex(objective, np.full((R * T, C), 1.0 / C)).reshape(R, T, C)


def prototype(tables: Tables) -> Array:
    """Return the weights of the prototype: pooled evidence, kappa .25, and release."""
    n, scale = tables.n, tables.scale()
    R, T, C = *tables.y.shape[:2], tables.predictions.shape[-1]
    everyone = np.full((R, T), 1e9)  # rows of the others, beside which a task's own count nothing
    crowd = pooled_weights(tables, everyone, np.zeros((R, T)))
    own = tables.at(np.broadcast_to(np.eye(C)[0], (R, T, C)))
    gains = (own - tables.at(crowd)) / scale[..., None]
    gain, spread = gains.mean(axis=2), gains.var(axis=2, ddof=1)
    error = np.maximum((spread + np.median(spread, axis=1, keepdims=True)) / 2.0 / n, 1e-12)  # no gain anywhere: 0
    w = 1.0 / error
    centre = (w * gain).sum(axis=1) / w.sum(axis=1)
    q = (w * (gain - centre[:, None]) ** 2).sum(axis=1)
    between = (q - (T - 1)) / (w.sum(axis=1) - (w * w).sum(axis=1) / w.sum(axis=1))
    between = np.maximum(between, 1e-12)[:, None]
    known = 1.0 / (error + between)
    mean = (known * gain).sum(axis=1, keepdims=True) / known.sum(axis=1, keepdims=True)
    released = gain / error + mean / between < 0.0
    prior_rows = np.where(released, 0.0, np.minimum(n * error / between, MOST_PRIOR_ROWS))
    return pooled_weights(tables, prior_rows, np.where(released, 1.0, 0.25))


def rules(tables: Tables, borrowed: Any) -> dict[str, Array]:
    """Return the weights of every rule."""
    R, T = tables.y.shape[:2]
    found = {mode: batch_weights(tables, mode, borrowed) for mode in MODES}
    for m in PRIOR_ROWS:
        for kappa in KAPPAS:
            found[f"fixed, m = {m:g}, kappa = {kappa:g}"] = pooled_weights(
                tables, np.full((R, T), m), np.full((R, T), kappa)
            )
    own = tables.of_rows(tables.predictions[..., 0]).mean(axis=2)
    nats = (tables.at(found["bold"]).mean(axis=2) - own) / tables.scale() * tables.n / tables.loss.unit
    for threshold in NATS:
        found[f"release, from {threshold:g} nats"] = np.where(
            (nats > threshold)[..., None], found["cautious"], found["bold"]
        )
    found["prototype"] = prototype(tables)
    if borrowed is not None:
        found = {
            name: np.where(borrowed[..., None], weights * 0 + found["bold"], weights) for name, weights in found.items()
        }
    return found


def front(n_tasks: int, n_flipped: int, n_tables: int, seed: int, *, classes: bool) -> None:
    """Print what each rule on the front, and each that has a name, costs and protects."""
    lines: dict[str, list[Any]] = {}
    cells = [(1.0, 0), (0.0, 0), *((r, n_flipped) for r in (0.0, 0.5, 0.9, 1.0))]
    for key in cells:
        if classes:
            cell: Any = draw_classes(ROWS, *key, n_tasks=n_tasks, n_tables=n_tables, seed=seed)
            tables, borrowed = logarithmic(cell.held_out), cell.borrowed
        else:
            cell = draw_cell(ROWS, *key, n_tasks, n_tables, seed)
            tables, borrowed = tables_of(cell), None
        best = best_candidate(cell) if key == (1.0, 0) else None
        for name, weights in rules(tables, borrowed).items():
            found = change(cell, weights)
            line = lines.setdefault(name, [0.0, 0.0, -np.inf, -np.inf, -np.inf, -np.inf])
            if best is not None:
                line[:2] = share(found, best)
            else:
                line[2:4] = max(line[2:4], [100 * float(found.mean()), upper(found.mean(axis=1))])
            if key[1]:
                flipped = found[:, cell.flipped].mean(axis=1)
                line[4:] = max(line[4:], [100 * float(flipped.mean()), upper(flipped)])
    what = "log loss" if classes else "squared error"
    print(f"\n{n_tasks} tasks of {ROWS} rows, {n_tables} tables, {what}, per cent")
    print("| rule | identical tasks keep | worst cell | flipped tasks, worst | |\n|---|---|---|---|---|")
    for name, (kept, half, cell_mean, cell_upper, harm, harm_upper) in sorted(lines.items(), key=lambda x: x[1][4]):
        beaten = [o for o, line in lines.items() if line[0] > kept and line[4] < harm]
        if beaten and name not in (*MODES, "prototype"):
            continue
        by = f"beaten by {min(beaten, key=lambda o: lines[o][4])!r}" if beaten else "on the front"
        print(
            f"| {name} | {kept:.1f} ± {half:.1f} % | {cell_mean:+.1f} ({cell_upper:+.1f}) | "
            f"{harm:+.1f} ({harm_upper:+.1f}) | {by} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1000, help="the constants were chosen on seeds 0 to 3")
    parser.add_argument("--classes", action="store_true")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {platform.machine()}")
    for n_tasks, n_flipped in ((10, 2), (4, 1)):
        front(n_tasks, n_flipped, options.replications, options.seed, classes=options.classes)


if __name__ == "__main__":
    main()
