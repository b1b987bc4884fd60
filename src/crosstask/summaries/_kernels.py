"""Sums over rows in any order, task by task, about means that are taken first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crosstask.tasks._compiled import njit

Array = NDArray[np.float64]
IntVector = NDArray[np.int64]

_MIX = np.uint64(0x9E3779B97F4A7C15)
_STIR = np.uint64(0xBF58476D1CE4E5B9)
_HALF = np.uint64(32)


@njit(nogil=True)
def hash_rows(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Hash the columns of a (p, n) array of bit patterns into n numbers."""
    p, n = bits.shape
    mixed = np.zeros(n, dtype=np.uint64)
    for j in range(p):
        for i in range(n):
            h = (mixed[i] ^ bits[j, i]) * _MIX
            mixed[i] = (h ^ (h >> _HALF)) * _STIR
    return mixed ^ (mixed >> _HALF)


@njit(nogil=True)
def group_rows(local: IntVector, n_local: int) -> tuple[IntVector, IntVector]:
    """Return an order that groups equal codes, and where each group starts (counting sort)."""
    starts = np.zeros(n_local + 1, dtype=np.int64)
    for code in local:
        starts[code + 1] += 1
    for c in range(n_local):
        starts[c + 1] += starts[c]
    order = np.empty(len(local), dtype=np.int64)
    place = starts[:-1].copy()
    for i in range(len(local)):
        order[place[local[i]]] = i
        place[local[i]] += 1
    return order, starts


@njit(nogil=True)
def add_scatter(rows: Array, weight: Array, m: int, scatter: Array) -> None:
    """Add sum w x x' of the first m rows, four at a time, to the lower triangle of ``scatter``."""
    p = rows.shape[1]
    r = 0
    while r + 4 <= m:
        a, b, c, d = rows[r], rows[r + 1], rows[r + 2], rows[r + 3]
        for j in range(p):
            aj, bj = weight[r] * a[j], weight[r + 1] * b[j]
            cj, dj = weight[r + 2] * c[j], weight[r + 3] * d[j]
            for k in range(j + 1):
                scatter[j, k] += aj * a[k] + bj * b[k] + cj * c[k] + dj * d[k]
        r += 4
    while r < m:
        a = rows[r]
        for j in range(p):
            aj = weight[r] * a[j]
            for k in range(j + 1):
                scatter[j, k] += aj * a[k]
        r += 1


@njit(nogil=True)
def weighted_scatters(X: Array, weight: Array, out: Array) -> None:
    """Add sum_i w_ai x_i x_i' for tables X (B, m, p) and weights (B, A, m) to the lower triangles (B, A, p, p)."""
    for b in range(X.shape[0]):
        for a in range(weight.shape[1]):
            add_scatter(X[b], weight[b, a], X.shape[1], out[b, a])


@njit(nogil=True)
def as_rows(table: Array) -> Array:
    """Transpose (p, n) a block at a time, so that a row can be fetched from one place."""
    p, n = table.shape
    rows = np.empty((n, p))
    for first in range(0, n, 64):
        last = min(first + 64, n)
        for j in range(p):
            for i in range(first, last):
                rows[i, j] = table[j, i]
    return rows


@njit(nogil=True)
def centre_rows(
    table: Array, weight: Array, members: IntVector, zero: Array, rows: Array, own: Array, mean: Array
) -> float:
    """Copy some rows of ``table`` (n, p) about their mean, which is given less ``zero``; return their weight."""
    p, m, w = table.shape[1], len(members), 0.0
    mean[:] = 0.0
    for r in range(m):
        i = members[r]
        own[r] = weight[i]
        w += own[r]
        for j in range(p):
            rows[r, j] = table[i, j] - zero[j]
            mean[j] += own[r] * rows[r, j]
    for j in range(p):
        mean[j] /= w
    for r in range(m):
        for j in range(p):
            rows[r, j] -= mean[j]
    return w


@njit(nogil=True)
def absorb(
    table: Array,
    weight: Array,
    local: IntVector,
    cells: IntVector,
    n_folds: int,
    total: Array,
    count: IntVector,
    origin: Array,
    offset: Array,
    scatter: Array,
) -> None:
    """Add rows to the moments of their cells (a task in a fold).

    Each cell's rows are centred at their own mean, and joined to what is there by Chan, Golub and LeVeque's rule.

    ``table`` (p, n) holds a variable in each row, ``local`` (n,) a position in ``cells``, which names the cells
    task * n_folds + fold. ``total`` and ``count`` are (C,), ``origin`` (T, p) is the first row of a task, ``offset``
    (C, p) the means less it, and ``scatter`` (C, p, p) the central second moments, lower triangle.
    """
    p = table.shape[0]
    order, starts = group_rows(local, len(cells))
    given = as_rows(table)
    longest = 0
    for c in range(len(cells)):
        longest = max(longest, starts[c + 1] - starts[c])
    rows, own = np.empty((longest, p)), np.empty(longest)
    mean, fresh = np.empty(p), np.empty((p, p))
    for c in range(len(cells)):
        first, m = starts[c], starts[c + 1] - starts[c]
        if m == 0:
            continue
        cell = cells[c]
        task = cell // n_folds
        if np.isnan(origin[task, 0]):
            origin[task] = given[order[first]]
        w = centre_rows(given, weight, order[first : first + m], origin[task], rows, own, mean)
        fresh[:] = 0.0
        add_scatter(rows, own, m, fresh)
        share = w / (total[cell] + w)
        between = total[cell] * share
        for j in range(p):
            dj = mean[j] - offset[cell, j]
            for k in range(j + 1):
                scatter[cell, j, k] += fresh[j, k] + between * dj * (mean[k] - offset[cell, k])
        for j in range(p):
            offset[cell, j] += share * (mean[j] - offset[cell, j])
        total[cell] += w
        count[cell] += m
