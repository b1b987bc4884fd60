"""One model of the rows of all tasks, with the task as columns, as a category, or left out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.utils import get_tags

from crosstask.multitask._support import (
    IntVector,
    check_option,
    fold_parameters,
    local_folds,
    split_pipeline,
)
from crosstask.multitask._task_columns import (
    append_category,
    append_columns,
    cross_fitted_means,
    indicator_names,
    indicators,
)
from crosstask.multitask._wrapper import WrappedEstimator
from crosstask.tasks import TaskRows, fit_weighted, is_frame
from crosstask.tasks._added import NoTaskLater

_Boosting = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


class OneModel(WrappedEstimator):
    """Base of the wrappers that fit one model of all rows; a subclass says how the task enters X."""

    add_task = NoTaskLater("is one model of all rows, of which no shared part can be held fixed")

    def _fit_rows(self, rows: TaskRows, row_of_pair: IntVector) -> None:
        assert rows.y is not None
        head, tail = split_pipeline(self.estimator)
        table = rows.long().X
        if head is not None:
            table = head.fit_transform(table, rows.y)
        self.head_ = head
        folds = {name: local_folds(cv, row_of_pair) for name, cv in fold_parameters(tail).items()}
        tail.set_params(**folds)
        design, fit_params = self._learn_design(table, rows, tail)
        self.estimator_ = fit_weighted(tail, design, rows.y, self._weight(rows), **fit_params)

    def _answer(self, rows: TaskRows, method: str) -> NDArray[Any]:
        table = rows.long().X
        if self.head_ is not None:
            table = self.head_.transform(table)
        known = rows.codes >= 0
        if self.unseen_task != "mean" or known.all():
            return self._ask(table, rows.codes, method)
        from crosstask.tasks import take_rows

        strange = np.flatnonzero(~known)
        unseen = take_rows(table, strange)
        codes = [np.full(len(strange), t, dtype=np.intp) for t in range(rows.n_tasks)]
        mean = self._average(lambda name: [self._ask(unseen, of_task, name) for of_task in codes], method)
        answer = np.empty((len(rows.codes), *mean.shape[1:]), dtype=mean.dtype)
        answer[strange] = mean
        if known.any():
            answer[known] = self._ask(take_rows(table, np.flatnonzero(known)), rows.codes[known], method)
        return answer

    def _ask(self, table: Any, codes: IntVector, method: str) -> NDArray[Any]:
        return np.asarray(getattr(self.estimator_, method)(self._design(table, codes)))

    def _learn_design(self, table: Any, rows: TaskRows, tail: Any) -> tuple[Any, dict[str, Any]]:
        """Return (X with the task in it, more arguments for fit of the last step)."""
        return self._design(table, rows.codes), {}

    def _design(self, table: Any, codes: IntVector) -> Any:
        raise NotImplementedError

    def _weight(self, rows: TaskRows) -> NDArray[np.float64] | None:
        """Return a weight for each row, None where all are 1."""
        return rows.sample_weight


class PooledTasks(OneModel):
    r"""Fit one model of the rows of all tasks: :math:`f(x, t) = A(\{((x_i, e(t_i)), y_i)\})`, e the encoded task.

    Parameters
    ----------
    estimator : estimator
        Any scikit-learn regressor or classifier, or a Pipeline that ends in one; in a Pipeline the task enters
        before the last step, so that no scaler or ColumnTransformer changes or drops it. Weights reach the last step.
    encode_task : {"onehot", "category", "none"}, default="onehot"
        "onehot" appends one indicator column a task. "category" appends one column: of dtype category in a pandas
        frame, else the code of the task; HistGradientBoosting and LightGBM are told that it is a category, and
        beyond HistGradientBoosting's limit (``max_bins``, 255) the column is the cross-fitted mean target of
        scikit-learn's TargetEncoder. "none" leaves the task out.
    task_weight : {"rows", "equal"}, default="rows"
        "equal" weighs rows so that every task has the same sum, :math:`n / T`: few rows of one task are then not
        drowned by the many of another.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them.
    unseen_task : {"error", "mean", "pooled"}, default="error"
        For rows of tasks that fit has not seen: refuse; average the predictions for all tasks; or predict with no
        task set (indicators zero, the category missing, which the estimator must be able to take).

    Attributes
    ----------
    estimator_ : estimator
        The fitted estimator, or the last step of the Pipeline.
    head_ : Pipeline or None
        The fitted steps before it.
    classes_ : ndarray of shape (n_classes,)
        Classifiers only.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    Raises
    ------
    ValueError
        If ``encode_task`` or ``task_weight`` is none of the words, or y has one class only.

    See Also
    --------
    crosstask.multitask.MultiTaskClassifier : with ``coupling="pooled"`` shares slopes and frees intercepts.

    Notes
    -----
    Cost: one fit on all rows. When not to use it: a penalised linear model shrinks indicators like slopes, so that
    tasks with different base rates are pulled together. On four hospitals with 20 rows each, this costs .453 log
    loss against .436 with free intercepts: prefer ``MultiTaskClassifier(coupling="pooled")`` or
    ``MultiTaskRegressor(coupling="pooled")`` there. Trees do not mind.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = np.array([[0.0], [1.0], [0.0], [1.0]]), np.array([0.0, 1.0, 5.0, 6.0])
    >>> model = PooledTasks(LinearRegression()).fit(X, y, task=["a", "a", "b", "b"])
    >>> model.predict([[2.0], [2.0]], task=["a", "b"])
    array([2.0, 7.0])
    """

    def __init__(
        self,
        estimator: Any,
        encode_task: str = "onehot",
        *,
        task_weight: str = "rows",
        task_column: str | int | None = None,
        unseen_task: str = "error",
    ) -> None:
        self.estimator = estimator
        self.encode_task = encode_task
        self.task_weight = task_weight
        self.task_column = task_column
        self.unseen_task = unseen_task

    def _weight(self, rows: TaskRows) -> NDArray[np.float64] | None:
        check_option("task_weight", self.task_weight, ("rows", "equal"))
        if self.task_weight == "rows":
            return rows.sample_weight
        weight = np.ones(len(rows.codes)) if rows.sample_weight is None else rows.sample_weight
        of_task = np.bincount(rows.codes, weight, minlength=rows.n_tasks)
        return weight * (weight.sum() / (np.count_nonzero(of_task) * of_task[rows.codes]))

    def _learn_design(self, table: Any, rows: TaskRows, tail: Any) -> tuple[Any, dict[str, Any]]:
        check_option("encode_task", self.encode_task, ("onehot", "category", "none"))
        self.task_encoder_ = None
        if self.encode_task != "category":
            return self._design(table, rows.codes), {}
        boosting = _find_boosting(tail)
        assert rows.y is not None
        if boosting and rows.n_tasks > min(255, *(model.max_bins for model in boosting.values())):
            kind = "continuous" if not is_classifier(self) else "binary" if len(self.classes_) == 2 else "multiclass"
            self.task_encoder_, means = cross_fitted_means(rows.codes, rows.y, kind)
            return append_columns(table, means, self._mean_names(means.shape[1])), {}
        design = self._design(table, rows.codes)
        position = design.shape[1] - 1
        for prefix, model in boosting.items():
            marked = _with_category(model.categorical_features, position, design)
            tail.set_params(**{f"{prefix}categorical_features": marked})
        if type(tail).__module__.startswith("lightgbm") and not hasattr(design, "iloc"):
            return design, {"categorical_feature": [position]}
        return design, {}

    def _design(self, table: Any, codes: IntVector) -> Any:
        n_tasks = len(self.tasks_)
        if self.encode_task == "none":
            return table
        if self.encode_task == "onehot":
            return append_columns(table, indicators(codes, n_tasks), indicator_names(self.tasks_))
        if self.task_encoder_ is not None:
            means = np.asarray(self.task_encoder_.transform(codes[:, None]))
            return append_columns(table, means, self._mean_names(means.shape[1]))
        if (codes < 0).any() and not get_tags(self.estimator_).input_tags.allow_nan:
            raise ValueError(
                f"{type(self.estimator_).__name__} takes no missing category, so a row of an unseen task cannot be "
                "predicted: set unseen_task='mean', or encode_task='onehot'."
            )
        return append_category(table, codes, n_tasks)

    @staticmethod
    def _mean_names(width: int) -> list[str]:
        return [f"task_mean_{k}" for k in range(width)]


def _find_boosting(estimator: Any) -> dict[str, Any]:
    """Return scikit-learn's histogram boosting inside an estimator, by the prefix of its parameters."""
    if isinstance(estimator, _Boosting):
        return {"": estimator}
    nested = estimator.get_params(deep=True).items()
    return {f"{name}__": value for name, value in nested if isinstance(value, _Boosting)}


def _with_category(marked: Any, position: int, design: Any) -> Any:
    """Add the last column to ``categorical_features``, in whichever form the caller gave it."""
    pandas = is_frame(design) and hasattr(design, "iloc")
    if isinstance(marked, str):  # "from_dtype": a pandas category is found by itself
        return marked if pandas else [position]
    if marked is None:
        return [position]
    given = np.asarray(marked)
    if given.dtype == bool:
        return [*given.tolist(), True]
    if given.dtype.kind in "UO":
        return [*given.tolist(), design.columns[position]]
    return [*given.tolist(), position]
