"""Feed the command mutated tables and model files: no traceback, nothing half written, memory within a bound.

``python benchmarks/fuzz.py [--seconds 600] [--seed 0]`` prints what was tried and how often the command refused, and
ends with an error at the first case that breaks a promise; the seed and the number of the case find it again.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import platform
import resource
import shutil
import sys
import tempfile
from collections import Counter
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd

import crosstask as ct
from crosstask.cli._run import run

MOST_MEMORY = 512  # MiB that the process may grow by, all cases together
WORDS = [
    "",
    "NA",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "0x10",
    "1,5",
    "=1+1",
    "yes",
    "2024-05-31",
    "\x00",
    "é",
    '"',
    "x" * 5000,
]
PACKAGES = ("crosstask", "scikit-learn", "pandas", "skops")
DELIMITERS = [",", ";", "\t", "|", " "]


class Broken(AssertionError):
    """A case that broke a promise."""


def make_inputs(folder: Path) -> None:
    """Write a table with its target, new rows of known and unknown tasks, and two models."""
    rng = np.random.RandomState(0)
    frame = pd.DataFrame({"ward": np.tile(["017", "018", "b"], 16), "age": rng.normal(50, 9, 48).round(1)})
    frame["colour"] = rng.choice(["red", "green", ""], 48)
    frame["ill"] = np.where(frame["age"] + rng.normal(0, 6, 48) > 50, "yes", "no")
    frame.to_csv(folder / "table.csv", index=False)
    frame.iloc[:9].assign(ward="new").to_csv(folder / "late.csv", index=False)
    frame.drop(columns="ill").iloc[:9].to_csv(folder / "rows.csv", index=False)
    frame.drop(columns="ill").iloc[:9].to_parquet(folder / "rows.parquet")
    X, y = frame.drop(columns="ill"), frame["ill"]
    model = ct.CrossTaskClassifier(["pooled"], task_column="ward", cv=2, random_state=0).fit(X, y)
    ct.save(model, folder / "flagship.skops")
    numbers = X.drop(columns="colour")
    ct.save(ct.MultiTaskClassifier(alpha=0.1, task_column="ward").fit(numbers, y), folder / "linear.skops")


def mutated_text(text: str, rng: np.random.RandomState) -> bytes:
    """Return a table with one to four things wrong."""
    for _ in range(rng.randint(1, 4)):
        lines = text.split("\n")
        at = rng.randint(len(lines))
        cells = lines[at].split(",")
        kind = rng.randint(9)
        if kind == 0:
            cells[rng.randint(len(cells))] = WORDS[rng.randint(len(WORDS))]
        elif kind == 1:
            cells = cells[: rng.randint(len(cells) + 1)]
        elif kind == 2:
            cells += [WORDS[rng.randint(len(WORDS))]] * rng.randint(1, 3)
        elif kind == 3:
            cells = [WORDS[rng.randint(len(WORDS))]] * len(cells)
        lines[at] = ",".join(cells)
        if kind == 4:
            del lines[at]
        elif kind == 5:
            lines.insert(at, lines[rng.randint(len(lines))])
        elif kind == 6:
            lines = [line.replace(",", DELIMITERS[rng.randint(len(DELIMITERS))]) for line in lines]
        elif kind == 7:
            column = rng.randint(4)
            word = WORDS[rng.randint(len(WORDS))]
            lines = [",".join([*(c := line.split(","))[:column], word, *c[column + 1 :]]) for line in lines]
        elif kind == 8:
            lines = lines[: rng.randint(len(lines)) + 1]
        text = "\n".join(lines)
    return text.encode()


def mutated_bytes(content: bytes, rng: np.random.RandomState) -> bytes:
    """Flip bits, cut, repeat, or wrap the bytes."""
    kind = rng.randint(6)
    if kind == 0:
        return content[: rng.randint(len(content) + 1)]
    if kind == 1:
        at = rng.randint(len(content) + 1)
        return content[:at] + rng.bytes(rng.randint(1, 50)) + content[at:]
    if kind == 2:
        return gzip.compress(content)[: rng.randint(20, 2000)]
    if kind == 3:
        return content.decode("latin-1").encode("utf-16")
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 20)):
        damaged[rng.randint(len(damaged))] ^= 1 << rng.randint(8)
    return bytes(damaged)


def mutated_zip(content: bytes, rng: np.random.RandomState) -> bytes:
    """Change, drop or add a member of a model file, every checksum of the zip being right."""
    with ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = sorted(members)[rng.randint(len(members))]
    kind = rng.randint(4)
    if kind == 0:
        del members[name]
    elif kind == 1:
        members[f"{rng.randint(1000)}.npy"] = bytes(rng.randint(1, 2_000_000))
    else:
        members[name] = mutated_bytes(members[name], rng)
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", compression=ZIP_DEFLATED) as archive:
        for one, inside in members.items():
            archive.writestr(one, inside)
    return buffer.getvalue()


def one_case(inputs: Path, folder: Path, rng: np.random.RandomState) -> tuple[str, int, list[str], str]:
    """Run one mutated case, and return what it was, the exit code, the arguments and what was said on stderr."""
    model = ["flagship.skops", "linear.skops"][rng.randint(2)]
    others = ["predict", "predict", "add-task", "check", "check", "compare", "describe", "batches"]
    command = "fit" if rng.rand() < 0.03 else others[rng.randint(len(others))]
    table = {"fit": "table.csv", "batches": "table.csv", "add-task": "late.csv", "check": "table.csv"}.get(
        command, "rows.csv"
    )
    table = "rows.parquet" if command == "predict" and rng.rand() < 0.2 else table
    for name in {model, table, "linear.skops"}:
        shutil.copy(inputs / name, folder / name)
    mutate_model = command in ("compare", "describe") or (command not in ("fit", "batches") and rng.rand() < 0.4)
    victim = folder / (model if mutate_model else table)
    content = victim.read_bytes()
    if mutate_model:
        victim.write_bytes((mutated_zip if rng.rand() < 0.5 else mutated_bytes)(content, rng))
    elif victim.suffix == ".csv" and rng.rand() < 0.8:
        victim.write_bytes(mutated_text(content.decode(), rng))
    else:
        victim.write_bytes(mutated_bytes(content, rng))
    out, at = str(folder / "out"), str(folder / model)
    arguments = {
        "fit": [str(folder / table), "--target", "ill", "--task", "ward", "-o", out, "--time-budget", "1"],
        "batches": [str(folder / table), "--target", "ill", "--task", "ward", "-o", out, "--batches"],
        "predict": [at, str(folder / table), "-o", f"{out}.csv"],
        "add-task": [at, str(folder / table), "--target", "ill", "-o", out],
        "check": [at, str(folder / table), "--target", "ill", "-o", f"{out}.csv"],
        "compare": [at, str(folder / "linear.skops"), "-o", f"{out}.csv"],
        "describe": [at],
    }[command]
    said, shown = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(shown):
        arguments = ["fit" if command == "batches" else command, *arguments]
        code = run(arguments)
    what = f"{command}, {'model file' if mutate_model else 'table'}"
    return what, code, arguments, said.getvalue()


def keep_promises(folder: Path, before: set[str], code: int, said: str) -> None:
    """Refuse what the command may not do."""
    lines = [line for line in said.splitlines() if line.startswith("crosstask: ")]
    if "Traceback" in said or code not in (0, 2) or len(lines) != (code == 2):
        raise Broken(f"exit code {code}, and on stderr {said[-2000:]!r}")
    made = {path.name for path in folder.iterdir()} - before
    if made - {"out", "out.csv"} or (made and code):
        raise Broken(f"exit code {code} left {sorted(made)}")
    if "out" in made:
        ct.load(folder / "out")
    if "out.csv" in made:
        pd.read_csv(folder / "out.csv")


def fuzz(seconds: float, seed: int) -> tuple[Counter[Any], float]:
    """Run cases until the time is over; return how often each ended with which code, and the memory in MiB."""
    ended: Counter[Any] = Counter()
    with tempfile.TemporaryDirectory() as name:
        inputs = Path(name) / "inputs"
        inputs.mkdir()
        make_inputs(inputs)
        begun, first = perf_counter(), 0.0
        number = 0
        while perf_counter() - begun < seconds:
            folder = Path(name) / "case"
            folder.mkdir()
            rng = np.random.RandomState([seed, number])
            arguments: list[str] = []
            try:
                what, code, arguments, said = one_case(inputs, folder, rng)
                given = {"table.csv", "late.csv", "rows.csv", "rows.parquet", "flagship.skops", "linear.skops"}
                keep_promises(folder, given, code, said)
            except (Exception, SystemExit) as error:
                raise Broken(f"case {number} of seed {seed}, {arguments}: {type(error).__name__}: {error}") from error
            ended[what, code] += 1
            shutil.rmtree(folder)
            number += 1
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
            first = first or peak
            if peak - first > MOST_MEMORY:
                raise Broken(f"case {number} of seed {seed}: memory grew from {first:.0f} to {peak:.0f} MiB")
    return ended, peak - first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    ended, grown = fuzz(options.seconds, options.seed)
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("crosstask", "scikit-learn", "pandas", "skops")
    )
    print(f"Python {platform.python_version()}, {versions}; seed {options.seed}, {options.seconds:.0f} s")
    for what in sorted({what for what, _ in ended}):
        done, refused = ended[what, 0], ended[what, 2]
        print(f"{what:<24} {done + refused:6d} cases, {refused:6d} refused in one line")
    print(f"memory grew by {grown:.0f} MiB (bound {MOST_MEMORY})")


if __name__ == "__main__":
    sys.exit(main())
