"""The file of statistics: a zip of NumPy arrays (npz) without pickle, and a header of plain JSON.

==========  =====================================================================================================
member      content
==========  =====================================================================================================
header      UTF-8 bytes of a JSON object: ``format`` ("crosstask.statistics"), ``version`` (1), ``written_by``,
            ``n_folds``, ``task_column``, ``door``, ``columns``, ``features``, ``extra``
ids         (T,) int64 or text
total       (T, F) float64, sums of weights; F is n_folds, or 1 without folds
count       (T, F) int64, rows
origin      (T, p) float64; p variables, the features and then y
offset      (T, F, p) float64, means less the origin
scatter     (T, F, p (p + 1) / 2) float64, lower triangle of the second moments about the means, row by row
==========  =====================================================================================================
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from crosstask.summaries._cells import Cells
from crosstask.summaries._store import Store

if TYPE_CHECKING:
    from crosstask.summaries._statistics import TaskStatistics

FORMAT, VERSION = "crosstask.statistics", 1
ARRAYS = ("ids", "total", "count", "origin", "offset", "scatter")


def to_bytes(statistics: TaskStatistics, extra: dict[str, Any] | None = None) -> bytes:
    """Return the content of the file; ``extra`` is kept in the header."""
    from crosstask import __version__

    store = statistics._store
    assert store is not None
    T, cells, p = len(store), store.cells, store.n_variables
    header = {
        "format": FORMAT,
        "version": VERSION,
        "written_by": f"crosstask {__version__}",
        "n_folds": statistics.n_folds,
        "task_column": statistics.task_column,
        "door": statistics.door_,
        "columns": statistics.columns_,
        "features": statistics.feature_names_,
        "extra": extra or {},
    }
    lower = np.tril_indices(p)
    stream = io.BytesIO()
    np.savez(
        stream,
        header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        ids=store.ids,
        total=cells.total[:T],
        count=cells.count[:T],
        origin=cells.origin[:T],
        offset=cells.offset[:T],
        scatter=cells.scatter[:T, :, lower[0], lower[1]],
    )
    return stream.getvalue()


def read_header(content: bytes) -> dict[str, Any]:
    """Return the header of a file that ``from_bytes`` has accepted."""
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        return json.loads(stored["header"].tobytes())


def from_bytes(content: bytes, name: str) -> TaskStatistics:
    """Build statistics from the content of a file.

    Raises
    ------
    ValueError
        In one line, whatever is wrong with the content.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes())
            later = header["format"] == FORMAT and isinstance(header["version"], int) and header["version"] > VERSION
            arrays = {} if later else {key: stored[key] for key in ARRAYS}
    except Exception as error:  # zipfile, zlib, numpy and json have a dozen ways to fail on bytes that are not theirs
        raise ValueError(_not_one(name)) from error
    if later:
        raise ValueError(
            f"{name} has version {header['version']} of the format, written by {header.get('written_by')}, and this "
            f"crosstask reads up to {VERSION}: install a newer one."
        )
    if header["format"] != FORMAT or header["version"] != VERSION or not _fits(header, arrays):
        raise ValueError(_not_one(name))
    return _built(header, arrays)


def _not_one(name: str) -> str:
    return (
        f"{name} is damaged, or no file of statistics: write it with TaskStatistics.save or `crosstask summarize`, "
        "and copy it as binary."
    )


def _fits(header: dict[str, Any], arrays: dict[str, Any]) -> bool:
    """Tell whether the arrays have the kinds and shapes that belong together, and numbers that moments can have."""
    ids, total, count, origin, offset, scatter = arrays.values()
    n_folds = header.get("n_folds")
    if not isinstance(n_folds, int) or n_folds < 0 or offset.ndim != 3 or ids.dtype.kind not in "iU":
        return False
    T, F, p = offset.shape
    shapes = ids.shape == (T,) and total.shape == count.shape == (T, F) and origin.shape == (T, p)
    if not shapes or scatter.shape != (T, F, p * (p + 1) // 2) or max(n_folds, 1) != F or p < 2 or T < 1:
        return False
    if any(array.dtype != np.float64 for array in (total, origin, offset, scatter)) or count.dtype.kind != "i":
        return False
    finite = all(np.isfinite(array).all() for array in (total, origin, offset, scatter))
    features, columns = header.get("features"), header.get("columns")
    named = features is None or (isinstance(features, list) and len(features) == p - 1)
    listed = columns is None or isinstance(columns, list)
    diagonal = scatter[..., np.cumsum(np.arange(1, p + 1)) - 1]
    return bool(
        finite
        and named
        and listed
        and header.get("door") in ("none", "array", "column")
        and len(set(ids.tolist())) == T
        and (total >= 0).all()
        and (count >= 0).all()
        and ((total > 0) == (count > 0)).all()
        and (diagonal >= 0).all()
    )


def _built(header: dict[str, Any], arrays: dict[str, Any]) -> TaskStatistics:
    from crosstask.summaries._statistics import TaskStatistics

    out = TaskStatistics(n_folds=header["n_folds"], task_column=header.get("task_column"))
    out.columns_, out.feature_names_, out.door_ = header.get("columns"), header.get("features"), header["door"]
    T, F, p = arrays["offset"].shape
    scatter = np.zeros((T, F, p, p))
    lower = np.tril_indices(p)
    scatter[:, :, lower[0], lower[1]] = arrays["scatter"]
    count = arrays["count"].astype(np.int64)
    cells = Cells(arrays["total"], count, arrays["origin"], arrays["offset"], scatter)
    out._store = Store(arrays["ids"], cells)
    return out
