"""High-dimensional regression from the rows of other tasks, harmful ones detected (Trans-GLM)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags

from crosstask.losses import Huber, Logistic, Loss, Quantile, Squared, as_loss
from crosstask.transfer._desparsified import desparsified
from crosstask.transfer._lasso import Floats
from crosstask.transfer._lasso_cv import Rows
from crosstask.transfer._rows import TransferRows
from crosstask.transfer._trans_glm_base import TransGLMBase
from crosstask.transfer._trans_glm_fit import Steps


class TransGLMRegressor(TransGLMBase, RegressorMixin, BaseEstimator):
    r"""Sparse regression for one task from the rows of several: a pooled lasso, corrected on the target.

    .. math::
        (\hat w, \hat b) = \arg\min_{w, b} \frac{1}{n_A} \sum_{i \in A} s_i L(y_i, x_i'w + b)
        + \alpha \sum_j \sigma_j |w_j|, \qquad
        (\hat\delta, \hat c) = \arg\min_{\delta, c} \frac{1}{n_0} \sum_{i \in 0} s_i
        L(y_i, x_i'\hat w + \hat b + x_i'\delta + c) + \alpha_\delta \sum_j \sigma_{0j} |\delta_j|,

    A the rows of the target (task 0) and of the sources that are kept, :math:`\sigma_j` the standard deviation of
    column j over the rows at hand; the model is :math:`x'(\hat w + \hat\delta) + \hat b + \hat c`. Without a kept
    source it is the lasso of the target.

    Parameters
    ----------
    target_task : task id, optional
        The task to serve. None: there is one task only, and this is a lasso.
    task_column : str or int, optional
        Column of X that holds the task ids; or pass ``task=`` to ``fit``.
    loss : "squared", "poisson" or Loss, default="squared"
        A smooth loss with one linear predictor; with "poisson" the prediction is its exponential.
    sources : "auto", "all" or list of task ids, default="auto"
        "auto" judges each source, see Notes; the others take them as they are.
    alpha, debias_alpha : "auto" or float, default="auto"
        Penalties of the two steps. "auto" takes the largest whose held-out loss is within half a standard error of the
        least.
    level : float, default=0.05
        How often a source that tells nothing about the target may be let in.
    cv : int or list of (train, test) row positions, default=10
        A number of folds is dealt evenly over the tasks.
    n_alphas : int, default=50
        Length of a path.
    standardize : bool, default=True
        False penalises every column alike.
    tol : float, default=1e-6
        A sweep of coordinate descent ends where no step gains more than this share of the variance of y.
    max_iter : int, default=10000
        Most sweeps for one alpha.
    random_state : int, RandomState or None, default=None
        Deals rows to folds; None deals them in the same way every time.
    intervals : bool, default=False
        Also find what :meth:`confidence_intervals` shows: one more lasso for each column. Squared loss only.

    Attributes
    ----------
    coef_, intercept_ : ndarray of shape (n_features,), float
        Of the target's model: the sum of the two steps.
    pooled_coef_, pooled_intercept_, debias_coef_, debias_intercept_
        The two steps.
    sources_ : DataFrame
        source, n, loss, threshold, verdict, weight, reason; prints one sentence a source. ``verdict`` is "kept",
        "tells nothing", "contradicts", "harms", or "given" and "left out" where the caller chose. ``weight`` is 1 for a
        kept source, 0 for another, and 1 / m where m sources hold the same rows.
    alpha_, debias_alpha_ : float
        Penalties; ``alpha_`` is infinite where no source was kept.
    path_, debias_path_ : dict of ndarray, or None where nothing was chosen
        ``alpha``, ``loss`` (mean held-out) and ``error`` (its standard error).
    gap_ : float
        The larger duality gap of the two steps, as a share of the loss of a constant.
    source_tasks_ : ndarray of shape (n_sources,)
        Sorted ids of the other tasks.

    Raises
    ------
    ValueError
        If the target has no row with a y, ``target_task`` or ``sources`` name a task that is not there, or columns are
        not numbers.

    Notes
    -----
    *Detection.* The published rule keeps a source where the 3-fold loss with it exceeds that without it by at most
    :math:`C_0 \max(s, 0.01)`; the 0.01 has the unit of the loss, three folds estimate s badly, and no error is stated.
    Here a source must show that it tells something. Its own lasso, fitted to its rows only, predicts the target's
    rows, and the target's predicts the source's, each with a constant of its own; the mean of the paired differences
    to the best constant must exceed Student's bound at ``level`` / 2 in one of the two directions. The rows that judge
    had no part in the model that they judge, so a source whose y has nothing to do with its x (permuted, constant)
    passes with a probability of about ``level`` at most, whatever the scale of y; one of opposite sign is far from it.
    Then sources are judged given the others: while held-out target rows are predicted better without one of the kept,
    by more than a Nadeau-Bengio bound at ``level`` / (number kept), the worst of them goes; and all go where the target
    alone is better in the same sense. A small harm stays undetected where rows are few.

    Sources that hold the same rows, in whatever order, are one source: a copy changes no prediction. Two different
    samples of one population are two sources.

    Cost: three paths a source, five for each pair of kept sources in the joint judgement, 2 ``cv`` + 2 for the steps.
    With the squared loss and up to 1000 columns all of them run on second moments, so that the number of rows hardly
    matters.

    *When not to use it*: where most coefficients differ from zero (:class:`crosstask.MultiTaskRegressor` then), where
    tasks have different base rates and the same slopes (the pooled step has one intercept), or where columns are more
    than about 10 000.

    References
    ----------
    .. [1] Tian and Feng (2023), Transfer learning under high-dimensional generalized linear models, JASA 118.
    .. [2] Nadeau and Bengio (2003), Inference for the generalization error, Machine Learning 52.
    .. [3] Van de Geer, Buhlmann, Ritov and Dezeure (2014), On asymptotically optimal confidence regions and tests for
       high-dimensional models, Annals of Statistics 42.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.transfer import TransGLMRegressor
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.standard_normal((260, 60)), np.repeat(["new", "old", "other"], [60, 100, 100])
    >>> slope = np.where(task == "other", -1.0, 1.0)
    >>> y = slope * X[:, :5].sum(axis=1) + rng.standard_normal(260)
    >>> model = TransGLMRegressor(target_task="new").fit(X, y, task=task)
    >>> model.sources_.verdict.tolist()
    ['kept', 'contradicts']
    >>> model.coef_[:3]
    array([1., 0.9, 1.])
    """

    def __init__(
        self,
        target_task: Any = None,
        *,
        task_column: str | int | None = None,
        loss: Literal["squared", "poisson"] | Loss = "squared",
        sources: Any = "auto",
        alpha: Literal["auto"] | float = "auto",
        debias_alpha: Literal["auto"] | float = "auto",
        level: float = 0.05,
        cv: Any = 10,
        n_alphas: int = 50,
        standardize: bool = True,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        random_state: Any = None,
        intervals: bool = False,
    ) -> None:
        TransGLMBase.__init__(
            self, target_task, task_column, sources, alpha, debias_alpha, level, cv, n_alphas, standardize, tol,
            max_iter, random_state,
        )  # fmt: skip
        self.loss = loss
        self.intervals = intervals

    def _loss(self) -> Loss:
        loss = as_loss(self.loss)
        if loss.classifies:
            raise ValueError(f"loss={self.loss!r} is for classes: use TransGLMClassifier, or loss='squared'.")
        if isinstance(loss, (Huber, Quantile)):
            raise ValueError(f"loss={self.loss!r} has straight pieces, where Newton's steps fail: use loss='squared'.")
        return loss

    def _numeric_target(self, rows: TransferRows) -> Floats:
        assert rows.y is not None
        y = rows.y.astype(np.float64)
        self._loss().check_target(y)
        return y

    def _predict_table(self, table: Any) -> NDArray[np.float64]:
        return self._loss().prediction(self._linear(table))

    def _learn(self, target: Rows, used: list[Rows], steps: Steps) -> None:
        if self.intervals and not isinstance(self._loss(), Squared):
            raise ValueError(
                f"intervals=True is for loss='squared', and loss={self.loss!r} was given: drop one of them."
            )
        super()._learn(target, used, steps)
        self._interval: dict[str, Floats] | None = None
        if self.intervals:
            estimate, error = desparsified(target, self.coef_, int(np.count_nonzero(self.debias_coef_)))
            self._interval = {"estimate": estimate, "error": error}

    def confidence_intervals(self, level: float = 0.95) -> Any:
        r"""Return intervals of the target's coefficients: a frame (estimate, low, high), one row a column.

        The estimate is :math:`\hat w_j + z_j'r / z_j'x_j` on the target's rows, :math:`z_j` what a lasso of column j on
        the others leaves and r the residual of the transferred model; it is normal for many rows and few coefficients
        (van de Geer and others, 2014). NaN for a constant column. ``level`` is the coverage of each interval, not of
        all together.

        Raises
        ------
        ValueError
            If the model was fitted without ``intervals=True``.
        """
        import pandas as pd
        from scipy.stats import norm
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self, "coef_")
        if self._interval is None:
            raise ValueError("the model was fitted without intervals: set intervals=True and fit it again.")
        if not 0.0 < level < 1.0:
            raise ValueError(f"level={level!r}: give a coverage between 0 and 1, such as 0.95.")
        estimate, reach = self._interval["estimate"], norm.ppf(0.5 + level / 2.0) * self._interval["error"]
        names = getattr(self, "feature_names_in_", np.arange(len(estimate)))
        index = pd.Index([name for name in names if name != self.task_column], name="column")
        if len(index) != len(estimate):  # the task column was given by its position
            index = pd.RangeIndex(len(estimate), name="column")
        return pd.DataFrame({"estimate": estimate, "low": estimate - reach, "high": estimate + reach}, index=index)


class TransGLMClassifier(TransGLMBase, ClassifierMixin, BaseEstimator):
    r"""Sparse logistic regression of two classes for one task from the rows of several.

    The logistic loss in both steps of :class:`TransGLMRegressor`; all else is as there, with these differences.

    Parameters
    ----------
    target_task, task_column, sources, alpha, debias_alpha, level, cv, n_alphas, standardize, tol, max_iter, \
random_state
        As in :class:`TransGLMRegressor`; ``cv`` deals evenly over tasks and classes.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features)
        Log odds of the second class.
    intercept_ : ndarray of shape (1,)
        Of the target.
    classes_ : ndarray of shape (2,)
        Labels, sorted, of all tasks together.
    pooled_coef_, pooled_intercept_, debias_coef_, debias_intercept_, sources_, alpha_, debias_alpha_, path_, \
