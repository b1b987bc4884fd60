"""Choose alpha and one strength for each source by the loss on held-out target rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.transfer._unwrap import Floats

GRID = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
"""Strengths that one source may be set to in a move."""
LEAST_GAIN = 0.01
"""A move must lower the judged loss by this share, or it is taken for noise."""
CAUTION = 0.5
"""Standard errors of the folds that are added to a loss before it is judged: of equal points the steadier wins."""


@dataclass(frozen=True)
class Selection:
    """The chosen point, and all that were tried: losses and errors (A, G) at alphas (A,) and strengths (G, S)."""

    alpha: float
    strength: Floats
    alphas: Floats
    strengths: Floats
    losses: Floats
    errors: Floats

    def path(self) -> dict[str, Any]:
        """Plain arrays for ``path_``."""
        return {"alpha": self.alphas, "strength": self.strengths, "loss": self.losses, "error": self.errors}


def select(
    evaluate: Callable[[Floats, Floats], Floats], alphas: Floats, n_sources: int, fixed: Floats | None
) -> Selection:
    """Search the strengths greedily; every candidate is judged along the whole path of alphas.

    The strengths start at zero, "target only". A move sets one of them to another value of the grid, and scales the
    others down where the sum would exceed 1; the first round tries equal strengths of all sources too, for the mean of
    many can help where none alone does. The move that lowers the held-out loss most is made, until none lowers it by
    more than noise (:data:`LEAST_GAIN`). For one source that is the whole grid.

    Parameters
    ----------
    evaluate : callable
        (alphas (A,), strengths (G, S)) -> held-out losses (F, A, G).
    alphas : ndarray of shape (A,)
        Path to choose from.
    n_sources : int
        S.
    fixed : ndarray of shape (S,) or None
        Given strengths: only alpha is chosen.
    """
    strengths = np.zeros((1, n_sources)) if fixed is None else fixed[None, :]
    losses = evaluate(alphas, strengths)
    best = _least(losses)
    equal = GRID[:, None] * np.full(n_sources, 1.0 / max(n_sources, 1))
    for round_ in range(3 * n_sources if fixed is None else 0):
        moved = _moves(strengths[best[1]])
        tried = _new(moved if round_ else np.vstack([moved, equal]), strengths)
        if not len(tried):
            break
        losses = np.concatenate([losses, evaluate(alphas, tried)], axis=2)
        strengths = np.vstack([strengths, tried])
        reached = _least(losses)
        judged = _judged(losses)
        if judged[reached] > judged[best] * (1.0 - LEAST_GAIN):
            break
        best = reached
    mean, error = mean_and_error(losses)
    return Selection(float(alphas[best[0]]), strengths[best[1]], alphas, strengths, mean, error)


def mean_and_error(losses: Floats) -> tuple[Floats, Floats]:
    """Mean over the folds, and its standard error as if the folds were independent (0 for one fold, nan for none)."""
    if not len(losses):
        return np.full(losses.shape[1:], np.nan), np.full(losses.shape[1:], np.nan)
    mean = losses.mean(axis=0)
    if len(losses) == 1:
        return mean, np.zeros_like(mean)
    tried = np.isfinite(mean)
    deviation = np.where(tried, losses, 0.0) - np.where(tried, mean, 0.0)
    return mean, np.sqrt(np.sum(deviation**2, axis=0) / (len(losses) - 1) / len(losses))


def _moves(centre: Floats) -> Floats:
    """Strengths one move away."""
    moved = np.tile(centre, (len(centre), len(GRID), 1))
    for k in range(len(centre)):
        others = centre.sum() - centre[k]
        moved[k] *= np.minimum(1.0, (1.0 - GRID) / max(others, 1e-300))[:, None]
        moved[k, :, k] = GRID
    return moved.reshape(-1, len(centre))


def _new(tried: Floats, known: Floats) -> Floats:
    """Rows that are not among the known ones, each once."""
    tried = np.unique(np.round(tried, 12), axis=0)
    seen = np.min(np.max(np.abs(tried[:, None, :] - known), axis=2), axis=1) < 1e-9
    return tried[~seen]


def _judged(losses: Floats) -> Floats:
    mean, error = mean_and_error(losses)
    return mean + CAUTION * error


def _least(losses: Floats) -> tuple[int, int]:
    """Position (alpha, strength) of the smallest judged loss; of equal ones the first, which is the most cautious."""
    judged = _judged(losses)
    a, g = np.unravel_index(int(np.argmin(judged)), judged.shape)
    return int(a), int(g)


def alpha_path(largest: float, n_alphas: int, weakest: float = 0.0) -> Floats:
    """Infinity (only the intercept is learnt), then a geometric path over at most five decades.

    Parameters
    ----------
    largest : float
        Largest curvature of the loss in any direction: at the first finite alpha it is shrunk elevenfold, at the last
        practically not at all.
    n_alphas : int
        Length, infinity included.
    weakest : float
        The path ends here if this comes first.
    """
    if n_alphas < 2:
        raise ValueError(f"n_alphas={n_alphas}: give at least 2, infinity and one more.")
    top = 10.0 * max(largest, 1e-12)
    finite = np.geomspace(top, min(max(1e-5 * top, weakest), top / 10.0), n_alphas - 1)
    return np.concatenate([[np.inf], finite])


def given_strength(strength: Any, n_sources: int) -> NDArray[np.float64] | None:
    """One strength for each source; None where they are to be chosen.

    A single number is shared by the sources: each of S sources gets strength / S, so that the centre is
    ``strength`` times their mean.

    Raises
    ------
    ValueError
        If a strength lies outside [0, 1], or their number is wrong.
    """
    if isinstance(strength, str):
        if strength != "auto":
            raise ValueError(f"strength={strength!r}: give 'auto', or numbers from 0 (target only) to 1 (the source).")
        return None
    values = np.asarray(strength, dtype=np.float64)
    if values.ndim == 0:
        values = np.full(n_sources, float(values) / max(n_sources, 1))
        bad = not 0.0 <= float(strength) <= 1.0
    else:
        bad = values.shape != (n_sources,) or not ((values >= 0.0) & (values <= 1.0)).all()
    if bad:
        raise ValueError(
            f"strength={strength!r} for {n_sources} source(s): give 'auto', a number from 0 to 1, or one for each."
        )
    return values
