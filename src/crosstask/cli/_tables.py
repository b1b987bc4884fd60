"""Reading the user's table: CSV of any usual make, or Parquet."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from crosstask.cli._run import BadInputError

if TYPE_CHECKING:
    import pandas as pd

DELIMITERS = (",", ";", "\t", "|")
PARQUET = (".parquet", ".pq")
MISSING = ["", "NA", "N/A", "n/a", "#N/A", "<NA>", "NaN", "nan", "NULL", "null", "None", "?"]


def read_table(path: Path, *, text: Iterable[str] = (), encoding: str = "utf-8") -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : Path
        CSV, perhaps compressed, or Parquet.
    text : iterable of str
        Columns to keep as they are written: "017" stays "017", and "NA" is a name, not a gap.
    encoding : str
        Of a CSV file.

    Returns
    -------
    DataFrame
        With at least one row; columns without a name are left out.

    Raises
    ------
    BadInputError
        One line that says what the file is, and what cures it.
    """
    if path.is_dir():
        raise BadInputError(f"{path} is a directory: name a CSV or Parquet file inside it.")
    if not path.exists():
        raise BadInputError(f"there is no file {path}.")
    frame = _read_parquet(path) if path.suffix.lower() in PARQUET else _read_csv(path, set(text), encoding)
    if not len(frame):
        raise BadInputError(f"{path} has a header ({_shown(frame.columns)}) but no rows.")
    return frame


def require_column(frame: pd.DataFrame, name: str, option: str, path: Path) -> None:
    """Refuse a column that the table does not have.

    Raises
    ------
    BadInputError
        With the nearest name, and the names there are.
    """
    names = [str(column) for column in frame.columns]
    if name in names:
        return
    near = difflib.get_close_matches(name, names, n=1) or [one for one in names if one.lower() == name.lower()]
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise BadInputError(f"{path} has no column {name!r} for {option}: {hint}its columns are {_shown(names)}.")


def _shown(names: Iterable[str], most: int = 12) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _read_parquet(path: Path) -> pd.DataFrame:
    import importlib.util

    import pandas as pd

    if importlib.util.find_spec("pyarrow") is None:
        raise BadInputError(f"reading {path} needs pyarrow: pip install 'crosstask[big]', or save the table as CSV.")
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (ValueError, OSError) as error:
        raise BadInputError(f"{path} is not a Parquet file that can be read ({_first_line(error)}).") from error


def _read_csv(path: Path, text: set[str], encoding: str) -> pd.DataFrame:
    import pandas as pd

    content = _decode(path, _bytes(path), encoding)
    delimiter = sniff(content)
    header = next(csv.reader(io.StringIO(content), delimiter=delimiter), [])
    kept = [name.strip() for name in header]
    twice = sorted({name for name in kept if name and kept.count(name) > 1})
    if twice:
        raise BadInputError(f"{path} has two columns named {twice[0]!r}: rename one of them.")
    as_written = {name: str for name in header if name.strip() in text}
    try:
        frame = pd.read_csv(
            io.StringIO(content),
            sep=delimiter,
            na_values={name: [""] if name in as_written else MISSING for name in header},
            keep_default_na=False,
            dtype=as_written,
            decimal="," if delimiter == ";" and _decimal_comma(content) else ".",
            skipinitialspace=True,
            low_memory=False,
            index_col=False,
        )
    except pd.errors.EmptyDataError as error:
        raise BadInputError(f"{path} is empty: expected a header and rows.") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        raise BadInputError(f"{path} cannot be read as a table ({_first_line(error)}).") from error
    frame.columns = [str(name).strip() for name in frame.columns]
    unnamed = [name for name, written in zip(frame.columns, kept, strict=False) if not written]
    return frame.drop(columns=unnamed)


def _bytes(path: Path) -> bytes:
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise BadInputError(f"{path} is a damaged gz file ({_first_line(error)}).") from error
    if not content.strip():
        raise BadInputError(f"{path} is empty: expected a header and rows.")
    return content


def _decode(path: Path, content: bytes, encoding: str) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\x00" in content[:100_000] or content.startswith(b"PK\x03\x04"):
        kind = "a zip or Excel file" if content.startswith(b"PK") else "a binary file"
        raise BadInputError(f"{path} is {kind}, not a table of text: save it as CSV, or name a .parquet file.")
    try:
        return content.decode("utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInputError(
            f"{path} is not {encoding} text (byte 0x{content[error.start]:02x} in line {line}): save it as UTF-8, or "
            f"say what it is, for example --encoding {'latin-1' if 'utf' in encoding.lower() else 'utf-8'}."
        ) from error
    except LookupError as error:
        raise BadInputError(f"there is no encoding {encoding!r}: try utf-8, latin-1 or cp1252.") from error


def sniff(content: str) -> str:
    r"""Return the delimiter that splits the first lines into the most columns of one number.

    Examples
    --------
    >>> sniff("a;b;c\n1,5;2,5;x\n"), sniff("site\ty\nnorth, old\t1\n")
    (';', '\t')
    """
    lines = [line for line in content[:200_000].splitlines()[:50] if line.strip()]
    widths = {mark: [len(row) for row in csv.reader(lines, delimiter=mark)] for mark in DELIMITERS}

    def merit(mark: str) -> tuple[float, int]:
        width = widths[mark]
        alike = sum(one == width[0] for one in width) / max(len(width), 1)
        return (alike if width and width[0] > 1 else 0.0, width[0] if width else 0)

    return max(DELIMITERS, key=merit)


def _decimal_comma(content: str) -> bool:
    """Tell whether numbers are written 1,5: some field of the first rows is, and none is written 1.5."""
    import re

    fields = [field.strip() for row in csv.reader(content[:200_000].splitlines()[1:50], delimiter=";") for field in row]
    comma = any(re.fullmatch(r"[+-]?\d+,\d+", field) for field in fields)
    return comma and not any(re.fullmatch(r"[+-]?\d+\.\d+", field) for field in fields)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:160].rstrip(". ")


def delimiter_of(table: Path) -> str:
    """Return what separates the fields of a text file, by its first lines."""
    if table.is_dir() or not table.exists() or table.suffix.lower() in (*PARQUET, ".gz"):
        return ","
    with table.open(encoding="utf-8", errors="replace") as stream:
        return sniff(stream.read(20_000))