debias_path_, gap_, source_tasks_
        As in :class:`TransGLMRegressor`.

    Raises
    ------
    ValueError
        If there are more than two classes, or as in :class:`TransGLMRegressor`.

    Notes
    -----
    Where a step's rows are all of one class, half a row of each class stands at their mean, so that the intercept is
    finite. Cost: Newton's steps read the rows; for 1150 rows and 500 columns a fit takes some seconds.

    *When not to use it*: more than two classes (:class:`crosstask.PriorClassifier`), or see :class:`TransGLMRegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.transfer import TransGLMClassifier
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.standard_normal((260, 30)), np.repeat(["new", "old", "other"], [60, 100, 100])
    >>> z = np.where(task == "other", -2.0, 2.0) * X[:, :3].sum(axis=1)
    >>> y = np.where(rng.random(260) < 1 / (1 + np.exp(-z)), "ill", "well")
    >>> model = TransGLMClassifier(target_task="new").fit(X, y, task=task)
    >>> model.sources_.verdict.tolist()
    ['kept', 'contradicts']
    """

    def __init__(
        self,
        target_task: Any = None,
        *,
        task_column: str | int | None = None,
        sources: Any = "auto",
        alpha: Literal["auto"] | float = "auto",
        debias_alpha: Literal["auto"] | float = "auto",
        level: float = 0.05,
        cv: Any = 10,
        n_alphas: int = 50,
        standardize: bool = True,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        random_state: Any = None,
    ) -> None:
        TransGLMBase.__init__(
            self, target_task, task_column, sources, alpha, debias_alpha, level, cv, n_alphas, standardize, tol,
            max_iter, random_state,
        )  # fmt: skip

    def _loss(self) -> Loss:
        return Logistic()

    def _numeric_target(self, rows: TransferRows) -> Floats:
        if len(self.classes_) > 2:
            raise ValueError(
                "Only binary classification is supported by TransGLMClassifier, and y has "
                f"{len(self.classes_)} classes {self.classes_[:6].tolist()}: use PriorClassifier or "
                "MultiTaskClassifier, or fit one class against the rest."
            )
        assert rows.y is not None
        return np.searchsorted(self.classes_, rows.y).clip(max=1).astype(np.float64)

    def _set_answer(self, coef: Floats, intercept: float) -> None:
        self.coef_, self.intercept_ = coef[None], np.array([intercept])

    def decision_function(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the log odds of the second class, as for rows of the target."""
        return self._linear(self._open_predict(X, task))

    def predict_proba(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the probability of each class, columns in the order of ``classes_``."""
        z = self.decision_function(X, task=task)
        return np.column_stack([expit(-z), expit(z)])

    def _predict_table(self, table: Any) -> NDArray[Any]:
        return self.classes_[(self._linear(table) > 0.0).astype(np.intp)]

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        assert tags.classifier_tags is not None
        tags.classifier_tags.multi_class = False
        return tags
