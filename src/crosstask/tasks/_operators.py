"""Products with the rows of all tasks at once: z_i = x_i'w_t(i), its transpose, and weighted second moments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

if TYPE_CHECKING:
    from crosstask.tasks._data import TaskData

Array = NDArray[np.float64]
SMALL_COPY = 4_000_000  # entries up to which a shared X may be copied for each task
SMALL_TASK = 1000  # entries of a task's rows, on average, below which tasks are worth padding and stacking


class Batch(NamedTuple):
    """Some tasks of similar size, padded to the same number of rows with rows of zeros."""

    tasks: NDArray[np.intp]  # (B,)
    X: Array  # (B, m, d), less the shift
    pairs: NDArray[np.intp]  # (B, m), sorted pair of each row; padding repeats a pair of the task
    mask: NDArray[np.bool_] | None  # (B, m), None where nothing is padded


class RowOperator:
    """The rows of all tasks, less ``shift[t]``, as a linear map from (T, K, d) to (n_pairs, K).

    Parameters
    ----------
    data : TaskData
        Rows sorted by task.
    shift : ndarray of shape (n_tasks, n_features)
        Subtracted from the rows of each task.
    """

    def __init__(self, data: TaskData, shift: Array) -> None:
        self.shift = shift
        self.n_tasks, self.n_features = shift.shape
        self.n_pairs = data.n_pairs
        self._batches = list(_dense_batches(data, shift))

    def batches(self) -> Iterator[Batch]:
        """Yield dense rows, some tasks at a time."""
        return iter(self._batches)

    def decision(self, V: Array) -> Array:
        """Return (x_i - shift_t)'v_tk for each pair i and output k."""
        z = np.empty((self.n_pairs, V.shape[1]))
        for tasks, X, pairs, mask in self.batches():
            product = X @ V[tasks].transpose(0, 2, 1)
            if mask is None:
                z[pairs.reshape(-1)] = product.reshape(-1, V.shape[1])
            else:
                z[pairs[mask]] = product[mask]
        return z

    def adjoint(self, R: Array) -> Array:
        """Return sum_i r_ik (x_i - shift_t) for each task and output, shape (T, K, d)."""
        out = np.zeros((self.n_tasks, R.shape[1], self.n_features))
        for tasks, X, pairs, _ in self.batches():
            out[tasks] = R[pairs].transpose(0, 2, 1) @ X
        return out

    def squares(self, h: Array) -> Array:
        """Return sum_i h_i (x_ij - shift_tj)^2 of each task and feature, shape (T, d): the diagonal of ``second``."""
        out = np.zeros((self.n_tasks, self.n_features))
        for tasks, X, pairs, mask in self.batches():
            weight = h[pairs] if mask is None else np.where(mask, h[pairs], 0.0)
            out[tasks] = np.einsum("bmd,bmd,bm->bd", X, X, weight)
        return out

    def second(self, h: Array) -> tuple[Array, Array, Array]:
        """Return (sum h, sum h x, sum h x x') of each task, x less the shift: shapes (T,), (T, d), (T, d, d)."""
        total = np.zeros(self.n_tasks)
        first = np.zeros((self.n_tasks, self.n_features))
        gram = np.zeros((self.n_tasks, self.n_features, self.n_features))
        for tasks, X, pairs, mask in self.batches():
            weight = h[pairs] if mask is None else np.where(mask, h[pairs], 0.0)
            weighted = X * weight[..., None]
            total[tasks] = weight.sum(axis=1)
            first[tasks] = weighted.sum(axis=1)
            gram[tasks] = weighted.transpose(0, 2, 1) @ X
        return total, first, gram


