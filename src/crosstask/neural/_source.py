"""What a fitted network, or a module, gives to the fine-tuning of a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from crosstask.neural._base import MultiTaskNet
from crosstask.neural._design import NetDesign, State
from crosstask.neural._inputs import InputScaling
from crosstask.transfer import KnownCoefficients

Array = NDArray[np.float64]


@dataclass(frozen=True)
class NetSource:
    """A trunk to start from, with how its inputs are made and what its head was.

    Parameters
    ----------
    design : NetDesign
        Of the source.
    state : dict of str to ndarray, or None
        Its weights, where it is a fitted network of ours.
    module : object
        The trunk, where it is not.
    scaling : InputScaling or None
        How its inputs are made; None where X goes in as it is.
    input_shape : tuple of int or None
        Of a row that has more than one axis.
    head : KnownCoefficients or None
        On the representation, in units of y.
    intercept : ndarray or None
        Of the head.
    """

    design: NetDesign
    state: State | None
    module: Any
    scaling: InputScaling | None
    input_shape: tuple[int, ...] | None
    head: KnownCoefficients | None
    intercept: Array | None


def read_source(source: Any, source_task: Any, design: NetDesign) -> NetSource:
    """Turn the parameter ``source`` into a trunk.

    Parameters
    ----------
    source : FrozenEstimator or estimator, torch.nn.Module, class or function, or None
        See :class:`FineTunedNetRegressor`.
    source_task : task id or None
        Whose head is taken; None takes the mean of all.
    design : NetDesign
        Of the net for ``source=None``.

    Raises
    ------
    ValueError, NotFittedError
        If it is none of these, or not fitted.
    """
    if source is None:
        return NetSource(design, None, None, None, None, None, None)
    model = source.estimator if isinstance(source, FrozenEstimator) else source
    if isinstance(model, MultiTaskNet):
        check_is_fitted(model, "state_")
        return _of_ours(model, source_task)
    if hasattr(model, "fit"):
        raise ValueError(
            f"source is a {type(model).__name__}: give a fitted MultiTaskMLPRegressor or MultiTaskMLPClassifier in "
            "FrozenEstimator(..), a torch.nn.Module, or a function that makes one; for linear models there are "
            "crosstask.PriorRegressor and PriorClassifier."
        )
    if not callable(model):  # a module can be called as well
        raise ValueError(f"source={source!r} is no network: give a fitted one of ours, or a torch.nn.Module.")
    as_module = replace(design, trunk="module", hidden=())
    return NetSource(as_module, None, model, None, None, None, None)


def _of_ours(model: Any, source_task: Any) -> NetSource:
    if model.design_.trunk not in ("shared", "module"):
        raise ValueError(
            f"the source has trunk={model.design_.trunk!r}, whose representation differs by task: use one with "
            "trunk='shared'."
        )
    table, intercept = (values.detach().cpu().double().numpy() for values in model._network().heads.table())
    n_tasks, n_outputs = intercept.shape
    table = table.reshape(n_tasks, n_outputs, -1)
    scale, mean = model.target_scaling_.scale[:-1], model.target_scaling_.mean[:-1]
    table = table * scale[:, None, None]
    intercept = intercept * scale[:, None] + mean[:, None]
    if source_task is None:
        coef, bias = table.mean(axis=0), intercept.mean(axis=0)
    else:
        found = np.flatnonzero(model.tasks_ == source_task)
        if not len(found):
            raise ValueError(f"the source has no task {source_task!r}; its tasks are {model.tasks_[:8].tolist()}.")
        coef, bias = table[found[0]], intercept[found[0]]
    head = KnownCoefficients(coef, classes=getattr(model, "classes_", None))
    shape = model.input_shape_
    return NetSource(model.design_, dict(model.state_), model.module, model.scaling_, shape, head, bias)


def trunk_state(state: State) -> State:
    """Return the weights of the trunk, without its prefix."""
    return {name.removeprefix("trunk."): value for name, value in state.items() if name.startswith("trunk.")}


def unit_of(hidden: Array) -> float:
    """Return the one scale of a representation.

    Each column on its own scale would blow up a hidden unit that hardly stirs on the target's few rows.
    """
    spread = float(np.sqrt(np.mean(hidden.var(axis=0))))
    return spread if spread > 1e-12 else 1.0


def in_unit(head: KnownCoefficients | None, unit: float) -> KnownCoefficients | None:
    """Return the head for a representation that was divided by ``unit``."""
    return None if head is None else KnownCoefficients(np.asarray(head.coef) * unit, classes=head.classes)
