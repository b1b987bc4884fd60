"""What outgrowing one machine costs: tables larger than memory, sites that keep their rows, many tasks, a cluster.

Prints a table for each. ``--quick`` takes a fiftieth of the rows. Parts: ``--only table``, ``passes``, ``sites``,
``tasks`` or ``cluster``.

    python benchmarks/scale.py
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn

FEATURES, TASKS = 20, 1000
NAMES = [*(f"x{j}" for j in range(FEATURES)), "y"]

OURS = """
import sys, time
import numpy as np
from crosstask import MultiTaskRegressor, TaskStatistics
TaskStatistics(n_folds=0).partial_fit(np.ones((2, 2)), [1.0, 2.0], [0, 1])  # kernels are loaded
base = peak()
start = time.perf_counter()
found = TaskStatistics.from_table(sys.argv[1], target="y", task="task", n_folds=int(sys.argv[2]))
took = time.perf_counter() - start
print(took, peak(), base, int(found.n_rows_.sum()))
"""

POLARS = """
import sys, time
import polars as pl
names = sys.argv[2].split(",")
start = time.perf_counter()
table = pl.scan_parquet(sys.argv[1]).with_columns([pl.col(name).cast(pl.Float64) for name in names])
pairs = [(a, b) for i, a in enumerate(names) for b in names[i:]]
sums = [pl.len().alias("n"), *(pl.col(a).sum().alias(f"sum_{a}") for a in names)]
sums += [(pl.col(a) * pl.col(b)).sum().alias(f"{a}_{b}") for a, b in pairs]
found = table.group_by("task").agg(sums).collect(engine="streaming")
took = time.perf_counter() - start
print(took, peak(), 0.0, int(found["n"].sum()))
"""

STREAM = """
import time
import numpy as np
from crosstask import TaskStatistics
import sys
rng, n, done = np.random.default_rng(0), int(sys.argv[1]), 0
found = TaskStatistics(n_folds=0)
start = time.perf_counter()
while done < n:
    X, task = rng.standard_normal((65_536, 20)), rng.integers(0, 1000, 65_536)
    found.partial_fit(X, X[:, 0], task)
    done += len(X)
print(time.perf_counter() - start, peak(), 0.0, done)
"""

PASSES = """
import re, sys, time
from crosstask import EncodedTasks, MultiTaskClassifier, MultiTaskRegressor
path, target, alpha = sys.argv[1], sys.argv[2], sys.argv[3]
given = {} if alpha == "auto" else {"alpha": float(alpha)}
model = MultiTaskClassifier(n_alphas=5, **given)
if target == "visits":
    model = MultiTaskRegressor(loss="poisson", n_alphas=5, **given)
said = []
start = time.perf_counter()
fitted = EncodedTasks(model, task_column="task")
fitted.fit_table(path, target=target, verbose=lambda done, total, text: said.append(text))
took = time.perf_counter() - start
rates = [int(re.search("([0-9,]+) rows a second", text).group(1).replace(",", "")) for text in said if " done" in text]
stated = sum(int(re.search("([0-9,]+) MB", text).group(1).replace(",", "")) for text in said if "memory" in text)
print(took, peak(), len(rates), min(rates), max(rates), stated, fitted.estimator_.gap_)
"""

MANY = """
import sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from crosstask import MultiTaskRegressor, TransferGuard
what, T = sys.argv[1], int(sys.argv[2])
rng, d = np.random.default_rng(0), 20
X, task = rng.standard_normal((T * 30, d)), rng.permutation(np.repeat(np.arange(T), 30))
W = rng.standard_normal(d) + 0.3 * rng.standard_normal((T, d))
y = np.einsum("ij,ij->i", X, W[task]) + rng.standard_normal(len(X))
own, pooled = MultiTaskRegressor("independent", alpha=0.1), MultiTaskRegressor("pooled", alpha=0.1)
tied, chosen = MultiTaskRegressor("mean_tied", alpha=0.1), MultiTaskRegressor("feature_norm", alpha=0.003)
guard = TransferGuard([("own", own), ("pooled", pooled), ("tied", tied)])
model = {"mean_tied": tied, "feature_norm": chosen, "guard": guard}[what]
small = np.arange(len(X))[task < 20]
model.fit(X[small], y[small], task=task[small]).predict(X[small], task=task[small])  # kernels are loaded
start = time.process_time()
model.fit(X, y, task=task)
fitted = time.process_time()
model.predict(X, task=task)
predicted = time.process_time()
said = len(str(model.verdict_)) if what == "guard" else 0
print(fitted - start, peak(), predicted - fitted, said)
"""


PEAK = """
import re
from pathlib import Path
def peak():  # what this process has used; ru_maxrss would count its parent too
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1)) / 1024
"""


def run(code: str, *arguments: object) -> list[float]:
    """Run a script in a process of its own and return the numbers that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        timeout=1800,
    )
    return [float(value) for value in done.stdout.split()]


