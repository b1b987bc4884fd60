"""Rows as tensors, in the long layout or the wide one, and how an epoch cuts them into steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

SMALLEST_BATCH, LARGEST_BATCH, STEPS_AN_EPOCH = 32, 4096, 16
MANY_TASKS = 1000


@dataclass(frozen=True)
class NetRows:
    """Rows on the device.

    Parameters
    ----------
    X : Tensor of shape (n, ...)
        Inputs.
    y, weight : Tensor of shape (n,), or (n, n_tasks) in the wide layout
        Scaled target, and c_t s_ti; weight 0 where nothing was observed.
    codes : Tensor of shape (n,), or None in the wide layout
        Task of each row; sorted.
    n_tasks : int
    """

    X: Tensor
    y: Tensor
    weight: Tensor
    codes: Tensor | None
    n_tasks: int

    def __len__(self) -> int:
        return len(self.X)

    def take(self, rows: Tensor) -> NetRows:
        """Return some rows."""
        codes = None if self.codes is None else self.codes[rows]
        return NetRows(self.X[rows], self.y[rows], self.weight[rows], codes, self.n_tasks)

    def pair_codes(self) -> Tensor:
        """Return the task of each entry of ``y.flatten()``."""
        if self.codes is not None:
            return self.codes
        return torch.arange(self.n_tasks, device=self.X.device).repeat(len(self.X))

    def task_sizes(self) -> NDArray[np.intp]:
        """Return the number of rows of each task, in the long layout."""
        assert self.codes is not None
        return np.bincount(self.codes.cpu().numpy(), minlength=self.n_tasks)


def batch_rows(batch_size: int | str, n: int) -> int:
    """Return the number of rows of a step.

    "auto" is 1/16 of the rows, but at least 32 and at most 4096.
    """
    if batch_size == "auto":
        return min(n, max(SMALLEST_BATCH, min(n // STEPS_AN_EPOCH, LARGEST_BATCH)))
    return min(n, int(batch_size))


def epochs_of_rows(rows: NetRows, size: int, rng: np.random.Generator) -> Iterator[list[NetRows]]:
    """Yield, for each epoch, shuffled steps of ``size`` rows."""
    if size >= len(rows):
        while True:
            yield [rows]
    device = rows.X.device
    while True:
        order = torch.as_tensor(rng.permutation(len(rows)), device=device)
        steps = list(order.split(size))
        if len(steps[-1]) == 1:  # a step of one row has no statistics for batch normalisation
            steps[-2:] = [torch.cat(steps[-2:])]
        yield [rows.take(step) for step in steps]


def epochs_of_tasks(rows: NetRows, size: int, rng: np.random.Generator) -> Iterator[list[NetRows]]:
    """Yield, for each epoch, steps that hold all rows of some tasks, about ``size`` rows each."""
    sizes = rows.task_sizes()
    if size >= len(rows):
        while True:
            yield [rows]
    ends = np.cumsum(sizes)
    device = rows.X.device
    while True:
        tasks = rng.permutation(np.flatnonzero(sizes))
        counts = sizes[tasks]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        order = torch.as_tensor(np.repeat(ends[tasks] - counts, counts) + within, device=device)
        step_of_task = (np.cumsum(counts) - counts) // size
        cuts = np.cumsum(np.bincount(step_of_task, counts).astype(np.intp))[:-1]
        yield [rows.take(part) for part in torch.tensor_split(order, cuts.tolist()) if len(part)]


@dataclass(frozen=True)
class PaddedTasks:
    """Some rows of some tasks, one line a task, padded with rows of weight 0."""

    X: Tensor
    y: Tensor
    weight: Tensor
    tasks: Tensor


def epochs_of_padded_tasks(
    rows: NetRows, size: int, rng: np.random.Generator, tasks_a_step: int
) -> Iterator[list[PaddedTasks]]:
    """Yield, for each epoch, steps in which every task of a group shows about the same number of its rows."""
    sizes = rows.task_sizes()
    starts, device = np.cumsum(sizes) - sizes, rows.X.device
    while True:
        steps: list[PaddedTasks] = []
        tasks = rng.permutation(np.flatnonzero(sizes))
        for group in np.array_split(tasks, max(1, -(-len(tasks) // tasks_a_step))):
            width = int(min(sizes[group].max(), max(4, size // len(group))))
            longest = int(sizes[group].max())
            shown = np.full((len(group), -(-longest // width) * width), -1, dtype=np.intp)
            for line, t in enumerate(group):
                shown[line, : sizes[t]] = starts[t] + rng.permutation(sizes[t])
            index, group_codes = torch.as_tensor(shown, device=device), torch.as_tensor(group, device=device)
            for start in range(0, shown.shape[1], width):
                part = index[:, start : start + width]
                there, place = part >= 0, part.clamp(min=0)
                weight = torch.where(there, rows.weight[place], 0.0)
                steps.append(PaddedTasks(rows.X[place], rows.y[place], weight, group_codes))
        yield steps
