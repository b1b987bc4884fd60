"""Moments of each task that are gathered batch by batch, merged, saved, and fitted from."""

from __future__ import annotations

import os
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.summaries._cells import Cells
from crosstask.summaries._reading import deal_rows, read_rows, read_variables
from crosstask.summaries._store import Store
from crosstask.tasks import TaskMoments, column_names, pop_column
from crosstask.tasks._frames import as_table, n_rows, refuse_repeated_names

Array = NDArray[np.float64]
IntVector = NDArray[np.int64]


class TaskStatistics:
    r"""Weighted moments of each task, in float64, that are summed batch by batch and added between sites.

    .. math::
        n_{tf} = \sum s_i, \qquad m_{tf} = \frac{1}{n_{tf}} \sum s_i v_i, \qquad
        M_{tf} = \sum s_i (v_i - m_{tf})(v_i - m_{tf})', \qquad v_i = (x_i, y_i)

    over the rows of task t in fold f. They are all that a squared loss needs of the rows:
    ``MultiTaskRegressor.fit_statistics`` and ``task_affinity`` give from them what they give from rows.

    Parameters
    ----------
    n_folds : int, default=5
        Folds whose moments are kept apart, so that ``alpha="auto"`` can hold them out; 0 keeps none apart.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` gives them.

    Attributes
    ----------
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.
    n_rows_ : ndarray of shape (n_tasks,)
        Rows seen of each task.
    weight_ : ndarray of shape (n_tasks,)
        Sums of their weights.
    feature_names_ : list of str or None
        Names of the features, where X had names.
    n_features_ : int
        Number of features.

    Raises
    ------
    ValueError
        If X is not numeric or has gaps (the columns are named), its columns differ from those of earlier batches, or
        an id is spelled in two ways.

    Notes
    -----
    Cost: O(n d^2) time; memory n_tasks * n_folds * (d + 1)^2 numbers and one batch. Rows are centred at the mean of
    their batch before they are summed (Chan, Golub and LeVeque 1983), so a mean of 1e8 costs no digits.

    When not to use it: other losses than the squared one (a logistic regression over sites goes by rounds:
    ``LogisticSite``), more features than a few hundred, and tasks so small that their moments give their rows away
    (``save`` has a minimum).

    References
    ----------
    T. F. Chan, G. H. Golub and R. J. LeVeque (1983). Algorithms for computing the sample variance. The American
    Statistician 37, 242-247.

    Examples
    --------
    >>> import numpy as np
    >>> site_a = TaskStatistics().partial_fit([[1.0], [3.0]], [1.0, 2.0], ["a", "a"])
    >>> site_b = TaskStatistics().partial_fit([[5.0], [9.0]], [4.0, 6.0], ["a", "b"])
    >>> both = site_a.merge(site_b)
    >>> both.n_rows_, both.moments().mean_x.ravel()
    (array([3, 1]), array([3., 9.]))
    """

    def __init__(self, *, n_folds: int = 5, task_column: str | int | None = None) -> None:
        if isinstance(n_folds, bool) or not isinstance(n_folds, Integral) or n_folds < 0 or n_folds == 1:
            raise ValueError(f"n_folds={n_folds!r} must be 0 (none), or a whole number from 2.")
        self.n_folds = int(n_folds)
        self.task_column = task_column
        self.columns_: list[str] | None = None
        self.feature_names_: list[str] | None = None
        self.door_ = ""
        self._store: Store | None = None

    def partial_fit(
        self, X: Any, y: Any, task: Any = None, *, sample_weight: Any = None, fold: Any = None
    ) -> TaskStatistics:
        """Add rows.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Numbers; with ``task_column`` also the task ids.
        y : array-like of shape (n_rows,)
            The target.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,), optional
            Rows of weight zero are left out.
        fold : array-like of int of shape (n_rows,), optional
            The fold of each row, 0 .. n_folds - 1; by default a hash of the row's numbers deals them out
            (``folds``), the same at every site and in any order, and equal rows fall in one fold.

        Returns
        -------
        TaskStatistics
            Itself.
        """
        given = as_table(X)
        refuse_repeated_names(given)
        features, door = given, "none" if task is None else "array"
        if self.task_column is not None:
            if task is not None:
                raise ValueError(
                    f"tasks were given by task_column={self.task_column!r} and by task= at once: drop one."
                )
            features, task = pop_column(given, self.task_column)
            door = "column"
        if n_rows(given) == 0:
            return self
        if self.door_ not in ("", door):
            raise ValueError(
                "earlier batches had tasks and this one has none, or the other way round: give task= in each call."
            )
        where = "task=" if self.task_column is None else f"column {self.task_column!r}"
        rows = read_rows(
            self, features, y, task, where=where, sample_weight=sample_weight, fold=fold, n_folds=self.n_folds
        )
        self._check_columns(column_names(given), column_names(features), len(rows.table))
        self.door_ = door
        self._opened.absorb(rows.table, rows.weight, rows.tasks, rows.codes, rows.folds, where)
        return self

    def folds(self, X: Any, y: Any) -> IntVector:
        """Return the fold that each row falls in by its hash, for comparisons with a fit on rows.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            As in ``partial_fit``.
        y : array-like of shape (n_rows,)
            The target.
        """
        features = as_table(X)
        if self.task_column is not None:
            features, _ = pop_column(features, self.task_column)
        return deal_rows(read_variables(self, features, y), self.n_folds)

    @staticmethod
    def from_table(
        path: str | os.PathLike[str],
        *,
        target: str,
        task: str,
        features: list[str] | None = None,
        n_folds: int = 5,
        missing: str = "error",
        batch_rows: int = 16_384,
        delimiter: str = ",",
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = 30.0,
        verbose: Any = 0,
    ) -> TaskStatistics:
        """Gather the statistics of a table in one pass, a batch of rows in memory at a time.

        Parameters
        ----------
        path : path-like
            A Parquet file, a folder of them, or a CSV file. Task ids of a CSV file are text, as written.
        target, task : str
            The column to predict, and the one that holds the task ids.
        features : list of str, optional
            Columns of numbers or truth values; all others by default.
        n_folds : int, default=5
            As in the class.
        missing : {"error", "drop"}, default="error"
            Whether a gap is refused, or its row left out.
        batch_rows : int, default=16384
            Rows of a batch.
        delimiter : str, default=","
            Of a CSV file.
        checkpoint : path-like, optional
            A file that is written every ``checkpoint_every`` seconds and at Ctrl-C, and from which the next call with
            the same arguments goes on; it is removed at the end. It holds moments of tasks of any size: keep it where
            the rows are.
        checkpoint_every : float, default=30.0
            Seconds.
        verbose : int or callable, default=0
            Not 0: say before the start what memory will be held, then rows a second; a callable is given (rows done,
            rows in all or 0, text).

        Returns
        -------
        TaskStatistics

        Raises
        ------
        ImportError
            Without pyarrow (the extra ``big``).
        ValueError
            If a column is absent, has gaps or is not of numbers, or the checkpoint is of something else.
        """
        from crosstask.summaries._batches import open_table
        from crosstask.summaries._out_of_core import summarize

        table = open_table(
            Path(path), target, task, features, missing=missing, batch_rows=batch_rows, delimiter=delimiter
        )
        kept = None if checkpoint is None else Path(checkpoint)
        return summarize(table, n_folds, checkpoint=kept, every=checkpoint_every, verbose=verbose)

    def _begin(self, columns: list[str], features: list[str]) -> None:
        """Set the columns before any row is seen."""
        self.columns_, self.feature_names_, self.door_ = columns, features, "column"
        self._store = Store.empty(self.n_folds, len(features) + 1)

    def _absorb_batch(self, table: Array, ids: NDArray[Any], codes: IntVector) -> None:
        """Add rows whose task ids are encoded."""
        folds = deal_rows(table, self.n_folds)
        self._opened.absorb(table, np.ones(table.shape[1]), ids, codes, folds, f"column {self.task_column!r}")

    def deal(self, matrix: Array, y: Array) -> IntVector:
        """Return the folds of rows that are numbers already."""
        return deal_rows(np.vstack([matrix.T, y]), self.n_folds)

    def _check_columns(self, columns: list[str] | None, features: list[str] | None, n_variables: int) -> None:
        if self._store is None:
            self.columns_, self.feature_names_ = columns, features
            self._store = Store.empty(self.n_folds, n_variables)
            return
        if n_variables != self._store.n_variables:
            raise ValueError(
                f"X has {n_variables - 1} features, and earlier batches had {self.n_features_}: give the same columns."
            )
        if features != self.feature_names_ and None not in (features, self.feature_names_):
            raise ValueError(
                f"X has the columns {features}, and earlier batches {self.feature_names_}: keep their order."
            )

    @property
    def _opened(self) -> Store:
        assert self._store is not None
        return self._store

    @property
    def n_tasks(self) -> int:
        """Number of tasks seen."""
        return 0 if self._store is None else len(self._store)

    def _refuse_empty(self) -> None:
        if not self.n_tasks:
            raise ValueError("these statistics have no rows yet: call partial_fit(X, y, task) first.")

    @property
    def tasks_(self) -> NDArray[Any]:
        """Sorted task ids."""
        self._refuse_empty()
        return self._opened.ids[self._opened.order]

    @property
    def n_rows_(self) -> IntVector:
        """Rows seen of each task."""
        return self.cells().count.sum(axis=1)

    @property
    def weight_(self) -> Array:
        """Sum of the weights of each task."""
        return self.cells().total.sum(axis=1)

    @property
    def n_features_(self) -> int:
        """Number of features."""
        return 0 if self._store is None else self._store.n_variables - 1

    def cells(self) -> Cells:
        """Return the moments of each task and fold, tasks in the order of ``tasks_``, scatter symmetric."""
        self._refuse_empty()
        cells = self._opened.cells.take(self._opened.order)
        below = np.tril(cells.scatter, -1)
        cells.scatter = np.tril(cells.scatter) + below.swapaxes(-1, -2)
        return cells

    def moments(self) -> TaskMoments:
        """Return the moments of each task over all folds."""
        whole = self.cells().over_folds()
        mean, scatter = whole.origin + whole.offset[:, 0], whole.scatter[:, 0]
        return TaskMoments(
            weight=whole.total[:, 0],
            mean_x=mean[:, :-1],
            mean_y=mean[:, -1],
            gram=scatter[:, :-1, :-1],
            xy=scatter[:, :-1, -1],
            yy=scatter[:, -1, -1],
        )

    def merge(self, other: TaskStatistics) -> TaskStatistics:
        """Return the statistics of the rows of both; a task may be at both sites.

        Raises
        ------
        ValueError
            If the features, the folds or the kind of task ids differ.
        """
        self._refuse_other(other)
        if not other.n_tasks:
            return self._with(self._store)
        if not self.n_tasks:
            return other._with(other._store)
        out = self._with(self._store)
        out._opened.join(other._opened, "the other site's task column")
        out.columns_ = self.columns_ or other.columns_
        out.feature_names_ = self.feature_names_ or other.feature_names_
        _ = out._opened.order
        return out

    def _with(self, store: Store | None) -> TaskStatistics:
        """Return statistics of the same columns with a copy of some cells."""
        out = TaskStatistics(n_folds=self.n_folds, task_column=self.task_column)
        out.columns_, out.feature_names_, out.door_ = self.columns_, self.feature_names_, self.door_
        out._store = None if store is None else store.copy()
        return out

    def _refuse_other(self, other: Any) -> None:
        if not isinstance(other, TaskStatistics):
            raise ValueError(f"merge takes TaskStatistics, not {type(other).__name__}.")
        if not (self.n_tasks and other.n_tasks):
            return
        for what, one, two in (
            ("folds", self.n_folds, other.n_folds),
            ("features", self.n_features_, other.n_features_),
            ("task column", self.task_column, other.task_column),
            ("tasks given as", self.door_, other.door_),
        ):
            if one != two:
                raise ValueError(f"the statistics differ in {what} ({one} and {two}): gather both in the same way.")
        names = (self.feature_names_, other.feature_names_)
        if None not in names and names[0] != names[1]:
            odd = sorted(set(names[0] or []) ^ set(names[1] or []))
            text = f"{', '.join(odd[:6])} in one only" if odd else "in another order"
            raise ValueError(f"the statistics differ in their features ({text}): gather both from the same columns.")

    def save(
        self, path: str | os.PathLike[str], *, min_rows: int = 10, small: str = "error", force: bool = False
    ) -> Path:
        """Write the statistics to a file that holds no row, unless a task is so small that its moments are one.

        Parameters
        ----------
        path : path-like
            The file; it is written wholly or not at all.
        min_rows : int, default=10
            Fewest rows a task may have in a fold that it has rows in. 1 asks for nothing.
        small : {"error", "drop"}, default="error"
            Whether tasks with fewer are refused or left out.
        force : bool, default=False
            Whether a file that exists may be replaced.

        Returns
        -------
        pathlib.Path
            The file written.

        Raises
        ------
        ValueError
            If a task has fewer rows than ``min_rows`` in some fold, or none is left.
        OSError
            If the file exists already, or cannot be written.
        """
        from crosstask.persistence._files import write_atomically
        from crosstask.summaries._file import to_bytes

        return write_atomically(path, to_bytes(self.without_small(min_rows, small)), force=force)

    def without_small(self, min_rows: int, small: str = "error") -> TaskStatistics:
        """Return the statistics of the tasks that have at least ``min_rows`` rows in each fold they have rows in."""
        if small not in ("error", "drop"):
            raise ValueError(f"small={small!r} is not known: use 'error' or 'drop'.")
        self._refuse_empty()
        store = self._opened
        counts = store.cells.count[: len(store)]
        fewest = np.where(counts > 0, counts, np.iinfo(np.int64).max).min(axis=1)
        lacking = np.flatnonzero(fewest < min_rows)
        if not len(lacking):
            return self
        if small == "error" or len(lacking) == len(store):
            where = f"in one of its {self.n_folds} folds" if self.n_folds else "in all"
            cure = "small='drop', " if len(lacking) < len(store) else ""
            raise ValueError(
                f"{len(lacking)} of {len(store)} tasks have too few rows to be written: task "
                f"{store.ids[lacking[0]].item()!r} has {fewest[lacking[0]]} {where}, and min_rows={min_rows}. Give "
                f"{cure}fewer folds, or a lower min_rows."
            )
        return self._with(store.take(np.setdiff1d(np.arange(len(store)), lacking)))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> TaskStatistics:
        """Read what ``save`` wrote; no object is built from the file but arrays of numbers and text.

        Raises
        ------
        ValueError
            If the file is damaged, is something else, or was written by a later version; in one line.
        OSError
            If it cannot be read.
        """
        from crosstask.summaries._file import from_bytes

        return from_bytes(Path(path).read_bytes(), str(path))

    def __repr__(self) -> str:
        if not self.n_tasks:
            return f"TaskStatistics(n_folds={self.n_folds}), no rows yet"
        counts = self.n_rows_
        return (
            f"TaskStatistics: {counts.sum()} rows of {len(counts)} tasks ({counts.min()} to {counts.max()} each), "
            f"{self.n_features_} features, {self.n_folds or 'no'} folds"
        )
