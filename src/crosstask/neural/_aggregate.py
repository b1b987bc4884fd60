"""Exact gradients of every task with respect to the shared weights, and one direction made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from crosstask.neural._network import Network
from crosstask.neural._objective import RowLoss
from crosstask.neural._rows import PaddedTasks

PROJECTION_STEPS = 300
PROJECTION_TOL = 1e-4  # weights are then right to three digits in half the steps that 1e-7 takes
STEPS_WITH_THE_SAME_WEIGHTS = 4
GradientTable = dict[str, Tensor]


def task_gradients(net: Network, batch: PaddedTasks, loss: RowLoss) -> tuple[GradientTable, Tensor, Tensor, Tensor]:
    """Return the gradient of each task's mean loss over its own rows, all tasks in one batched pass.

    Parameters
    ----------
    net : Network
        With a trunk that all tasks share.
    batch : PaddedTasks
        B tasks.
    loss : RowLoss

    Returns
    -------
    shared : dict of str to Tensor of shape (B, ...)
        Gradients with respect to each weight of the trunk.
    weight, intercept : Tensor of shape (B, K k) and (B, K)
        Gradients with respect to the task's own line of the table of heads.
    losses : Tensor of shape (B,)
    """
    trunk = dict(net.trunk.named_parameters())
    frozen = {name: value.detach() for name, value in trunk.items()}
    table, intercepts = net.heads.table()
    own, bias = table.detach()[batch.tasks], intercepts.detach()[batch.tasks]
    n_outputs, width = net.heads.shape[1:]

    def mean_loss(shared: Any, w: Tensor, b: Tensor, X: Tensor, y: Tensor, s: Tensor, task: Tensor) -> Any:
        hidden: Any = functional_call(net.trunk, shared, (net.as_taken(X),))
        z = functional.linear(hidden.to(w.dtype), w.view(n_outputs, width), b)
        rows = loss(z, y, task.expand(len(y)))
        value = (s * rows).sum() / s.sum().clamp(min=1e-12)
        return value, value

    gradient = grad(mean_loss, argnums=(0, 1, 2), has_aux=True)
    batched = vmap(gradient, in_dims=(None, 0, 0, 0, 0, 0, 0), randomness="different")  # dropout of each row its own
    with net.precision(batch.X.device.type):
        (shared, weight, intercept), losses = batched(frozen, own, bias, batch.X, batch.y, batch.weight, batch.tasks)
    return shared, weight, intercept, losses


def set_gradients(
    net: Network, batch: PaddedTasks, loss: RowLoss, combine: Callable[[Tensor], Tensor], share: Tensor
) -> Tensor:
    """Write the combined direction to ``.grad`` of the trunk, and each task's own gradient to its head.

    Parameters
    ----------
    combine : callable
        Gramian (B, B) of the tasks' gradients -> weights (B,); they are divided by their sum.
    share : Tensor of shape (n_tasks,)
        Share of each task in the objective, by which its own head's gradient is weighted.

    Returns
    -------
    Tensor
        The mean loss, for the record.
    """
    shared, weight, intercept, losses = task_gradients(net, batch, loss)
    flat = torch.cat([value.flatten(1) for value in shared.values()], dim=1)
    weights = combine(flat @ flat.T).to(flat)
    weights = weights / weights.sum().clamp(min=1e-12)
    direction = weights @ flat
    place = 0
    for name, parameter in net.trunk.named_parameters():
        size = shared[name][0].numel()
        parameter.grad = direction[place : place + size].view_as(parameter)
        place += size
    own = share[batch.tasks]
    own = own / own.sum().clamp(min=1e-12)
    table, intercepts = net.heads.table()
    own = own[:, None]
    lines = [table[batch.tasks], intercepts[batch.tasks]]
    torch.autograd.backward(lines, [own * weight, own * intercept])
    penalty = net.heads.penalty()
    if penalty is not None:
        penalty.backward()
    return (own[:, 0] * losses).sum()


def make_combination(aggregator: Any) -> Callable[[Tensor], Tensor]:
    """Return Gramian -> weights for "upgrad", or for an aggregator or weighting of torchjd that works on Gramians.

    Raises
    ------
    ImportError, ValueError
        If torchjd is absent, or the aggregator needs more than the Gramian.
    """
    try:
        from torchjd.aggregation import GramianWeightedAggregator, UPGradWeighting, Weighting
    except ImportError:
        raise ImportError(
            'aggregator= needs torchjd, which is not installed: pip install "crosstask[neural]".'
        ) from None
    if isinstance(aggregator, str) and aggregator == "upgrad":
        return UPGradWeighting(projector=_projector())
    if isinstance(aggregator, GramianWeightedAggregator):
        return aggregator.gramian_weighting
    if isinstance(aggregator, Weighting):
        return aggregator
    raise ValueError(
        f"aggregator={aggregator!r} is not known: use None, 'upgrad', or an aggregator or weighting of torchjd "
        "that works on the Gramian of the gradients, such as torchjd.aggregation.MGDA()."
    )


def _projector() -> Any:
    from torchjd.linalg import DualConeProjector

    class BatchedProjector(DualConeProjector):
        """All projections at once by accelerated projected gradient, on the device and without synchronisation."""

        def __call__(self, U: Tensor, G: Tensor) -> Tensor:
            return project_on_dual_cone(U, G, tol=PROJECTION_TOL)

    return BatchedProjector()


class ReusedWeights:
    """The weights of the tasks' gradients, found anew every few steps and whenever a step shows other tasks.

    The gradients of each step are exact; only how they are weighed is up to three steps old. With 100 tasks the
    projections cost several times what the gradients do.
    """

    def __init__(self, combine: Callable[[Tensor], Tensor]) -> None:
        self.combine = combine
        self.tasks: Tensor | None = None
        self.weights: Tensor | None = None
        self.age = 0

    def of(self, gram: Tensor, tasks: Tensor) -> Tensor:
        """Return the weights for a Gramian whose lines are these tasks; the steps of a group share the tensor."""
        if self.weights is None or tasks is not self.tasks or self.age == STEPS_WITH_THE_SAME_WEIGHTS:
            self.weights, self.tasks, self.age = self.combine(gram), tasks, 0
        self.age += 1
        return self.weights


def project_on_dual_cone(U: Tensor, G: Tensor, *, tol: float = 1e-7, on_processor: bool | None = None) -> Tensor:
    """Return, for each row u of U, the v >= u that minimises v'Gv (a little is added to the diagonal of G).

    Accelerated projected gradient with restarts. On an accelerator the number of steps is fixed, so that no value is
    read back; on the processor (``on_processor``, by default where U lies), where that costs nothing, it ends when
    nothing moves.
    """
    scale = G.diagonal().double().mean().clamp(min=1e-30)
    gram = G.double() / scale + 1e-4 * torch.eye(len(G), dtype=torch.float64, device=G.device)
    step = 1.0 / largest_eigenvalue(gram)
    lower = U.double()
    on_processor = U.device.type == "cpu" if on_processor is None else on_processor
    reach = float(lower.abs().max()) if on_processor else 1.0
    v = ahead = lower.clone()
    momentum = torch.ones(len(lower), 1, dtype=gram.dtype, device=G.device)
    for _ in range(PROJECTION_STEPS):
        after = torch.maximum(ahead - step * (ahead @ gram), lower)
        moved = after - v
        uphill = ((ahead - after) * moved).sum(dim=1, keepdim=True) > 0
        momentum = torch.where(uphill, 1.0, momentum)
        faster = 0.5 * (1.0 + torch.sqrt(1.0 + 4.0 * momentum**2))
        ahead = after + torch.where(uphill, 0.0, (momentum - 1.0) / faster) * moved
        v, momentum = after, faster
        if on_processor and float(moved.abs().max()) < tol * reach:
            break
    return v.to(U.dtype)


def largest_eigenvalue(gram: Tensor, doublings: int = 6) -> Tensor:
    """Return trace(G^m)^(1/m), m = 2^doublings: never below the largest eigenvalue, and at most n^(1/m) times it.

    A decomposition would tell it exactly, and report back to the processor whether it converged.
    """
    trace = gram.trace()
    power, logarithm = gram / trace, trace.log()
    for _ in range(doublings):
        power = power @ power
        trace = power.trace()
        power, logarithm = power / trace, 2.0 * logarithm + trace.log()
    return torch.exp(logarithm / 2**doublings)


def refuse_batch_statistics(trunk: nn.Module) -> None:
    """Refuse a trunk whose answer for a row depends on the other rows of the step.

    Raises
    ------
    ValueError
        If it holds batch normalisation.
    """
    for part in trunk.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            raise ValueError(
                f"the trunk holds {type(part).__name__}, which mixes the rows of all tasks, and aggregator= needs "
                "gradients of each task by itself: use nn.LayerNorm or nn.GroupNorm, or aggregator=None."
            )
