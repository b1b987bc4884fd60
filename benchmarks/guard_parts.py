"""Parts of benchmarks/guard.py: what no rule can pass, worlds, classes and crowds. Each prints its table."""

from __future__ import annotations

from typing import Any

import numpy as np
from benchmarks.guard_batch import Tables, batch_weights, logarithmic, squared
from benchmarks.guard_logistic import draw as draw_classes
from benchmarks.guard_worlds import KINDS
from benchmarks.guard_worlds import draw as draw_world
from numpy.typing import NDArray

from crosstask.guard._losses import LogMixture

Array = NDArray[np.float64]
MODES = ("balanced", "cautious", "bold")
MOST_HARM = 6.0  # per cent, of flipped tasks at 20 rows


def change(cell: Any, weights: Array) -> Array:
    """Relative change of the expected loss against the own model, the first candidate, (R, T)."""
    return cell.risk(weights) / cell.risk(np.broadcast_to(np.eye(weights.shape[-1])[0], weights.shape)) - 1.0


def upper(values: Array) -> float:
    """Upper end of a 95 % interval of the mean over replications, in per cent."""
    return 100 * float(values.mean() + 1.96 * values.std(ddof=1) / np.sqrt(len(values)))


def best_candidate(cell: Any) -> Array:
    """Change of each table under the one candidate that is best on average, (R,)."""
    shape = (*cell.shape, 5)
    alone = [change(cell, np.broadcast_to(np.eye(5)[c], shape)).mean(axis=1) for c in range(5)]
    return min(alone, key=lambda found: float(found.mean()))


def share(found: Array, best: Array) -> tuple[float, float]:
    """Share of the best candidate's gain that is kept, and half its interval, in per cent; NaN without a gain."""
    if best.mean() == 0.0:
        return float("nan"), float("nan")
    mean = found.mean(axis=1)
    kept = mean.mean() / best.mean()
    error = (mean - kept * best).std(ddof=1) / np.sqrt(len(mean)) / abs(best.mean())
    return 100 * float(kept), 196 * float(error)


def bounds(cells: dict[tuple[float, int], tuple[Any, Tables]], n_rows: int) -> None:
    """Print what identical tasks keep under rules that know more, or protect less, than a guard may."""
    cell, tables = cells[1.0, 0]
    best, eye = best_candidate(cell), np.eye(tables.predictions.shape[-1])
    shape = (*tables.y.shape[:2], len(eye))
    told = batch_weights(tables, "bold")
    losses = tables.of_rows(np.moveaxis(tables.predictions, -1, 0)).mean(axis=(2, 3))
    picked = np.broadcast_to(eye[losses.argmin(axis=0)][:, None], shape)
    print(f"\nidentical tasks, {shape[1]} of {n_rows} rows: share of the best candidate's gain that is kept")
    for name, weights in (
        ("told that all tasks are alike, weights from the same held-out losses", told),
        ("told so, and one candidate chosen by these losses", picked),
    ):
        kept, half = share(change(cell, weights), best)
        print(f"| {name} | {kept:.1f} ± {half:.1f} % |")
    kept, half, harm = _best_release(cells, best)
    print(
        f"| one stack, own evidence for tasks that it harms on their own rows; the best threshold at which "
        f"flipped tasks lose at most {MOST_HARM:g} % ({harm:+.1f}) | {kept:.1f} ± {half:.1f} % |",
        flush=True,
    )


def _best_release(cells: dict[tuple[float, int], tuple[Any, Tables]], best: Array) -> tuple[float, float, float]:
    """Sweep the harm, in nats, from which a task is let go; the threshold is chosen knowing the answer."""
    parts = {}
    for key, (cell, tables) in cells.items():
        if key == (1.0, 0) or key[1]:
            shared, alone = batch_weights(tables, "bold"), batch_weights(tables, "cautious")
            own = tables.of_rows(tables.predictions[..., 0]).mean(axis=2)
            nats = (tables.at(shared).mean(axis=2) - own) / tables.scale() * tables.n / tables.loss.unit
            parts[key] = (cell, shared, alone, nats)
    found = (-np.inf, 0.0, 0.0)
    for threshold in np.linspace(-1.0, 6.0, 57):
        changes = {
            key: change(cell, np.where((nats > threshold)[..., None], alone, shared))
            for key, (cell, shared, alone, nats) in parts.items()
        }
        harm = max(upper(c[:, parts[key][0].flipped].mean(axis=1)) for key, c in changes.items() if key[1])
        kept, half = share(changes[1.0, 0], best)
        if harm <= MOST_HARM and kept > found[0]:
            found = (kept, half, harm)
    return found


