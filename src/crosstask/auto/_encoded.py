"""Tables as they are for any estimator of many tasks, in memory or batch by batch from a disk."""

from __future__ import annotations

import os
from copy import copy
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.utils import Tags

from crosstask.auto._column_encoder import ColumnEncoder, survey, table_columns
from crosstask.multitask._support import IntVector, fold_parameters, local_folds
from crosstask.multitask._wrapper import WrappedEstimator, known_positions
from crosstask.tasks import TaskRows, column_names
from crosstask.tasks._added import can_add_task, open_added
from crosstask.tasks._ids import strange_task

Array = NDArray[np.float64]


class EncodedTasks(WrappedEstimator):
    r"""An estimator of many tasks behind an encoder: text, truth values, dates and gaps go in, and tables of any size.

    .. math::
        f(x, t) = g(\phi(x), t)

    with g the estimator and phi the encoder, which fills gaps with the mean over all tasks and says where they were,
    spreads categories over columns (one of two levels, the 30 most frequent of more) and counts dates in days.

    ``fit`` learns from rows in memory. ``fit_table`` learns the same from a Parquet or CSV file that is larger than
    memory, batch by batch: one pass for the encoder, one for the moments, and for other losses than the squared one a
    pass for each of Newton's steps, all alphas and folds at once.

    Parameters
    ----------
    estimator : MultiTaskRegressor, MultiTaskClassifier or another estimator with tasks
        What fits the encoded columns. ``fit_table`` takes the first two.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them. ``fit_table`` needs a name.

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator, on the encoded columns.
    encoder_ : object
        The encoder; ``encoder_.names_out_`` are the names of its columns.
    classes_ : ndarray of shape (n_classes,)
        Classifiers only.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    Raises
    ------
    ValueError
        If no column holds numbers or categories, one is infinite, or has more than 20 000 different texts.

    See Also
    --------
    crosstask.CrossTaskClassifier : guarded, with several candidates, on tables that fit in memory.
    crosstask.TaskStatistics : the moments alone, of columns of numbers.

    Notes
    -----
    Cost of ``fit_table``: with the squared loss two passes; otherwise about 7 passes at a given alpha and 13 with
    ``alpha="auto"``, O(n d^2 J) in all for the J = n_alphas * n_folds fits that go together. Memory: four batches, and
    J (d + 1)^2 numbers for each task, which is said before the start.

    When not to use it: where the table fits in memory and somebody asks which tasks to trust: the flagship guards.

    References
    ----------
    J. Nocedal and S. J. Wright (2006). Numerical Optimization, 2nd ed., chapter 3. Springer.

    Examples
    --------
    >>> import pandas as pd
    >>> from crosstask import MultiTaskRegressor
    >>> table = pd.DataFrame({"shop": ["a", "b"] * 20, "day": ["mon", "tue", "wed", None] * 10, "price": range(40)})
    >>> sold = 3.0 * (table["day"] == "mon") - 0.5 * table["price"]
    >>> model = EncodedTasks(MultiTaskRegressor(alpha=1e-6), task_column="shop").fit(table, sold)
    >>> model.encoder_.names_out_
    ['day=mon', 'day=tue', 'day=wed', 'day: missing', 'price']
    >>> model.predict(pd.DataFrame({"shop": ["a"], "day": ["mon"], "price": [10]})).round(2)
    array([-2.])
    """

    def __init__(self, estimator: Any, *, task_column: str | int | None = None) -> None:
        self.estimator = estimator
        self.task_column = task_column

    @property
    def unseen_task(self) -> str:  # type: ignore[override]
        """What the estimator does with rows of tasks that fit has not seen."""
        return str(getattr(self.estimator, "unseen_task", "error"))

    def _fit_rows(self, rows: TaskRows, row_of_pair: IntVector) -> None:
        long = rows.long()
        names = column_names(rows.X) or [f"x{j}" for j in range(rows.X.shape[1])]
        columns = table_columns(long.X, names)
        self.encoder_ = ColumnEncoder.learnt(survey(columns, names))
        inner = self._fresh()
        inner.set_params(**{name: local_folds(cv, row_of_pair) for name, cv in fold_parameters(inner).items()})
        inner.fit(self.encoder_.encode(columns), rows.y, task=rows.task, sample_weight=rows.sample_weight)
        self._keep(inner)

    def _fresh(self) -> Any:
        """Return an unfitted estimator that takes the tasks by the array door."""
        inner: Any = clone(self.estimator)
        return inner.set_params(task_column=None) if "task_column" in inner.get_params(deep=False) else inner

    def _keep(self, inner: Any) -> None:
        inner.columns_ = list(self.encoder_.names_out_)
        self.estimator_ = inner

    def fit_table(
        self,
        path: str | os.PathLike[str],
        *,
        target: str,
        features: list[str] | None = None,
        n_folds: int = 5,
        batch_rows: int = 16_384,
        delimiter: str = ",",
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: float = 30.0,
        verbose: Any = 0,
    ) -> Self:
        """Fit a table on disk, a batch of rows in memory at a time; the answer is that of ``fit``, to rounding.

        Rows without a target or a task are left out. The folds of ``alpha="auto"`` are dealt by a hash of the encoded
        rows, as in ``TaskStatistics``.

        Parameters
        ----------
        path : path-like
            A Parquet file, a folder of them, or a CSV file. Task ids of a CSV file are text, as written.
        target : str
            The column to predict: a number, or one of two classes.
        features : list of str, optional
            Columns to use; all others by default.
        n_folds : int, default=5
            Folds for ``alpha="auto"``.
        batch_rows : int, default=16384
            Rows of a batch.
        delimiter : str, default=","
            Of a CSV file.
        checkpoint : path-like, optional
            A file that is written every ``checkpoint_every`` seconds and at Ctrl-C, and from which the next call with
            the same arguments goes on, with the result of a fit that was never stopped; it is removed at the end.
        checkpoint_every : float, default=30.0
            Seconds; where writing takes long, ten times what it took.
        verbose : int or callable, default=0
            Not 0: say before the start what memory will be held, then rows a second of each pass; a callable is given
            (rows done, rows in all or 0, text).

        Returns
        -------
        Self

        Raises
        ------
        ImportError
            Without pyarrow (the extra ``big``).
        ValueError
            If the loss is not smooth, the coupling or an option needs rows, a column is absent, the target has not two
            classes, or the checkpoint is of something else.
        """
        from crosstask.auto._passes import PassRequest, fit_by_passes

        fit_by_passes(
            self,
            PassRequest(
                path=Path(path),
                target=target,
                features=features,
                n_folds=n_folds,
                batch_rows=batch_rows,
                delimiter=delimiter,
                checkpoint=None if checkpoint is None else Path(checkpoint),
                every=checkpoint_every,
                verbose=verbose,
            ),
        )
        return self

    def _answer(self, rows: TaskRows, method: str) -> NDArray[Any]:
        matrix = self.encoder_.encode(table_columns(rows.long().X, self.encoder_.names_))
        if rows.door == "none":
            return np.asarray(getattr(self.estimator_, method)(matrix, task=np.repeat(self.tasks_, len(matrix))))
        known = rows.codes >= 0
        ids = self.tasks_[np.maximum(rows.codes, 0)]
        if not known.all():
            ids = np.where(known, ids, strange_task(self.tasks_))
        return np.asarray(getattr(self.estimator_, method)(matrix, task=ids))

    def add_task(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Learn one more task, or several, from rows of their own; the models of the others stay as they are.

        Parameters
        ----------
        X, y, sample_weight
            As in ``fit``; y holds classes that ``fit`` has seen.
        task : task id, or array-like of shape (n_rows,), optional
            Where no column of X holds it.

        Returns
        -------
        Self

        Raises
        ------
        ValueError
            If a task is known already, or the estimator cannot learn a task later.
        """
        if not can_add_task(self.estimator_):
            raise ValueError(f"{type(self.estimator).__name__} cannot learn a task later: fit again with all rows.")
        rows, place = open_added(self, X, y, task=task, sample_weight=sample_weight)
        assert rows.y is not None
        if is_classifier(self):
            known_positions(rows.y, self.classes_)
        matrix = self.encoder_.encode(table_columns(rows.X, self.encoder_.names_))
        weight = {} if rows.sample_weight is None else {"sample_weight": rows.sample_weight}
        self.estimator_ = copy(self.estimator_).add_task(matrix, rows.y, task=rows.task, **weight)
        self.tasks_ = place.tasks
        return self

    def _can_add_task(self) -> bool:
        return can_add_task(self.estimator_)

    def coefficients(self) -> Any:
        """Return the slopes of the encoded columns as a data frame, as those of the estimator inside."""
        return self.estimator_.coefficients()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.allow_nan = True
        return tags
