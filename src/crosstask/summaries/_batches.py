"""Tables that are larger than memory, a batch of rows at a time: Parquet and CSV, through pyarrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks import as_task_ids

Array = NDArray[np.float64]
PARQUET = (".parquet", ".pq")
ROW_LABELS = re.compile(r"__index_level_\d+__")  # which pandas writes along, and nobody means as a feature
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
    kinds : dict of str to {"number", "truth", "text", "date"}
        What each column holds.
    """

    path: Path
    target: str
    task: str
    features: list[str]
    columns: list[str]
    drop_gaps: bool
    batch_rows: int
    delimiter: str
    kinds: dict[str, str]

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
        """Yield the rows after the first ``skip``, as numbers."""
        return (self._read(chunk) for chunk in self.chunks(skip))

    def chunks(self, skip: int = 0) -> Iterator[Any]:
        """Yield the rows after the first ``skip``, as pyarrow's record batches."""
        chunks = self._csv_chunks() if self.is_csv else self._parquet_chunks(skip)
        left = skip if self.is_csv else 0
        for chunk in chunks:
            if left >= chunk.num_rows:
                left -= chunk.num_rows
                continue
            yield chunk.slice(left)
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

        types = {"number": pa.float64(), "truth": pa.bool_(), "text": pa.string(), "date": pa.timestamp("us")}
        kinds = {name: types[self.kinds[name]] for name in [*self.features, self.target]}
        kinds[self.task] = pa.string()
        convert = csv.ConvertOptions(column_types=kinds, include_columns=list(kinds), quoted_strings_can_be_null=False)
        try:
            yield from csv.open_csv(self.path, *_csv_options(self.delimiter), convert)
        except pa.ArrowInvalid as error:
            raise ValueError(f"{self.path} cannot be read to its end ({_first_line(error)}).") from error

    def _read(self, chunk: Any) -> RowBatch:
        table = np.empty((len(self.features) + 1, chunk.num_rows))
        for j, name in enumerate([*self.features, self.target]):
            table[j] = column_numbers(chunk.column(name))
        names, codes = encoded_column(chunk.column(self.task))
        whole = np.isfinite(table.sum(axis=0)) & (codes >= 0)
        if not whole.all():
            if not self.drop_gaps:
                raise ValueError(self._told_gaps(table, codes))
            table, codes = np.ascontiguousarray(table[:, whole]), codes[whole]
        names, codes = only_used(names, codes)
        return RowBatch(table, as_task_ids(names, len(names), f"column {self.task!r}"), codes, chunk.num_rows)

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
    path: Path,
    target: str,
    task: str,
    features: list[str] | None,
    *,
    missing: str = "error",
    batch_rows: int,
    delimiter: str,
    only_numbers: bool = True,
) -> BigTable:
    """Look at the columns of a table, and say what will be read; text and dates only where the caller encodes them.

    Raises
    ------
    ImportError
        Without pyarrow.
    ValueError
        If a column is absent or is not of numbers, or the file is no table.
    """
    if missing not in ("error", "drop"):
        raise ValueError(f"missing={missing!r} is not known: use 'error' or 'drop'.")
    if isinstance(features, str):
        raise ValueError(f"features={features!r} is one text: give a list of columns, such as [{features!r}].")
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
        names = list(schema.names)
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a table that can be read ({_first_line(error)}).") from error
    for name in [target, task, *(features or [])]:
        if names.count(name) != 1:
            how = "has no column" if name not in names else "has several columns named"
            raise ValueError(f"{path} {how} {name!r}: its columns are {', '.join(map(str, names[:12]))}.")
    if features is None:
        features = [name for name in names if name not in (target, task) and not ROW_LABELS.fullmatch(str(name))]
    chosen = list(features)
    if not chosen or target == task or {target, task} & set(chosen):
        raise ValueError("target, task and features must be different columns, and at least one be a feature.")
    kinds = {name: kind_of(schema.field(name).type) for name in [*chosen, target]}
    _refuse_kinds(
        path, kinds, ("number", "truth") if only_numbers else ("number", "truth", "text", "date"), only_numbers
    )
    columns = [name for name in names if name == task or name in chosen]
    ordered = [name for name in columns if name != task]
    return BigTable(path, target, task, ordered, columns, missing == "drop", batch_rows, delimiter, kinds)


def _refuse_kinds(path: Path, kinds: dict[str, str], admitted: tuple[str, ...], only_numbers: bool) -> None:
    odd = ", ".join([repr(name) for name, kind in kinds.items() if kind not in admitted][:8])
    if odd and only_numbers:
        raise ValueError(
            f"{path} has no numbers in column {odd}: name the columns of numbers (features=[..], in the command "
            "--feature NAME for each), or encode the others first, with categories on which all sites agree."
        )
    if odd:
        raise ValueError(
            f"{path} has neither numbers, truth values, text nor dates in column {odd}: name the other columns "
            "(features=[..], in the command --feature NAME for each)."
        )


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


def kind_of(arrow_type: Any) -> str:
    """Return "number", "truth", "text" or "date"; otherwise pyarrow's own word."""
    from pyarrow import types

    if types.is_boolean(arrow_type):
        return "truth"
    if any(test(arrow_type) for test in (types.is_integer, types.is_floating, types.is_decimal, types.is_null)):
        return "number"
    inner = arrow_type.value_type if types.is_dictionary(arrow_type) else arrow_type
    if types.is_string(inner) or types.is_large_string(inner) or types.is_string_view(inner):
        return "text"
    return "date" if types.is_date(arrow_type) or types.is_timestamp(arrow_type) else str(arrow_type)


def column_numbers(column: Any) -> Array:
    """Return a column of numbers or truth values, NaN where it has a gap."""
    import pyarrow as pa

    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        column = column.cast(pa.int8() if pa.types.is_boolean(kind) else pa.float64())
    return column.to_numpy(zero_copy_only=False)


def encoded_column(column: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the distinct values of a column, and the place of each row's among them; -1 where it has a gap.

    A blank text is a gap: an empty field of a CSV file comes as one.
    """
    encoded = column if hasattr(column, "dictionary") else column.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    values = encoded.dictionary.to_numpy(zero_copy_only=False)
    blank = [place for place, value in enumerate(values.tolist()) if isinstance(value, str) and not value.strip()]
    if blank:
        codes[np.isin(codes, blank)] = -1
    return values, codes


def only_used(values: NDArray[Any], codes: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Leave out values that no row has, such as those of rows with gaps, or categories without rows."""
    used = np.bincount(codes, minlength=len(values)) > 0
    return (values, codes) if used.all() else (values[used], (np.cumsum(used) - 1)[codes])


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:160].rstrip(". ")
