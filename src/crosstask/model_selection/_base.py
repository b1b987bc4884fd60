"""What the splitters have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from sklearn.model_selection import BaseCrossValidator

from crosstask.model_selection._read import IntVector

Fold = tuple[IntVector, IntVector]


class TaskSplitter(BaseCrossValidator):
    """Base of the splitters: metadata requested by default, and the same keywords everywhere.

    Every splitter takes ``groups``, ``task`` and ``time``, so that a caller can hand what it has to any of them;
    each says which of these it uses.
    """

    # Routed by default, so that nobody has to call set_split_request (scikit-learn reads this name).
    __metadata_request__split: ClassVar = {"groups": True, "task": True, "time": True}

    n_splits: int

    def split(self, X: Any, y: Any = None, groups: Any = None, *, task: Any = None, time: Any = None) -> Iterator[Fold]:
        """Yield ``(train, test)`` row positions.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Holds the columns that the splitter names, if it names any.
        y : array-like of shape (n_rows,), optional
            Classes are spread evenly over the folds; amounts are not used.
        groups, task, time : array-like of shape (n_rows,), optional
            Given here instead of as columns of X; an array goes before a column.

        Yields
        ------
        train, test : ndarray of int
            Sorted positions.
        """
        raise NotImplementedError

    def get_n_splits(
        self, X: Any = None, y: Any = None, groups: Any = None, *, task: Any = None, time: Any = None
    ) -> int:
        """Return the number of folds."""
        return self.n_splits
