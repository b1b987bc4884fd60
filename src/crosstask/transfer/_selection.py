"""Choose alpha and one strength for each source by the loss on held-out target rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.transfer._unwrap import Floats

STEPS = np.array([0.25, 0.5, 0.75, 1.0])
"""How far a move goes from the present centre toward one source, or toward none."""
LEAST_GAIN = 0.01
"""A second and later move must lower the held-out loss by this share, or it is taken for noise."""


@dataclass(frozen=True)
class Selection:
    """The chosen point and every point that was tried: losses (A, G) at alphas (A,) and strengths (G, S)."""

    alpha: float
    strength: Floats
    alphas: Floats
    strengths: Floats
    losses: Floats

    def path(self) -> dict[str, Any]:
        """Plain arrays for ``path_``."""
        return {"alpha": self.alphas, "strength": self.strengths, "loss": self.losses}


def select(
    evaluate: Callable[[Floats, Floats], Floats], alphas: Floats, n_sources: int, fixed: Floats | None
) -> Selection:
    """Search the strengths greedily; every candidate is judged along the whole path of alphas.

    The centre is a point of the simplex spanned by the sources and zero. It starts at zero, "target only", and
    moves by a quarter, a half, three quarters or the whole way toward one source or back toward zero, whichever
    lowers the held-out loss most, until no move does. For one source the first move tries the whole grid.

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
    losses = evaluate(alphas, strengths).mean(axis=0)
    best = _least(losses)
    if fixed is None:
        for moves in range(2 * n_sources):
            tried = _moves(strengths[best[1]], strengths)
            if not len(tried):
                break
            losses = np.hstack([losses, evaluate(alphas, tried).mean(axis=0)])
            strengths = np.vstack([strengths, tried])
            reached, before = _least(losses), losses[best]
            if losses[reached] >= before * (1.0 - (LEAST_GAIN if moves else 0.0)):
                break
            best = reached
    return Selection(float(alphas[best[0]]), strengths[best[1]], alphas, strengths, losses)


def _moves(centre: Floats, known: Floats) -> Floats:
    """New centres one move away that were not tried before."""
    corners = np.vstack([np.eye(len(centre)), np.zeros(len(centre))])
    moved = ((1.0 - STEPS)[:, None, None] * centre + STEPS[:, None, None] * corners).reshape(-1, len(centre))
    moved = np.unique(np.round(moved, 12), axis=0)
    seen = np.min(np.max(np.abs(moved[:, None, :] - known), axis=2), axis=1) < 1e-9
    return moved[~seen]


def _least(losses: Floats) -> tuple[int, int]:
    """Position of the smallest loss; of equal ones the first, which is the most cautious."""
    a, g = np.unravel_index(int(np.argmin(losses)), losses.shape)
    return int(a), int(g)


def alpha_path(largest_curvature: float, n_alphas: int) -> Floats:
    """Infinity (only the intercept is learnt), then a geometric path over six decades.

    At the largest finite alpha the steepest direction is shrunk elevenfold; at the smallest, practically no
    direction that the rows determine is shrunk.
    """
    if n_alphas < 2:
        raise ValueError(f"n_alphas={n_alphas}: give at least 2, infinity and one more.")
    finite = max(largest_curvature, 1e-12) * np.geomspace(10.0, 1e-5, n_alphas - 1)
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
