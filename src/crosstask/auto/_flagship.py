"""What CrossTaskRegressor and CrossTaskClassifier have in common: a reader of tables in front of a guard."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from time import perf_counter
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils import Tags, check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from crosstask.auto._growth import FlagshipGrowth
from crosstask.auto._linear import coefficient_frame, collapse
from crosstask.auto._open import OpenedTable, open_table
from crosstask.auto._parts import each_pair, forget_folds
from crosstask.auto._roles import find_roles
from crosstask.auto._summary import summarise
from crosstask.tasks import TaskMixin, TaskRows
from crosstask.tasks._ids import strange_task

FloatMatrix = NDArray[np.float64]


def _regresses(model: Any) -> bool:
    return not is_classifier(model)


class CrossTask(FlagshipGrowth, TaskMixin):
    """Base of the flagship estimators; see :class:`CrossTaskRegressor` for the parameters."""

    tasks_: NDArray[Any]
    door_: str
    classes_: NDArray[Any]

    def __init__(
        self,
        candidates: Any = "default",
        *,
        task_column: str | int | None = None,
        time_column: str | int | None = None,
        group_column: str | int | None = None,
        mode: str = "balanced",
        scoring: Any = None,
        class_weight: Any = None,
        unseen_task: str = "pooled",
        time_budget: float | None = None,
        cv: Any = None,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int | Callable[[int, int, str], None] = 0,
    ) -> None:
        self.candidates = candidates
        self.task_column = task_column
        self.time_column = time_column
        self.group_column = group_column
        self.mode = mode
        self.scoring = scoring
        self.class_weight = class_weight
        self.unseen_task = unseen_task
        self.time_budget = time_budget
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Read the table, compare the candidates out of fold, weigh them for each task, and fit them on all rows.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            pandas, polars or NumPy; text, categories, truth values, dates and gaps allowed.
        y : array-like of shape (n_rows,) or (n_rows, n_tasks)
            The target; two-dimensional with NaN = not observed at the wide door.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,), optional
            Non-negative weights.

        Returns
        -------
        Self

        Raises
        ------
        ValueError
            One line: what was given, what was expected, and what cures it.
        """
        return self._close_table(open_table(self, X, y, task, sample_weight))

    def _close_table(self, opened: OpenedTable) -> Self:
        """Compare, weigh and fit what stands ready."""
        listed, rows = opened.listed, opened.rows
        self.guard_ = opened.guard
        self.guard_._close_guard(opened.fit)
        for model in self.guard_.candidates_.values():
            forget_folds(model)
        if is_classifier(self):
            self.classes_ = self.guard_.classes_
        self.linear_ = None
        if listed.mix == "linear":
            self.encoder_, self.linear_ = collapse(
                self.guard_, opened.matrix, rows, seed=self._seed(), n_jobs=self.n_jobs, progress=opened.clock
            )
        self.guard_.verbose = 0
        self.findings_ = opened.findings + listed.findings + list(self.guard_.findings_)
        spent = {name: one["seconds"] for name, one in self.guard_._spent.items()}
        self.training_summary_ = summarise(
            rows,
            getattr(self, "classes_", None),
            list(self.guard_.candidates_),
            {**opened.clock.seconds, **spent, "all": perf_counter() - opened.start},
            opened.target_name,
        )
        return self

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Predict the target of each row; rows of tasks that fit has not seen are served by the crowd.

        See Also
        --------
        served_by : tells which rows these are.
        """
        rows, matrix = self._rows_to_serve(X, task)
        if self.linear_ is None:
            return rows.restore(self._ask_guard(rows, matrix, "predict"))
        return rows.restore(self._from_predictor(self._predictor(rows, matrix)))

    def _from_predictor(self, z: FloatMatrix) -> NDArray[Any]:
        raise NotImplementedError

    def served_by(self, X: Any, *, task: Any = None) -> NDArray[np.str_]:
        """Tell for each row whether the model of its task serves it ("task") or what all tasks share ("crowd")."""
        rows = self._open_predict(X, task)
        return rows.restore(np.where(rows.codes < 0, "crowd", "task"))

    @available_if(_regresses)
    def predict_interval(self, X: Any, *, task: Any = None, coverage: float = 0.9) -> FloatMatrix:
        """Return low and high of the target of each row, (n_rows, 2); see ``TransferGuard.predict_interval``."""
        rows, matrix = self._rows_to_serve(X, task)
        return rows.restore(self._ask_guard(rows, matrix, "predict_interval", coverage=coverage))

    @available_if(is_classifier)
    def predict_set(self, X: Any, *, task: Any = None, coverage: float = 0.9) -> NDArray[np.bool_]:
        """Tell which classes the set of each row holds, (n_rows, n_classes); see ``TransferGuard.predict_set``."""
        rows, matrix = self._rows_to_serve(X, task)
        return rows.restore(self._ask_guard(rows, matrix, "predict_set", coverage=coverage))

    @property
    def coverage_(self) -> Any:
        """Share of held-out rows inside 90 % intervals or sets, by task; a frame."""
        return self._of_guard("coverage_")

    def coefficients(self) -> Any:
        """Return the guarded model as coefficients of the encoded columns, with ``candidates="linear"`` only.

        Returns
        -------
        DataFrame
            ``task``, ``feature`` ("intercept" first), ``class`` (three classes or more), ``value``, ``shared`` (the
            mean over the tasks in the models that share, intercepts free), ``low`` and ``high`` (value -/+ 1.96
            standard errors over ``linear_.n_draws`` refits on randomly reweighted rows; alphas and guard weights held
            fixed), and for classification ``odds_ratio``, exp(value), for one unit of the column.

        Raises
        ------
        ValueError
            If the model is not linear.
        """
        check_is_fitted(self, "guard_")
        if self.linear_ is None:
            raise ValueError(
                f"{type(self).__name__} with candidates={self.candidates!r:.60} is no linear model: "
                "set candidates='linear' for coefficients."
            )
        return coefficient_frame(self.linear_, self.tasks_, getattr(self, "classes_", None))

    @property
    def schema_(self) -> list[dict[str, Any]]:
        """For each column: name, kind, missing (share), categories, outputs; plain dicts."""
        check_is_fitted(self, "reader_")
        return self.reader_.schema_

    @property
    def weights_(self) -> Any:
        """Weight of each candidate in each task; a frame."""
        return self._of_guard("weights_")

    @property
    def gain_(self) -> Any:
        """Gain of each task over its own model, with its interval; a frame."""
        return self._of_guard("gain_")

    @property
    def verdict_(self) -> Any:
        """What each task should do and why; a frame that prints as sentences."""
        return self._of_guard("verdict_")

    @property
    def candidate_losses_(self) -> Any:
        """Mean out-of-fold loss of each candidate in each task; a frame."""
        return self._of_guard("candidate_losses_")

    @property
    def plan_(self) -> Any:
        """The :class:`~crosstask.allocation.Plan` of the fit and what came of it; None without budget and plan."""
        return self._of_guard("plan_")

    @property
    def candidates_(self) -> Any:
        """The fitted candidates by name."""
        return self._of_guard("candidates_")

    @property
    def advice_(self) -> Any:
        """What the fit knows as an :class:`~crosstask.advisor.Advice`; ``advise`` looks at the tasks as well."""
        check_is_fitted(self, "guard_")
        from crosstask.advisor._advise import advice_of

        return advice_of(self)

    def report(self, path: Any, *, target_task: Any = None, force: bool = False) -> Any:
        """Write the report, one self-contained HTML file; an existing file is refused unless ``force``.

        With ``target_task`` the page of that task alone: target only, pooled, transferred and guarded side by side.
        """
        from crosstask.report import write_report

        return write_report(self, path, target_task=target_task, force=force)

    def save(self, path: Any, *, force: bool = False) -> Any:
        """Write the fitted model to a file that ``crosstask.load`` reads; holds no training rows."""
        from crosstask.persistence import save

        return save(self, path, force=force)

    def _of_guard(self, name: str) -> Any:
        check_is_fitted(self, "guard_")
        return getattr(self.guard_, name)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _rows_to_serve(self, X: Any, task: Any) -> tuple[TaskRows, FloatMatrix]:
        rows = self._open_predict(X, task)
        unseen = rows.codes < 0
        if unseen.any():
            warnings.warn(
                "some rows belong to tasks that fit has not seen, and are served by what the known tasks share; "
                "served_by(X) tells which, unseen_task='error' refuses them.",
                UserWarning,
                stacklevel=4,
            )
        roles = find_roles(self, self.door_ == "column")
        return rows, each_pair(self.reader_.transform(roles.feature_table(rows.X)), rows)

    def _predictor(self, rows: TaskRows, matrix: FloatMatrix) -> FloatMatrix:
        """Return the linear predictor (n_rows, K) of a linear model."""
        assert self.linear_ is not None
        return self.linear_.predictor(self.encoder_.transform(matrix), rows.codes)

    def _ask_guard(self, rows: TaskRows, matrix: FloatMatrix, method: str, **options: Any) -> NDArray[Any]:
        ids = np.where(rows.codes < 0, strange_task(self.tasks_), self.tasks_[rows.codes])
        return np.asarray(getattr(self.guard_, method)(matrix, task=ids, **options))

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.required = True
        return tags
