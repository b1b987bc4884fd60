"""Linear regression of many tasks at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from crosstask.couplings import Coupling, Independent
from crosstask.losses import Loss, Squared, as_loss
from crosstask.multitask._exposure import split_exposure
from crosstask.multitask._linear import LinearTasks
from crosstask.solvers import Problem
from crosstask.tasks import TaskData, TaskRows
from crosstask.tasks._score import scored_rows

if TYPE_CHECKING:
    from crosstask.summaries import TaskStatistics


class MultiTaskRegressor(LinearTasks, RegressorMixin, BaseEstimator):
    r"""Linear regression of many tasks at once.

    .. math::
        \min_{W, b} \frac1n \sum_t c_t \sum_i s_{ti} L(y_{ti}, x_{ti}'w_t + b_t) + \alpha R(W)

    with :math:`L(y, z) = (y - z)^2 / 2` unless another loss is asked for. n is the sum of the weights s of all rows, so
    alpha does not grow with the data. One task with "independent" is
    scikit-learn's ``Ridge(alpha=n * alpha)``; T tasks in a wide y with "feature_norm" are
    ``MultiTaskLasso(alpha=T * alpha)`` (both with ``standardize=False``).

    Parameters
    ----------
    coupling : str or Coupling, default="mean_tied"
        R: "mean_tied", "independent", "pooled", "feature_norm", "task_norm", "element_norm", "trace_norm",
        "task_covariance", "clustered", "shared_subspace", "fused_in_time", "dirty", "low_rank_sparse",
        "outlier_robust", "robust_features", "robust_centre", or an object of :mod:`crosstask.couplings`, which also
        has those that need arguments.
        The words stand for the defaults of their classes, but "mean_tied" for
        ``MeanTied(centre_weight=1.0)``: it shrinks the shared centre as much as one task's own part, which
        keeps its head when rows are few (see Notes).
    loss : {"squared", "huber", "quantile", "poisson"} or Loss, default="squared"
        L; the path's losses carry the factor 1/2 of "squared". "huber" where some y are far off; "quantile" for the
        median, or ``Quantile(0.9)`` for another quantile; "poisson" for counts, whose mean is exp(x'w + b). The
        words stand for the defaults of :mod:`crosstask.losses`. A task whose counts are all zero gets a weak prior
        row: weight 1/2, at the mean of its rows, with the mean count of all tasks.
    alpha : float or "auto", default="auto"
        Strength of the coupling, positive. "auto" takes the value of a grid with the smallest mean loss over all
        held-out rows. With ``coupling="independent"`` each task takes its own, judged by its own held-out rows
        together with 80 average rows of all tasks: measured against one alpha for all, and against a choice by
        the task's rows only, this is level with the better of the two or ahead of both (docs/multitask.md).
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them.
    exposure_column : str or int, optional
        With "poisson": column of X with each row's exposure (days, policies, visitors), positive; the mean is exposure
        times exp(x'w + b), in ``fit``, ``predict`` and ``score``. The column is no feature.
    task_weight : {"rows", "equal"}, default="rows"
        c_t = 1, or n / (T n_t): every row, or every task, counts the same.
    fit_intercept : bool, default=True
        Each task has its own intercept, which nothing penalises.
    standardize : bool, default=True
        Divide each column by its standard deviation over all rows before the penalty is applied; a constant column
        is left alone. Coefficients are returned on the scale of X. False meets the
        objective to the letter.
    measured : "auto" or array-like of bool of shape (n_tasks, n_features), optional
        Which task measured which column; "auto": a column that is missing in all rows of a task was not measured
        there. Such a column adds nothing to the task's predictions, whatever X holds, and its slope is left to the
        coupling (``completed_coef_``), which no zero in X pulls at. None: every gap is refused.
    unseen_task : {"error", "mean", "pooled"}, default="error"
        For rows of tasks that fit has not seen: refuse; use the average of the tasks' coefficients; or those of one
        model that is fitted to all rows as if they were one task.
    cv : int, "loo", "gcv", splitter or list of (train rows, test rows), optional
        Folds for ``alpha="auto"``. None means :class:`crosstask.model_selection.TaskKFold` with 5 folds, dealt out
        two to five times where X has 100 rows or less. "loo" holds out each observed value alone, by a closed form that
        costs little more than one fit, and "gcv" (generalised cross-validation) gives every row the mean leverage: the
        squared loss with "independent", "pooled" or "mean_tied" only.
    n_alphas : int, default=30
        Length of the grid.
    tol : float, default=1e-6
        Bound on ``gap_``.
    max_iter : int, default=1000
        Most iterations at one alpha.
    n_jobs : int, optional
        Folds fitted at a time, as in joblib; the result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        For the folds; None means 0, so that the same call gives the same model.
    verbose : int or callable, default=0
        1 prints a line a fold, and a line a second with objective and gap while a fit runs; a callable gets (done,
        total, text) for each fold and each iterate whose gap is known. scikit-learn's callbacks (1.9 and later) hear of
        the same: ``set_callbacks(ProgressBar())``; take them off with ``set_callbacks()`` before the model is saved.

    Attributes
    ----------
    coef_ : ndarray of shape (n_tasks, n_features)
        Slopes of each task, in the order of ``tasks_``.
    intercept_ : ndarray of shape (n_tasks,)
        Intercepts.
    shared_coef_ : ndarray of shape (n_features,)
        The centre that the coupling ties the tasks to, otherwise the mean of their slopes.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.
    alpha_ : float, or ndarray of shape (n_tasks,)
        The alpha used; an array for ``coupling="independent"`` with ``alpha="auto"``.
    path_ : dict
        With ``alpha="auto"``: arrays ``alpha``, ``cv_loss``, ``cv_se`` of shape (n_alphas,), ``task_cv_loss`` of shape
        (n_alphas, n_tasks), and the number ``n_folds``; otherwise empty. ``path_frame()`` shows them as a table.
    gap_ : float
        (primal - dual) / primal of the null model: ``objective_`` is at most this share of it above the optimum.
    objective_ : float
        Value of the joint objective, columns standardised if asked for.
    n_iter_ : int
        Number of iterations.
    solver_ : str
        Name of the algorithm that the loss and the coupling selected.
    coupling_ : Coupling
        The coupling that ``coupling`` stands for, tasks named by their positions.
    loss_ : Loss
        The loss that was minimised, its widths in units of y ("huber", "quantile").
    measured_ : ndarray of bool of shape (n_tasks, n_features) or None
        The mask, where ``measured`` is given; ``coef_`` is zero outside of it.
    completed_coef_ : ndarray of the shape of ``coef_``
        With ``measured``: the slopes with those of columns that were not measured, as the coupling sees them.
    support_ : ndarray of bool of the shape of ``coef_``
        Which slopes are not zero.
    components_ : dict of str to ndarray of the shape of ``coef_``
        With a sum of couplings: its parts, by the name of their class in small letters ("trace_norm").
    outlier_tasks_ : ndarray of bool of shape (n_tasks,)
        With a sum that has a ``TaskNorm``: the tasks that have a part of their own there.
    task_covariance_ : ndarray of shape (n_tasks, n_tasks)
        With ``TaskCovariance``: the learnt covariance, of trace 1, of the slopes as they were penalised.
    clusters_ : ndarray of int of shape (n_tasks,)
        With ``Clustered``: the cluster of each task.
    subspace_ : ndarray of shape (n_components, n_features)
        With ``SharedSubspace``: an orthonormal basis, in columns that are standardised if asked for.

    Raises
    ------
    ValueError
        An unknown coupling or loss, negative counts, X with gaps or text (the columns are named), or what the doors
        refuse.

    Warns
    -----
    ConvergenceWarning
        If ``gap_`` stays above ``tol``, or the fit was interrupted (Ctrl-C): the best iterate so far is kept, with its
        gap; between folds, alpha is chosen on those that are done.

    See Also
    --------
    crosstask.multitask.IndependentTasks, crosstask.multitask.PooledTasks : for any other estimator.

    Notes
    -----
    Cost: "independent", "pooled" and "mean_tied" are solved exactly for all alphas from one eigendecomposition a
    task, O(n d^2 + T d^3) a fold; "feature_norm" iterates on the tasks' second moments. On the School data (139
    schools, 11 500 rows, 28 columns) "mean_tied" takes half a second, folds included.

    The centre: with ``centre_weight=0`` nothing shrinks what the tasks share, which is poor when columns are not far
    fewer than rows. On four hospitals with 20 rows each, the log loss of "mean_tied" was 2.0 with 0, .45 with .1,
    .44 with 1 and .44 with 3; on School the explained variance is the same with either.

    When not to use it: tasks that differ in the sign of an effect pull the shared centre to zero, and one far task
    pulls it away from all others; the guard finds these. Relations that are not linear are for
    ``PooledTasks(HistGradientBoostingRegressor(), "category")``.

    References
    ----------
    T. Evgeniou and M. Pontil (2004). Regularized multi-task learning. Proceedings of KDD, 109-117.

    A. Argyriou, T. Evgeniou and M. Pontil (2008). Convex multi-task feature learning. Machine Learning 73, 243-272.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.normal(size=(60, 2)), np.repeat(["a", "b", "c"], 20)
    >>> slope = np.repeat([1.0, 1.2, 0.8], 20)
    >>> y = slope * X[:, 0] + 0.1 * rng.normal(size=60)
    >>> model = MultiTaskRegressor(alpha=0.01).fit(X, y, task=task)
    >>> model.coef_[:, 0]
    array([1.03, 1.20, 0.77])
    """

    def __init__(
        self,
        coupling: str | Coupling = "mean_tied",
        *,
        loss: str | Loss = "squared",
        alpha: float | str = "auto",
        task_column: str | int | None = None,
        exposure_column: str | int | None = None,
        task_weight: str = "rows",
        fit_intercept: bool = True,
        standardize: bool = True,
        measured: Any = None,
        unseen_task: str = "error",
        cv: Any = None,
        n_alphas: int = 30,
        tol: float = 1e-6,
        max_iter: int = 1000,
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: Any = 0,
    ) -> None:
        self.coupling = coupling
        self.loss = loss
        self.alpha = alpha
        self.task_column = task_column
        self.exposure_column = exposure_column
        self.task_weight = task_weight
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.measured = measured
        self.unseen_task = unseen_task
        self.cv = cv
        self.n_alphas = n_alphas
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit_statistics(self, statistics: TaskStatistics) -> Self:
        """Fit from the moments of the tasks instead of their rows; the answer is that of the rows, to rounding.

        With ``alpha="auto"`` the folds of the statistics are held out, each in turn: the alpha is that which the same
        folds, as ``cv=``, give on the rows. ``path_["cv_se"]`` is NaN, for it needs fourth moments.

        Parameters
        ----------
        statistics : TaskStatistics
            From rows, from a table that is larger than memory, or merged from several sites.

        Returns
        -------
        Self

        Raises
        ------
        ValueError
            If the loss is not the squared one, or an option needs rows.

        Examples
        --------
        >>> import numpy as np
        >>> from crosstask import TaskStatistics
        >>> X, task = np.arange(40.0).reshape(20, 2) % 7, np.repeat(["a", "b"], 10)
        >>> statistics = TaskStatistics().partial_fit(X, X[:, 0] + 1, task)
        >>> MultiTaskRegressor(alpha=1e-9).fit_statistics(statistics).predict([[5.0, 0.0]], task=["b"])
        array([6.])
        """
        from crosstask.multitask._from_statistics import open_statistics

        self._fit_joint(*open_statistics(self, statistics))
        if self.path_:
            self.path_["cv_se"] = np.full_like(self.path_["cv_se"], np.nan)
        return self

    def predict(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return x'w_t + b_t of each row (its exponential for "poisson"), or of each (row, task) at the wide door."""
        z = self._linear(X, task)[..., 0]
        return self.loss_.prediction(z)

    def score(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> float:
        """Return 1 - loss / least loss of one number a task, by the loss that was minimised.

        With "squared" that is 1 - within-task squared error / within-task sum of squares; with "poisson" the deviance
        explained, with "quantile" the pinball loss's skill (without smoothing), as scikit-learn's D2, inside tasks.

        Parameters
        ----------
        X, y, task, sample_weight
            As in ``fit``. Entries of a wide y that are missing are left out.

        Returns
        -------
        float
            1 is perfect; 0 is what the best constant of each task of these rows would give.
        """
        if isinstance(as_loss(self.loss), Squared):
            return super().score(X, y, task=task, sample_weight=sample_weight)
        rows, predicted = scored_rows(self, X, y, task=task, sample_weight=sample_weight)
        rows, known = self._split_known(rows)
        loss = self.loss_.scored()
        data = TaskData.from_rows(rows, np.zeros((rows.X.shape[0], 0)), rows.y)
        loss.check_target(data.y)
        if known is not None:
            data = data.with_known(known)
        null = Problem(data, loss, Independent()).null_objective * data.sample_weight.sum()
        made = loss.value(data.y, loss.predictor(predicted[data.order]), data.sample_weight)
        if null == 0.0:
            return 1.0 if made == 0.0 else 0.0
        return 1.0 - made / null

    def _split_known(self, rows: TaskRows) -> tuple[TaskRows, NDArray[np.float64] | None]:
        if self.exposure_column is None:
            return rows, None
        if not as_loss(self.loss).log_link:
            raise ValueError(
                f"exposure_column={self.exposure_column!r} is for loss='poisson', and the loss is {self.loss!r}: "
                "change the loss, or leave the column among the features."
            )
        return split_exposure(rows, self.exposure_column, self.task_column)

    def _read_target(self, rows: TaskRows, matrix: Any) -> tuple[TaskData, Loss]:
        loss = as_loss(self.loss)
        if loss.classifies:
            raise ValueError(
                f"loss={self.loss!r} is for classes, and MultiTaskRegressor predicts amounts: "
                "use loss='squared', or MultiTaskClassifier."
            )
        data = TaskData.from_rows(rows, matrix, rows.y)
        loss.check_target(data.y)
        if not (data.y > 0).any() and loss.log_link:
            raise ValueError("loss='poisson' needs a y above zero in some row, and y is zero in all: check the target.")
        return data, loss.bound_to(data.y, data.codes, data.sample_weight)

    def _read_added(self, rows: TaskRows, matrix: Any) -> TaskData:
        data = TaskData.from_rows(rows, matrix, rows.y)
        self.loss_.check_target(data.y)
        return data
