"""The caller's table as one matrix of numbers: gaps stay gaps, categories become codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import OrdinalEncoder

from crosstask.multitask._support import IntVector
from crosstask.tasks import column_names, is_frame, numeric_matrix

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TableReader:
    """Which columns hold categories, and their codes; learnt once, so that every stage reads the same matrix.

    Parameters
    ----------
    categories : ndarray of int
        Positions of the columns that hold categories.
    encoder : OrdinalEncoder or None
        Their codes; a value that fit has not seen is missing.
    """

    categories: IntVector
    encoder: Any

    @classmethod
    def learn(cls, table: Any, marked: Any) -> TableReader:
        """Find the columns that ``categorical_features`` marks, and their values."""
        places = positions(marked, table)
        if not len(places):
            return cls(places, None)
        encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan, dtype=np.float64
        )
        return cls(places, encoder.fit(_objects(table, places)))

    def read(self, estimator: Any, table: Any) -> Array:
        """Return the matrix of shape (n_rows, n_columns).

        Raises
        ------
        ValueError
            If a column that holds no categories is not numeric; the columns are named.
        """
        if self.encoder is None:
            return np.asarray(numeric_matrix(estimator, table, gaps=True), dtype=np.float64)
        matrix = np.empty(table.shape)
        matrix[:, self.categories] = self.encoder.transform(_objects(table, self.categories))
        others = np.setdiff1d(np.arange(table.shape[1]), self.categories)
        if len(others):
            names = column_names(table)
            numbers = table[[names[j] for j in others]] if names else np.asarray(table)[:, others]
            matrix[:, others] = numeric_matrix(estimator, numbers, gaps=True)
        return matrix


def positions(marked: Any, table: Any) -> IntVector:
    """Return the positions of the columns that ``categorical_features`` marks.

    Raises
    ------
    ValueError
        If it names or numbers a column that is not there.
    """
    names, width = column_names(table) or [], table.shape[1]
    if isinstance(marked, str):
        if marked != "from_dtype":
            raise ValueError(
                f"categorical_features={marked!r} is not known: use 'from_dtype', None, or a list of columns."
            )
        kinds = [str(kind).lower() for kind in table.dtypes] if is_frame(table) else []
        return np.flatnonzero([kind.startswith(("categor", "enum")) for kind in kinds]).astype(np.intp)
    if marked is None or not len(marked):
        return np.zeros(0, dtype=np.intp)
    given = np.asarray(marked)
    if given.dtype == bool and len(given) == width:
        return np.flatnonzero(given).astype(np.intp)
    known = {name: j for j, name in enumerate(names)} if given.dtype.kind in "UO" else {j: j for j in range(width)}
    lacking = [column for column in given.tolist() if column not in known]
    if lacking:
        raise ValueError(f"categorical_features holds {lacking[0]!r}, and X has the columns {list(known)[:20]}.")
    return np.unique([known[column] for column in given.tolist()]).astype(np.intp)


def read_monotonic(given: Any, table: Any) -> list[int] | None:
    """Return ``monotonic_cst`` as one number a column.

    Raises
    ------
    ValueError
        If it names a column that is not there, or has another length than X has columns.
    """
    if given is None:
        return None
    names, width = column_names(table) or [], table.shape[1]
    if isinstance(given, dict):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValueError(f"monotonic_cst names {unknown[0]!r}, and X has the columns {names or 'without names'}.")
        return [int(given.get(name, 0)) for name in names]
    if len(given) != width:
        raise ValueError(f"monotonic_cst has {len(given)} entries, and X has {width} columns: give one for each.")
    return [int(sign) for sign in given]


def without_empty_columns(matrix: Array) -> Array:
    """Return the matrix with zeros in columns that are wholly missing, which scikit-learn's boosting cannot bin.

    A column of one value is never split, so that nothing is learnt from it.
    """
    empty = np.isnan(matrix).all(axis=0)
    return np.where(empty, 0.0, matrix) if empty.any() else matrix


def _objects(table: Any, places: IntVector) -> NDArray[Any]:
    names = column_names(table)
    columns = [table[names[j]].to_numpy() for j in places] if names else list(np.asarray(table).T[places])
    return np.stack([np.asarray(column, dtype=object) for column in columns], axis=1)