def write_table(path: Path, n_rows: int) -> None:
    """Write a Parquet file of float32 columns, tasks in random order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    schema = pa.schema([*((name, pa.float32()) for name in NAMES), ("task", pa.int32())])
    with pq.ParquetWriter(path, schema) as writer:
        for _ in range(0, n_rows, 250_000):
            X = rng.standard_normal((FEATURES, 250_000), dtype=np.float32)
            y = X[:5].sum(axis=0) + rng.standard_normal(250_000, dtype=np.float32)
            columns = [pa.array(column) for column in (*X, y, rng.integers(0, TASKS, 250_000).astype(np.int32))]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema), row_group_size=250_000)


def table(quick: bool) -> None:
    """Statistics of a table on disk beside polars' sums, and fits from them."""
    from crosstask import TaskStatistics

    n_rows = 250_000 if quick else 10_000_000
    with tempfile.TemporaryDirectory(prefix="crosstask-scale-") as folder:
        path = Path(folder) / "table.parquet"
        write_table(path, n_rows)
        size = path.stat().st_size / 1e9
        print(
            f"\n{n_rows:,} rows x {FEATURES} columns x {TASKS} tasks, {size:.2f} GB of Parquet; least of 3, interleaved"
        )
        print("| what | seconds | peak MB | of which before the start |")
        runs = [
            (
                run(POLARS, path, ",".join(NAMES)),
                run(OURS, path, 0),
                run(OURS, path, 5),
            )
            for _ in range(1 if quick else 3)
        ]
        labels = ("polars, sums in float64", "TaskStatistics, no folds", "TaskStatistics, 5 folds")
        for label, each in zip(labels, zip(*runs, strict=True), strict=True):
            best = min(each)
            print(f"| {label} | {best[0]:.2f} | {max(one[1] for one in each):.0f} | {best[2]:.0f} |")
        print(
            f"ratio without folds: {min(r[1][0] for r in runs) / min(r[0][0] for r in runs):.2f} (asked: at most 1.5)"
        )
        found = TaskStatistics.from_table(path, target="y", task="task")
    print("\n| fit from the statistics | alpha given, s | alpha by 5 folds, s |")
    for coupling in ("independent", "pooled", "mean_tied", "feature_norm", "trace_norm"):
        print(f"| {coupling} | {fit_seconds(coupling, 0.01, found):.2f} | {fit_seconds(coupling, 'auto', found):.2f} |")
    for n in (500_000,) if quick else (10_000_000, 100_000_000):
        took, peak, _, done = run(STREAM, n)
        print(f"rows generated as they are read: {done:,.0f} rows, {took:.0f} s, peak {peak:.0f} MB")


