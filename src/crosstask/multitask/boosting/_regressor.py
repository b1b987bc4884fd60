"""Gradient boosting regression of many tasks at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from crosstask.multitask.boosting._base import TaskBoosting
from crosstask.multitask.boosting._targets import Target
from crosstask.tasks import TaskRows

Array = NDArray[np.float64]


class MultiTaskBoostingRegressor(TaskBoosting, RegressorMixin, BaseEstimator):
    r"""Gradient boosting of many tasks: a shared stage, from a linear start where that is better, and own stages.

    .. math::
        f(x, t) = F(x, t) + \rho_t \, g_t(x), \qquad
        F = \begin{cases} h(x, t) & \text{"direct"} \\ x'w_t + b_t + h(x, t, x'w_t + b_t) & \text{"linear"} \end{cases}

    h is scikit-learn's histogram boosting on all rows with the task as a category. :math:`x'w_t + b_t` is the linear
    model whose slopes are tied to a shared centre (:class:`MultiTaskRegressor`); h is fitted to what it leaves on rows
    out of fold. Which of the two shared stages is used, and for how many trees, is decided by a race on a fifth of
    each task's rows: the linear start, unless boosting y itself is ahead by more than two standard errors (one, where
    small trees on the linear start still gain at the last one). g_t is a stage on the task's own rows, kept only where
    rows of the task that were held out say so, and trusted by :math:`\rho_t = n_t / (n_t + \text{min\_task\_rows})`.

    Parameters
    ----------
    start : {"auto", "linear", "none"}, default="auto"
        "auto" runs the race; "linear" starts from the linear model; "none" is plain boosting with the task as a
        category, and the stages of the tasks' own.
    learning_rate, max_iter, max_leaf_nodes, min_samples_leaf, l2_regularization, max_bins
        As in scikit-learn's ``HistGradientBoostingRegressor``; ``max_iter`` is the most trees. On the linear start
        trees have at most 8 leaves of at least 10 rows, ``l2_regularization`` is at least 1, and at most two fifths of
        ``max_iter`` are used, unless all of these help in the race: then the parameters are taken as they are.
    categorical_features : as in scikit-learn, default="from_dtype"
        The linear start spreads these columns.
    monotonic_cst : as in scikit-learn, optional
        With a constraint there is no linear start, which would not keep it.
    min_task_rows : int or None, default=200
        Rows that a task must have for a stage of its own; None for no own stages.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them.
    unseen_task : {"error", "mean", "pooled"}, default="error"
        For rows of tasks that fit has not seen: refuse; average the predictions for all tasks; or predict with the
        task missing (and, on the linear start, one model of all rows).
    cv : int, splitter or list of (train rows, test rows), optional
        Folds of the race and, where they hold out each row once, of the linear predictions. None means a fifth of each
        task's rows, held out once; below 3 000 rows the trees on the linear start are counted on two such fifths.
    random_state : int, RandomState instance or None, default=None
        For the folds; None means 0.

    Attributes
    ----------
    shared_ : object
        The shared stage; ``shared_.on_offset`` tells whether it stands on the linear start.
    task_stages_ : dict of int to object
        Position of a task in ``tasks_`` -> its own stage and its trust.
    race_ : dict of str to float
        Mean squared error on the rows held out of "direct" and "linear", each with its best number of trees.
    n_iter_ : int
        Trees of the shared stage.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    Raises
    ------
    ValueError
        Unknown words, or what the doors refuse.

    See Also
    --------
    crosstask.multitask.PooledTasks : with ``encode_task="category"``, the plain form around any boosting.

    Notes
    -----
    Cost: about twice that of scikit-learn's boosting with the same parameters: the race runs at three times the
    learning rate with as many times fewer trees. Beyond 255 tasks (``max_bins``) the task is its cross-fitted mean
    target, as in :class:`PooledTasks`. On the linear start columns are held at the ends of their range in fit.
    Measured against other boosting in docs/nonlinear.md.

    When not to use it: relations that are nearly linear, for which ``MultiTaskRegressor`` is as good, faster and
    readable; data without noise and with few rows, for which more trees than 100 pay: raise ``max_iter``.

    References
    ----------
    J. H. Friedman (2001). Greedy function approximation: a gradient boosting machine. Annals of Statistics 29,
    1189-1232.

    O. Chapelle, P. Shivaswamy, S. Vadrevu, K. Weinberger, Y. Zhang and B. Tseng (2011). Boosted multi-task learning.
    Machine Learning 85, 149-173.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.normal(size=(1200, 2)), np.repeat(np.arange(6), 200)
    >>> y = X[:, 0] * (1 + 0.1 * task) + np.abs(X[:, 1]) + 0.3 * rng.normal(size=1200)
    >>> model = MultiTaskBoostingRegressor().fit(X, y, task=task)
    >>> model.shared_.on_offset
    True
    >>> model.predict([[1.0, 0.0], [1.0, 2.0]], task=[0, 0]).round(1)
    array([0.9, 3.2])
    """

    def predict(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Predict the target of each row, or of each (row, task) at the wide door."""
        rows, F = self._decide(X, task)
        return rows.restore(F[:, 0])

    def _classifies(self) -> bool:
        return False

    def _read_target(self, rows: TaskRows, weight: Array) -> Target:
        return Target(np.asarray(rows.y, dtype=np.float64), weight, 0)
