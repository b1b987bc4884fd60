"""PyTorch is optional: this package alone imports it, and says in one line what to install where it is absent."""

from __future__ import annotations

import importlib
import math
from numbers import Real
from typing import Any

from crosstask.multitask._support import check_option

DTYPES = ("float32", "float64", "bfloat16")


def check_training_options(net: Any) -> None:
    """Check what all networks take: precision, learning rate, size of a step, and rows held out.

    Raises
    ------
    ValueError
        If one is out of its range.
    """
    check_option("dtype", net.dtype, DTYPES)
    rate = net.learning_rate_init
    if not (isinstance(rate, Real) and math.isfinite(rate) and float(rate) > 0):
        raise ValueError(f"learning_rate_init={rate!r} must be positive.")
    size = net.batch_size
    if size != "auto" and (isinstance(size, str) or int(size) < 1):
        raise ValueError(f"batch_size={size!r} must be a positive number of rows, or 'auto'.")
    if int(net.n_iter_no_change) < 1:
        raise ValueError(f"n_iter_no_change={net.n_iter_no_change!r} must be at least 1.")
    if net.early_stopping and not 0.0 < net.validation_fraction < 1.0:
        raise ValueError(f"validation_fraction={net.validation_fraction!r} must lie between 0 and 1.")


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