def passes(quick: bool) -> None:
    """Logistic and Poisson fits of a raw table on disk: text, gaps, 100 tasks."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, step = np.random.default_rng(0), 250_000
    n_rows = step if quick else 8 * step
    with tempfile.TemporaryDirectory(prefix="crosstask-scale-") as folder:
        path = Path(folder) / "raw.parquet"
        writer = None
        for _ in range(0, n_rows, step):
            X, task = rng.standard_normal((10, step), dtype=np.float32), rng.integers(0, 100, step)
            ward = rng.choice(np.array(["east", "west", "north", "south", "home"]), step)
            z = 0.5 * X[:3].sum(axis=0) + 0.4 * (ward == "east") + 0.01 * task - 1.0
            columns = {f"x{j}": np.where(rng.random(step) < 0.05, np.nan, x) for j, x in enumerate(X)}
            columns |= {"ward": ward, "task": task.astype(np.int32)}
            batch = pa.table(
                columns | {"ill": rng.random(step) < 1 / (1 + np.exp(-z)), "visits": rng.poisson(np.exp(z))}
            )
            writer = writer or pq.ParquetWriter(path, batch.schema)
            writer.write_table(batch)
        assert writer is not None
        writer.close()
        print(f"\n{n_rows:,} rows x 10 numbers with gaps and a category (25 encoded columns) x 100 tasks")
        print("| target | alpha | passes | seconds | rows a second in a pass | stated MB | peak MB | gap |")
        for target, alpha in (("ill", 0.01), ("ill", "auto"), ("visits", 0.01)):
            took, peak, n, slow, fast, stated, gap = run(PASSES, path, target, alpha)
            speed, memory = f"{slow:,.0f} to {fast:,.0f}", f"{stated:.0f} | {peak:.0f}"
            print(f"| {target} | {alpha} | {n:.0f} | {took:.0f} | {speed} | {memory} | {gap:.0e} |", flush=True)


def cluster() -> None:
    """Folds on a Dask cluster of one worker and of two, on this machine."""
    import joblib
    from distributed import Client, LocalCluster

    from crosstask import MultiTaskRegressor
    from crosstask.datasets import make_related_tasks

    data = make_related_tasks(n_tasks=500, n_rows=100, n_features=20, random_state=0)

    def fit() -> float:
        start = time.perf_counter()
        MultiTaskRegressor("task_covariance", cv=10, n_alphas=30, n_jobs=2).fit(data.X, data.y, task=data.task)
        return time.perf_counter() - start

    seconds: dict[int, list[float]] = {1: [], 2: []}
    options = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    for _ in range(3):
        for n_workers, found in seconds.items():
            with (
                LocalCluster(n_workers=n_workers, **options) as local,
                Client(local),
                joblib.parallel_config("dask", wait_for_workers_timeout=60),
            ):
                fit()  # kernels are loaded
                found.append(fit())
    print("\ntask_covariance, 500 tasks x 100 rows x 20 columns, 10 folds x 30 alphas; least of three clusters")
    print("| workers | seconds |")
    for n_workers, found in seconds.items():
        print(f"| {n_workers} | {min(found):.2f} |")
    print(f"two workers are {min(seconds[1]) / min(seconds[2]):.2f} times as fast as one")
    print(f"two processes of plain Python have {throughput():.2f} times the throughput of one on this machine now")


def throughput() -> float:
    """Return what two processes get done beside one, which nothing that runs on two workers can exceed."""
    code = "sum(range(60_000_000))"

    def take(n: int) -> float:
        start = time.perf_counter()
        for one in [subprocess.Popen([sys.executable, "-c", code]) for _ in range(n)]:
            one.wait()
        return time.perf_counter() - start

    return 2.0 * min(take(1) for _ in range(3)) / min(take(2) for _ in range(3))


def fit_seconds(coupling: str, alpha: object, found: object) -> float:
    """Time a fit from statistics, kernels loaded."""
    from crosstask import MultiTaskRegressor

    model = MultiTaskRegressor(coupling, alpha=alpha)  # type: ignore[arg-type]
    best = np.inf
    for _ in range(2):
        start = time.perf_counter()
        model.fit_statistics(found)  # type: ignore[arg-type]
        best = min(best, time.perf_counter() - start)
    return best


def sites() -> None:
    """Four hospitals: summaries and rounds against the fit of all rows in one place."""
    from crosstask import LogisticCentre, LogisticSite, MultiTaskClassifier, MultiTaskRegressor, TaskStatistics

    rng = np.random.default_rng(0)
    X, task = rng.normal(50, 10, size=(900, 8)), np.repeat(["a", "b", "c", "d"], [300, 290, 190, 120])
    place = np.unique(task, return_inverse=True)[1]
    slope = 0.05 * (rng.normal(size=8) + 0.3 * rng.normal(size=(4, 8)))
    z = ((X - 50) * slope[place]).sum(axis=1) + rng.normal(size=4)[place]
    y, ill = z + rng.normal(size=900), (rng.random(900) < 1 / (1 + np.exp(-z))).astype(int)
    print("\nfour hospitals, 900 rows x 8 columns: greatest differences from the fit of all rows, alpha by CV")
    print("| loss | coupling | coefficients | alpha | rounds |")
    parts = [np.flatnonzero(task == one) for one in "abcd"]
    for coupling in ("independent", "pooled", "mean_tied", "feature_norm", "trace_norm", "task_covariance", "dirty"):
        merged = TaskStatistics()
        for part in parts:
            merged = merged.merge(TaskStatistics().partial_fit(X[part], y[part], task[part]))
        cv = folds_of(TaskStatistics().folds(X, y))
        rows = MultiTaskRegressor(coupling, cv=cv).fit(X, y, task=task)
        moments = MultiTaskRegressor(coupling).fit_statistics(merged)
        print(f"| squared | {coupling} | {difference(rows, moments)} | 1 |")
    members = [LogisticSite(X[part], ill[part], task[part], classes=[0, 1]) for part in parts]
    cv = folds_of(TaskStatistics().folds(X, ill))
    for coupling in ("independent", "pooled", "mean_tied"):
        rows = MultiTaskClassifier(coupling, cv=cv, tol=1e-15).fit(X, ill, task=task)
        centre = LogisticCentre(MultiTaskClassifier(coupling), [one.summary() for one in members], classes=[0, 1])
        print(f"| logistic | {coupling} | {difference(rows, centre.run(members))} | {centre.n_rounds_} |")


def folds_of(fold: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return (training rows, held-out rows) of each fold."""
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(5)]


