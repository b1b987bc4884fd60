"""What MultiTaskSVC and MultiTaskSVR share: the doors, the kernels, the form, and decision values."""

from __future__ import annotations

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.utils import Tags, check_random_state

from crosstask.multitask._support import check_option
from crosstask.multitask._tuning import read_folds
from crosstask.multitask._wrapper import UNSEEN
from crosstask.multitask.svm._dual import Rows, Settings
from crosstask.multitask.svm._fit import Machinery, choose_sharing
from crosstask.multitask.svm._input_kernel import InputKernel, make_input_kernel, takes_sparse
from crosstask.multitask.svm._machines import KernelMachine, LinearMachine
from crosstask.multitask.svm._task_kernel import read_task_kernel, with_sharing
from crosstask.tasks import TaskMixin, TaskRows, numeric_matrix
from crosstask.tasks._frames import as_table

Array = NDArray[np.float64]

FORMS = ("auto", "gram", "linear", "nystroem", "random_features")
MOST_ROWS_FOR_GRAM = 10_000  # 800 MB, and minutes
MOST_MOMENTS = 20_000_000  # numbers in the tasks' second moments: wide tables, as of words, are served by rows


class TaskMachines(TaskMixin):
    """Base of the support vector machines; a subclass turns y into targets and decision values into an answer."""

    C: float
    kernel: Any
    gamma: Any
    degree: float
    coef0: float
    task_kernel: Any
    sharing: float | str
    task_offset: float
    form: str
    n_components: int
    unseen_task: str
    cv: Any
    tol: float
    cache_size: float
    max_iter: int
    n_jobs: int | None
    random_state: Any
    tasks_: NDArray[Any]
    machine_: KernelMachine | LinearMachine
    pooled_machine_: KernelMachine | LinearMachine | None

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Fit the machines of all tasks, jointly.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Numbers; with ``task_column`` also the task ids. Sparse, except with ``kernel="chi2"`` or a callable.
        y : array-like of shape (n_rows,) or (n_rows, n_tasks)
            The target; two-dimensional with NaN = not observed at the wide door.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,) or, at the wide door, (n_rows, n_tasks), optional
            Multiplies C: a weight of k is the same as k copies of the row.

        Returns
        -------
        Self
        """
        self._check_options()
        opened = self._open_fit(X, y, task, sample_weight)
        long = opened.long()
        matrix = self._matrix(long.X)
        given = np.ones(len(long.codes)) if long.sample_weight is None else long.sample_weight
        target, weight = self._read_target(long, given)
        rows = Rows(matrix, long.codes, target, weight)
        task_kernel = read_task_kernel(self.task_kernel, self.tasks_)
        machinery = self._machinery(Rows(matrix, long.codes, target, given))  # class weights do not change gamma
        self.solver_ = machinery.form if machinery.features is None else self._approximation(matrix)
        self.sharing_, self.path_ = 1.0 if self.sharing == "auto" else float(self.sharing), {}
        if self.sharing == "auto" and opened.n_tasks > 1:
            strata = machinery.n_classes > 0
            folds = read_folds(self.cv, as_table(X), opened, sample_weight, self.random_state, strata=strata)
            self.sharing_, self.path_ = choose_sharing(machinery, rows, task_kernel, folds, self.n_jobs)
        self.task_kernel_ = with_sharing(task_kernel, self.sharing_)
        self._refuse_pure_tasks(rows)
        self.machine_ = machinery.fit(rows, self.task_kernel_, self.unseen_task)
        self.n_iter_ = max(1, self.machine_.n_iter)
        self.pooled_machine_ = None
        if self.unseen_task == "pooled":
            self.pooled_machine_ = machinery.fit(rows, np.ones_like(task_kernel), "error")
        return self

    def _decide(self, X: Any, task: Any) -> tuple[TaskRows, Array]:
        """Return the opened rows and their decision values, of shape (n_pairs, n_outputs)."""
        rows = self._open_predict(X, task)
        long = rows.long()
        matrix = self._matrix(long.X)
        unseen = rows.codes < 0
        if self.pooled_machine_ is None or not unseen.any():
            return rows, self.machine_.decision(matrix, rows.codes)
        z = self.machine_.decision(matrix, np.maximum(rows.codes, 0))
        z[unseen] = self.pooled_machine_.decision(matrix[unseen], np.zeros(int(unseen.sum()), dtype=np.intp))
        return rows, z

    def _matrix(self, X: Any) -> Any:
        """Return X as float64: CSR where it is sparse, an array otherwise."""
        matrix = numeric_matrix(self, X)
        return matrix.astype(np.float64) if sparse.issparse(matrix) else np.asarray(matrix, dtype=np.float64)

    def _machinery(self, rows: Rows) -> Machinery:
        matrix = rows.X
        kernel = make_input_kernel(self.kernel, self.gamma, self.degree, self.coef0, self.task_offset, rows)
        form = self._approximation(matrix)
        settings, n_classes = self._settings(), len(getattr(self, "classes_", ()))
        if form in ("gram", "linear"):
            if form == "linear" and self.kernel != "linear":
                raise ValueError(
                    f"form='linear' is for kernel='linear', and kernel={self.kernel!r} was given: use form='nystroem'."
                )
            return Machinery(kernel, None, form, settings, n_classes)  # type: ignore[arg-type]
        return Machinery(kernel, self._features(form, kernel, matrix), "linear", settings, n_classes)

    def _approximation(self, matrix: Any) -> str:
        if self.form != "auto":
            return self.form
        few_rows = matrix.shape[0] <= MOST_ROWS_FOR_GRAM
        if isinstance(self.kernel, str) and self.kernel == "linear":
            wide = len(self.tasks_) * matrix.shape[1] ** 2 > MOST_MOMENTS
            return "gram" if wide and few_rows else "linear"
        return "gram" if few_rows else "nystroem"

    def _features(self, form: str, kernel: InputKernel, matrix: Any) -> Any:
        seed = check_random_state(0 if self.random_state is None else self.random_state).randint(2**31)
        if callable(self.kernel) or (form == "random_features" and self.kernel != "rbf"):
            raise ValueError(
                f"form={form!r} does not take kernel={self.kernel!r}: random features are for 'rbf', Nystroem for any "
                "kernel that has a name; use form='gram' where the rows are few enough."
            )
        if form == "random_features":
            sampler = RBFSampler(gamma=kernel.options["gamma"], n_components=self.n_components, random_state=seed)
            return sampler.fit(matrix)
        from sklearn.metrics.pairwise import KERNEL_PARAMS

        taken = {name: kernel.options[name] for name in kernel.options if name in KERNEL_PARAMS[self.kernel]}
        n_components = min(self.n_components, matrix.shape[0])
        return Nystroem(self.kernel, n_components=n_components, random_state=seed, **taken).fit(matrix)

    def _check_options(self) -> None:
        check_option("unseen_task", self.unseen_task, UNSEEN)
        check_option("form", self.form, FORMS)
        if isinstance(self.sharing, str):
            check_option("sharing", self.sharing, ("auto",))
        elif not 0.0 <= self.sharing <= 1.0:
            raise ValueError(f"sharing={self.sharing!r} must lie in [0, 1], or be 'auto': 0 fits each task alone.")
        if not (isinstance(self.C, Real) and np.isfinite(self.C) and self.C > 0):
            raise ValueError(f"C={self.C!r} must be a positive number.")
        if int(self.n_components) < 1:
            raise ValueError(f"n_components={self.n_components!r} must be at least 1.")

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.input_tags.sparse = takes_sparse(self.kernel)
        return tags

    def _settings(self) -> Settings:
        raise NotImplementedError

    def _read_target(self, rows: TaskRows, weight: Array) -> tuple[Array, Array]:
        raise NotImplementedError

    def _refuse_pure_tasks(self, rows: Rows) -> None:
        """Refuse what leaves nothing to learn; regression has no such case."""
