"""What both boosting estimators share: the doors, the fit, and the sum of the stages."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import Tags

from crosstask.multitask._support import Folds, IntVector, check_option, is_number, refuse_no_columns
from crosstask.multitask._tuning import read_folds
from crosstask.multitask._wrapper import UNSEEN
from crosstask.multitask.boosting._design import BoostingDesign
from crosstask.multitask.boosting._fit import Columns, Shared, TaskStage, fit_shared, fit_task_stages
from crosstask.multitask.boosting._start import LinearStart
from crosstask.multitask.boosting._table import TableReader, read_monotonic
from crosstask.multitask.boosting._targets import Target
from crosstask.solvers._threads import one_openmp_thread
from crosstask.tasks import TaskMixin, TaskRows
from crosstask.tasks._added import NoTaskLater
from crosstask.tasks._frames import as_table

Array = NDArray[np.float64]

STARTS = ("auto", "linear", "none")
ROWS_FOR_THREADS = 10_000
FEW_ROWS = 3000  # up to which the trees on the linear start are counted on two folds


class TaskBoosting(TaskMixin):
    """Base of the boosting estimators; a subclass turns y into a target and the sum of stages into an answer."""

    add_task = NoTaskLater("grows trees that split by the task, which a new one has no place in")

    start: str
    learning_rate: float
    max_iter: int
    max_leaf_nodes: int | None
    min_samples_leaf: int
    l2_regularization: float
    max_bins: int
    categorical_features: Any
    monotonic_cst: Any
    min_task_rows: int | None
    task_column: str | int | None
    unseen_task: str
    cv: Any
    random_state: Any
    tasks_: NDArray[Any]

    def __init__(
        self,
        *,
        start: str = "auto",
        learning_rate: float = 0.1,
        max_iter: int = 100,
        max_leaf_nodes: int | None = 31,
        min_samples_leaf: int = 20,
        l2_regularization: float = 0.0,
        max_bins: int = 255,
        categorical_features: Any = "from_dtype",
        monotonic_cst: Any = None,
        min_task_rows: int | None = 200,
        task_column: str | int | None = None,
        unseen_task: str = "error",
        cv: Any = None,
        random_state: Any = None,
    ) -> None:
        self.start = start
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.max_leaf_nodes = max_leaf_nodes
        self.min_samples_leaf = min_samples_leaf
        self.l2_regularization = l2_regularization
        self.max_bins = max_bins
        self.categorical_features = categorical_features
        self.monotonic_cst = monotonic_cst
        self.min_task_rows = min_task_rows
        self.task_column = task_column
        self.unseen_task = unseen_task
        self.cv = cv
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Fit the shared stage, and the stages of tasks that have rows enough.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Numbers and, in a data frame, columns of dtype category; gaps are allowed. With ``task_column`` also the
            task ids.
        y : array-like of shape (n_rows,) or (n_rows, n_tasks)
            The target; two-dimensional with NaN = not observed at the wide door.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,) or, at the wide door, (n_rows, n_tasks), optional
            Weights of the rows in every stage.

        Returns
        -------
        Self
        """
        self._check_options()
        opened = self._open_fit(X, y, task, sample_weight)
        refuse_no_columns(opened)
        long = opened.long()
        self._refuse_sparse(long.X)
        self.reader_ = TableReader.learn(long.X, self.categorical_features)
        matrix, monotonic = self.reader_.read(self, long.X), read_monotonic(self.monotonic_cst, long.X)
        weight = np.ones(len(long.codes)) if long.sample_weight is None else long.sample_weight
        target = self._read_target(long, weight)
        n_classes, start = target.n_classes, "none" if self.monotonic_cst is not None else self.start
        categories = self.reader_.categories
        self.design_, design = BoostingDesign.learn(
            matrix, categories, long.codes, target.y, opened.n_tasks, self.max_bins, n_classes
        )
        folds = self._folds(as_table(X), opened, sample_weight) if start != "none" else []
        self.start_, offset = None, None
        if folds:
            self.start_ = LinearStart(categories, n_classes, self.unseen_task, self._seed())
            offset = self.start_.fit_out_of_fold(matrix, long.codes, target, folds)
        columns = Columns(design, matrix, long.codes, offset)
        options = {**self._options(), **self.design_.options(monotonic, design.shape[1])}
        n_direct = 1 if self.cv is None else len(folds)
        plain = {**self._options(), "categorical_features": categories, "monotonic_cst": monotonic}
        self.task_stages_: dict[int, TaskStage] = {}
        with _threads_for(len(matrix)):
            self.shared_ = fit_shared(columns, target, folds, options, start if folds else "none", n_direct)
            if self.min_task_rows is not None and opened.n_tasks > 1:
                least = int(self.min_task_rows)
                self.task_stages_ = fit_task_stages(self.shared_, columns, target, plain, opened.n_tasks, least)
        if not self.shared_.on_offset:
            self.start_ = None
        self.n_iter_ = max(1, self.shared_.n_iter)
        self.race_ = self.shared_.race
        return self

    shared_: Shared
    start_: LinearStart | None

    def _decide(self, X: Any, task: Any) -> tuple[TaskRows, Array]:
        """Return the opened rows, and predictions or log odds of shape (n_pairs, n_outputs)."""
        rows = self._open_predict(X, task)
        self._refuse_sparse(X)
        matrix, codes = self.reader_.read(self, rows.long().X), rows.codes
        unseen = np.flatnonzero(codes < 0)
        if len(unseen) and self.unseen_task == "mean":
            known = np.flatnonzero(codes >= 0)
            every = [self._sum(matrix[unseen], np.full(len(unseen), t, dtype=np.intp)) for t in range(len(self.tasks_))]
            mean = np.mean(every, axis=0)
            F = np.empty((len(codes), mean.shape[1]))
            F[unseen] = mean
            if len(known):
                F[known] = self._sum(matrix[known], codes[known])
            return rows, F
        return rows, self._sum(matrix, codes)

    def _sum(self, matrix: Array, codes: IntVector) -> Array:
        offset = None if self.start_ is None else self.start_.decide(matrix, codes)
        with _threads_for(len(matrix)):
            F = self.shared_.decide(Columns(self.design_.make(matrix, codes), matrix, codes, offset))
            for t, own in self.task_stages_.items():
                rows = np.flatnonzero(codes == t)
                if len(rows):
                    F[rows] += own.trust * own.stage.decide(matrix[rows])
        return F

    def _options(self) -> dict[str, Any]:
        return {
            "learning_rate": self.learning_rate,
            "max_iter": self.max_iter,
            "max_leaf_nodes": self.max_leaf_nodes,
            "min_samples_leaf": self.min_samples_leaf,
            "l2_regularization": self.l2_regularization,
            "max_bins": self.max_bins,
            "random_state": self._seed(),
        }

    def _folds(self, table: Any, opened: TaskRows, sample_weight: Any) -> Folds:
        """Return the folds of the race: by default one or two, that each hold out a fifth of each task."""
        if len(opened.y if opened.y is not None else ()) < 10:
            return []
        cv = 5 if self.cv is None else self.cv
        folds = read_folds(cv, table, opened, sample_weight, self._seed(), strata=self._classifies())
        return folds[: 2 if len(opened.codes) < FEW_ROWS else 1] if self.cv is None else folds

    def _seed(self) -> Any:
        return 0 if self.random_state is None else self.random_state

    def _refuse_sparse(self, X: Any) -> None:
        if sparse.issparse(X):
            raise TypeError(
                f"Sparse data was passed, and {type(self).__name__} does not support sparse input: use X.toarray(), "
                "or a linear model such as MultiTaskClassifier or MultiTaskRegressor, which takes it as it is."
            )

    def _check_options(self) -> None:
        check_option("unseen_task", self.unseen_task, UNSEEN)
        check_option("start", self.start, STARTS)
        if not is_number(self.max_iter) or self.max_iter < 1:
            raise ValueError(f"max_iter={self.max_iter!r} must be a whole number of trees, at least 1.")
        if not is_number(self.learning_rate) or self.learning_rate <= 0:
            raise ValueError(f"learning_rate={self.learning_rate!r} must be a positive number.")
        if self.min_task_rows is not None and self.min_task_rows < 10:
            raise ValueError(f"min_task_rows={self.min_task_rows!r} must be at least 10, or None for no own stages.")
        if self.monotonic_cst is not None and self.start == "linear":
            raise ValueError(
                "monotonic_cst binds trees, and a linear start knows no constraint: use start='auto' or 'none'."
            )

    def _classifies(self) -> bool:
        raise NotImplementedError

    def _read_target(self, rows: TaskRows, weight: Array) -> Target:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _threads_for(n_rows: int) -> Any:
    """Return the context in which trees on so many rows grow fastest."""
    return nullcontext() if n_rows >= ROWS_FOR_THREADS else one_openmp_thread()
