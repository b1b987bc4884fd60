"""Gaussian process regression of many tasks at once."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.stats import norm
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from crosstask.multitask._support import check_option, is_number
from crosstask.multitask._wrapper import UNSEEN
from crosstask.multitask.gaussian._covariance import Covariance
from crosstask.multitask.gaussian._fit import Scale, Search, bounds_of, spread_rows
from crosstask.multitask.gaussian._inducing import exact_tasks, inducing_posterior
from crosstask.multitask.gaussian._kernel import make_kernel
from crosstask.multitask.gaussian._likelihood import GPRows, Shape
from crosstask.multitask.gaussian._members import Member, mixture, plausible_parameters
from crosstask.multitask.gaussian._posterior import exact_posterior
from crosstask.tasks import TaskMixin, TaskRows, numeric_matrix

Array = NDArray[np.float64]

FEW_ROWS = 500  # up to which parameters are uncertain enough to matter, and 24 posteriors cheap


class MultiTaskGPRegressor(TaskMixin, RegressorMixin, BaseEstimator):
    r"""Gaussian process regression of many tasks at once, with intervals.

    .. math::
        y_i = f(x_i, t_i) + e_i, \quad e_i \sim N(0, \sigma^2_{t_i}), \qquad
        \operatorname{cov}(f(x, s), f(z, t)) = (L L')_{st} \, k(x, z) + \delta_{st} \, \kappa_t \, k_t(x, z)

    L has ``rank`` columns, and :math:`B = L L' + \operatorname{diag}(\kappa)`. With few rows each :math:`k_t` is k
    (intrinsic coregionalisation); with many, a task's own part may have a kernel of its own (linear coregionalisation).
    All parameters and one noise a task maximise the marginal likelihood times weak priors, with analytic gradients;
    with few rows predictions average over what else they may be. Each task may have its own rows. X is standardised
    inside, and y in each task.

    Parameters
    ----------
    kernel : kernel of sklearn.gaussian_process.kernels, optional
        k, on standardised columns. None means RBF with a length for each column. Its own variance, if it has one, is
        redundant with B. The values it is given are the centre of the prior of its parameters.
    rank : int, default=2
        Columns of L, at most the number of tasks.
    own_kernels : bool or "auto", default="auto"
        Whether each task's own part has parameters of its own in the kernel, drawn toward those of k. "auto" tries it
        beyond ``max_fit_rows`` rows, and keeps it where the logarithm of the likelihood rises by more than the number
        of parameters that are added.
    n_restarts : int, default=1
        Random starts of the optimiser beside the default one.
    parameter_uncertainty : bool, default=True
        Up to 500 rows, average predictions over 24 plausible values of the parameters (Laplace's approximation),
        which widens the intervals by what few rows leave unknown. False takes the fitted parameters for certain.
    max_fit_rows : int, default=1000
        Rows up to which the parameters maximise the likelihood of all rows. Where there are more, they maximise that
        of so many rows spread over the tasks, times that of so many rows of each task by itself (fewer where there are
        more than eight tasks): a composite likelihood.
    max_rows : int, default=4000
        Rows up to which the posterior is exact. Beyond, it is exact inside each task, and tasks are tied through
        ``n_inducing`` rows (PIC); so are the rows of a task that alone has more than ``max_rows``, or that comes after
        the squared numbers of rows of the smaller tasks have added up to four times ``max_rows`` squared.
    n_inducing : int, default=1000
        Inducing rows, a share of each task's.
    task_column : str or int, optional
        Column of X that holds the task ids; None where ``task=`` or a wide y gives them.
    unseen_task : {"error", "mean", "pooled"}, default="error"
        For rows of tasks that fit has not seen: refuse; the average of the tasks' functions; or a process fitted to all
        rows as if they were one task.
    max_iter : int, default=200
        Most iterations of L-BFGS from each start.
    tol : float, default=1e-7
        Relative change of the marginal likelihood, and a hundredth of the slope, at which L-BFGS stops.
    random_state : int, RandomState instance or None, default=None
        For starts and samples; None means 0.

    Attributes
    ----------
    task_covariance_ : ndarray of shape (n_tasks, n_tasks)
        B, of y standardised in each task.
    task_correlation_ : ndarray of shape (n_tasks, n_tasks)
        B scaled to a diagonal of 1.
    noise_ : ndarray of shape (n_tasks,)
        Standard deviation of the noise of each task, in units of y.
    kernel_ : kernel
        k with its parameters.
    own_kernels_ : list of kernels, or None
        k_t of each task; None where each is k.
    log_marginal_likelihood_ : float
        Of the standardised rows that the parameters were fitted to; the sum over blocks beyond ``max_fit_rows``.
    n_iter_ : int
        Iterations from the best start.
    members_ : list
        The processes that predictions average over, each with its parameters, rows and weights; one, unless
        ``parameter_uncertainty`` makes it 24.
    tasks_ : ndarray of shape (n_tasks,)
        Sorted task ids.

    Raises
    ------
    ValueError
        If ``kernel`` is none of scikit-learn's, X has gaps or text, or what the doors refuse.

    Warns
    -----
    ConvergenceWarning
        If L-BFGS stopped at ``max_iter``.

    See Also
    --------
    sklearn.gaussian_process.GaussianProcessRegressor : one task.

    Notes
    -----
    Cost: m^3 for each of some fifty iterations and each start, m the rows of the fit: seconds at 500 and 1000, nine
    times that once beyond; then n^3 once, and n^2 numbers (24 times that, and two gradients a parameter, where
    predictions average). Beyond ``max_rows`` n_t^3 for each task and n times ``n_inducing`` squared. With
    kernels other than RBF the fit takes m^2 numbers a parameter. A task with one row keeps the mean of all rows as its
    prior mean.

    Priors are normal: of the logarithms of the kernel's parameters around their values as given (standard deviation 3),
    of those of a task's own kernel around those of k (.5), of the loadings around 0 (1), and of the logarithms of own
    parts and noises around log .3 (2), in units of a task's variance.

    When not to use it: many rows, many columns of which few matter, or categories: boosting is faster and seldom worse.
    With few rows a task the marginal likelihood can be sure of a correlation that is not there; read
    ``task_correlation_`` with that in mind.

    References
    ----------
    E. V. Bonilla, K. M. Chai and C. K. I. Williams (2008). Multi-task Gaussian process prediction. Advances in Neural
    Information Processing Systems 20, 153-160.

    H. Rue, S. Martino and N. Chopin (2009). Approximate Bayesian inference for latent Gaussian models. Journal of the
    Royal Statistical Society B 71, 319-392.

    E. Snelson and Z. Ghahramani (2007). Local and global sparse Gaussian process approximations. Proceedings of
    AISTATS 2007, PMLR 2, 524-531.

    C. Varin, N. Reid and D. Firth (2011). An overview of composite likelihood methods. Statistica Sinica 21, 5-42.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.uniform(-3, 3, size=(60, 1)), np.repeat(["a", "b"], 30)
    >>> y = np.where(task == "a", 1.0, -2.0) * np.sin(X[:, 0]) + 0.1 * rng.normal(size=60)
    >>> model = MultiTaskGPRegressor(rank=1, n_restarts=0).fit(X, y, task=task)
    >>> mean, std = model.predict([[1.0]], task=["b"], return_std=True)
    >>> mean.round(1), std.round(1), model.task_correlation_[0, 1].round(1)
    (array([-1.7]), array([0.1]), np.float64(-1.0))
    """

    tasks_: NDArray[Any]

    def __init__(
        self,
        kernel: Any = None,
        *,
        rank: int = 2,
        own_kernels: bool | str = "auto",
        n_restarts: int = 1,
        parameter_uncertainty: bool = True,
        max_fit_rows: int = 1000,
        max_rows: int = 4000,
        n_inducing: int = 1000,
        task_column: str | int | None = None,
        unseen_task: str = "error",
        max_iter: int = 200,
        tol: float = 1e-7,
        random_state: Any = None,
    ) -> None:
        self.kernel = kernel
        self.rank = rank
        self.own_kernels = own_kernels
        self.n_restarts = n_restarts
        self.parameter_uncertainty = parameter_uncertainty
        self.max_fit_rows = max_fit_rows
        self.max_rows = max_rows
        self.n_inducing = n_inducing
        self.task_column = task_column
        self.unseen_task = unseen_task
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Fit the parameters, and keep the posterior.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Numbers; with ``task_column`` also the task ids.
        y : array-like of shape (n_rows,) or (n_rows, n_tasks)
            The target; two-dimensional with NaN = not observed at the wide door.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,) or, at the wide door, (n_rows, n_tasks), optional
            A weight of k is the same as k copies of the row.

        Returns
        -------
        Self
        """
        self._check_options()
        long = self._open_fit(X, y, task, sample_weight).long()
        weight = np.ones(len(long.codes)) if long.sample_weight is None else long.sample_weight
        raw = GPRows(self._matrix(long.X), long.codes, np.asarray(long.y, dtype=np.float64), weight)
        n_tasks, seed = len(self.tasks_), self._seed()
        self.scale_ = Scale.learn(raw, n_tasks)
        rows = self.scale_.rows(raw)
        kernel = make_kernel(self.kernel, rows.X.shape[1])
        search = Search(
            "auto" if isinstance(self.own_kernels, str) else bool(self.own_kernels),
            int(self.n_restarts),
            int(self.max_iter),
            float(self.tol),
            int(self.max_fit_rows),
            seed,
        )
        best, objective = search.run(rows, kernel, Shape(len(kernel.theta), n_tasks, min(int(self.rank), n_tasks)))
        self.n_iter_, self.log_marginal_likelihood_ = max(1, best.n_iter), best.log_likelihood
        if not best.converged:
            warnings.warn(f"L-BFGS stopped at max_iter={self.max_iter}: raise it.", ConvergenceWarning, stacklevel=2)
        shape = objective.shape
        prior = shape.covariance(best.vector, kernel)
        self.kernel_, self.own_kernels_, self.task_covariance_ = prior.kernel, prior.own_kernels, prior.between_tasks
        spread = np.sqrt(np.diag(self.task_covariance_))
        self.task_correlation_ = self.task_covariance_ / np.outer(spread, spread)
        self.noise_ = np.sqrt(shape.cut(best.vector).noise) * self.scale_.y_scale
        values = best.vector[None]
        if self.parameter_uncertainty and len(rows.y) <= min(FEW_ROWS, self.max_fit_rows, self.max_rows):
            values = plausible_parameters(best.vector, objective, bounds_of(kernel, shape))
        self.members_ = [self._member(rows, shape.covariance(v, kernel), shape.cut(v).noise, seed) for v in values]
        self.pooled_ = None
        if self.unseen_task == "pooled":
            alone: Any = clone(self)
            self.pooled_ = alone.set_params(task_column=None, unseen_task="error").fit(
                raw.X, raw.y, sample_weight=weight
            )
        return self

    def predict(self, X: Any, *, task: Any = None, return_std: bool = False) -> Any:
        """Predict the target of each row, or of each (row, task) at the wide door.

        Parameters
        ----------
        X : table
            As in ``fit``.
        task : array-like of shape (n_rows,), optional
            Task ids.
        return_std : bool, default=False
            Also return the standard deviation of a new observation, noise included; that of f is
            ``sqrt(std**2 - noise_**2)``.

        Returns
        -------
        ndarray, or (ndarray, ndarray)
        """
        rows = self._open_predict(X, task)
        mean, variance = self._predict(rows, spread=return_std)
        return (rows.restore(mean), rows.restore(np.sqrt(variance))) if return_std else rows.restore(mean)

    def predict_interval(self, X: Any, *, task: Any = None, coverage: float = 0.9) -> tuple[Array, Array]:
        """Return the lower and the upper end of the interval that holds a new observation with this probability."""
        if not 0.0 < coverage < 1.0:
            raise ValueError(f"coverage={coverage!r} must lie between 0 and 1.")
        mean, std = self.predict(X, task=task, return_std=True)
        half = float(norm.ppf(0.5 + coverage / 2.0)) * std
        return mean - half, mean + half

    def _predict(self, rows: TaskRows, *, spread: bool) -> tuple[Array, Array]:
        raw = self._matrix(rows.long().X)
        scale, codes = self.scale_, rows.codes
        mean, left = np.empty(len(codes)), np.empty(len(codes))
        for start in range(0, len(codes), 2000):  # bounds the memory
            chunk = slice(start, start + 2000)
            X = scale.matrix(raw[chunk])
            mean[chunk], left[chunk] = mixture(self.members_, X, codes[chunk], scale.y_scale, spread=spread)
        mean += np.append(scale.y_mean, scale.y_mean.mean())[codes]
        unseen = codes < 0
        if self.pooled_ is not None and unseen.any():
            mean[unseen], std = self.pooled_.predict(raw[unseen], return_std=True)
            left[unseen] = std**2
        return mean, left

    def _member(self, rows: GPRows, prior: Covariance, noise: Array, seed: int) -> Member:
        if len(rows.y) <= self.max_rows:
            return Member(prior, noise, exact_posterior(rows, prior, noise))
        chosen = spread_rows(rows.codes, int(self.n_inducing), seed + 1)
        whole = exact_tasks(rows.codes, len(noise), int(self.max_rows))
        return Member(prior, noise, inducing_posterior(rows, prior, noise, chosen, whole))

    def _matrix(self, X: Any) -> Array:
        if sparse.issparse(X):
            raise TypeError(
                "Sparse data was passed, and MultiTaskGPRegressor does not support sparse input: use X.toarray(), or "
                "MultiTaskRegressor, which takes it as it is."
            )
        return np.asarray(numeric_matrix(self, X), dtype=np.float64)

    def _seed(self) -> int:
        if self.random_state is None or isinstance(self.random_state, (int, np.integer)):
            return int(self.random_state or 0)
        return int(check_random_state(self.random_state).randint(2**31))

    def _check_options(self) -> None:
        check_option("unseen_task", self.unseen_task, UNSEEN)
        if not isinstance(self.own_kernels, (bool, np.bool_)) and self.own_kernels != "auto":
            raise ValueError(f"own_kernels={self.own_kernels!r} is not known: use 'auto', True or False.")
        for name, least in (
            ("rank", 1),
            ("n_restarts", 0),
            ("max_fit_rows", 1),
            ("max_rows", 1),
            ("n_inducing", 1),
            ("max_iter", 1),
        ):
            value = getattr(self, name)
            if not is_number(value) or value < least:
                raise ValueError(f"{name}={value!r} must be a whole number, at least {least}.")
