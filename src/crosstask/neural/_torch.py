"""PyTorch is optional: this package alone imports it, and says in one line what to install where it is absent."""

from __future__ import annotations

import importlib
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


def pick_device(device: str) -> Any:
    """Return the device; "auto" takes the first accelerator that is there, and otherwise the processor.

    Raises
    ------
    ValueError
        If there is no such device.
    """
    import torch

    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(1, device=device)
    except (AssertionError, NotImplementedError, RuntimeError, TypeError) as error:
        raise ValueError(
            f"device={device!r} is not there ({str(error).splitlines()[0][:80]}): use 'cpu' or 'auto'."
        ) from None
    return torch.device(device)
