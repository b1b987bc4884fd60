"""Support vector regression of many tasks at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from crosstask.multitask.svm._base import TaskMachines
from crosstask.multitask.svm._dual import Settings
from crosstask.tasks import TaskRows

Array = NDArray[np.float64]


class MultiTaskSVR(TaskMachines, RegressorMixin, BaseEstimator):
    r"""Support vector regression of many tasks at once, by a kernel between tasks.

    .. math::
        \min_{f, b} \tfrac12 |f|^2 + C \sum_i s_i \max(0, |y_i - f(x_i, t_i) - b| - \varepsilon), \qquad
        K((x, s), (z, t)) = B_{st} \, (k(x, z) + c)

    f lies in the space of K, b is free and shared by all tasks that B joins, and c, ``task_offset``, gives each task
    an intercept of its own that is shrunk toward the shared one. With B all ones this is scikit-learn's ``SVR`` on
    all rows; with B diagonal it is one ``SVR`` for each task, each with its own free intercept; c changes neither.

    Parameters
    ----------
    kernel : str, kernel of sklearn.gaussian_process.kernels, or callable, default="rbf"
        k. "linear", "rbf", "poly", "sigmoid", "laplacian", "cosine", "chi2", or a callable of two arrays of rows that
        returns their Gram matrix.
    task_kernel : "mean_tied", or array-like or data frame of shape (n_tasks, n_tasks), default="mean_tied"
        B before ``sharing`` is applied: all ones, or a matrix, such as one of :func:`graph_task_kernel` or a learnt
        covariance of the tasks. An array is in the order of the sorted ids; a frame has them as index and columns.
    sharing : float in [0, 1] or "auto", default="auto"
        Strength of sharing: B is sharing * task_kernel + (1 - sharing) * its diagonal. With "mean_tied" this is
        Evgeniou and Pontil's :math:`1/\mu + \delta_{st}`, :math:`\mu` = (1 - sharing) / sharing, scaled to a diagonal
        of 1. "auto" takes the value of 0, .1, .3, .6, .9, 1 with the smallest loss on held-out rows.
    C : float, default=1.0
        Weight of the loss; not divided by the number of rows, as in scikit-learn's ``SVR``.
    epsilon : float, default=0.1
        Half the width of the tube in which errors cost nothing, in units of y.
    gamma : {"scale", "auto"} or float, default="scale"
        As in scikit-learn's ``SVR``.
    degree : float, default=3
        Of "poly".
    coef0 : float, default=0.0
        Of "poly" and "sigmoid".
    task_offset : float, default=1.0
        c, not negative. 0 leaves tasks without an intercept of their own between the two ends of ``sharing``.
    form : {"auto", "gram", "linear", "nystroem", "random_features"}, default="auto"
        "gram" is LIBSVM on the matrix of K. "linear", for the linear kernel, solves the same problem by an interior
        point method without that matrix. "nystroem" and "random_features" do so on scikit-learn's approximate
        features of k. "auto" is "linear" for the linear kernel, unless X is so wide (n_tasks n_features^2 above 2e7)
        that the rows are the shorter side; otherwise "gram" up to 10 000 rows and "nystroem" beyond.
    n_components : int, default=300
        Number of approximate features.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them.
    unseen_task : {"error", "mean", "pooled"}, default="error"
        For rows of tasks that fit has not seen: refuse; average the tasks' functions; or use one machine fitted to
        all rows as if they were one task.
    cv : int, splitter or list of (train rows, test rows), optional
        Folds for ``sharing="auto"``; None means :class:`crosstask.model_selection.TaskKFold` with 5 folds.
    tol : float, default=1e-3
        Largest violation of the optimality conditions, as in LIBSVM; the linear form stops at a relative duality gap
        of ``tol`` / 1000.
    cache_size : float, default=200
        Megabytes for LIBSVM.
    max_iter : int, default=-1
        Most iterations of LIBSVM, or steps of the linear form; -1 for no limit (200 steps).
    n_jobs : int, optional
        Folds fitted at a time.
    random_state : int, RandomState instance or None, default=None
        For the folds and the approximate features; None means 0.

    Attributes
    ----------
    task_kernel_ : ndarray of shape (n_tasks, n_tasks)
        B.
    sharing_ : float
        The strength used.
    path_ : dict
        With ``sharing="auto"``: arrays ``sharing`` and ``cv_loss``, and ``n_folds``; otherwise empty.
    solver_ : str
        The form used.
    n_iter_ : int
        Iterations of LIBSVM, or steps of the linear form, for the part that took most.
    machine_ : object
        Support vectors and dual coefficients, or slopes and intercepts.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    Raises
    ------
    ValueError
        A task kernel of another shape, with other names, or not positive semidefinite (its smallest eigenvalue is
        named), an input kernel that is not (tested on up to 300 rows), or what the doors refuse.

    Warns
    -----
    ConvergenceWarning
        If ``max_iter`` was too few.

    See Also
    --------
    crosstask.multitask.MultiTaskRegressor : squared loss and linear, exact for all strengths at once.

    Notes
    -----
    Cost: "gram" takes n^2 numbers and between n^2 and n^3 operations, for each of 6 strengths and 5 folds; "linear"
    n d^2 + T d^3 operations a step, of which 15 to 50 are needed whatever C is, and no matrix; with a task kernel that
    is not mean-tied, (T d)^3. Tasks that B does not join are solved apart. Scale the columns and y first:
    C and epsilon are in units of y, and nothing is standardised here.

    When not to use it: for outliers in y it is a good choice, for its own sake it is rarely better than
    ``MultiTaskRegressor`` on linear relations or boosting on others; and it predicts no spread.

    References
    ----------
    T. Evgeniou and M. Pontil (2004). Regularized multi-task learning. Proceedings of KDD, 109-117.

    M. C. Ferris and T. S. Munson (2002). Interior-point methods for massive support vector machines. SIAM Journal on
    Optimization 13, 783-804.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.uniform(-2, 2, size=(60, 1)), np.repeat(["a", "b", "c"], 20)
    >>> y = np.sin(2 * X[:, 0]) + np.repeat([0.0, 0.2, 0.4], 20) + 0.1 * rng.normal(size=60)
    >>> model = MultiTaskSVR().fit(X, y, task=task)
    >>> model.sharing_
    0.9
    >>> model.predict([[0.5], [0.5]], task=["a", "c"]).round(2)
    array([0.92, 1.24])
    """

    def __init__(
        self,
        kernel: Any = "rbf",
        *,
        task_kernel: Any = "mean_tied",
        sharing: float | str = "auto",
        C: float = 1.0,
        epsilon: float = 0.1,
        gamma: Any = "scale",
        degree: float = 3,
        coef0: float = 0.0,
        task_offset: float = 1.0,
        form: str = "auto",
        n_components: int = 300,
        task_column: str | int | None = None,
        unseen_task: str = "error",
        cv: Any = None,
        tol: float = 1e-3,
        cache_size: float = 200,
        max_iter: int = -1,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.kernel = kernel
        self.task_kernel = task_kernel
        self.sharing = sharing
        self.C = C
        self.epsilon = epsilon
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.task_offset = task_offset
        self.form = form
        self.n_components = n_components
        self.task_column = task_column
        self.unseen_task = unseen_task
        self.cv = cv
        self.tol = tol
        self.cache_size = cache_size
        self.max_iter = max_iter
        self.n_jobs = n_jobs
        self.random_state = random_state

    def predict(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Predict the target of each row, or of each (row, task) at the wide door."""
        rows, z = self._decide(X, task)
        return rows.restore(z[:, 0])

    def _settings(self) -> Settings:
        return Settings(self.C, self.epsilon, self.tol, self.max_iter, self.cache_size)

    def _check_options(self) -> None:
        super()._check_options()
        if not (np.isfinite(self.epsilon) and self.epsilon >= 0):
            raise ValueError(f"epsilon={self.epsilon!r} must be a number that is not negative.")

    def _read_target(self, rows: TaskRows, weight: Array) -> tuple[Array, Array]:
        assert rows.y is not None
        return np.asarray(rows.y, dtype=np.float64), weight
