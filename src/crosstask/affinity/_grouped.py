"""An estimator for each group of tasks that are better pooled apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from crosstask.affinity._groups import find_groups, partition
from crosstask.affinity._moments import varies_inside_tasks, working_rows
from crosstask.affinity._pooling import Fold
from crosstask.model_selection import task_folds
from crosstask.multitask._support import IntVector, fold_parameters, local_folds
from crosstask.multitask._wrapper import WrappedEstimator
from crosstask.tasks import TaskData, TaskRows, fit_weighted, fresh, numeric_matrix, take_rows
from crosstask.tasks._ids import strange_task

EXACT = 8  # tasks up to which all partitions are compared: 2^8 fits, six times


class GroupedTasks(WrappedEstimator):
    r"""Find groups of tasks that are better pooled apart, and fit a clone of an estimator on each.

    The groups are those of :func:`~crosstask.task_affinity`: partitions are found on the training part of five folds,
    and their number, from one to the number of tasks, is the one with the smallest held-out loss.

    Parameters
    ----------
    estimator : estimator
        Its ``fit`` takes ``task=``, such as ``MultiTaskRegressor("pooled")``.
    n_groups : int, optional
        Number of groups; None: chosen on held-out rows.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them.
    unseen_task : {"error", "mean", "pooled"}, default="error"
        For rows of tasks that fit has not seen: refuse, or ask the model of the largest group, which is given this
        parameter where it has it.

    Attributes
    ----------
    groups_ : ndarray of shape (n_tasks,)
        Group of each task of ``tasks_``, 0 for the largest.
    estimators_ : list of length n_groups
        The fitted clones.
    coef_, intercept_ : ndarray
        Of each task, where the clones have them.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    Raises
    ------
    ValueError
        If a column is not numeric, or y has one class over all tasks.

    Notes
    -----
    Cost: that of :func:`~crosstask.task_affinity` six times (once where ``n_groups`` is given), and of the clones. A
    group whose rows have one class joins the largest group.

    When not to use it: where tasks differ by degrees and not by kinds; ``MeanTied`` bends to that.

    References
    ----------
    Standley et al., Which tasks should be learned together in multi-task learning? ICML 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask import MultiTaskRegressor
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.standard_normal((240, 3)), np.repeat(np.arange(6), 40)
    >>> y = np.where(task % 2, -1.0, 1.0) * X.sum(axis=1) + rng.standard_normal(240)
    >>> GroupedTasks(MultiTaskRegressor("pooled")).fit(X, y, task=task).groups_
    array([0, 1, 0, 1, 0, 1])
    """

    def __init__(
        self,
        estimator: Any,
        *,
        n_groups: int | None = None,
        task_column: str | int | None = None,
        unseen_task: str = "error",
    ) -> None:
        self.estimator = estimator
        self.n_groups = n_groups
        self.task_column = task_column
        self.unseen_task = unseen_task

    def _fit_rows(self, rows: TaskRows, row_of_pair: IntVector) -> None:
        assert rows.y is not None
        self.groups_ = self._find(rows)
        self.estimators_ = [
            self._fit_group(rows, np.flatnonzero(self.groups_[rows.codes] == group), row_of_pair)
            for group in range(int(self.groups_.max()) + 1)
        ]
        if all(hasattr(model, "coef_") for model in self.estimators_):
            self.coef_, self.intercept_ = self._by_task("coef_"), self._by_task("intercept_")

    def _find(self, rows: TaskRows) -> IntVector:
        assert rows.y is not None
        matrix = numeric_matrix(self, rows.X)
        if rows.n_tasks == 1:
            return np.zeros(1, dtype=np.intp)
        classes = None
        y = rows.y
        if is_classifier(self):
            classes, y = np.unique(rows.y, return_inverse=True)
        data = TaskData.from_rows(rows, matrix, y, n_classes=None if classes is None else len(classes))
        if not varies_inside_tasks(data):
            return np.zeros(rows.n_tasks, dtype=np.intp)
        working = working_rows(data)[-1]
        labels = self._labels(working, data, rows)
        return labels if classes is None else _with_two_classes(labels, rows)

    def _labels(self, working: Any, data: TaskData, rows: TaskRows) -> IntVector:
        if self.n_groups is not None:  # nothing to choose, hence nothing to hold out
            k = min(max(self.n_groups, 1), rows.n_tasks)
            return partition(working.moments(), k, exact=rows.n_tasks <= EXACT)
        dealt = task_folds(5, np.zeros((data.n_pairs, 1)), task=data.codes, random_state=0)
        folds = [Fold.cut(working, train, test) for train, test in dealt]
        return find_groups(working.moments(), folds, rows.tasks, exact_up_to=EXACT).labels

    def _fit_group(self, rows: TaskRows, pairs: IntVector, row_of_pair: IntVector) -> Any:
        assert rows.y is not None
        model = fresh(self.estimator)
        if self.unseen_task != "error" and "unseen_task" in model.get_params():
            model.set_params(unseen_task=self.unseen_task)
        for name, cv in fold_parameters(model).items():
            model.set_params(**{name: local_folds(cv, row_of_pair[pairs]) or None})
        X = take_rows(rows.X, pairs if rows.table_row is None else rows.table_row[pairs])
        weight = None if rows.sample_weight is None else rows.sample_weight[pairs]
        return fit_weighted(model, X, rows.y[pairs], weight, task=rows.task[pairs])

    def _by_task(self, name: str) -> NDArray[np.float64]:
        first = np.asarray(getattr(self.estimators_[0], name))
        out = np.empty((len(self.tasks_), *first.shape[1:]))
        for group, model in enumerate(self.estimators_):
            out[self.groups_ == group] = getattr(model, name)
        return out

    def _answer(self, rows: TaskRows, method: str) -> NDArray[Any]:
        long = rows.long()
        group = np.where(long.codes < 0, 0, self.groups_[long.codes])
        ids = np.where(long.codes < 0, strange_task(self.tasks_), self.tasks_[long.codes])
        answer: NDArray[Any] | None = None
        for g in np.unique(group):
            pairs = np.flatnonzero(group == g)
            part = self._ask(self.estimators_[g], take_rows(long.X, pairs), ids[pairs], method)
            if answer is None:
                answer = np.empty((len(group), *part.shape[1:]), dtype=part.dtype)
            answer[pairs] = part
        assert answer is not None
        return answer

    def _ask(self, model: Any, X: Any, ids: NDArray[Any], method: str) -> NDArray[Any]:
        """Ask a group's model; a class that its rows lack gets no probability and the lowest decision value."""
        answer = np.asarray(getattr(model, method)(X, task=ids))
        if method == "predict" or not is_classifier(self) or len(model.classes_) == len(self.classes_):
            return answer
        known = np.searchsorted(self.classes_, model.classes_)
        columns = np.column_stack([-answer, answer]) if answer.ndim == 1 else answer
        floor = 0.0 if method == "predict_proba" else columns.min(axis=1, keepdims=True) - 1.0
        aligned = np.broadcast_to(floor, (len(answer), len(self.classes_))).copy()
        aligned[:, known] = columns
        return aligned


def _with_two_classes(labels: IntVector, rows: TaskRows) -> IntVector:
    """Move tasks of groups that have one class to the largest group."""
    assert rows.y is not None
    labels = labels.copy()
    for group in np.unique(labels)[1:]:
        y = rows.y[labels[rows.codes] == group]
        if (y == y[0]).all():
            labels[labels == group] = 0
    return np.unique(labels, return_inverse=True)[1].reshape(-1).astype(np.intp)
