"""Vectors kept on disk by the content of the row that they stand for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Shelf:
    """Vectors by the content of their row, in files of arrays; each call adds one file."""

    def __init__(self, folder: str | os.PathLike[str] | None, name: str | None) -> None:
        self.folder = None if folder is None else Path(folder) / hashlib.sha256(str(name).encode()).hexdigest()[:16]
        self.vectors: dict[str, Array] = dict(self._read())

    def _read(self) -> Iterator[tuple[str, Array]]:
        if self.folder is None or not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as part:
                yield from zip(part["keys"].tolist(), part["vectors"], strict=True)

    def keys(self) -> set[str]:
        return set(self.vectors)

    def __getitem__(self, key: str) -> Array:
        return self.vectors[key]

    def add(self, new: dict[str, Array]) -> None:
        """Write new vectors to one file, wholly or not at all."""
        if self.folder is None or not new:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        keys = sorted(new)
        target = self.folder / f"{hashlib.sha256(''.join(keys).encode()).hexdigest()[:24]}.npz"
        draft = target.with_name(f".{target.stem}.{os.getpid()}.tmp")
        with draft.open("wb") as file:
            np.savez(file, keys=np.array(keys), vectors=np.stack([new[key] for key in keys]))
        draft.replace(target)


def content_key(row: Any) -> str:
    """Return a digest of the content of a row."""
    if isinstance(row, str):
        return hashlib.sha256(b"text" + row.encode()).hexdigest()
    array = np.ascontiguousarray(row)
    if array.dtype.kind == "O":
        text = repr(array.tolist())
        if " at 0x" in text:
            raise ValueError(f"a row of X is {text[:60]}, which shows no content: give texts, arrays or plain values.")
        return hashlib.sha256(b"object" + text.encode()).hexdigest()
    return hashlib.sha256(f"{array.dtype.str}{array.shape}".encode() + array.tobytes()).hexdigest()
