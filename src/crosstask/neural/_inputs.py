"""From a table to the input of a network: columns centred and scaled, categories numbered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from crosstask.tasks import column_names, is_frame, numeric_matrix


@dataclass(frozen=True)
class InputScaling:
    """What turns a table into the input of a net, learned once.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_numbers,)
        Of the columns that are numbers.
    positions : ndarray of shape (n_categorical,)
        Columns that hold categories.
    categories : list of ndarray
        Known values of each of them, sorted.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    positions: NDArray[np.intp]
    categories: list[NDArray[Any]]

    def __call__(self, estimator: Any, X: Any) -> NDArray[np.float64]:
        """Return numbers (x - mean) / scale, then a code for each category: 0 for an unknown value."""
        numbers, columns = _split(estimator, X, self.positions)
        codes = [_encode(column, known) for column, known in zip(columns, self.categories, strict=True)]
        scaled = (numbers - self.mean) / self.scale
        return np.column_stack([scaled, *codes]) if codes else scaled

    @property
    def levels(self) -> tuple[int, ...]:
        """Number of codes of each categorical column, the unknown one included."""
        return tuple(len(known) + 1 for known in self.categories)


def learn_scaling(
    estimator: Any, X: Any, categorical: Any, standardize: bool, weight: NDArray[np.float64] | None
) -> InputScaling:
    """Learn means, scales and categories from the rows of fit.

    Parameters
    ----------
    estimator : estimator
        For the messages.
    X : table of shape (n, d)
        Without the task column.
    categorical : sequence of str or int, or None
        Names or positions of columns that hold categories.
    standardize : bool
        Whether numbers are centred and scaled.
    weight : ndarray of shape (n,) or None

    Raises
    ------
    ValueError
        If a column does not exist, or one that is to be a number is none.
    """
    positions = _positions(X, categorical)
    numbers, columns = _split(estimator, X, positions)
    mean, scale = np.zeros(numbers.shape[1]), np.ones(numbers.shape[1])
    if standardize and numbers.shape[1]:
        mean = np.average(numbers, axis=0, weights=weight)
        deviation = np.sqrt(np.average((numbers - mean) ** 2, axis=0, weights=weight))
        scale = np.where(deviation > 1e-12 * np.maximum(np.abs(mean), 1e-300), deviation, 1.0)
    return InputScaling(mean, scale, positions, [_known(column) for column in columns])


def _positions(X: Any, categorical: Any) -> NDArray[np.intp]:
    if categorical is None:
        return np.zeros(0, dtype=np.intp)
    names = column_names(X)
    found: list[int] = []
    for column in [categorical] if isinstance(categorical, str) else list(categorical):
        if isinstance(column, str):
            if names is None or column not in names:
                raise ValueError(
                    f"categorical_features names {column!r}, and X has the columns {names or 'without names'}."
                )
            found.append(names.index(column))
        elif -X.shape[1] <= column < X.shape[1]:
            found.append(int(column) % X.shape[1])
        else:
            raise ValueError(f"categorical_features holds {column}, and X has {X.shape[1]} columns beside the tasks.")
    return np.unique(np.array(found, dtype=np.intp))


def _split(estimator: Any, X: Any, positions: NDArray[np.intp]) -> tuple[NDArray[np.float64], list[NDArray[Any]]]:
    if sparse.issparse(X):
        raise TypeError(
            f"Sparse data was passed, and {type(estimator).__name__} takes dense input: use X.toarray(), "
            "or TruncatedSVD for many columns."
        )
    if not len(positions):
        return np.asarray(numeric_matrix(estimator, X, accept_sparse=False), dtype=np.float64), []
    others = [j for j in range(X.shape[1]) if j not in positions]
    if is_frame(X):
        names = list(X.columns)
        numbers = X[[names[j] for j in others]]
        columns = [np.asarray(X[names[j]].to_numpy(), dtype=object) for j in positions]
    else:
        numbers, columns = X[:, others], [np.asarray(X[:, j], dtype=object) for j in positions]
    if not others:
        return np.zeros((X.shape[0], 0)), columns
    return np.asarray(numeric_matrix(estimator, numbers, accept_sparse=False), dtype=np.float64), columns


def _text(column: NDArray[Any]) -> NDArray[Any]:
    """Return categories as text, so that 1 and 1.0 are one of them, and a gap is one as well."""
    return np.array([f"{v:g}" if isinstance(v, (int, float, np.number)) else str(v) for v in column.tolist()])


def _known(column: NDArray[Any]) -> NDArray[Any]:
    return np.unique(_text(column))


def _encode(column: NDArray[Any], known: NDArray[Any]) -> NDArray[np.float64]:
    text = _text(column)
    place = np.minimum(np.searchsorted(known, text), len(known) - 1)
    return np.where(known[place] == text, place + 1, 0).astype(np.float64)
