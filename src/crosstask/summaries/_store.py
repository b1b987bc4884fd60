"""The cells of tasks that appear as their rows come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.summaries._cells import Cells
from crosstask.tasks import TaskIndex

Array = NDArray[np.float64]
IntVector = NDArray[np.int64]


class Store:
    """Cells that are found by task id; a new id is given the next place.

    Parameters
    ----------
    ids : ndarray of shape (T,)
        Task ids, in the order in which they came.
    cells : Cells
        Of at least T tasks.
    """

    def __init__(self, ids: NDArray[Any], cells: Cells) -> None:
        self.ids, self.cells = ids, cells
        self._places: dict[Any, int] = {one: place for place, one in enumerate(ids.tolist())}

    @classmethod
    def empty(cls, n_folds: int, n_variables: int) -> Store:
        """Return a store without tasks."""
        return cls(np.zeros(0, dtype=np.int64), Cells.empty(0, max(n_folds, 1), n_variables))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def n_variables(self) -> int:
        """Number of variables: the features and the target."""
        return self.cells.offset.shape[2]

    @property
    def order(self) -> NDArray[np.intp]:
        """The places of the sorted ids.

        Raises
        ------
        ValueError
            If an id is spelled in two ways.
        """
        TaskIndex.learn(self.ids, "the task column")
        return np.argsort(self.ids)

    def find(self, unique: NDArray[Any], where: str) -> NDArray[np.intp]:
        """Return the places of some distinct ids; new ones are given the next places."""
        known, ids = self._places, unique.tolist()
        new = [one for one in ids if one not in known]
        if new:
            if len(known) and unique.dtype.kind != self.ids.dtype.kind:
                raise ValueError(
                    f"{where} has ids such as {ids[0]!r}, and earlier rows such as {next(iter(known))!r}: make them "
                    "all text or all numbers first."
                )
            self.ids = np.concatenate([self.ids, np.array(new)]) if len(known) else np.array(new)
            for one in new:
                known[one] = len(known)
            self.cells = self.cells.room_for(len(known))
        return np.array([known[one] for one in ids], dtype=np.intp)

    def absorb(
        self, table: Array, weight: Array, unique: NDArray[Any], codes: IntVector, folds: IntVector, where: str
    ) -> None:
        """Add rows (p, n) of the tasks ``unique[codes]``."""
        from crosstask.summaries._kernels import absorb

        places = self.find(unique, where)
        cells, p, F = self.cells, table.shape[0], self.cells.total.shape[1]
        absorb(
            table,
            weight,
            codes.astype(np.int64) * F + folds,
            (places[:, None] * F + np.arange(F)).reshape(-1),
            F,
            cells.total.reshape(-1),
            cells.count.reshape(-1),
            cells.origin,
            cells.offset.reshape(-1, p),
            cells.scatter.reshape(-1, p, p),
        )

    def join(self, other: Store, where: str) -> None:
        """Add the cells of another store; a task may be in both."""
        places = self.find(other.ids, where)
        self.cells.add(other.cells.take(np.arange(len(other))), places)

    def take(self, places: NDArray[np.intp]) -> Store:
        """Return a copy of the cells at some places."""
        return Store(self.ids[places], self.cells.take(places))

    def copy(self) -> Store:
        """Return a copy that shares no array."""
        return self.take(np.arange(len(self)))
