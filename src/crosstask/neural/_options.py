"""Parameters of the networks out of their range, each refused in one line before anything is computed."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from crosstask.multitask._support import check_option
from crosstask.multitask._wrapper import UNSEEN

DTYPES = ("float32", "float64", "bfloat16")
TRUNKS = ("shared", "mmoe", "ple")
HEADS = ("linear", "low_rank", "mean_tied", "film")
WEIGHTINGS = ("mean", "uncertainty", "log", "worst_group")
ACTIVATIONS = ("relu", "tanh", "gelu")


def check_whole(net: Any, name: str, least: int) -> None:
    """Refuse a parameter that is no whole number of at least ``least``."""
    value = getattr(net, name)
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise ValueError(f"{name}={value!r} must be a whole number and at least {least}.")


def check_not_negative(net: Any, name: str) -> None:
    """Refuse a parameter that is no number of at least 0."""
    value = getattr(net, name)
    if not (isinstance(value, Real) and math.isfinite(value) and float(value) >= 0):
        raise ValueError(f"{name}={value!r} must be 0 or more.")


def check_training_options(net: Any) -> None:
    """Check what all networks take: precision, layers, learning rate, size of a step, and rows held out.

    Raises
    ------
    ValueError
        If one is out of its range.
    """
    check_option("dtype", net.dtype, DTYPES)
    sizes = np.atleast_1d(np.asarray(net.hidden_layer_sizes))
    if sizes.dtype.kind not in "iu" or sizes.ndim > 1 or (sizes < 1).any() or not len(sizes):
        raise ValueError(f"hidden_layer_sizes={net.hidden_layer_sizes!r} must hold positive integers.")
    rate = net.learning_rate_init
    if not (isinstance(rate, Real) and math.isfinite(rate) and float(rate) > 0):
        raise ValueError(f"learning_rate_init={rate!r} must be positive.")
    size = net.batch_size
    if size != "auto" and not (isinstance(size, Integral) and int(size) >= 1):
        raise ValueError(f"batch_size={size!r} must be a positive number of rows, or 'auto'.")
    check_whole(net, "n_iter_no_change", 1)
    fraction = net.validation_fraction
    if net.early_stopping and not (isinstance(fraction, Real) and 0.0 < float(fraction) < 1.0):
        raise ValueError(f"validation_fraction={fraction!r} must lie between 0 and 1.")


def check_multitask_options(net: Any) -> None:
    """Check what the networks of many tasks take beside that.

    Raises
    ------
    ValueError
        If one is out of its range, or two do not go together.
    """
    check_training_options(net)
    check_option("unseen_task", net.unseen_task, UNSEEN)
    check_option("task_weight", net.task_weight, ("rows", "equal"))
    check_option("trunk", net.trunk, TRUNKS)
    check_option("heads", net.heads, HEADS)
    check_option("weighting", net.weighting, WEIGHTINGS)
    check_option("activation", net.activation, ACTIVATIONS)
    for name in ("max_epochs", "n_experts", "rank"):
        check_whole(net, name, 1)
    for name in ("weight_decay", "tie"):
        check_not_negative(net, name)
    if not (isinstance(net.dropout, Real) and 0.0 <= float(net.dropout) < 1.0):
        raise ValueError(f"dropout={net.dropout!r} must lie in [0, 1).")
    if net.aggregator is not None and (net.trunk != "shared" or net.weighting != "mean"):
        raise ValueError(
            "aggregator= combines gradients of a trunk that tasks share: use trunk='shared' and weighting='mean'."
        )
    if net.module is not None and net.trunk != "shared":
        raise ValueError(f"module= is a trunk of its own, and trunk={net.trunk!r} asks for another: leave one out.")


def check_tuning_options(net: Any) -> None:
    """Check what fine-tuning takes beside what all networks do.

    Raises
    ------
    ValueError
        If one is out of its range.
    """
    check_training_options(net)
    check_whole(net, "max_epochs", 0)  # 0: the probe alone
    if not (isinstance(net.layer_decay, Real) and 0.0 < float(net.layer_decay) <= 1.0):
        raise ValueError(f"layer_decay={net.layer_decay!r} must lie in (0, 1].")
    check_not_negative(net, "l2_sp")
    if isinstance(net.frozen_layers, bool) or not isinstance(net.frozen_layers, Integral) or net.frozen_layers < 0:
        raise ValueError(f"frozen_layers={net.frozen_layers!r} must be 0 or more: layers are counted from the input.")
    if net.early_stopping not in (True, False, "auto"):
        raise ValueError(f"early_stopping={net.early_stopping!r} is not known: use True, False or 'auto'.")
