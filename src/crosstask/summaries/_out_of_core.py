"""Statistics of a table in one pass, with a checkpoint to go on from."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from crosstask.summaries._batches import CSV_BLOCK, BigTable
from crosstask.summaries._file import from_bytes, read_header, to_bytes
from crosstask.summaries._statistics import TaskStatistics

Batch = TypeVar("Batch")
AHEAD = 4  # batches that are in memory at once: as columns, as numbers, and their copies inside the tasks
SECONDS = 1.0  # between two lines of progress


def summarize(table: BigTable, n_folds: int, *, checkpoint: Path | None, every: float, verbose: Any) -> TaskStatistics:
    """Read the whole table, and return its statistics."""
    out, done = _resume(table, n_folds, checkpoint)
    tell = teller(verbose, table.n_rows)
    if done:
        tell(done, f"going on from {checkpoint}")
    tell(done, memory_needed(table, n_folds))
    start = written = said = time.monotonic()
    first, whole = done, True
    try:
        for batch in one_by_one(table.batches(done)):
            whole = False
            out._absorb_batch(batch.table, batch.ids, batch.codes)
            done += batch.n_read
            whole = True
            now = time.monotonic()
            if now - said >= SECONDS:
                said = now
                tell(done, f"{(done - first) / (now - start):,.0f} rows a second, {out.n_tasks} tasks")
            if checkpoint is not None and now - written >= every:
                _write(table, out, done, checkpoint)
                written = time.monotonic()
    except KeyboardInterrupt:
        if checkpoint is not None and out.n_tasks and whole:  # a second Ctrl-C leaves a batch half summed
            _write(table, out, done, checkpoint)
        raise
    if not out.n_tasks:
        raise ValueError(f"{table.path} has no rows to learn from.")
    tell(done, f"{(done - first) / max(time.monotonic() - start, 1e-9):,.0f} rows a second, {out.n_tasks} tasks")
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return out


def memory_needed(table: BigTable, n_folds: int) -> str:
    """Say what the pass will hold in memory, beside Python itself."""
    p = len(table.features) + 1
    rows = table.batch_rows if not table.is_csv else CSV_BLOCK // (2 * p)  # a number is at least two bytes of text
    task = max(n_folds, 1) * (p * p + p + 2) + p
    return (
        f"memory: {AHEAD} batches of at most {rows:,} rows x {p + 1} columns, "
        f"{AHEAD * rows * (p + 1) * 8 / 1e6:,.0f} MB, and {task * 8 / 1e3:,.1f} kB for each task, three times while "
        "growing"
    )


def one_by_one(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Read the next batch while this one is summed; a Ctrl-C waits until it is, so that no sum is left half done."""
    with ThreadPoolExecutor(1) as reader, _held_back() as pressed:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch
            if pressed:
                raise KeyboardInterrupt


@contextmanager
def _held_back() -> Generator[list[int]]:
    """Note a first Ctrl-C in a list; a second one interrupts as always."""
    pressed: list[int] = []
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield pressed
        return

    def note(number: int, frame: Any) -> None:
        if pressed:
            signal.default_int_handler(number, frame)
        pressed.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _resume(table: BigTable, n_folds: int, checkpoint: Path | None) -> tuple[TaskStatistics, int]:
    if checkpoint is None or not checkpoint.exists():
        out = TaskStatistics(n_folds=n_folds, task_column=table.task)
        out._begin(table.columns, table.features)
        return out, 0
    content = checkpoint.read_bytes()
    out = from_bytes(content, str(checkpoint))
    extra = read_header(content)["extra"]
    if extra.get("table") != table.fingerprint or out.n_folds != n_folds:
        raise ValueError(
            f"the checkpoint {checkpoint} is of another table, or of other options: delete it to begin anew, or name "
            "another one."
        )
    return out, int(extra["rows"])


def _write(table: BigTable, out: TaskStatistics, done: int, checkpoint: Path) -> None:
    from crosstask.persistence._files import write_atomically

    write_atomically(checkpoint, to_bytes(out, {"table": table.fingerprint, "rows": done}), force=True)


def teller(verbose: Any, total: int) -> Callable[[int, str], object]:
    """Return what hears of rows done and a text."""
    if callable(verbose):
        return lambda done, text: verbose(done, total, text)
    if not verbose:
        return lambda done, text: None
    return lambda done, text: sys.stdout.write(f"[{done:,}/{total:,}] {text}\n" if total else f"[{done:,}] {text}\n")
