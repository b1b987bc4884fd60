"""Support vector classification of many tasks at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight

from crosstask.multitask._wrapper import learn_classes
from crosstask.multitask.svm._base import TaskMachines
from crosstask.multitask.svm._dual import Rows, Settings
from crosstask.multitask.svm._task_kernel import parts
from crosstask.tasks import TaskRows

Array = NDArray[np.float64]


class MultiTaskSVC(TaskMachines, ClassifierMixin, BaseEstimator):
    r"""Support vector classification of many tasks at once, by a kernel between tasks.

    .. math::
        \min_{f, b} \tfrac12 |f|^2 + C \sum_i s_i \max(0, 1 - y_i (f(x_i, t_i) + b)), \qquad
        K((x, s), (z, t)) = B_{st} \, (k(x, z) + c)

    f lies in the space of K, b is free and shared by all tasks that B joins, and c, ``task_offset``, gives each task
    an intercept of its own that is shrunk toward the shared one. With B all ones this is scikit-learn's ``SVC`` on
    all rows; with B diagonal it is one ``SVC`` for each task, each with its own free intercept; c changes neither.
    More than two classes are compared pair by pair, as in ``SVC``.

    Parameters
    ----------
    kernel, task_kernel, sharing, C, gamma, degree, coef0, task_offset, form, n_components
        As in :class:`MultiTaskSVR`; the loss behind ``sharing="auto"`` is the hinge, over all pairs of classes.
    class_weight : dict or "balanced", optional
        Multiplies C for the rows of a class.
    task_column, unseen_task, cv, tol, cache_size, max_iter, n_jobs, random_state
        As in :class:`MultiTaskSVR`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes of all tasks together.
    task_kernel_, sharing_, path_, solver_, n_iter_, machine_, tasks_
        As in :class:`MultiTaskSVR`.

    Raises
    ------
    ValueError
        As :class:`MultiTaskSVR`; also if tasks are fitted apart and each holds one class only.

    See Also
    --------
    crosstask.multitask.MultiTaskClassifier : logistic and linear, with probabilities.

    Notes
    -----
    A task that B joins to no other, and that holds one class, answers that class. There is no ``predict_proba``: a
    support vector machine has no probabilities; ``CalibratedClassifierCV(MultiTaskSVC(task_column=..))`` adds them on
    rows held out, by the column door. Ties between pairs of classes are broken by the decision values, as with
    ``break_ties=True`` in ``SVC``. Cost and limits: see :class:`MultiTaskSVR`.

    References
    ----------
    T. Evgeniou and M. Pontil (2004). Regularized multi-task learning. Proceedings of KDD, 109-117.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.normal(size=(90, 2)), np.repeat(["a", "b", "c"], 30)
    >>> y = np.where((X**2).sum(axis=1) + 0.5 * rng.normal(size=90) > np.repeat([1.0, 1.5, 2.0], 30), "far", "near")
    >>> model = MultiTaskSVC(task_offset=1.0).fit(X, y, task=task)
    >>> model.sharing_, model.predict([[0.0, 1.2], [0.0, 1.2]], task=["a", "c"])
    (0.9, array(['far', 'near'], dtype='<U4'))
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        kernel: Any = "rbf",
        *,
        task_kernel: Any = "mean_tied",
        sharing: float | str = "auto",
        C: float = 1.0,
        gamma: Any = "scale",
        degree: float = 3,
        coef0: float = 0.0,
        task_offset: float = 1.0,
        class_weight: Any = None,
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
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.task_offset = task_offset
        self.class_weight = class_weight
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

    def decision_function(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the decision values: positive for the second class, or one value for each of several classes.

        Shape (n_rows,) or (n_rows, n_classes); at the wide door a second axis runs over the tasks. With several
        classes a value counts the pairs that the class wins, plus less than a third of a vote by how clearly.
        """
        rows, z = self._decide(X, task)
        return rows.restore(z[:, 0] if len(self.classes_) == 2 else _votes(z, len(self.classes_)))

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the class of each row, or of each (row, task) at the wide door."""
        z = self.decision_function(X, task=task)
        return self.classes_[z.argmax(axis=-1) if len(self.classes_) > 2 else (z > 0).astype(np.intp)]

    def _settings(self) -> Settings:
        return Settings(self.C, None, self.tol, self.max_iter, self.cache_size)

    def _read_target(self, rows: TaskRows, weight: Array) -> tuple[Array, Array]:
        assert rows.y is not None
        self.classes_ = learn_classes(rows.y, self)
        if self.class_weight is not None:
            weight = weight * compute_sample_weight(self.class_weight, rows.y)
        return np.searchsorted(self.classes_, rows.y).astype(np.float64), weight

    def _refuse_pure_tasks(self, rows: Rows) -> None:
        part = parts(self.task_kernel_)[rows.codes]
        pairs = np.unique(np.stack([part, rows.y.astype(np.intp)]), axis=1)
        if len(np.unique(pairs[0])) == pairs.shape[1] > 1:
            zero = " ('auto' chose 0: a task's one class predicts its held-out rows)" if self.sharing == "auto" else ""
            raise ValueError(
                f"each of the {pairs.shape[1]} tasks, or groups of tasks fitted together, holds one class, so nothing "
                f"can be learnt from X: set sharing above 0{zero}, or check the task column."
            )


def _votes(z: Array, n_classes: int) -> Array:
    """Return pairs won, plus the sum of the decision values squeezed into (-1/3, 1/3), for each class."""
    won, clear = np.zeros((len(z), n_classes)), np.zeros((len(z), n_classes))
    output = 0
    for a in range(n_classes):
        for b in range(a + 1, n_classes):
            second = z[:, output] > 0
            won[:, a] += ~second
            won[:, b] += second
            clear[:, a] -= z[:, output]
            clear[:, b] += z[:, output]
            output += 1
    return won + clear / (3.0 * (np.abs(clear) + 1.0))
