"""How fast a loaded linear model answers: cold start, one row, ten thousand rows.

Run it on a quiet machine: ``python benchmarks/serve.py [--calls 2000]``.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import warnings
from importlib import metadata
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

import crosstask as ct
from crosstask.datasets import load_heart

NOT_NEEDED = ("numba", "matplotlib", "jinja2")

COLD = """
import sys, time
start, begun = time.perf_counter(), time.process_time()
import crosstask as ct
model = ct.load(sys.argv[1])
loaded = time.perf_counter()
import pandas as pd
frame = pd.read_json(sys.argv[2])
ready = time.perf_counter()
model.predict(frame)
done = time.perf_counter()
import json
heavy = [name for name in sys.argv[3].split(",") if name in sys.modules]
spent = {"load": loaded - start, "first": done - ready, "processor": time.process_time() - begun}
print(json.dumps({**spent, "heavy": heavy}))
"""


def fitted_models(folder: Path) -> dict[str, tuple[Path, Any]]:
    """Fit, save and name the models, each with the table that it answers for."""
    table = load_heart()
    some = table.groupby("hospital").sample(60, random_state=0)
    X, y = some.drop(columns="ill"), some["ill"]
    flagship = ct.CrossTaskClassifier("linear", task_column="hospital", random_state=0).fit(X, y)
    numbers = X.fillna(X.select_dtypes("number").mean())
    plain = ct.MultiTaskClassifier("mean_tied", task_column="hospital", alpha=0.01).fit(numbers, y)
    every = table.drop(columns="ill")
    filled = every.fillna(every.select_dtypes("number").mean())
    return {
        "CrossTaskClassifier, linear": (ct.save(flagship, folder / "flagship.skops"), every),
        "MultiTaskClassifier": (ct.save(plain, folder / "plain.skops"), filled),
    }


def cold_start(path: Path, table: Any, folder: Path) -> dict[str, Any]:
    """Load and predict once in a fresh process."""
    rows = folder / "row.json"
    table.head(1).to_json(rows)
    command = [sys.executable, "-c", COLD, str(path), str(rows), ",".join(NOT_NEEDED)]
    start = perf_counter()
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return {**json.loads(answer.stdout), "whole": perf_counter() - start}


def milliseconds(call: Any, times: int) -> str:
    """Say median and 99th percentile of so many calls, and the median of processor time, which no neighbour delays."""
    wall, processor = np.empty(times), np.empty(times)
    for i in range(times):
        start, begun = perf_counter(), process_time()
        call(i)
        wall[i], processor[i] = perf_counter() - start, process_time() - begun
    median, tail = np.quantile(wall, [0.5, 0.99]) * 1e3
    return f"{median:6.2f} ms median, {tail:6.2f} ms 99th percentile, {np.median(processor) * 1e3:6.2f} ms of processor"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="one-row predictions")
    calls = parser.parse_args().calls
    versions = {name: metadata.version(name) for name in ("crosstask", "scikit-learn", "numpy", "pandas", "skops")}
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {text}" for name, text in versions.items()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, (path, table) in fitted_models(folder).items():
            cold = cold_start(path, table, folder)
            model = ct.load(path)
            one = [table.iloc[[i]] for i in range(len(table))]
            many = table.sample(10_000, replace=True, random_state=0).reset_index(drop=True)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                one_row = milliseconds(lambda i: model.predict(one[i % len(one)]), calls)  # noqa: B023
                ten_thousand = milliseconds(lambda _: model.predict(many), max(calls // 20, 20))  # noqa: B023
            print(f"\n{title} ({path.stat().st_size / 1024:.0f} KiB)")
            print(
                f"  cold start     {cold['whole']:.2f} s, of which import and load {cold['load']:.2f} s and the first "
                f"prediction {cold['first'] * 1e3:.1f} ms; {cold['processor']:.2f} s of processor"
            )
            print(f"  one row        {one_row}")
            print(f"  10 000 rows    {ten_thousand}")
            print(f"  imported of {', '.join(NOT_NEEDED)}: {', '.join(cold['heavy']) or 'none'}")


if __name__ == "__main__":
    main()
