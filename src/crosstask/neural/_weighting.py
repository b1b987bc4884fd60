"""How the losses of the tasks make one; their weights add up to one, so that a learning rate keeps its meaning."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TaskWeighting(nn.Module):
    r"""Weights of the tasks' losses L_t, from the tasks' shares p_t of the objective (c_t n_t / n).

    ================ =====================================================================================
    "mean"           :math:`w_t \propto p_t`
    "log"            :math:`w_t \propto p_t / L_t`: the gradient of :math:`\sum_t p_t \log L_t`, free of scales
    "uncertainty"    :math:`w_t \propto p_t e^{-s_t}`, s_t learned to minimise
                     :math:`\tfrac12 e^{-s_t} L_t + \tfrac12 s_t`
    "worst_group"    :math:`w_t \leftarrow w_t e^{L_t / 10}`, for the worst task's sake
    ================ =====================================================================================

    References
    ----------
    Kendall, Gal and Cipolla (2018), Multi-task learning using uncertainty to weigh losses, CVPR.
    Sagawa, Koh, Hashimoto and Liang (2020), Distributionally robust neural networks for group shifts, ICLR.
    """

    log_weight: Tensor
    share: Tensor

    def __init__(self, kind: str, share: Tensor) -> None:
        super().__init__()
        self.kind = kind
        self.register_buffer("share", share)
        self.log_variance = nn.Parameter(torch.zeros_like(share)) if kind == "uncertainty" else None
        self.register_buffer("log_weight", torch.zeros_like(share))

    def forward(self, losses: Tensor, present: Tensor) -> Tensor:
        """Return the one loss; ``present`` (n_tasks,) marks the tasks that this step shows."""
        fixed = losses.detach()
        weight = self.share
        if self.kind == "log":
            weight = self.share / (fixed + 1e-6)
        elif self.kind == "worst_group":
            self.log_weight += torch.where(present, 0.1 * fixed, 0.0)
            self.log_weight -= self.log_weight.logsumexp(dim=0)
            weight = self.log_weight.exp()
        elif self.log_variance is not None:
            weight = self.share * torch.exp(-self.log_variance.detach())
        weight = torch.where(present, weight, 0.0)
        total = (weight * losses).sum() / weight.sum().clamp(min=1e-12)
        if self.log_variance is not None:
            own = 0.5 * torch.exp(-self.log_variance) * fixed + 0.5 * self.log_variance
            total = total + torch.where(present, own, 0.0).mean()
        return total


def losses_by_task(row_losses: Tensor, weight: Tensor, codes: Tensor, n_tasks: int) -> tuple[Tensor, Tensor]:
    """Return the weighted mean loss of each task, zero where it has no row, and which tasks have one."""
    totals = torch.zeros(n_tasks, dtype=weight.dtype, device=weight.device).index_add(0, codes, weight)
    sums = torch.zeros_like(totals).index_add(0, codes, weight * row_losses)
    return sums / totals.clamp(min=1e-12), totals > 0