def difference(one: object, other: object) -> str:
    """Greatest differences of coefficients (intercepts included) and of alpha, the latter relative."""
    coef = max(np.abs(one.coef_ - other.coef_).max(), np.abs(one.intercept_ - other.intercept_).max())  # type: ignore[attr-defined]
    alpha = np.abs(np.asarray(one.alpha_) / other.alpha_ - 1).max()  # type: ignore[attr-defined]
    return f"{coef:.1e} | {alpha:.1e}"


def tasks(quick: bool, largest: int) -> None:
    """Time and memory over the number of tasks."""
    sizes = (100, 300, 1000) if quick else (1000, 10_000, 100_000)
    print("\n30 rows x 20 columns a task; processor seconds, peak MB")
    print("| what | tasks | fit s | predict s | peak MB | verdict, characters |")
    for what in ("mean_tied", "feature_norm", "guard"):
        used, memory = [], []
        counts = [T for T in sizes if what != "guard" or largest >= T]
        for T in counts:
            fit, peak, predict, said = run(MANY, what, T)
            used.append(fit)
            memory.append(peak)
            print(f"| {what} | {T:,} | {fit:.2f} | {predict:.2f} | {peak:.0f} | {said:.0f} |", flush=True)
        steps = np.log10(np.array(counts[1:]) / np.array(counts[:-1]))
        slopes = np.diff(np.log10(used)) / steps
        print(f"{what}: slope of the time {', '.join(f'{s:.2f}' for s in slopes)} (asked: at most 1.1)")
    X, coef = np.random.default_rng(0).standard_normal((1_000_000, 20)), np.zeros(20)
    start = time.perf_counter()
    _ = X @ coef
    print(f"one product of a million rows: {time.perf_counter() - start:.3f} s")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--largest", type=int, default=100_000, help="tasks for the guard")
    parser.add_argument("--only", choices=("table", "passes", "sites", "tasks", "cluster"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    versions = f"numpy {np.__version__}, scikit-learn {sklearn.__version__}"
    print(f"Python {platform.python_version()}, {versions}, {platform.machine()}")
    if options.only in (None, "sites"):
        sites()
    if options.only in (None, "table"):
        table(options.quick)
    if options.only in (None, "passes"):
        passes(options.quick)
    if options.only in (None, "cluster"):
        cluster()
    if options.only in (None, "tasks"):
        tasks(options.quick, options.largest)


if __name__ == "__main__":
    main()