class FlatRows(RowOperator):
    """Dense rows of tasks that are large enough to be taken one after the other: nothing is padded or stacked.

    Without a shift the caller's rows are read where they are.
    """

    def __init__(self, data: TaskData, shift: Array) -> None:
        self.shift = shift
        self.n_tasks, self.n_features = shift.shape
        self.n_pairs = data.n_pairs
        self._data = data
        sizes = np.diff(data.offsets)
        self._segments = [(int(t), slice(data.offsets[t], data.offsets[t + 1])) for t in np.flatnonzero(sizes)]
        self.rows = np.asarray(data.pair_rows())
        if shift.any():
            centred = np.empty_like(self.rows)
            for t, own in self._segments:
                np.subtract(self.rows[own], shift[t].astype(centred.dtype), out=centred[own])
            self.rows = centred

    def batches(self) -> Iterator[Batch]:
        """Yield dense rows, some tasks at a time, stacked anew at each call."""
        return _dense_batches(self._data, self.shift)

    def decision(self, V: Array) -> Array:
        """Return (x_i - shift_t)'v_tk for each pair i and output k."""
        z = np.empty((self.n_pairs, V.shape[1]))
        for t, own in self._segments:
            z[own] = self.rows[own] @ V[t].T
        return z

    def adjoint(self, R: Array) -> Array:
        """Return sum_i r_ik (x_i - shift_t) for each task and output, shape (T, K, d)."""
        out = np.zeros((self.n_tasks, R.shape[1], self.n_features))
        for t, own in self._segments:
            out[t] = R[own].T @ self.rows[own]
        return out

    def squares(self, h: Array) -> Array:
        """Return sum_i h_i (x_ij - shift_tj)^2 of each task and feature, shape (T, d): the diagonal of ``second``."""
        out = np.zeros((self.n_tasks, self.n_features))
        for t, own in self._segments:
            out[t] = np.einsum("id,id,i->d", self.rows[own], self.rows[own], h[own])
        return out

    def second(self, h: Array) -> tuple[Array, Array, Array]:
        """Return (sum h, sum h x, sum h x x') of each task, x less the shift: shapes (T,), (T, d), (T, d, d)."""
        total = np.zeros(self.n_tasks)
        first = np.zeros((self.n_tasks, self.n_features))
        gram = np.zeros((self.n_tasks, self.n_features, self.n_features))
        for t, own in self._segments:
            X, weight = self.rows[own], h[own]
            total[t] = weight.sum()
            first[t] = weight @ X
            if weight.min() == weight.max():
                np.multiply(X.T @ X, weight[0], out=gram[t])
            elif weight.min() >= 0.0:
                rooted = X * np.sqrt(weight)[:, None]
                gram[t] = rooted.T @ rooted  # half the work of a product of two matrices
            else:
                gram[t] = (X * weight[:, None]).T @ X
        return total, first, gram


class LiftedRows(RowOperator):
    """Sparse rows, as one CSR matrix with a band of columns for each task; nothing is made dense but one task."""

    def __init__(self, data: TaskData, shift: Array) -> None:
        self.shift = shift
        self.n_tasks, self.n_features = shift.shape
        self.n_pairs = data.n_pairs
        self._data = data
        rows = data.pair_rows()
        per_row = np.diff(rows.indptr)
        columns = rows.indices.astype(np.int64) + np.repeat(data.codes.astype(np.int64) * self.n_features, per_row)
        shape = (self.n_pairs, self.n_tasks * self.n_features)
        self._lifted = sparse.csr_matrix((rows.data, columns, rows.indptr), shape=shape)
        self._members = sparse.csr_matrix(
            (np.ones(self.n_pairs), data.codes, np.arange(self.n_pairs + 1)), shape=(self.n_pairs, self.n_tasks)
        )

    def batches(self) -> Iterator[Batch]:
        """Yield the dense rows of one task at a time."""
        return _one_by_one(self._data, self.shift)

    def decision(self, V: Array) -> Array:
        """Return (x_i - shift_t)'v_tk for each pair i and output k."""
        flat = V.transpose(0, 2, 1).reshape(-1, V.shape[1])
        return self._lifted @ flat - np.einsum("td,tkd->tk", self.shift, V)[self._data.codes]

    def adjoint(self, R: Array) -> Array:
        """Return sum_i r_ik (x_i - shift_t) for each task and output, shape (T, K, d)."""
        flat = cast("Array", self._lifted.T @ R).reshape(self.n_tasks, self.n_features, -1).transpose(0, 2, 1)
        sums = cast("Array", self._members.T @ R)
        return flat - sums[:, :, None] * self.shift[:, None, :]

    def squares(self, h: Array) -> Array:
        """Return sum_i h_i (x_ij - shift_tj)^2, from sums over what is stored."""
        column = h[:, None]
        squared = cast("Array", self._lifted.multiply(self._lifted).T @ column).reshape(self.n_tasks, -1)
        first = cast("Array", self._lifted.T @ column).reshape(self.n_tasks, -1)
        total = cast("Array", self._members.T @ column)
        return np.maximum(squared - 2.0 * self.shift * first + total * self.shift**2, 0.0)


