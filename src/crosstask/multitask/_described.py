"""Tasks that nobody has seen, predicted from what they are: size, region, type."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone, is_classifier
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if

from crosstask.multitask._coefficient_ridge import Ridge, beside, described, stacked
from crosstask.multitask._linear import LinearTasks
from crosstask.multitask._tasks_left_out import fit_on, leave_tasks_out
from crosstask.tasks import TaskMixin, TaskRows, as_task_ids, n_rows, pop_column
from crosstask.tasks._frames import as_table, take_rows

Array = NDArray[np.float64]
FEWEST = 4  # tasks from which a regression on descriptors can be judged


def _inner_has(method: str) -> Any:
    def check(model: Any) -> bool:
        getattr(model.estimator, method)  # raises the inner estimator's own AttributeError
        return True

    return check


def _regresses(model: Any) -> bool:
    return not is_classifier(model.estimator)


class DescribedTasks(TaskMixin, MetaEstimatorMixin, BaseEstimator):
    r"""A linear model of many tasks whose coefficients are regressed on descriptors of the tasks, for tasks to come.

    .. math::
        \hat b(z) = \bar b + C' z, \qquad
        C = \arg\min_C \sum_t \|b_t - \bar b - C'z_t\|^2 + \lambda \|C\|^2

    with :math:`b_t` the intercept and slopes of task t in the model inside, :math:`z_t` its descriptors (numbers
    centred and scaled, words as indicators), and lambda chosen by the error of leaving each task out. Where the best
    does not beat the average task by a standard error over the tasks, lambda is infinite, and a new task the average.

    Parameters
    ----------
    estimator : MultiTaskRegressor or MultiTaskClassifier
        The model inside.
    task_features : pandas.DataFrame, optional
        Descriptors, one row a task, the task ids as index; it may hold tasks that ``fit`` will not see. None: only the
        tasks of ``fit`` can be predicted.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` gives them.
    random_state : int, RandomState or None, default=0
        Deals the tasks into folds, where there are more than 20.

    Attributes
    ----------
    estimator_ : estimator
        The fitted model inside.
    alpha_ : float
        lambda; ``inf``: the descriptors told nothing.
    task_error_, mean_error_ : float
        Root mean squared error of the linear predictor of a task left out, by its descriptors, and by the average task.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    Raises
    ------
    ValueError
        If a task has no descriptors, or fewer than four tasks are there to learn from.

    See Also
    --------
    crosstask.MultiTaskRegressor.add_task : once the new task has rows of its own.

    Notes
    -----
    Cost: the fit, and one more for each task (20 at most), at the alpha of the first; what ``predict_interval`` and the
    errors say thus includes that the task's rows were not there. lambda is chosen on the same tasks, which flatters a
    little: of 18 tasks whose descriptors told nothing, one draw in ten found something, and predicted new tasks worse
    for it (by 1 % over all draws, by a third in the worst). Asking for two standard errors would have avoided that and
    cost more, where descriptors told a little.

    When not to use it: with a handful of tasks, whose descriptors can explain anything; look at ``task_error_`` beside
    ``mean_error_``.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from crosstask import DescribedTasks, MultiTaskRegressor
    >>> rng = np.random.default_rng(0)
    >>> size = pd.DataFrame({"size": np.arange(9.0)}, index=list("abcdefghi"))
    >>> X, task = rng.normal(size=(160, 1)), np.repeat(list("abcdefgh"), 20)
    >>> y = size.loc[task, "size"].to_numpy() * X[:, 0] + 0.1 * rng.normal(size=160)
    >>> model = DescribedTasks(MultiTaskRegressor(alpha=0.001), size).fit(X, y, task=task)
    >>> model.predict([[1.0]], task=["i"]).round(1)  # a task without a row
    array([7.9])
    """

    unseen_task = "pooled"  # how rows of unseen tasks pass the door; here they need descriptors
    classes_: NDArray[Any]
    tasks_: NDArray[Any]

    def __init__(
        self, estimator: Any, task_features: Any = None, *, task_column: str | int | None = None, random_state: Any = 0
    ) -> None:
        self.estimator = estimator
        self.task_features = task_features
        self.task_column = task_column
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Fit the model inside, and regress its coefficients on the descriptors.

        Parameters
        ----------
        X, y, task, sample_weight
            As for the model inside.

        Returns
        -------
        Self
        """
        if not isinstance(self.estimator, LinearTasks):
            raise ValueError(
                f"DescribedTasks regresses coefficients, and {type(self.estimator).__name__} has none for each task: "
                "give MultiTaskRegressor or MultiTaskClassifier."
            )
        rows = self._open_fit(X, y, task, sample_weight)
        if rows.door in ("none", "wide"):
            plain: Any = clone(self.estimator)
            self.estimator_ = plain.set_params(task_column=None).fit(X, y, sample_weight=sample_weight)
        else:
            self.estimator_ = fit_on(self.estimator, rows)
        if is_classifier(self.estimator):
            self.classes_ = self.estimator_.classes_
        self.encoder_ = None
        if self.task_features is None:
            return self
        if rows.n_tasks < FEWEST or rows.door in ("none", "wide"):
            raise ValueError(
                f"descriptors of {rows.n_tasks} task(s) at the {rows.door!r} door cannot be learnt from: give at least "
                f"{FEWEST} tasks by task= or task_column=, or leave task_features out."
            )
        self.encoder_ = _encoder().fit(self._descriptors(rows.tasks, None))
        self._learn(rows, np.asarray(self.encoder_.transform(self._descriptors(rows.tasks, None)), dtype=np.float64))
        return self

    def _learn(self, rows: TaskRows, Z: Array) -> None:
        """Choose lambda on tasks left out, keep C, and the errors of those tasks' rows."""
        told = leave_tasks_out(self.estimator, self.estimator_, rows, Z, self.random_state)
        self.alpha_, self.task_error_, self.mean_error_ = told.alpha, told.error, told.mean_error
        self.ridge_ = Ridge.of(Z, stacked(self.estimator_), told.alpha)
        if is_classifier(self.estimator):
            return
        assert rows.y is not None
        apart = np.zeros(len(rows.codes))
        for held, model in told.models:
            apart[held] = np.abs(rows.y[held] - model.predict(take_rows(rows.X, held), task=rows.task[held]))
        order = np.argsort(apart)
        share = (1.0 / np.bincount(rows.codes, minlength=rows.n_tasks))[rows.codes][order] / rows.n_tasks
        self._shares, self._sizes = np.cumsum(share), apart[order]

    def predict(self, X: Any, *, task: Any = None, task_features: Any = None) -> NDArray[Any]:
        """Predict each row; a task that ``fit`` has not seen by its descriptors.

        Parameters
        ----------
        X, task
            As in ``fit``.
        task_features : pandas.DataFrame, optional
            Descriptors of tasks that the parameter of that name does not hold.
        """
        return self._ask("predict", X, task, task_features)

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, X: Any, *, task: Any = None, task_features: Any = None) -> Array:
        """Return the probability of each class."""
        return self._ask("predict_proba", X, task, task_features)

    @available_if(_inner_has("decision_function"))
    def decision_function(self, X: Any, *, task: Any = None, task_features: Any = None) -> Array:
        """Return the decision values of the model inside."""
        return self._ask("decision_function", X, task, task_features)

    @available_if(_regresses)
    def predict_interval(self, X: Any, *, task: Any = None, task_features: Any = None, coverage: float = 0.9) -> Array:
        """Return low and high of y for rows of tasks that ``fit`` has not seen, (n_rows, 2); NaN for known tasks.

        The half width is the quantile of the absolute errors on rows of tasks left out, each task counting the same; it
        is infinite where there are too few tasks for the coverage.
        """
        if not 0.0 < coverage < 1.0:
            raise ValueError(f"coverage={coverage!r} must lie between 0 and 1, such as .9 for nine rows of ten.")
        if self.task_features is None:
            raise ValueError("predict_interval is for tasks known by descriptors only: give task_features= and fit.")
        predicted = self.predict(X, task=task, task_features=task_features)
        known = np.isin(self._ids(as_table(X), task), self.tasks_)
        wanted = coverage * (1.0 + 1.0 / len(self.tasks_))
        place = int(np.searchsorted(self._shares, wanted - 1e-12))
        half = self._sizes[min(place, len(self._sizes) - 1)] if wanted <= 1.0 else np.inf
        low_high = np.column_stack([predicted - half, predicted + half])
        return np.where(known[:, None], np.nan, low_high)

    def _ask(self, method: str, X: Any, task: Any, task_features: Any) -> NDArray[Any]:
        rows = self._open_predict(X, task)
        if rows.door == "wide" or (task is None and self.task_column is None):
            return getattr(self.estimator_, method)(rows.X)
        ids = self._ids(as_table(X), task)
        new = np.unique(ids[rows.codes < 0])
        model = self.estimator_
        if len(new):
            if self.encoder_ is None:
                raise ValueError(
                    f"task(s) that fit has not seen ({', '.join(map(repr, new[:5].tolist()))}) need descriptors: give "
                    "task_features= to DescribedTasks."
                )
            Z = np.asarray(self.encoder_.transform(self._descriptors(new, task_features)), dtype=np.float64)
            model = beside(model, described(model, self.ridge_, Z, new))
        return getattr(model, method)(rows.X, task=ids)

    def _ids(self, table: Any, task: Any) -> NDArray[Any]:
        if self.task_column is None:
            return as_task_ids(task, n_rows(table), "task=")
        return as_task_ids(pop_column(table, self.task_column)[1], n_rows(table), f"column {self.task_column!r}")

    def _descriptors(self, tasks: NDArray[Any], more: Any) -> Any:
        """Return the descriptors of some tasks, as a frame in their order."""
        import pandas as pd

        given = [frame for frame in (self.task_features, more) if frame is not None]
        if not all(isinstance(frame, pd.DataFrame) for frame in given):
            raise ValueError("task_features must be a pandas data frame with one row a task, the ids as its index.")
        frame = pd.concat(given)
        frame = frame[~frame.index.duplicated(keep="last")]
        lost = [task for task in tasks.tolist() if task not in frame.index]
        if lost:
            raise ValueError(
                f"task_features has no row for {', '.join(map(repr, lost[:5]))}{', ..' if len(lost) > 5 else ''}: give "
                "one for each task, the ids as its index."
            )
        return frame.loc[tasks.tolist()]

    def __getstate__(self) -> Any:
        """Hold the descriptors in plain types, so that a model can be saved without pickle."""
        given: Any = super().__getstate__()
        state: dict[str, Any] = dict(given)
        if hasattr(state["task_features"], "columns"):
            frame = state["task_features"]
            state["task_features"] = {"ids": frame.index.tolist(), "columns": frame.to_dict("list")}
        return state

    def __setstate__(self, state: Any) -> None:
        import pandas as pd

        kept = state["task_features"]
        if isinstance(kept, dict):
            state = {**state, "task_features": pd.DataFrame(kept["columns"], index=pd.Index(kept["ids"]))}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.estimator_type = inner.estimator_type
        tags.classifier_tags = inner.classifier_tags
        tags.regressor_tags = inner.regressor_tags
        tags.input_tags.sparse = inner.input_tags.sparse
        tags.target_tags.required = True
        return tags


def _encoder() -> Any:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (words, make_column_selector(dtype_exclude="number"))
    )
