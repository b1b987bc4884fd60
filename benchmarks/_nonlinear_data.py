"""The tables of benchmarks/nonlinear.py, and rows drawn from them.

Data: the folder CROSSTASK_DATA (default ../shared/data); what is missing is left out and named.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(os.environ.get("CROSSTASK_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))


def tables() -> dict[str, tuple[Any, Any, Any, bool]]:
    """Return X, y, task and whether the split is forward in time (by the third column of Parkinsons)."""
    found: dict[str, tuple[Any, Any, Any, bool]] = {}
    for name, file, forward in (
        ("school", "school", False),
        ("parkinsons", "parkinsons", False),
        ("parkinsons forward", "parkinsons", True),
        ("nlschools", "nlschools", False),
    ):
        path = DATA / f"{file}.npz"
        if not path.exists():
            print(f"{path} is missing: set CROSSTASK_DATA to the folder that holds it; {name} is left out.")
            continue
        data = np.load(path)
        y = data["y"].astype(float)
        codes = np.unique(data["task"], return_inverse=True)[1]
        found[name] = (data["X"].astype(float), y if y.ndim == 1 else y[:, 0], codes, forward)
    return found


def split(task: Any, n: int, seed: int, order: Any = None) -> tuple[Any, Any]:
    """Draw n rows of each task, or 70 % where n is 0 or too many; the earliest ones where there is an order."""
    rng = np.random.default_rng(seed)
    train = []
    for t in np.unique(task):
        rows = np.flatnonzero(task == t)
        size = n if 0 < n < len(rows) else max(1, int(0.7 * len(rows)))
        train.append((rng.permutation(rows) if order is None else rows[np.argsort(order[rows])])[:size])
    return np.concatenate(train), np.setdiff1d(np.arange(len(task)), np.concatenate(train))


def rows_of_tasks(name: str, n: int, seed: int) -> tuple[Any, Any] | None:
    """Return (X, y, task) to train on, n rows of each task, and to test on; of SARCOS other rows for each torque."""
    path = DATA / ("sarcos_test.npz" if name == "sarcos" else f"{name}.npz")
    if not path.exists():
        print(f"{path} is missing: {name} is left out.")
        return None
    rng = np.random.default_rng(seed)
    data = np.load(path)
    X, y = data["X"].astype(float), data["y"].astype(float)
    if name == "parkinsons":
        codes = np.unique(data["task"], return_inverse=True)[1]
        first, second = split(codes, n, seed)
        second = rng.permutation(second)[:1500]
        return (X[first], y[first, 0], codes[first]), (X[second], y[second, 0], codes[second])
    y = y / y.std(axis=0)
    rows = [rng.permutation(len(X))[: n + 300] for _ in range(7)]
    first, second = np.concatenate([r[:n] for r in rows]), np.concatenate([r[n:] for r in rows])
    own, to = np.repeat(np.arange(7), n), np.repeat(np.arange(7), 300)
    return (X[first], y[first, own], own), (X[second], y[second, to], to)