class SharedRows(RowOperator):
    """One X for all tasks (the wide door), read through ``table_row`` and never repeated."""

    def second(self, h: Array) -> tuple[Array, Array, Array]:
        """Return (sum h, sum h x, sum h x x') of each task, computed once (and read-only) where all tasks agree."""
        each = h.reshape(self.n_tasks, -1) if self._data.is_complete else None
        if each is None or not ((each == each[0]).all() and (self.shift == self.shift[0]).all()):
            return super().second(h)
        X = next(self.batches()).X
        rooted = X[0] * np.sqrt(np.abs(each[0]))[:, None]
        gram = rooted.T @ (rooted if each[0].min() >= 0.0 else rooted * np.sign(each[0])[:, None])
        T, d = self.shift.shape
        return each.sum(axis=1), np.repeat(each[:1] @ X[0], T, axis=0), np.broadcast_to(gram, (T, d, d))

    def __init__(self, data: TaskData, shift: Array) -> None:
        assert data.table_row is not None
        self.shift = shift
        self.n_tasks, self.n_features = shift.shape
        self.n_pairs = data.n_pairs
        self._data = data
        self._cell = data.table_row * self.n_tasks + data.codes
        self._repeats = bool(np.bincount(self._cell).max(initial=0) > 1)  # tasks that were made one

    def batches(self) -> Iterator[Batch]:
        """Yield the dense rows of one task at a time."""
        return _one_by_one(self._data, self.shift)

    def decision(self, V: Array) -> Array:
        """Return (x_i - shift_t)'v_tk for each pair i and output k."""
        k = V.shape[1]
        full = np.asarray(self._data.X @ V.reshape(-1, self.n_features).T).reshape(-1, k)
        return full[self._cell] - np.einsum("td,tkd->tk", self.shift, V)[self._data.codes]

    def adjoint(self, R: Array) -> Array:
        """Return sum_i r_ik (x_i - shift_t) for each task and output, shape (T, K, d)."""
        k = R.shape[1]
        full = np.zeros((self._data.X.shape[0] * self.n_tasks, k))
        if self._repeats:
            np.add.at(full, self._cell, R)
        else:
            full[self._cell] = R
        table = full.reshape(-1, self.n_tasks * k)
        product = np.asarray(self._data.X.T @ table).T.reshape(self.n_tasks, k, self.n_features)
        sums = table.sum(axis=0).reshape(self.n_tasks, k)
        return product - sums[:, :, None] * self.shift[:, None, :]


def make_operator(data: TaskData, *, centre: bool) -> RowOperator:
    """Choose how the rows are laid out in memory."""
    shift = task_means(data) if centre else np.zeros((data.n_tasks, data.n_features))
    copies = data.n_pairs * data.n_features
    if data.table_row is not None and (sparse.issparse(data.X) or copies > SMALL_COPY or data.is_complete):
        return SharedRows(data, shift)
    if sparse.issparse(data.X):
        return LiftedRows(data, shift)
    if copies >= SMALL_TASK * data.n_tasks:
        return FlatRows(data, shift)
    return RowOperator(data, shift)


def task_means(data: TaskData) -> Array:
    """Return the weighted mean row of each task, zeros for an empty task."""
    weight = data.sample_weight
    total = np.bincount(data.codes, weight, data.n_tasks)
    share = weight / total[data.codes]
    if data.is_complete and not sparse.issparse(data.X):
        assert data.table_row is not None
        each = share.reshape(data.n_tasks, -1)
        return each @ data.X[data.table_row[: each.shape[1]]]
    rows = np.arange(data.n_pairs) if data.table_row is None else data.table_row
    mixing: Any = sparse.csr_matrix((share, (data.codes, rows)), shape=(data.n_tasks, data.X.shape[0]))
    product = mixing @ data.X
    return np.asarray(product.toarray() if sparse.issparse(product) else product, dtype=np.float64)


def _dense_batches(data: TaskData, shift: Array) -> Iterator[Batch]:
    """Group tasks so that padding them to the largest of their group less than doubles the rows."""
    sizes = np.diff(data.offsets)
    filled = np.flatnonzero(sizes > 0)
    if not len(filled):
        return
    key = np.floor(2 * np.log2(sizes[filled]))
    if len(filled) * sizes.max() <= 1.5 * data.n_pairs:
        key[:] = 0
    for value in np.unique(key):
        tasks = filled[key == value]
        longest = int(sizes[tasks].max())
        position = np.arange(longest)
        pairs = data.offsets[tasks][:, None] + np.minimum(position, sizes[tasks][:, None] - 1)
        mask = position < sizes[tasks][:, None]
        rows = np.asarray(data.pair_rows(pairs.reshape(-1))).reshape(len(tasks), longest, -1)
        X = _less(rows, shift[tasks][:, None, :])
        if mask.all():
            yield Batch(tasks, X, pairs, None)
        else:
            X[~mask] = 0.0
            yield Batch(tasks, X, pairs, mask)


def _one_by_one(data: TaskData, shift: Array) -> Iterator[Batch]:
    for t in np.flatnonzero(np.diff(data.offsets) > 0):
        pairs = np.arange(data.offsets[t], data.offsets[t + 1])
        rows = data.pair_rows(pairs)
        dense = rows.toarray() if sparse.issparse(rows) else np.asarray(rows)
        yield Batch(np.array([t]), _less(dense, shift[t])[None], pairs[None], None)


def _less(rows: Array, mean: Array) -> Array:
    """Return rows less their mean, exactly zero where they differ by rounding: a constant column has no variance."""
    apart = rows - mean.astype(rows.dtype)
    apart *= np.abs(apart) > 4.0 * np.finfo(rows.dtype).eps * np.abs(mean)
    return apart
