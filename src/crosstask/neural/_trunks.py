"""Representations that tasks share: one stack of layers, or experts with a gate for each task."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from crosstask.neural._design import NetDesign

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
}


def uniform(*shape: int, fan_in: int) -> nn.Parameter:
    """Return a parameter drawn from U(-1/sqrt(fan_in), 1/sqrt(fan_in)), as torch's own layers do."""
    bound = 1.0 / math.sqrt(max(fan_in, 1))
    return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))


class Embeddings(nn.Module):
    """Numbers as they are, beside a learned vector for each category; category 0 is the unknown one."""

    def __init__(self, n_numbers: int, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.n_numbers = n_numbers
        widths = [min(16, (n + 1) // 2) for n in levels]
        self.tables = nn.ModuleList([nn.Embedding(n, k) for n, k in zip(levels, widths, strict=True)])
        for table in self.tables:
            nn.init.zeros_(table.weight[0])  # type: ignore[index]  # never trained: an unknown category says nothing
        self.width = n_numbers + sum(widths)

    def forward(self, X: Tensor) -> Tensor:
        if not len(self.tables):
            return X
        codes = X[:, self.n_numbers :].round().long()
        parts = [table(codes[:, j]) for j, table in enumerate(self.tables)]
        return torch.cat([X[:, : self.n_numbers], *parts], dim=1)


class SharedTrunk(nn.Module):
    """Layers that all tasks share (hard parameter sharing)."""

    uses_tasks = False

    def __init__(self, design: NetDesign) -> None:
        super().__init__()
        self.embeddings = Embeddings(design.n_numbers, design.levels)
        widths = [self.embeddings.width, *design.hidden]
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in pairwise(widths)])
        self.activation = ACTIVATIONS[design.activation]
        self.dropout = design.dropout
        self.width = widths[-1]

    def forward(self, X: Tensor) -> Tensor:
        hidden = self.embeddings(X)
        for layer in self.layers:
            hidden = functional.dropout(self.activation(layer(hidden)), self.dropout, self.training)
        return hidden


class MixtureTrunk(nn.Module):
    """Multi-gate mixture of experts: sum_k softmax(x'V_t)_k E_k(x), every expert a stack of layers."""

    uses_tasks = True

    def __init__(self, design: NetDesign) -> None:
        super().__init__()
        self.embeddings = Embeddings(design.n_numbers, design.levels)
        widths = [self.embeddings.width, *design.hidden]
        pairs = list(pairwise(widths))
        experts = design.n_experts
        self.weights = nn.ParameterList([uniform(experts, a, b, fan_in=a) for a, b in pairs])
        self.biases = nn.ParameterList([uniform(experts, 1, b, fan_in=a) for a, b in pairs])
        self.gates = nn.Parameter(torch.zeros(design.n_tasks, widths[0] * experts))
        self.gate_biases = nn.Parameter(torch.zeros(design.n_tasks, experts))
        self.activation = ACTIVATIONS[design.activation]
        self.dropout, self.n_experts, self.width = design.dropout, experts, widths[-1]

    def forward(self, X: Tensor, codes: Tensor) -> Tensor:
        x = self.embeddings(X)
        hidden = x.expand(self.n_experts, *x.shape)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            hidden = self.activation(torch.baddbmm(bias, hidden, weight))
            hidden = functional.dropout(hidden, self.dropout, self.training)
        gates = pick_rows(self.gates, codes).view(len(x), -1, self.n_experts)
        logits = torch.einsum("nd,nde->ne", x, gates) + pick_rows(self.gate_biases, codes)
        return torch.einsum("ne,enk->nk", logits.softmax(dim=1), hidden)


class LayeredTrunk(nn.Module):
    """Progressive layered extraction: at each layer a task mixes its own experts with shared ones.

    All tasks are computed for every row, which is what the shared gate of the method needs: for few tasks.
    """

    uses_tasks = True

    def __init__(self, design: NetDesign) -> None:
        super().__init__()
        self.embeddings = Embeddings(design.n_numbers, design.levels)
        self.activation = ACTIVATIONS[design.activation]
        widths = [self.embeddings.width, *design.hidden]
        tasks, own = design.n_tasks, max(1, design.n_experts // 2)
        shared = max(1, design.n_experts - own)
        self.own, self.shared = nn.ParameterList(), nn.ParameterList()
        self.own_bias, self.shared_bias = nn.ParameterList(), nn.ParameterList()
        self.gates, self.shared_gates = nn.ParameterList(), nn.ParameterList()
        for a, b in pairwise(widths):
            self.own.append(uniform(1, own, a, b, fan_in=a).expand(tasks, -1, -1, -1).clone().detach())
            self.own_bias.append(torch.zeros(tasks, 1, own, b))
            self.shared.append(uniform(shared, a, b, fan_in=a))
            self.shared_bias.append(torch.zeros(1, shared, b))
            self.gates.append(torch.zeros(tasks, a, own + shared))
            self.shared_gates.append(torch.zeros(a, own * tasks + shared))
        self.dropout, self.width = design.dropout, widths[-1]

    def forward(self, X: Tensor, codes: Tensor) -> Tensor:
        common = self.embeddings(X)
        each = common.expand(self.own[0].shape[0], *common.shape)  # (tasks, n, width)
        for layer in range(len(self.own)):
            own = torch.einsum("tnd,tedk->tnek", each, self.own[layer]) + self.own_bias[layer]
            shared = torch.einsum("nd,edk->nek", common, self.shared[layer]) + self.shared_bias[layer]
            own, shared = (functional.dropout(self.activation(h), self.dropout, self.training) for h in (own, shared))
            mixed = torch.cat([own, shared.expand(len(own), *shared.shape)], dim=2)
            gate = torch.einsum("tnd,tde->tne", each, self.gates[layer]).softmax(dim=2)
            everything = torch.cat([own.permute(1, 0, 2, 3).flatten(1, 2), shared], dim=1)
            common = torch.einsum("ne,nek->nk", (common @ self.shared_gates[layer]).softmax(dim=1), everything)
            each = torch.einsum("tne,tnek->tnk", gate, mixed)
        return torch.cat([each, common[None]])[codes, torch.arange(len(X), device=X.device)]  # -1: the shared path


def pick_rows(table: Tensor, codes: Tensor) -> Tensor:
    """Return the rows of a table (n_tasks, k); code -1, a task that was not seen, gets the mean of all rows."""
    n = table.shape[0]
    extended = torch.cat([table, table.mean(dim=0, keepdim=True)])
    return functional.embedding(torch.where(codes < 0, n, codes), extended)


def module_trunk(module: Any) -> nn.Module:
    """Return a copy of the caller's module, or what the caller's class or function makes.

    Raises
    ------
    ValueError
        If it is no module.
    """
    made = copy.deepcopy(module) if isinstance(module, nn.Module) else module() if callable(module) else module
    if not isinstance(made, nn.Module):
        raise ValueError(
            f"module={module!r} is no network: give a torch.nn.Module, or a class or function that makes one."
        )
    return made


def make_trunk(design: NetDesign, module: Any = None) -> nn.Module:
    """Return the trunk that a design describes."""
    if design.trunk == "module":
        return module_trunk(module)
    kinds: dict[str, type[nn.Module]] = {"shared": SharedTrunk, "mmoe": MixtureTrunk, "ple": LayeredTrunk}
    return kinds[design.trunk](design)


def width_of(trunk: nn.Module, X: Tensor) -> tuple[int, bool]:
    """Return k, the width of the representation, and whether the trunk takes integers, after trying it on a few rows.

    Raises
    ------
    ValueError
        If the answer is not of shape (n, k).
    """
    trunk.eval()
    tried = [(X, False), (X.long(), True)] if bool((X.round() == X).all()) else [(X, False)]
    refused: list[Exception] = []
    for rows, integers in tried:
        try:
            with torch.no_grad():
                return _width(trunk, trunk(rows), len(X)), integers
        except (IndexError, RuntimeError, TypeError) as error:
            refused.append(error)
    said = "; as whole numbers: ".join(str(error).splitlines()[0][:110] for error in refused)
    raise ValueError(
        f"the trunk {type(trunk).__name__} cannot take rows of shape {tuple(X.shape[1:])}: {said}"
    ) from refused[0]


def _width(trunk: nn.Module, answer: Any, n: int) -> int:
    shape = tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__
    if not isinstance(answer, Tensor) or answer.ndim != 2 or len(answer) != n:
        raise ValueError(
            f"the trunk {type(trunk).__name__} answered {shape} for {n} rows, expected ({n}, k): end it with "
            "nn.Flatten() or a pooling layer."
        )
    return int(answer.shape[1])
