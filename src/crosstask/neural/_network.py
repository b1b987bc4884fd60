"""A trunk with the heads of all tasks."""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from torch import Tensor, nn

from crosstask.neural._design import NetDesign
from crosstask.neural._heads import Heads, make_heads
from crosstask.neural._trunks import make_trunk, width_of

PREDICTED_AT_A_TIME = 8192


class Network(nn.Module):
    """Predictors of every task on one representation."""

    def __init__(
        self, trunk: nn.Module, heads: Heads, *, uses_tasks: bool = False, half: bool = False, integers: bool = False
    ) -> None:
        super().__init__()
        self.trunk, self.heads = trunk, heads
        self.uses_tasks, self.half_precision, self.takes_integers = uses_tasks, half, integers

    def precision(self, device: str) -> contextlib.AbstractContextManager[Any]:
        """Return where the trunk computes in bfloat16, if it does."""
        half: Any = torch.autocast(device, dtype=torch.bfloat16) if self.half_precision else None
        return half or contextlib.nullcontext()

    def as_taken(self, X: Tensor) -> Tensor:
        """Return inputs as the trunk takes them: words arrive as floating point, exact up to 16 million."""
        return X.long() if self.takes_integers else X

    def features(self, X: Tensor, codes: Tensor | None) -> Tensor:
        """Return the representation, (n, k)."""
        inputs = self.as_taken(X)
        with self.precision(X.device.type):
            hidden = self.trunk(inputs, codes) if self.uses_tasks else self.trunk(inputs)
        return hidden.to(self.heads.intercept.dtype)

    def forward(self, X: Tensor, codes: Tensor | None) -> Tensor:
        """Return (n, K) for rows of the given tasks, or (n, T, K) of all tasks for ``codes=None``."""
        return self.heads(self.features(X, codes), codes)


def build_network(design: NetDesign, *, module: Any = None, sample: Tensor, tie: float = 0.0) -> Network:
    """Return the network that a design describes, with fresh weights in the design's precision.

    Parameters
    ----------
    design : NetDesign
    module : torch.nn.Module or callable, optional
        The trunk, where ``design.trunk`` is "module".
    sample : Tensor of shape (n, ...)
        A few rows, on which the trunk shows the width of its answer.
    tie : float
        Of mean-tied heads; only training needs it.

    Raises
    ------
    ValueError
        If the module is none, or does not answer (n, k).
    """
    kind = torch.float64 if design.dtype == "float64" else torch.float32
    trunk: Any = make_trunk(design, module).to("cpu", kind)  # the caller's module may lie on a device
    width, integers = width_of(trunk, sample[:3].to(kind)) if design.trunk == "module" else (trunk.width, False)
    heads = make_heads(design.heads, design.n_tasks, design.n_outputs, width, rank=design.rank, tie=tie).to(kind)
    uses_tasks = design.trunk in ("mmoe", "ple")
    return Network(trunk, heads, uses_tasks=uses_tasks, half=design.dtype == "bfloat16", integers=integers)


def refuse_fractions(net: Network, X: Any) -> None:
    """Refuse inputs that are not whole, where the trunk looks words up by their number.

    Raises
    ------
    ValueError
        If there are any.
    """
    if net.takes_integers and bool((X.round() != X).any()):
        raise ValueError(f"X has fractions, and the trunk {type(net.trunk).__name__} takes whole numbers (words).")


def predict_in_parts(net: Network, X: Tensor, codes: Tensor | None, *, features: bool = False) -> Any:
    """Return the answers as a NumPy array of float64; rows are sent through the net a few thousand at a time."""
    net.eval()
    device, dtype = net.heads.intercept.device, net.heads.intercept.dtype
    answers: list[Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(X), PREDICTED_AT_A_TIME):
            part = slice(start, start + PREDICTED_AT_A_TIME)
            rows = X[part].to(device, dtype)
            tasks = None if codes is None else codes[part].to(device)
            answers.append((net.features if features else net)(rows, tasks).cpu())
    return torch.cat(answers).double().numpy()
