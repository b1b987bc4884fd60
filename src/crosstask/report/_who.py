"""Who helps whom, for the page: a table of gains for few tasks, a picture for many, and the dendrogram."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.report._scale import gain_text

Array = NDArray[np.float64]
TABLED = 12  # tasks up to which every gain is a number in a table
NAMED = 40  # tasks up to which the dendrogram has their names
PIXELS = 480
BLUE, RED = (11, 111, 184), (200, 80, 10)
DEEPEST = 0.9


@dataclass(frozen=True)
class WhoHelps:
    """Gains of all ordered pairs, in the order in which they are drawn.

    Parameters
    ----------
    names : tuple of str
        Tasks, in the order of the dendrogram.
    gain : ndarray of shape (T, T)
        Sources by targets; NaN on the diagonal.
    unclear : ndarray of bool of shape (T, T)
        Where the gain is within its error.
    joined : tuple of (float, float, float, float, float)
        Each joint of the dendrogram: position and height of one branch, of the other, and the height of the joint;
        positions count tasks, heights run from 0 to 1.
    said : str
        Alternative text.
    """

    names: tuple[str, ...]
    gain: Array
    unclear: NDArray[np.bool_]
    joined: tuple[tuple[float, float, float, float, float], ...]
    said: str

    @classmethod
    def of(cls, affinity: Any) -> WhoHelps:
        """Read a TaskAffinity."""
        order = affinity.order()
        gain, error = affinity.gain[np.ix_(order, order)], affinity.error[np.ix_(order, order)]
        unclear = np.nan_to_num(np.abs(gain)) < 1.96 * np.nan_to_num(error, nan=np.inf)
        np.fill_diagonal(unclear, False)
        joined = joints(affinity.tree(), order) if len(order) > 2 else ()
        return cls(tuple(str(name) for name in affinity.tasks[order]), gain, unclear, joined, str(affinity))

    @property
    def tabled(self) -> bool:
        """Whether the tasks are few enough for a number each."""
        return len(self.names) <= TABLED

    @property
    def named(self) -> bool:
        """Whether the dendrogram has room for names."""
        return len(self.names) <= NAMED

    @property
    def depth(self) -> Array:
        """Strength of the colour of each pair, 0 to 1: the gain as a share of a large one.

        Harm has no bound and help has; where anything helps, a large help is full colour, and so is as large a harm.
        """
        gain = np.nan_to_num(self.gain)
        size = gain[gain > 0] if (gain > 0).any() else np.abs(gain[gain < 0])
        most = max(float(np.quantile(size, 0.9)), 0.02) if len(size) else 1.0
        return np.minimum(np.abs(gain) / most, 1.0)

    @property
    def rows(self) -> list[tuple[str, list[tuple[str, str, float]]]]:
        """Name and cells (text, class, depth) of each source."""
        depth = self.depth
        return [
            (name, [self._cell(i, j, float(depth[i, j])) for j in range(len(self.names))])
            for i, name in enumerate(self.names)
        ]

    def _cell(self, i: int, j: int, depth: float) -> tuple[str, str, float]:
        if i == j:
            return "", "", 0.0
        kind = "help" if self.gain[i, j] > 0 else "harm"
        return (
            gain_text(float(self.gain[i, j])),
            f"{kind}{' unclear' * bool(self.unclear[i, j])}",
            round(0.5 * depth, 2),
        )

    @property
    def path(self) -> str:
        """The dendrogram as the path of a drawing of width 100 and height T; the leaves lie at the left."""
        return "".join(
            f"M{100 * a_height:.1f} {a:.2f}H{100 * top:.1f}V{b:.2f}H{100 * b_height:.1f}"
            for a, a_height, b, b_height, top in self.joined
        )

    @property
    def picture(self) -> str:
        """The heat map as a PNG in a data address, hatched where a gain is within its error."""
        T = len(self.names)
        scale, step = max(1, PIXELS // T), max(2, min(4, PIXELS // T))
        alpha = DEEPEST * np.kron(self.depth, np.ones((scale, scale)))
        across = np.add.outer(np.arange(T * scale), np.arange(T * scale)) % step == 0
        alpha = np.where(np.kron(self.unclear, np.ones((scale, scale))) > 0, alpha * np.where(across, 1.0, 0.25), alpha)
        helps = np.kron(np.nan_to_num(self.gain), np.ones((scale, scale)))[..., None] >= 0
        colour = np.where(helps, np.array(BLUE), np.array(RED))
        pixels = np.concatenate([colour, np.rint(255 * alpha)[..., None]], axis=2).astype(np.uint8)
        return f"data:image/png;base64,{b64encode(png(pixels)).decode('ascii')}"

    @property
    def strongest(self) -> list[tuple[str, str, str, str]]:
        """Source, target, gain and whether it is clear, for the ten largest and the ten smallest gains."""
        flat = np.where(np.isnan(self.gain), 0.0, self.gain).ravel()
        order = np.argsort(-flat, kind="stable")
        chosen = np.unique(np.concatenate([order[:10], order[-10:]]), return_index=True)
        places = chosen[0][np.argsort(chosen[1])]
        T = len(self.names)
        return [
            (
                self.names[p // T],
                self.names[p % T],
                gain_text(float(flat[p])),
                "unclear" if self.unclear.flat[p] else "",
            )
            for p in places
            if p // T != p % T
        ]


def joints(tree: Array, order: NDArray[np.intp]) -> tuple[tuple[float, float, float, float, float], ...]:
    """Place each joint of a linkage over its leaves: (position, height) of both branches, and the joint's height.

    Heights grow with the logarithm of the distance, for between tasks that harm one another it has no bound.
    """
    T = len(order)
    place, height = np.zeros(2 * T - 1), np.zeros(2 * T - 1)
    place[order] = np.arange(T) + 0.5
    distance = np.log1p(tree[:, 2] / max(float(np.median(tree[:, 2])), 1e-300))
    top = max(float(distance.max()), 1e-300)
    found: list[tuple[float, float, float, float, float]] = []
    for k, apart in enumerate(distance):
        i, j = int(tree[k, 0]), int(tree[k, 1])
        place[T + k], height[T + k] = 0.5 * (place[i] + place[j]), apart / top
        found.append((float(place[i]), float(height[i]), float(place[j]), float(height[j]), float(apart / top)))
    return tuple(found)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Write pixels (height, width, 4) as a PNG: the header, one compressed block of rows, the end."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), dtype=np.uint8), pixels.reshape(height, -1)], axis=1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = zlib.compress(rows.tobytes(), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
