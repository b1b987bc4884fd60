"""Heads of all tasks as one table: weights of shape (n_tasks, n_outputs, width), however they are tied."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from crosstask.neural._trunks import pick_rows, uniform


class Heads(nn.Module):
    """Base: ``table()`` gives (weights (T, K k), intercepts (T, K)); every task starts from the same draw."""

    def __init__(self, n_tasks: int, n_outputs: int, width: int) -> None:
        super().__init__()
        self.shape = (n_tasks, n_outputs, width)
        self.intercept = nn.Parameter(torch.zeros(n_tasks, n_outputs))

    def table(self) -> tuple[Tensor, Tensor]:
        """Return the effective weights, flat for each task, and the intercepts."""
        raise NotImplementedError

    def penalty(self) -> Tensor | None:
        """Return what is added to the loss, None where nothing is."""
        return None

    def forward(self, features: Tensor, codes: Tensor | None) -> Tensor:
        """Return (n, K) for rows of the given tasks, or (n, T, K) of all tasks for ``codes=None``."""
        weight, intercept = self.table()
        n_tasks, n_outputs, width = self.shape
        if codes is None:
            z = features @ weight.view(n_tasks * n_outputs, width).T
            return z.view(-1, n_tasks, n_outputs) + intercept
        own = pick_rows(weight, codes).view(-1, n_outputs, width)
        return (own * features[:, None]).sum(dim=2) + pick_rows(intercept, codes)


class LinearHeads(Heads):
    """W_t free."""

    def __init__(self, n_tasks: int, n_outputs: int, width: int) -> None:
        super().__init__(n_tasks, n_outputs, width)
        first = uniform(1, n_outputs * width, fan_in=width)
        self.weight = nn.Parameter(first.detach().repeat(n_tasks, 1))

    def table(self) -> tuple[Tensor, Tensor]:
        return self.weight, self.intercept


class MeanTiedHeads(LinearHeads):
    """W_t free, with the penalty tie * mean_t |W_t - mean W|^2."""

    def __init__(self, n_tasks: int, n_outputs: int, width: int, tie: float) -> None:
        super().__init__(n_tasks, n_outputs, width)
        self.tie = tie

    def penalty(self) -> Tensor:
        return self.tie * (self.weight - self.weight.mean(dim=0)).square().sum(dim=1).mean()


class LowRankHeads(Heads):
    """W_t = w_0 + U v_t with U of few columns; v_t starts at zero."""

    def __init__(self, n_tasks: int, n_outputs: int, width: int, rank: int) -> None:
        super().__init__(n_tasks, n_outputs, width)
        self.centre = uniform(1, n_outputs * width, fan_in=width)
        self.basis = uniform(rank, n_outputs * width, fan_in=width)
        self.own = nn.Parameter(torch.zeros(n_tasks, rank))

    def table(self) -> tuple[Tensor, Tensor]:
        return self.centre + self.own @ self.basis, self.intercept


class FilmHeads(Heads):
    """One shared head on features that each task scales and shifts: w_0'(h (1 + g_t) + s_t) + b_t.

    The shift is a number for each output once it has gone through the head, which is the task's intercept.
    """

    def __init__(self, n_tasks: int, n_outputs: int, width: int) -> None:
        super().__init__(n_tasks, n_outputs, width)
        self.centre = uniform(n_outputs, width, fan_in=width)
        self.scale = nn.Parameter(torch.zeros(n_tasks, width))

    def table(self) -> tuple[Tensor, Tensor]:
        weight = (1.0 + self.scale)[:, None] * self.centre
        return weight.flatten(1), self.intercept


def make_heads(kind: str, n_tasks: int, n_outputs: int, width: int, *, rank: int, tie: float) -> Heads:
    """Return the heads of one of the four kinds."""
    shape: Any = (n_tasks, n_outputs, width)
    if kind == "low_rank":
        return LowRankHeads(*shape, rank=rank)
    if kind == "mean_tied":
        return MeanTiedHeads(*shape, tie=tie)
    return FilmHeads(*shape) if kind == "film" else LinearHeads(*shape)
