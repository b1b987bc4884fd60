"""Several methods on one problem: interleaved runs, the least time of each, how far each is from the best answer."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
PEERS = Path(os.environ.get("CROSSTASK_PEERS", HERE.parent / ".venv-peers" / "bin" / "python"))
CLOSE = 1e-6


class Worker:
    """Another process that fits peers, see ``_peers.py``."""

    def __init__(self, python):
        self.folder = Path(tempfile.mkdtemp())
        self.process = subprocess.Popen(
            [str(python), str(HERE / "_peers.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.names = itertools.count()

    def give(self, **arrays):
        """Write a problem down and return its name."""
        path = self.folder / f"{next(self.names)}.npz"
        np.savez(path, **arrays)
        return str(path)

    def method(self, peer, given):
        """Return a method that fits ``peer`` on a problem."""
        output = str(self.folder / "coef.npy")

        def run(tol):
            ask = {"peer": peer, "input": given, "output": output, "tol": tol}
            self.process.stdin.write(json.dumps(ask) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline() or '{"error": "the process of the peers ended"}')
            if "error" in answer:
                raise RuntimeError(answer["error"])
            return np.load(output).T, answer["seconds"]

        return run


def workers():
    """Return workers by the package that they can fit."""
    own = Worker(sys.executable)
    if not PEERS.exists():
        print(f"celer and adelie are left out: {PEERS} is missing (make bench builds it, or set CROSSTASK_PEERS).")
        return {"skglm": own}
    other = Worker(PEERS)
    return {"skglm": own, "celer": other, "adelie": other}


def timed(work):
    """Return a method from a function of tol that returns slopes (T, d)."""

    def run(tol):
        start = time.perf_counter()
        coef = work(tol)
        return coef, time.perf_counter() - start

    return run


def race(title, methods, objective, best=None, repeat=5):
    """Print each method's time and distance at each of its tolerances; return the times to within 1e-6."""
    seconds, values, failed = {}, {}, {}
    for turn, (name, (run, tols)) in itertools.product(range(repeat), methods.items()):
        for tol in tols:
            if name in failed or (turn and seconds[name, tol] > 5.0):
                continue
            try:
                coef, spent = run(tol)
            except Exception as error:
                failed[name] = f"{type(error).__name__}: {error}"
                continue
            seconds[name, tol] = min(spent, seconds.get((name, tol), np.inf))
            values[name, tol] = objective(coef)
    best = min([*values.values()] + ([best] if best else []))
    print(f"\n{title}\n{'method':34} {'tol':>7} {'seconds':>9} {'above best':>11}")
    for (name, tol), spent in seconds.items():
        print(f"{name:34} {tol:7.0e} {spent:9.4f} {values[name, tol] / best - 1:11.1e}")
    for name, error in failed.items():
        print(f"{name:34} failed: {error}")
    there: dict[str, float] = {}
    for (name, tol), spent in seconds.items():
        if values[name, tol] / best - 1 <= CLOSE:
            there[name] = min(spent, there.get(name, np.inf))
    ours = there.get("crosstask", np.nan)
    if len(there) > 1:
        ratios = ", ".join(f"{name} {spent / ours:.2f}" for name, spent in there.items() if name != "crosstask")
        print(f"to {CLOSE:.0e}: crosstask {ours:.4f} s; times of it: {ratios}")
    missed = [name for name, _ in seconds if name not in there]
    if missed:
        print(f"never within {CLOSE:.0e}: {', '.join(dict.fromkeys(missed))}")
    return there
