"""Linear classification of many tasks at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if

from crosstask.couplings import Coupling
from crosstask.losses import Loss, as_loss
from crosstask.multitask._linear import LinearTasks
from crosstask.multitask._wrapper import known_positions, learn_classes
from crosstask.tasks import TaskData, TaskRows


def _asked_loss(estimator: Any) -> Loss | None:
    """Return the loss that the parameter stands for, None where only ``fit`` can say what is wrong with it."""
    try:
        return as_loss(estimator.loss)
    except (TypeError, ValueError):
        return None


def _has_probabilities(estimator: Any) -> bool:
    loss = _asked_loss(estimator)
    if loss is not None and not loss.probabilistic and loss.classifies:
        raise AttributeError(
            f"loss={estimator.loss!r} gives decision values and no probabilities, so there is no predict_proba: use "
            "decision_function, or loss='logistic'."
        )
    return True


class MultiTaskClassifier(LinearTasks, ClassifierMixin, BaseEstimator):
    r"""Logistic regression of many tasks at once, for two classes or more.

    .. math::
        \min_{W, b} \frac1n \sum_t c_t \sum_i s_{ti} L(y_{ti}, x_{ti}'w_t + b_t) + \alpha R(W)

    with the logistic loss, or the multinomial one for K > 2 classes. n is the sum of the weights s of all rows, so
    alpha does not grow with the data; one task with "independent" is scikit-learn's
    ``LogisticRegression(C=1 / (n * alpha))`` (with ``standardize=False``).

    A task that misses a class gets weak prior rows, one of each class at the mean of its rows, of weight 1/2: the
    intercepts stay finite, and the own model of a task with k rows of one class and none of the others is the
    smoothed prior (k + 1/2) / (n_t + K/2).

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
    loss : {"logistic", "multinomial", "squared_hinge"} or Loss, default="logistic"
        L; "logistic" becomes multinomial where there are more than two classes. "squared_hinge" is the linear support
        vector machine of two classes: there are decision values, and no ``predict_proba``.
    alpha : float or "auto", default="auto"
        Strength of the coupling, positive. "auto" takes the value of a grid with the smallest mean loss over all
        held-out rows. With ``coupling="independent"`` each task takes its own, judged by its own held-out rows
        together with 80 average rows of all tasks: measured against one alpha for all, and against a choice by
        the task's rows only, this is level with the better of the two or ahead of both (docs/multitask.md).
    class_weight : dict or "balanced", optional
        As in scikit-learn, over the rows of all tasks; multiplies the sample weights.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them.
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
    cv : int, splitter or list of (train rows, test rows), optional
        Folds for ``alpha="auto"``. None means :class:`crosstask.model_selection.TaskKFold` with 5 folds, dealt out
        two to five times where X has 100 rows or less.
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
    coef_ : ndarray of shape (n_tasks, n_features) or (n_tasks, n_classes, n_features)
        Slopes of each task, in the order of ``tasks_``.
    intercept_ : ndarray of shape (n_tasks,) or (n_tasks, n_classes)
        Intercepts.
    shared_coef_ : ndarray of shape (n_features,) or (n_classes, n_features)
        The centre that the coupling ties the tasks to, otherwise the mean of their slopes.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.
    classes_ : ndarray of shape (n_classes,)
        Union of the tasks' classes.
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
        The loss that was minimised.
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
        One class over all tasks, an unknown coupling or loss, X with gaps or text (the columns are named), or what
        the doors refuse.

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
    Cost: Newton's method for the smooth couplings, O(n d^2 + T d^3) an iteration, and its proximal form for
    "feature_norm". With "pooled" the slopes are shared and each task keeps a free intercept, which is what tasks with
    different base rates need: an indicator column in a penalised model is shrunk like a slope.

    The centre: with ``centre_weight=0`` nothing shrinks what the tasks share, and classes that a common line separates
    have no optimum. On four hospitals with 20 rows each, the log loss of "mean_tied" was 2.0 with 0, .45 with .1,
    .44 with 1 and .44 with 3.

    When not to use it: tasks that differ in the sign of an effect pull the shared centre to zero, and one far task
    pulls it away from all others; the guard finds these.

    References
    ----------
    T. Evgeniou and M. Pontil (2004). Regularized multi-task learning. Proceedings of KDD, 109-117.

    G. Obozinski, B. Taskar and M. Jordan (2010). Joint covariate selection and joint subspace selection for multiple
    classification problems. Statistics and Computing 20, 231-252.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.normal(size=(90, 2)), np.repeat(["a", "b", "c"], 30)
    >>> y = np.where(X[:, 0] + 0.5 * rng.normal(size=90) > 0, "ill", "well")
    >>> model = MultiTaskClassifier("pooled", alpha=0.1).fit(X, y, task=task)
    >>> model.predict_proba([[1.0, 0.0]], task=["b"])
    array([[0.79, 0.21]])
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        coupling: str | Coupling = "mean_tied",
        *,
        loss: str | Loss = "logistic",
        alpha: float | str = "auto",
        class_weight: dict[Any, float] | str | None = None,
        task_column: str | int | None = None,
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
        self.class_weight = class_weight
        self.task_column = task_column
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

    def decision_function(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the log odds of the second class, shape (n_rows,), or the predictors of all classes.

        With "squared_hinge" they are signed distances in units of the margin. At the wide door a second axis runs over
        the tasks.
        """
        z = self._linear(X, task)
        if z.shape[-1] == 1:
            return z[..., 0]
        return z[..., 1] - z[..., 0] if len(self.classes_) == 2 else z

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the probability of each class, columns in the order of ``classes_``.

        At the wide door the shape is (n_rows, n_tasks, n_classes).
        """
        z = self.decision_function(X, task=task)
        if len(self.classes_) > 2:
            return softmax(z, axis=-1)
        return np.stack([expit(-z), expit(z)], axis=-1)

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the most probable class of each row, or of each (row, task) at the wide door."""
        z = self.decision_function(X, task=task)
        return self.classes_[z.argmax(axis=-1) if len(self.classes_) > 2 else (z > 0).astype(np.intp)]

    def _read_target(self, rows: TaskRows, matrix: Any) -> tuple[TaskData, Loss]:
        assert rows.y is not None
        self.classes_ = learn_classes(rows.y, self)
        n_classes, positions = len(self.classes_), np.searchsorted(self.classes_, rows.y)
        loss = as_loss(self.loss, n_classes=n_classes)
        loss.n_outputs(n_classes)  # refuses what it cannot take
        if not loss.classifies:
            raise ValueError(
                f"loss={self.loss!r} is for amounts, and MultiTaskClassifier predicts classes: "
                "use loss='logistic', 'multinomial' or 'squared_hinge', or MultiTaskRegressor."
            )
        self._weight_of_class = None
        if self.class_weight is not None:
            given = np.ones(len(positions)) if rows.sample_weight is None else rows.sample_weight
            self._weight_of_class = self._class_weights(given, positions)
        return self._with_class_weights(rows, matrix, positions), loss

    def _read_added(self, rows: TaskRows, matrix: Any) -> TaskData:
        assert rows.y is not None
        return self._with_class_weights(rows, matrix, known_positions(rows.y, self.classes_))

    def _with_class_weights(self, rows: TaskRows, matrix: Any, positions: NDArray[np.intp]) -> TaskData:
        if self._weight_of_class is not None:
            given = np.ones(len(positions)) if rows.sample_weight is None else rows.sample_weight
            rows = replace(rows, sample_weight=given * self._weight_of_class[positions])
        return TaskData.from_rows(rows, matrix, positions, n_classes=len(self.classes_))

    def _class_weights(self, sample_weight: NDArray[np.float64], positions: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return one weight a class; "balanced" counts rows by their weight, as if they were repeated."""
        if isinstance(self.class_weight, str) and self.class_weight == "balanced":
            totals = np.bincount(positions, sample_weight, len(self.classes_))
            return totals.sum() / (len(self.classes_) * totals)
        return compute_class_weight(self.class_weight, classes=self.classes_, y=self.classes_[positions])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        loss = _asked_loss(self)
        tags.classifier_tags.multi_class = loss is None or not loss.two_classes
        return tags
