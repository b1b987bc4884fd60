"""What a coupling says of one more task, once what the tasks share is held fixed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class NoSharedPartError(ValueError):
    """The coupling shares nothing that could be held fixed while a task is added."""


@dataclass(frozen=True)
class Frozen:
    r"""The penalty :math:`\alpha P(v)` on one more task with slopes :math:`w_k = m_k + A v_k`.

    At the joint optimum the slopes of each task minimise their own loss plus this penalty, all else held fixed.

    Parameters
    ----------
    centre : ndarray of shape (K, d)
        m.
    root : ndarray of shape (d,) or (d, r)
        A, a diagonal where one-dimensional.
    own : Coupling or None
        P; None is half the squared length.
    """

    centre: Array
    root: Array
    own: Any = None

    @property
    def is_fixed(self) -> bool:
        """Whether the slopes are the centre, whatever the rows say."""
        return not self.root.any()

    def slopes(self, v: Array) -> Array:
        """Return m + A v, shape (K, d), for v of shape (K, r)."""
        return self.centre + (v * self.root if self.root.ndim == 1 else v @ self.root.T)

    def seen(self, X: Any) -> Any:
        """Return X A, whose slopes are v."""
        if self.root.ndim == 2:
            return np.asarray(X @ self.root)
        return X.multiply(self.root).tocsr() if hasattr(X, "multiply") else X * self.root


def as_outputs(V: Array) -> Array:
    """Return slopes as (T, K, d)."""
    return V if V.ndim == 3 else V[:, None]


def ridge_around(centre: Array, weight: float) -> Frozen:
    """Return the half squared distance from a centre (K, d), times a weight."""
    return Frozen(centre, np.full(centre.shape[-1], weight**-0.5))


def with_levels(centre: Array, directions: Array, levels: Array, weight: float, outside: float = 0.0) -> Frozen:
    """Return v = Theta^-1/2 (w - centre), Theta with levels on orthonormal rows and ``outside`` on all others."""
    inside = directions.T * np.sqrt(levels / weight)
    if outside == 0.0:
        return Frozen(centre, inside)
    rest = np.eye(directions.shape[1]) - directions.T @ directions
    values, vectors = np.linalg.eigh(rest)
    return Frozen(centre, np.hstack([inside, vectors[:, values > 0.5] * np.sqrt(outside / weight)]))
