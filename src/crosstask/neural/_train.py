"""The training loop: steps without synchronisation, task-stratified early stopping, best weights restored."""

from __future__ import annotations

import contextlib
import copy
import math
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from crosstask.neural._aggregate import ReusedWeights, make_combination, refuse_batch_statistics, set_gradients
from crosstask.neural._history import TrainingHistory
from crosstask.neural._network import Network
from crosstask.neural._objective import RowLoss
from crosstask.neural._rows import (
    MANY_TASKS,
    NetRows,
    PaddedTasks,
    batch_rows,
    epochs_of_padded_tasks,
    epochs_of_rows,
    epochs_of_tasks,
)
from crosstask.neural._weighting import TaskWeighting, losses_by_task

TASKS_A_STEP = 128  # with an aggregator, whose Gramian has this many lines
ROWS_OF_A_TASK = 8  # that a step should show, for the weightings that look at a task's own loss


@dataclass(frozen=True)
class TrainingPlan:
    """How to train.

    Parameters
    ----------
    learning_rate, weight_decay : float
        Of AdamW; biases and intercepts do not decay.
    batch_size : int or "auto"
    max_epochs, patience : int
    weighting : str
    aggregator : object or None
    seed : int
    verbose : int
    groups : list of dict, optional
        Parameter groups of the optimiser, instead of all weights alike.
    penalty : callable, optional
        Returns what is added to the loss of a step.
    before_epoch : callable, optional
        Called with the number of epochs done, before each.
    start_counts : bool
        Whether the weights before the first epoch may be the best: they are those of a fitted probe.
    """

    learning_rate: float
    weight_decay: float
    batch_size: int | str
    max_epochs: int
    patience: int
    weighting: str
    aggregator: Any
    seed: int
    verbose: int = 0
    groups: list[dict[str, Any]] | None = None
    penalty: Callable[[], Tensor] | None = None
    before_epoch: Callable[[int], None] | None = None
    start_counts: bool = False


def train(net: Network, rows: NetRows, held_out: NetRows | None, loss: RowLoss, plan: TrainingPlan) -> TrainingHistory:
    """Train in place, and leave the net with the weights that did best on the rows held out.

    Ctrl-C ends training as patience does: the best weights so far are kept, with a warning.
    """
    trainer = _Trainer(net, rows, loss, plan)
    train_loss: list[float] = []
    validation: list[float] = []
    best, best_epoch, best_state, stopped = math.inf, 0, None, "max_epochs"
    if plan.start_counts and held_out is not None:
        best, best_state = evaluate(net, held_out, loss), copy.deepcopy(net.state_dict())
    with _progress(plan) as advance:
        try:
            for epoch, steps in zip(range(1, plan.max_epochs + 1), trainer.epochs, strict=False):
                if plan.before_epoch is not None:
                    plan.before_epoch(epoch - 1)
                train_loss.append(trainer.epoch(steps))
                _refuse_divergence(train_loss[-1], plan)
                validation.append(math.nan if held_out is None else evaluate(net, held_out, loss))
                advance(train_loss[-1], validation[-1])
                if held_out is None or validation[-1] < best * (1.0 - 1e-5):
                    best, best_epoch = validation[-1], epoch
                    best_state = None if held_out is None else copy.deepcopy(net.state_dict())
                elif epoch - best_epoch >= plan.patience:
                    stopped = "patience"
                    break
        except KeyboardInterrupt:
            stopped = "by hand"
            del validation[len(train_loss) :], train_loss[len(validation) :]
            warnings.warn(
                f"training was stopped by hand after {len(train_loss)} epochs; the best weights so far are kept.",
                UserWarning,
                stacklevel=2,
            )
    if best_state is not None:
        net.load_state_dict(best_state)
    return TrainingHistory(np.array(train_loss), np.array(validation), best_epoch, stopped)


def evaluate(net: Network, rows: NetRows, loss: RowLoss) -> float:
    """Return the weighted mean loss of some rows; the one number that an epoch reads back from the device."""
    net.eval()
    total, weight = torch.zeros((), device=rows.X.device), torch.zeros((), device=rows.X.device)
    with torch.no_grad():
        for start in range(0, len(rows), 8192):
            part = rows.take(torch.arange(start, min(start + 8192, len(rows)), device=rows.X.device))
            values = loss(net(part.X, part.codes).reshape(-1, net.heads.shape[1]), part.y.flatten(), part.pair_codes())
            total, weight = total + (part.weight.flatten() * values).sum(), weight + part.weight.sum()
    return float(total / weight)