def worlds(n_tables: int, seed: int) -> None:
    """Print, for each world, the change of all tasks and of those that it is about."""
    print(f"\nworlds: 10 tasks, {n_tables} tables, relatedness .9; change against the own model, per cent")
    print("| world | rows | best candidate | " + " | ".join(f"{mode}: all | its odd tasks" for mode in MODES) + " |")
    for kind, about in KINDS.items():
        for n_rows in (20, 40, 100):
            world = draw_world(kind, n_rows, 0.9, n_tables=n_tables, seed=seed)
            tables = squared(world.y[..., None] - world.residuals, world.y)
            cells = []
            for mode in MODES:
                found = change(world, batch_weights(tables, mode))
                odd = found[:, world.odd].mean(axis=1)
                cells.append(f"{100 * found.mean():+.1f} ({upper(found.mean(axis=1)):+.1f})")
                cells.append("" if about == "all" else f"{100 * odd.mean():+.1f} ({upper(odd):+.1f})")
            best = 100 * float(best_candidate(world).mean())
            print(f"| {kind} | {n_rows} | {best:+.1f} | " + " | ".join(cells) + " |", flush=True)


def classes(n_tables: int, seed: int) -> None:
    """Print the signs grid for logistic truths, under the charges that could have been."""
    sizes, grid = (20, 40, 100), [(r, k) for r in (0.0, 0.5, 0.9, 1.0) for k in (0, 2)]
    print(f"\nclasses: 10 tasks, {n_tables} tables; change of the log loss against the own model, per cent")
    print("| rows | mode | one nat counts | charge for uneven | mean | worst cell | flipped, worst | kept |")
    for n_rows in sizes:
        drawn = {key: draw_classes(n_rows, *key, n_tables=n_tables, seed=seed) for key in grid}
        settings = [(mode, 1.0, 4.0) for mode in MODES]
        settings += [("balanced", 0.5, 4.0), ("balanced", 2.0, 4.0), ("balanced", 1.0, 0.0)]
        settings += [("cautious", 0.5, 4.0), ("cautious", 2.0, 4.0)]
        for mode, unit, even in settings:
            found = {
                key: change(
                    w, batch_weights(logarithmic(w.held_out, LogMixture(unit=unit, even=even)), mode, w.borrowed)
                )
                for key, w in drawn.items()
            }
            worst = max(found.values(), key=lambda f: upper(f.mean(axis=1)))
            flipped = max((f[:, :2].mean(axis=1) for key, f in found.items() if key[1]), key=upper)
            kept, half = share(found[1.0, 0], best_candidate(drawn[1.0, 0]))
            mean = 100 * np.mean([f.mean() for f in found.values()])
            print(
                f"| {n_rows} | {mode} | {unit:g} | {even:g} | {mean:+.1f} | "
                f"{100 * worst.mean():+.1f} ({upper(worst.mean(axis=1)):+.1f}) | "
                f"{100 * flipped.mean():+.1f} ({upper(flipped):+.1f}) | {kept:.1f} ± {half:.1f} % |",
                flush=True,
            )


def crowds(n_draws: int) -> None:
    """Print what the candidate "groups" changes in the flagship, on one crowd, two crowds, and two tasks turned."""
    from crosstask import CrossTaskRegressor

    plain = ["task mean", "own", "pooled", "mean tied", "easy adapt", "feature norm"]
    print(f"\nflagship, 10 tasks, {n_draws} draws, relatedness .9: change of the error against own models, per cent")
    print('| tasks | rows | without "groups" | by default | draws in which "groups" joined |')
    for kind in ("one crowd", "two crowds", "two of ten flipped"):
        for n_rows in (20, 40, 100):
            changes, joined = [], 0
            for seed in range(n_draws):
                X, y, task, new, truth, new_task = _crowd_table(kind, n_rows, seed)
                risk = {}
                for name, candidates in (("own", ["own"]), ("without", plain), ("default", "default")):
                    model = CrossTaskRegressor(candidates, random_state=seed).fit(X, y, task=task)
                    risk[name] = 1.0 + np.mean((model.predict(new, task=new_task) - truth) ** 2)
                joined += "groups" in model.candidates_
                changes.append([100 * (risk[name] / risk["own"] - 1) for name in ("without", "default")])
            without, default = np.mean(changes, axis=0)
            print(f"| {kind} | {n_rows} | {without:+.1f} | {default:+.1f} | {joined} of {n_draws} |", flush=True)


def _crowd_table(kind: str, n_rows: int, seed: int) -> tuple[Array, ...]:
    from benchmarks.guard_worlds import slopes

    rng = np.random.default_rng([seed, n_rows, 5])
    W = slopes(rng, (1, 10), 0.9, 2 if kind == "two crowds" else 1)[0]
    if kind == "two of ten flipped":
        W[:2] *= -1.0
    task, new_task = np.repeat(np.arange(10), n_rows), np.repeat(np.arange(10), 400)
    X, new = rng.standard_normal((len(task), 10)), rng.standard_normal((len(new_task), 10))
    y = np.einsum("nd,nd->n", X, W[task]) + rng.standard_normal(len(task))
    return X, y, task, new, np.einsum("nd,nd->n", new, W[new_task]), new_task
