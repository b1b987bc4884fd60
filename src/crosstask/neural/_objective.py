"""What a row costs: squared error on the scaled target, or log loss in units of a guess among the classes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class RowLoss:
    """Loss of each row from the predictors z of shape (n, K).

    Parameters
    ----------
    n_classes : int or None
        None for amounts. Two classes have one predictor, more have one each; divided by log(n_classes), so that a
        guess costs 1, as predicting the mean of a scaled target does.
    logistic : Tensor of bool of shape (n_tasks,), optional
        Among amounts: tasks whose target is 0 or 1, and whose predictor is log odds.
    """

    n_classes: int | None
    logistic: Tensor | None = None

    def __call__(self, z: Tensor, y: Tensor, codes: Tensor) -> Tensor:
        """Return the losses, (n,)."""
        if self.n_classes is not None:
            if self.n_classes > 2:
                return functional.cross_entropy(z, y.long(), reduction="none") / math.log(self.n_classes)
            return functional.binary_cross_entropy_with_logits(z[:, 0], y, reduction="none") / math.log(2.0)
        squared = (z[:, 0] - y).square()
        if self.logistic is None:
            return squared
        share = y.clamp(0.0, 1.0)  # of the rows of other tasks this is used for nothing
        odds = functional.binary_cross_entropy_with_logits(z[:, 0], share, reduction="none") / math.log(2.0)
        return torch.where(self.logistic[codes], odds, squared)