def weight_groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return two groups of parameters: those that decay, and biases and intercepts, which do not."""
    named = [(name, value) for name, value in net.named_parameters() if value.requires_grad]
    free = [value for name, value in named if is_free(name)]
    decayed = [value for name, value in named if not is_free(name)]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": free, "weight_decay": 0.0}]


def is_free(name: str) -> bool:
    """Tell whether a parameter is a bias or an intercept, by its name."""
    return "bias" in name or "intercept" in name


class _Trainer:
    """What the steps of a fit share: the optimiser, the weighting, and how rows are dealt out."""

    def __init__(self, net: Network, rows: NetRows, loss: RowLoss, plan: TrainingPlan) -> None:
        self.net, self.loss, self.plan = net, loss, plan
        codes, n_tasks = rows.pair_codes(), rows.n_tasks
        totals = torch.zeros(n_tasks, dtype=rows.weight.dtype, device=rows.X.device)
        share = totals.index_add(0, codes, rows.weight.flatten())
        self.weighting = TaskWeighting(plan.weighting, share / share.sum())
        self.combine = None
        if plan.aggregator is not None:
            refuse_batch_statistics(net.trunk)
            self.combine = ReusedWeights(make_combination(plan.aggregator))
        groups = plan.groups or weight_groups(net, plan.weight_decay)
        groups.append({"params": list(self.weighting.parameters()), "weight_decay": 0.0})
        kept = [group for group in groups if group["params"]]
        self.optimiser = torch.optim.AdamW(kept, lr=plan.learning_rate, fused=True)
        self.epochs: Iterator[Any] = self._epochs(rows)

    def _epochs(self, rows: NetRows) -> Iterator[Any]:
        size, rng = batch_rows(self.plan.batch_size, len(rows)), np.random.default_rng(self.plan.seed)
        if self.combine is not None:
            return epochs_of_padded_tasks(rows, size, rng, TASKS_A_STEP)
        if rows.codes is not None:
            few = self.plan.weighting != "mean" and rows.n_tasks * ROWS_OF_A_TASK > size
            if few or rows.n_tasks >= MANY_TASKS:
                return epochs_of_tasks(rows, size, rng)
        return epochs_of_rows(rows, size, rng)

    def epoch(self, steps: list[Any]) -> float:
        """Make the steps of an epoch, and return their mean loss."""
        _train_what_learns(self.net)
        total: Tensor | float = 0.0
        for step in steps:
            self.optimiser.zero_grad(set_to_none=True)
            total = total + self._step(step)
            self.optimiser.step()
        return float(total) / max(len(steps), 1)

    def _step(self, batch: NetRows | PaddedTasks) -> Tensor:
        if isinstance(batch, PaddedTasks):
            reused = self.combine
            assert reused is not None
            weigh = partial(reused.of, tasks=batch.tasks)
            return set_gradients(self.net, batch, self.loss, weigh, self.weighting.share)
        z = self.net(batch.X, batch.codes).reshape(-1, self.net.heads.shape[1])
        codes, weight = batch.pair_codes(), batch.weight.flatten()
        values = self.loss(z, batch.y.flatten(), codes)
        if self.plan.weighting == "mean":
            value = (weight * values).sum() / weight.sum().clamp(min=1e-12)
        else:
            value = self.weighting(*losses_by_task(values, weight, codes, batch.n_tasks))
        whole = value
        for penalty in (self.net.heads.penalty(), self.plan.penalty and self.plan.penalty()):
            whole = whole if penalty is None else whole + penalty
        whole.backward()
        return value.detach()


def _train_what_learns(net: nn.Module) -> None:
    """Set training mode, but for parts none of whose weights learn: the statistics of a frozen layer stay as well."""
    net.train()
    for part in net.modules():
        own = list(part.parameters(recurse=False))
        if own and not any(value.requires_grad for value in own):
            part.eval()


def _refuse_divergence(loss: float, plan: TrainingPlan) -> None:
    if not math.isfinite(loss):
        raise ValueError(
            f"training diverged: the loss is {loss} with learning_rate_init={plan.learning_rate:g}; use a smaller one."
        )


@contextlib.contextmanager
def _progress(plan: TrainingPlan) -> Generator[Callable[[float, float], None]]:
    """Show a bar with the losses where ``verbose`` asks for it."""
    if not plan.verbose:
        yield lambda train_loss, validation: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.description}")
    with Progress(text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), transient=plan.verbose < 2) as bar:
        line = bar.add_task("training", total=plan.max_epochs)

        def advance(train_loss: float, validation: float) -> None:
            said = f"loss {train_loss:.4f}" + ("" if math.isnan(validation) else f", held out {validation:.4f}")
            bar.update(line, advance=1, description=said)

        yield advance
