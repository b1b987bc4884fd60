"""What a fitted network, or a module, gives to the fine-tuning of a new one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from crosstask.neural._design import NetDesign, State
from crosstask.neural._inputs import InputScaling
from crosstask.neural._rebuilt import RebuiltNet
from crosstask.transfer import KnownCoefficients
from crosstask.transfer._unwrap import thaw

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
    source = _only(source)
    net = fitted_net(source)
    if net is not None:
        return _of_ours(net, source_task)
    if hasattr(source, "fit"):
        raise ValueError(
            f"source is a {type(thaw(source)).__name__}: give a fitted MultiTaskMLPRegressor or MultiTaskMLPClassifier "
            "in FrozenEstimator(..), a torch.nn.Module, or a function that makes one; for linear models there are "
            "crosstask.PriorRegressor and PriorClassifier."
        )
    if not callable(source):  # a module can be called as well
        raise ValueError(f"source={source!r} is no network: give a fitted one of ours, or a torch.nn.Module.")
    as_module = replace(design, trunk="module", hidden=())
    return NetSource(as_module, None, source, None, None, None, None)


def fitted_net(source: Any) -> Any:
    """Return the fitted network of ours that a source is or holds: a search's best, the student of a distillation.

    None where it is none of ours.

    Raises
    ------
    NotFittedError
        If it is one that is not fitted.
    """
    model = thaw(_only(source))
    model = getattr(model, "student_", model)
    if not isinstance(model, RebuiltNet):
        return None
    try:
        check_is_fitted(model, "state_")
    except NotFittedError:
        raise NotFittedError(
            f"the source, a {type(model).__name__}, is not fitted: fit it on its own rows, and wrap it in "
            "sklearn.frozen.FrozenEstimator, since clone drops the fit of anything else."
        ) from None
    return model


def _only(source: Any) -> Any:
    """Return the one source of a list, which is how :class:`crosstask.TransferToEach` gives it."""
    if not isinstance(source, (list, tuple)):
        return source
    given: list[Any] = list(source)  # type: ignore[arg-type]
    if len(given) != 1:
        raise ValueError(
            f"source holds {len(given)} networks, and one representation is tuned: give one, fitted to the rows of all "
            "(pool_sources=True in TransferToEach)."
        )
    return given[0]


def _of_ours(model: Any, source_task: Any) -> NetSource:
    if model.design_.trunk not in ("shared", "module"):
        raise ValueError(
            f"the source has trunk={model.design_.trunk!r}, whose representation differs by task: use one with "
            "trunk='shared'."
        )
    table, intercept = (values.detach().cpu().double().numpy() for values in model._network().heads.table())
    n_tasks, n_outputs = intercept.shape
    scale, mean = model._units()
    table = table.reshape(n_tasks, n_outputs, -1) * scale[:, None, None]
    intercept = intercept * scale[:, None] + mean[:, None]
    if source_task is None:
        coef, bias = table.mean(axis=0), intercept.mean(axis=0)
    else:
        known = getattr(model, "tasks_", np.zeros(0))
        found = np.flatnonzero(known == source_task)
        if not len(found):
            raise ValueError(f"the source has no task {source_task!r}; its tasks are {known[:8].tolist()}.")
        coef, bias = table[found[0]], intercept[found[0]]
    head = KnownCoefficients(coef, classes=getattr(model, "classes_", None))
    shape = model.input_shape_
    scaling = getattr(model, "scaling_", None)
    return NetSource(model.design_, dict(model.state_), model._trunk_module(), scaling, shape, head, bias)


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
