"""Compiled inner loops; they take arrays and numbers only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks._compiled import njit

Array = NDArray[np.float64]


@njit()
def taut_strings(Y: Array, radius: Array) -> Array:
    """Return argmin_x |x - y|^2 / 2 + radius sum_t |x_t+1 - x_t| for each row y of Y, in time linear in its length."""
    out = np.empty(Y.shape)
    for row in range(len(Y)):
        pull_taut(Y[row], radius[row], out[row])
    return out


@njit()
def pull_taut(y: Array, radius: float, out: Array) -> None:
    """Write the slopes of the shortest path, from end to end, inside a tube around the cumulated y.

    A funnel runs through the tube. From its apex goes the lowest convex path below the ceiling (side 0) and the highest
    concave path above the floor (side 1); where one of them gets in the way of the other, the apex moves along it.
    """
    n = len(y)
    wall = np.zeros((2, n + 1))
    for i in range(n):
        wall[:, i + 1] = wall[0, i] + y[i]
    wall[0, 1:n] += radius
    wall[1, 1:n] -= radius
    corners = np.empty((2, n + 1), np.int64)
    first, count = np.zeros(2, np.int64), np.zeros(2, np.int64)
    at, height = 0, 0.0
    for i in range(1, n + 1):
        for side in range(2):
            count[side] = add_corner(
                wall[side], corners[side], first[side], count[side], i, at, height, 1.0 - 2.0 * side
            )
        for side in range(2):
            other, sign = 1 - side, 1.0 - 2.0 * side
            while count[side] - first[side] == 1 and count[other] > first[other]:
                corner = corners[other, first[other]]
                rise, limit = wall[side, i] - height, wall[other, corner] - height
                if corner == i or sign * (rise * (corner - at) - limit * (i - at)) >= 0.0:
                    break
                out[at:corner] = limit / (corner - at)
                at, height = corner, wall[other, corner]
                first[other] += 1
    out[at:] = (wall[0, n] - height) / (n - at)  # both paths are straight from here to their common end


@njit()
def add_corner(
    wall: Array, corners: NDArray[np.int64], first: int, count: int, i: int, at: int, height: float, sign: float
) -> int:
    """Lead a path on to corner i, dropping corners that are no longer needed; return how many there are.

    Slopes rise from corner to corner below the ceiling (sign 1), and fall above the floor (sign -1).
    """
    while count > first:
        last = corners[count - 1]
        before, level = at, height
        if count - 1 > first:
            before = corners[count - 2]
            level = wall[before]
        if sign * ((wall[i] - wall[last]) * (last - before) - (wall[last] - level) * (i - last)) > 0.0:
            break
        count -= 1
    corners[count] = i
    return count + 1
