"""The weights of a network for a file: one block in the safetensors format where that package is installed."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.neural._design import State


@dataclass(frozen=True)
class PackedWeights:
    """All weights by name, as the bytes of a safetensors file.

    Parameters
    ----------
    content : ndarray of uint8
        What ``safetensors.numpy.load`` reads: a table of names, types and shapes, and then plain numbers.
    """

    content: NDArray[np.uint8]

    def unpack(self) -> State:
        """Return the arrays by name.

        Raises
        ------
        ImportError
            If safetensors is not installed.
        """
        library = _safetensors()
        if library is None:
            raise ImportError(
                "the weights of this network are in the safetensors format, and that package is not installed: "
                'pip install "crosstask[neural]".'
            )
        arrays: dict[str, NDArray[Any]] = library.load(np.asarray(self.content, dtype=np.uint8).tobytes())
        return {name: np.array(value) for name, value in arrays.items()}


def pack(state: State) -> PackedWeights | State:
    """Return the weights as one block, or as they are where safetensors is not installed."""
    library = _safetensors()
    if library is None:
        return state
    arrays = {name: np.ascontiguousarray(value) for name, value in state.items()}
    return PackedWeights(np.frombuffer(library.save(arrays), dtype=np.uint8))


def _safetensors() -> Any:
    try:
        return importlib.import_module("safetensors.numpy")
    except ImportError:
        return None
