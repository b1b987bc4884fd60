"""A weak prior on alpha, for logistic models of few rows, where held-out losses alone choose it badly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIGNAL = 2.0
"""Prior variance of the log odds within a task, about what separates classes with an AUC of .83."""


def steadied(
    model: Any,
    X: NDArray[np.float64],
    y: Any,
    task: Any,
    sample_weight: NDArray[np.float64] | None,
    *,
    width: float,
    n_judged: float | None = None,
) -> Any:
    r"""Refit a tuned logistic model at the alpha that also a prior finds plausible.

    A penalty alpha n / 2 on each of d standardised slopes is a normal prior of variance 1 / (alpha n) on each; together
    they say that the log odds vary by d / (alpha n) among rows. If that is about ``SIGNAL``, alpha is near
    alpha_0 = d / (SIGNAL n). The alpha that minimises

        n_judged cv_loss(alpha) + (log(alpha / alpha_0) / width)^2 / 2

    is the posterior mode under a lognormal prior about alpha_0; the prior weighs as much as a nat or two, and with
    more rows the loss outweighs it. For MeanTied alpha counts at the centre, ``centre_weight`` times.

    Parameters
    ----------
    model : MultiTaskClassifier
        Fitted with ``alpha="auto"``; changed by the refit.
    width : float
        Standard deviation of log alpha under the prior.
    n_judged : float, optional
        Weight of the rows that are held out, None: n. Rows that only tie intercepts, as :class:`CommonRate` adds them,
        are in n alone.
    """
    path = getattr(model, "path_", None)
    if not path:
        return model
    n = float(len(y) if sample_weight is None else sample_weight.sum())
    n_judged = n if n_judged is None else n_judged
    alphas, loss = np.asarray(path["alpha"]), np.asarray(path["cv_loss"])
    at_centre = float(getattr(model.coupling, "centre_weight", 1.0)) or 1.0
    fine = np.geomspace(alphas.min(), alphas.max(), 20 * len(alphas))
    order = np.argsort(alphas)
    held_out = np.interp(np.log(fine), np.log(alphas[order]), loss[order])
    distance = np.log(fine * at_centre * n * SIGNAL / X.shape[1]) / width
    alpha = float(fine[np.argmin(n_judged * held_out + 0.5 * distance**2)])
    cv = model.cv
    model.set_params(alpha=alpha, cv=None).fit(X, y, task=task, sample_weight=sample_weight)
    model.set_params(alpha="auto", cv=cv)
    model.path_ = path
    return model
