"""Layers of a trunk from the input up: which are frozen, how fast each learns, what holds it to its source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

Layer = list[nn.Parameter]


def layers_of(trunk: nn.Module) -> list[Layer]:
    """Return the parameters of each layer, in the order in which they are registered: the input's layer first."""
    layers: list[Layer] = []
    seen: set[int] = set()
    for part in trunk.modules():
        own = [value for value in part.parameters(recurse=False) if id(value) not in seen]
        seen.update(id(value) for value in own)
        if own:
            layers.append(own)
    return layers


def rate_groups(layers: list[Layer], head: Layer, learning_rate: float, layer_decay: float) -> list[dict[str, Any]]:
    """Return groups for the optimiser: the full rate for the head, ``layer_decay`` times the one above for a layer."""
    groups: list[dict[str, Any]] = [{"params": head, "lr": learning_rate, "weight_decay": 0.0}]
    for depth, layer in enumerate(reversed(layers), start=1):
        free = [value for value in layer if value.requires_grad]
        groups.append({"params": free, "lr": learning_rate * layer_decay**depth, "weight_decay": 0.0})
    return [group for group in groups if group["params"]]


def hold_to_source(parameters: list[nn.Parameter], strength: float) -> Callable[[], Tensor]:
    """Return L2-SP: strength / 2 times the squared distance to the values that the parameters have now."""
    start = [value.detach().clone() for value in parameters]

    def penalty() -> Tensor:
        parts = [(value - first).square().sum() for value, first in zip(parameters, start, strict=True)]
        return 0.5 * strength * sum(parts[1:], parts[0])

    return penalty


def unfreeze_from_the_top(layers: list[Layer]) -> Callable[[int], None]:
    """Return what is to be called before each epoch: first the head alone, then one layer more an epoch."""
    wanted = [[value.requires_grad for value in layer] for layer in layers]

    def before_epoch(done: int) -> None:
        for depth, (layer, may) in enumerate(zip(reversed(layers), reversed(wanted), strict=True), start=1):
            for value, allowed in zip(layer, may, strict=True):
                value.requires_grad_(allowed and done >= depth)

    return before_epoch
