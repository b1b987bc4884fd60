"""Losses: how far a prediction is from what was observed. One file each."""

from __future__ import annotations

from crosstask.losses._base import Loss
from crosstask.losses._huber import Huber
from crosstask.losses._logistic import Logistic
from crosstask.losses._multinomial import Multinomial
from crosstask.losses._poisson import Poisson
from crosstask.losses._quantile import Quantile
from crosstask.losses._squared import Squared
from crosstask.losses._squared_hinge import SquaredHinge

__all__ = [
    "Huber",
    "Logistic",
    "Loss",
    "Multinomial",
    "Poisson",
    "Quantile",
    "Squared",
    "SquaredHinge",
    "as_loss",
]

_BY_NAME: dict[str, type[Loss]] = {
    "squared": Squared,
    "huber": Huber,
    "quantile": Quantile,
    "poisson": Poisson,
    "logistic": Logistic,
    "multinomial": Multinomial,
    "squared_hinge": SquaredHinge,
}


def as_loss(loss: str | Loss, *, n_classes: int | None = None) -> Loss:
    """Return the loss that a string names, or the loss itself.

    ``"logistic"`` becomes the multinomial loss where ``n_classes`` is above two.

    Raises
    ------
    ValueError
        If the name is unknown.

    Examples
    --------
    >>> as_loss("logistic", n_classes=3)
    Multinomial()
    """
    if isinstance(loss, Loss):
        return loss
    if loss == "logistic" and n_classes is not None and n_classes > 2:
        return Multinomial()
    if not isinstance(loss, str) or loss not in _BY_NAME:  # type: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"unknown loss {loss!r}: give one of {', '.join(map(repr, _BY_NAME))}, or a Loss object.")
    return _BY_NAME[loss]()
