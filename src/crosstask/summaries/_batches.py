"""Tables that are larger than memory, a batch of rows at a time: Parquet and CSV, through pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks import as_task_ids

Array = NDArray[np.float64]
PARQUET = (".parquet", ".pq")
CSV_BLOCK = 1 << 22  # bytes of text that are read at a time


@dataclass(frozen=True)
class RowBatch:
    """Some rows as numbers."""

    table: Array  # (d + 1, m): the features and the target, rows without gaps
    ids: NDArray[Any]  # distinct task ids
    codes: NDArray[np.int64]  # (m,)
    n_read: int  # rows of the table, those with gaps included


@dataclass(frozen=True)
class BigTable:
    """A table on disk, and which of its columns are read.

    Parameters
    ----------
    path : pathlib.Path
        A Parquet file, a folder of them, or a CSV file (``.gz`` too).
    target, task : str
        Columns.
    features : list of str
        Columns of numbers.
    columns : list of str
        Features and task in the order of the table.
    drop_gaps : bool
        Whether rows with gaps are left out.
    batch_rows : int
        Rows of a batch; those of a CSV file follow from its block of text.
    delimiter : str
        Of a CSV file.
    truths : list of str
        Columns of truth values.
    """

    path: Path
    target: str
    task: str
    features: list[str]
    columns: list[str]
    drop_gaps: bool
    batch_rows: int
    delimiter: str
    truths: list[str]

    @property
    def is_csv(self) -> bool:
        """Whether the table is text."""
        return not (self.path.is_dir() or self.path.suffix.lower() in PARQUET)

    @property
    def n_rows(self) -> int:
        """Rows of the table; 0 where only reading it would tell."""
        if self.is_csv:
            return 0
        return sum(_parquet(part).metadata.num_rows for part in parts_of(self.path))

    @property
    def fingerprint(self) -> list[Any]:
        """What a checkpoint must agree with."""
        parts = [self.path] if self.is_csv else parts_of(self.path)
        files = [[part.name, part.stat().st_size, part.stat().st_mtime_ns] for part in parts]
        return [files, self.target, self.task, self.features, self.drop_gaps, self.batch_rows, self.delimiter]

    def batches(self, skip: int = 0) -> Iterator[RowBatch]:
        """Yield the rows after the first ``skip``."""
        chunks = self._csv_chunks() if self.is_csv else self._parquet_chunks(skip)
        left = skip if self.is_csv else 0
        for chunk in chunks:
            if left >= chunk.num_rows:
                left -= chunk.num_rows
                continue
            yield self._read(chunk.slice(left))
            left = 0

    def _parquet_chunks(self, skip: int) -> Iterator[Any]:
        names = [*self.features, self.target, self.task]
        for part in parts_of(self.path):
            source = _parquet(part)
            for group in range(source.num_row_groups):
                n = source.metadata.row_group(group).num_rows
                if skip >= n:
                    skip -= n
                    continue
                for chunk in source.iter_batches(self.batch_rows, row_groups=[group], columns=names):
                    if skip < chunk.num_rows:
                        yield chunk.slice(skip)
                    skip = max(skip - chunk.num_rows, 0)

    def _csv_chunks(self) -> Iterator[Any]:
        import pyarrow as pa
        from pyarrow import csv

        numbers = [*self.features, self.target]
        kinds = {name: pa.bool_() if name in self.truths else pa.float64() for name in numbers}
        kinds |= {self.task: pa.string()}
        convert = csv.ConvertOptions(column_types=kinds, include_columns=list(kinds), quoted_strings_can_be_null=False)
        try:
            yield from csv.open_csv(self.path, *_csv_options(self.delimiter), convert)
        except pa.ArrowInvalid as error:
            raise ValueError(f"{self.path} cannot be read as numbers ({_first_line(error)}).") from error

    def _read(self, chunk: Any) -> RowBatch:
        table = np.empty((len(self.features) + 1, chunk.num_rows))
        for j, name in enumerate([*self.features, self.target]):
            table[j] = _numbers(chunk.column(name))
        encoded = chunk.column(self.task).dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        whole = np.isfinite(table.sum(axis=0)) & (codes >= 0)
        if not whole.all():
            if not self.drop_gaps:
                raise ValueError(self._told_gaps(table, codes))
            table, codes = np.ascontiguousarray(table[:, whole]), codes[whole]
        ids = encoded.dictionary.to_numpy(zero_copy_only=False)
        return RowBatch(table, as_task_ids(ids, len(ids), f"column {self.task!r}"), codes, chunk.num_rows)

    def _told_gaps(self, table: Array, codes: NDArray[np.int64]) -> str:
        names = [*self.features, self.target, self.task]
        gaps = np.append(~np.isfinite(table).all(axis=1), (codes < 0).any()).tolist()
        shown = [name for name, gap in zip(names, gaps, strict=True) if gap]
        if not shown:
            return f"{self.path} has numbers so large that a sum over a row overflows: rescale the columns."
        return (
            f"{self.path} has gaps or infinite values in column {', '.join(map(repr, shown[:8]))}: fill them, or leave "
            "such rows out with missing='drop'."
        )


def open_table(
    path: Path, target: str, task: str, features: list[str] | None, *, missing: str, batch_rows: int, delimiter: str
) -> BigTable:
    """Look at the columns of a table, and say what will be read.

    Raises
    ------
    ImportError
        Without pyarrow.
    ValueError
        If a column is absent or is not of numbers, or the file is no table.
    """
    if missing not in ("error", "drop"):
        raise ValueError(f"missing={missing!r} is not known: use 'error' or 'drop'.")
    if batch_rows < 1:
        raise ValueError(f"batch_rows={batch_rows!r} must be at least 1.")
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ImportError("reading a table by batches needs pyarrow: pip install 'crosstask[big]'.") from error
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}.")
    try:
        schema = _schema(path, delimiter)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is not a table that can be read ({_first_line(error)}).") from error
    names = list(schema.names)
    for name in [target, task, *(features or [])]:
        if names.count(name) != 1:
            how = "has no column" if name not in names else "has several columns named"
            raise ValueError(f"{path} {how} {name!r}: its columns are {', '.join(map(str, names[:12]))}.")
    chosen = [name for name in names if name not in (target, task)] if features is None else list(features)
    if not chosen or target == task or {target, task} & set(chosen):
        raise ValueError("target, task and features must be different columns, and at least one be a feature.")
    odd = [name for name in [*chosen, target] if not _is_number(schema.field(name).type)]
    if odd:
        raise ValueError(
            f"{path} has no numbers in column {', '.join(map(repr, odd[:8]))}: name the columns of numbers "
            "(features=[..], in the command --feature NAME for each), or encode the others first, with categories on "
            "which all sites agree."
        )
    columns = [name for name in names if name == task or name in chosen]
    ordered = [name for name in columns if name != task]
    truths = [name for name in [*ordered, target] if pa.types.is_boolean(schema.field(name).type)]
    return BigTable(path, target, task, ordered, columns, missing == "drop", batch_rows, delimiter, truths)


def parts_of(path: Path) -> list[Path]:
    """Return the Parquet files of a folder in the order of their names, or the file itself."""
    if not path.is_dir():
        return [path]
    found = sorted(part for part in path.rglob("*") if part.suffix.lower() in PARQUET)
    if not found:
        raise ValueError(f"{path} is a folder without Parquet files: name a file, or a folder that has some.")
    return found


def _parquet(path: Path) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)  # not a whole row group at once


def _schema(path: Path, delimiter: str) -> Any:
    if path.is_dir() or path.suffix.lower() in PARQUET:
        return _parquet(parts_of(path)[0]).schema_arrow
    from pyarrow import csv

    with csv.open_csv(path, *_csv_options(delimiter)) as reader:
        return reader.schema


def _csv_options(delimiter: str) -> tuple[Any, Any]:
    from pyarrow import csv

    return csv.ReadOptions(block_size=CSV_BLOCK), csv.ParseOptions(delimiter=delimiter)


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return any(
        test(kind) for test in (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)
    )


def _numbers(column: Any) -> Array:
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        column = column.cast(pa.int8() if pa.types.is_boolean(kind) else pa.float64())
    return column.to_numpy(zero_copy_only=False)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:160].rstrip(". ")
