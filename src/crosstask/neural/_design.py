"""The description from which a network is built again, and its weights as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

State = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class NetDesign:
    """What a network looks like; with its weights, all that a saved model needs.

    Parameters
    ----------
    n_numbers : int
        Leading columns of the input that are numbers.
    levels : tuple of int
        Number of categories of each further column, the unknown one included.
    n_tasks, n_outputs : int
        Heads, and outputs of each.
    trunk : {"shared", "mmoe", "ple", "module"}
        Shape of the representation.
    hidden : tuple of int
        Width of each hidden layer.
    activation : {"relu", "tanh", "gelu"}
        Between the layers.
    dropout : float
        Share of hidden units that is set to zero in training.
    n_experts : int
        Of "mmoe" and "ple".
    heads : {"linear", "low_rank", "mean_tied", "film"}
        Shape of the heads.
    rank : int
        Of "low_rank".
    dtype : {"float32", "float64", "bfloat16"}
        Precision; the weights of "bfloat16" are kept in float32.
    """

    n_numbers: int
    levels: tuple[int, ...]
    n_tasks: int
    n_outputs: int
    trunk: str = "shared"
    hidden: tuple[int, ...] = (64, 64)
    activation: str = "relu"
    dropout: float = 0.0
    n_experts: int = 4
    heads: str = "linear"
    rank: int = 4
    dtype: str = "float32"


def to_arrays(net: Any) -> State:
    """Return a copy of all weights and buffers of a module as NumPy arrays."""
    return {name: np.array(value.detach().cpu().numpy()) for name, value in net.state_dict().items()}


def from_arrays(net: Any, state: State) -> None:
    """Load what :func:`to_arrays` returned."""
    import torch

    net.load_state_dict({name: torch.as_tensor(np.array(value)) for name, value in state.items()})
