"""What MultiTaskRegressor and MultiTaskClassifier share: the doors, the joint objective, alpha, and predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import Coupling, Decomposed, MeanTied, Pooled, as_coupling
from crosstask.losses import Loss
from crosstask.multitask._add_task import Fitted, add_tasks, shared_part
from crosstask.multitask._callbacks import Callbacks, Telling, with_callbacks
from crosstask.multitask._choice import check_closed_form, choose
from crosstask.multitask._linear_frames import LinearFrames
from crosstask.multitask._linear_rows import predict_rows
from crosstask.multitask._measured import Mask, measured_scale, read_measured, without_unmeasured
from crosstask.multitask._support import Folds, check_option, is_number
from crosstask.multitask._tuning import Objective, as_one_task, read_folds
from crosstask.multitask._wrapper import UNSEEN
from crosstask.solvers import Solution
from crosstask.tasks import TaskData, TaskMixin, TaskRows, column_names, numeric_matrix
from crosstask.tasks._data import column_scale
from crosstask.tasks._frames import as_table

Array = NDArray[np.float64]
#: Attributes that only some couplings give.
LEARNT = (
    "completed_coef_",
    "components_",
    "outlier_tasks_",
    "task_covariance_",
    "clusters_",
    "subspace_",
    "group_centres_",
)


@dataclass(frozen=True)
class Plan:
    """What one fit needs besides the rows."""

    objective: Objective
    folds: Folds | str  # "loo" or "gcv": in closed form
    scale: Array
    origin: Array | None = None  # (T, d): what was taken from the rows of each task
    telling: Telling | None = None


class LinearTasks(LinearFrames, Callbacks, TaskMixin):
    """Base of the linear estimators; a subclass turns y into numbers and the predictor into an answer."""

    coupling: str | Coupling
    loss: str | Loss
    alpha: float | str
    task_column: str | int | None
    task_weight: str
    fit_intercept: bool
    standardize: bool
    measured: Any
    unseen_task: str
    cv: Any
    n_alphas: int
    tol: float
    max_iter: int
    n_jobs: int | None
    random_state: Any
    verbose: Any
    tasks_: NDArray[Any]
    loss_: Loss
    measured_: Mask | None
    n_features_in_: int
    _fitted: Fitted

    @with_callbacks
    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Fit one linear model for each task, jointly.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Numbers, dense or sparse; with ``task_column`` also the task ids.
        y : array-like of shape (n_rows,) or (n_rows, n_tasks)
            The target; two-dimensional with NaN = not observed at the wide door.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,) or, at the wide door, (n_rows, n_tasks), optional
            A weight of k at a fixed alpha is the same as k copies of the row.

        Returns
        -------
        Self
        """
        coupling = self._check_options()
        telling = Telling(self).begin(X, y)
        rows, known = self._split_known(self._open_fit(X, y, task, sample_weight))
        matrix = numeric_matrix(self, rows.X, gaps=self.measured is not None)
        measured = None if self.measured is None else read_measured(self.measured, matrix, rows)
        if measured is not None:
            matrix = without_unmeasured(self, matrix, measured, rows.codes, rows.X)
        self.measured_ = measured
        self.columns_ = column_names(rows.X) or [f"x{j}" for j in range(matrix.shape[1])]
        data, loss = self._read_target(rows, matrix)
        if known is not None:
            data = data.with_known(known)
        self.loss_ = loss
        scale = np.ones(matrix.shape[1])
        if self.standardize:
            scale = column_scale(data) if measured is None else measured_scale(data, measured)
        data = data.scaled(scale) if self.standardize else data
        weighting: Any = self.task_weight
        coupling = coupling.for_tasks(data.tasks)
        objective = Objective(loss, self.fit_intercept, weighting, self.max_iter)
        folds: Folds | str = []
        if self.alpha == "auto" and isinstance(self.cv, str):
            check_closed_form(self.cv, loss, coupling)
            folds = self.cv
        elif self.alpha == "auto":
            table = as_table(X)
            strata = loss.classifies
            folds = read_folds(self.cv, table, rows, sample_weight, self.random_state, strata=strata)
        self._fitted = Fitted.on(data, scale, counts=loss.log_link)
        self._fit_joint(data, coupling, Plan(objective, folds, scale, telling=telling))
        telling.end()
        return self

    def add_task(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Fit one more task, or several, against what the tasks of ``fit`` share; nothing else changes.

        The new task's slopes minimise its part of the joint objective, alpha and the shared part held fixed: the
        centre of ``MeanTied``, the weights of the features of ``FeatureNorm``, the profiles of ``TraceNorm``,
        ``TaskCovariance`` and ``SharedSubspace``, the mean and the clusters' directions of ``Clustered``, the slopes of
        ``Pooled``. Predictions for the other tasks stay as they are to the last bit, and so do those for unseen ones.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            As in ``fit``.
        y : array-like of shape (n_rows,)
            The target; classes that ``fit`` has seen.
        task : task id, or array-like of shape (n_rows,), optional
            Where no column of X holds it.
        sample_weight : array-like of shape (n_rows,), optional
            As in ``fit``.

        Returns
        -------
        Self

        Raises
        ------
        ValueError
            If a task is known already, or the coupling (``GraphTied``, ``FusedInTime``, ``TwoLevels``, sums of norms)
            shares nothing that could be held fixed.

        Notes
        -----
        One task costs one fit of its own rows. A model whose tasks have doubled should be fitted again: what the new
        ones could teach the old is not learnt here. Under "independent" the new task gets the geometric mean of the
        alphas. What the coupling says of the tasks of ``fit`` together (``components_``, ``clusters_``,
        ``outlier_tasks_``, ``task_covariance_``) is dropped.
        """
        add_tasks(self, X, y, task, sample_weight)
        return self

    def _can_add_task(self) -> bool:
        try:
            shared_part(self)
        except ValueError:
            return False
        return True

    def _fit_joint(self, data: TaskData, coupling: Coupling, plan: Plan) -> None:
        self.coupling_ = coupling
        fitted, self.alpha_, self.path_ = self._solve(data, coupling, plan)
        completed, self.intercept_ = _squeezed(fitted.coef / plan.scale), _squeezed(fitted.intercept)
        if plan.origin is not None:
            self.intercept_ = self.intercept_ - np.einsum("td,td->t", completed, plan.origin)
        self.coef_ = completed
        if self.measured_ is not None:
            seen = self.measured_ if completed.ndim == 2 else self.measured_[:, None]
            self.coef_ = np.where(seen, completed, 0.0)
        self.gap_, self.n_iter_, self.objective_ = fitted.gap, max(fitted.n_iter, 1), fitted.objective
        self.solver_ = fitted.solver
        self._keep_learnt(coupling, fitted, plan.scale)
        if self.measured_ is not None:
            self.completed_coef_ = completed
        centre = fitted.coef.mean(axis=0) if fitted.centre is None else fitted.centre
        self.shared_coef_ = _squeezed((centre / plan.scale)[None])[0]
        if self.unseen_task == "mean":
            self.unseen_coef_, self.unseen_intercept_ = completed.mean(axis=0), self.intercept_.mean(axis=0)
        elif self.unseen_task == "pooled":
            self._keep_crowd(data, plan)

    def _keep_crowd(self, data: TaskData, plan: Plan) -> None:
        """Fit the rows of all tasks as one task, for tasks that are unseen."""
        centre = np.zeros(data.n_features)
        if plan.origin is not None:
            centre = data.totals @ plan.origin / data.totals.sum()
            data = replace(data, X=data.X + ((plan.origin - centre) / plan.scale)[data.codes])
        crowd, _, _ = self._solve(as_one_task(data), Pooled(), plan)
        self.unseen_coef_ = _squeezed(crowd.coef / plan.scale)[0]
        self.unseen_intercept_ = _squeezed(crowd.intercept)[0] - self.unseen_coef_ @ centre

    def _keep_learnt(self, coupling: Coupling, fitted: Solution, scale: Array) -> None:
        """Keep what the coupling has learnt beside the slopes, and drop what another one left."""
        for name in LEARNT:
            self.__dict__.pop(name, None)
        self.support_ = self.coef_ != 0
        if not isinstance(coupling, Decomposed) or fitted.parts is None:
            self.__dict__ |= coupling.attributes(fitted.coef)
            return
        self.components_ = coupling.components(np.stack([_squeezed(part / scale) for part in fitted.parts]))
        self.__dict__ |= coupling.attributes_of(fitted.parts)

    def _solve(self, data: TaskData, coupling: Coupling, plan: Plan) -> tuple[Solution, Any, dict[str, Any]]:
        telling = plan.telling or Telling(self)
        counted = self.alpha == "auto" and not isinstance(plan.folds, str)
        with telling.folds(len(plan.folds) if counted else 0) as verbose:
            choice = choose(
                data,
                plan.folds,
                plan.objective,
                coupling,
                self.alpha,
                self.n_alphas,
                n_jobs=self.n_jobs,
                verbose=verbose,
            )
        with telling.iterates() as verbose:
            fitted = choice.refit(data, plan.objective, self.tol, verbose=verbose)
        return fitted, choice.alpha, choice.path

    def _check_options(self) -> Coupling:
        check_option("unseen_task", self.unseen_task, UNSEEN)
        if self.measured is not None and self.unseen_task == "pooled":
            raise ValueError(
                "measured= does not go with unseen_task='pooled', whose one task has all columns: use 'mean'."
            )
        check_option("task_weight", self.task_weight, ("rows", "equal"))
        if isinstance(self.alpha, str):
            check_option("alpha", self.alpha, ("auto",))
        elif not is_number(self.alpha) or not self.alpha > 0:
            raise ValueError(f"alpha={self.alpha!r} must be positive, or 'auto': give a small alpha to couple weakly.")
        for name, least in (("tol", 0), ("max_iter", 1), ("n_alphas", 1)):
            if not is_number(value := getattr(self, name)) or value < least:
                raise ValueError(f"{name}={value!r} must be a number, at least {least}.")
        if isinstance(self.coupling, str) and self.coupling == "mean_tied":
            return MeanTied(centre_weight=1.0)  # measured: see the class's notes
        return as_coupling(self.coupling)

    def _read_target(self, rows: TaskRows, matrix: Any) -> tuple[TaskData, Loss]:
        raise NotImplementedError

    def _read_added(self, rows: TaskRows, matrix: Any) -> TaskData:
        """Turn the target of new tasks into numbers, as fit has learnt to."""
        raise NotImplementedError

    def _split_known(self, rows: TaskRows) -> tuple[TaskRows, Array | None]:
        """Return the rows without what is no feature, and the known part of each table row's predictor."""
        return rows, None

    def _linear(self, X: Any, task: Any) -> Array:
        """Return the predictors, of shape (n_pairs, K), or (n_rows, n_tasks, K) at the wide door."""
        rows, known = self._split_known(self._open_predict(X, task))
        matrix = numeric_matrix(self, rows.X, gaps=self.measured_ is not None)
        if self.measured_ is not None:
            matrix = without_unmeasured(self, matrix, self.measured_, rows.codes, rows.X)
        coef = self.coef_[:, None] if self.coef_.ndim == 2 else self.coef_
        intercept = self.intercept_[:, None] if self.intercept_.ndim == 1 else self.intercept_
        n_tasks, k, d = coef.shape
        if rows.door == "wide":
            z = np.asarray(matrix @ coef.reshape(n_tasks * k, d).T).reshape(-1, n_tasks, k) + intercept
            z = z if known is None else z + known[:, None, None]
            return z[:, rows.wide_order]
        if (rows.codes < 0).any():  # code -1 reads the last place
            w, b = self._for_unseen(k, d)
            coef, intercept = np.concatenate([coef, w[None]]), np.concatenate([intercept, b[None]])
        z = predict_rows(matrix, rows.codes, coef) + intercept[rows.codes]
        return z if known is None else z + known[:, None]

    def _for_unseen(self, k: int, d: int) -> tuple[Array, Array]:
        return self.unseen_coef_.reshape(k, d), np.reshape(self.unseen_intercept_, k)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _squeezed(values: Array) -> Array:
    """Drop the axis of outputs where there is one output."""
    return values[:, 0] if values.shape[1] == 1 else values
