"""PyTorch is optional: this package alone imports it, and says in one line what to install where it is absent."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Generator
from typing import Any


def require_torch(who: str) -> Any:
    """Return the module torch.

    Raises
    ------
    ImportError
        If it is not installed; the message holds the command that installs it.
    """
    try:
        return importlib.import_module("torch")
    except ImportError:
        raise ImportError(f'{who} needs PyTorch, which is not installed: pip install "crosstask[neural]".') from None


def pick_device(device: Any) -> Any:
    """Return the device; "auto" takes a GPU where PyTorch finds one, and otherwise the processor.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=torch.device(device)).cpu()  # a device without memory, "meta", gives nothing back
    except (AssertionError, NotImplementedError, RuntimeError, TypeError) as error:
        why = str(error).splitlines()[0][:60]
        raise ValueError(
            f"device={device!r} is not there ({why}): use 'cpu' or 'auto', in a fitted model by set_params."
        ) from None
    return torch.device(device)


@contextlib.contextmanager
def own_seed(seed: int, device: Any) -> Generator[None]:
    """Draw from ``seed`` inside, and leave the caller's random numbers as they were, on the device as well."""
    import torch

    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
