"""Fine-tuning: start at the source's coefficients, descend on the target's loss, stop early."""

from __future__ import annotations

from typing import Any, Literal

from numpy.typing import ArrayLike

from crosstask.transfer._fine_tuned_base import FineTunedBase
from crosstask.transfer._predict import LinearClassifierModel, LinearRegressorModel


class FineTunedRegressor(LinearRegressorModel, FineTunedBase):
    r"""Regression that starts at a source's coefficients and stops early on the way to the target's own.

    .. math::
        w^{(0)} = w_{source}, \qquad w^{(k+1)} = w^{(k)} - \frac{1}{L} \nabla_w \min_b \Big[\frac{1}{n} \sum_i s_i
        \tfrac{1}{2} (y_i - x_i'w^{(k)} - b)^2 + \tfrac{\alpha}{2} |w^{(k)}|^2\Big]

    with plain gradient steps on standardised columns (centred, divided by the target's standard deviations). The
    number of steps k is the one whose loss on held-out target rows is least; step 0 is the source with the target's
    intercept, and the limit is the target's own model, which owes nothing to the source. Only stopping transfers.

    Parameters
    ----------
    source : fitted model, KnownCoefficients, or a list of these, default=None
        Linear in the target's columns: a linear estimator or a Pipeline of scalers and one, in
        ``sklearn.frozen.FrozenEstimator`` so that it survives ``clone``. Several: the descent starts at their mean.
        None starts at zero: no transfer, the honest baseline.
    loss : "squared", default="squared"
        (y - z)^2 / 2.
    learning_rate : "auto" or float, default="auto"
        Step on the standardised columns; "auto" is 1 / L, L the largest curvature of the loss.
    max_iter : int, default=1000
        Most steps.
    early_stopping : bool, default=True
        False descends to the target's optimum: the source is then forgotten wherever the rows determine a coefficient.
    validation_fraction : float, optional
        Share of the rows held out once. None holds every row out once, over the folds of ``cv``: with 20 rows the one
        split is a lottery. Either way the model itself descends on all rows, for the chosen number of steps.
    cv : int, splitter or list of (train, test) positions, optional
        Folds of the target's rows; None is 5, dealt three times where there are fewer than 200 rows.
    n_iter_no_change : int, default=20
        Steps without a lower validation loss after which the search ends.
    tol : float, default=1e-6
        Least improvement, as a share of the loss of an intercept alone; without early stopping the largest entry of the
        gradient at the end.
    alpha : float, default=0.0
        Ridge penalty toward zero.
    fit_intercept : bool, default=True
        Learn an intercept, exactly at every step.
    standardize : bool, default=True
        Divide columns by the target's standard deviations. False descends on the columns as they are.
    random_state : int, RandomState instance or None, default=None
        Shuffles the rows before they are dealt into folds; None deals them in order.

    Attributes
    ----------
    coef_, intercept_ : ndarray of shape (n_features,), float
        On the caller's columns.
    history_ : dict of ndarray
        ``iteration``, ``train_loss`` (all rows), ``validation_loss`` (held-out rows, mean over the folds).
    n_iter_ : int
        Steps taken by the model that is kept; ``n_steps_tried_`` were tried.
    best_loss_ : float
        Its validation loss.
    learning_rate_ : float
        The step.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    ValueError
        If the source has no linear coefficients on X's columns, or the step would diverge.

    Notes
    -----
    A step is judged by its mean validation loss plus half a standard error over the folds. Plain descent, not an
    accelerated or second-order method, is chosen on purpose: its path from the source to the target's optimum is smooth
    and known, direction by direction :math:`(1 - \lambda_j / L)^k` of the source remains, so that the number of steps
    acts like 1 / alpha of a ridge penalty toward the source [1]_. A faster optimiser leaves the source within a few
    steps, each too coarse to choose among.

    Cost: O(n d) a step and fold.

    *When not to use it*: if :class:`PriorRegressor` serves, which is the same compromise as a convex problem, can
    shrink or ignore the source, weighs several sources, and needs no step size.

    References
    ----------
    .. [1] Yao, Rosasco and Caponnetto (2007), On early stopping in gradient descent learning, Constructive
       Approximation 26.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import Ridge
    >>> from crosstask.datasets import make_related_tasks
    >>> from crosstask.transfer import FineTunedRegressor
    >>> tasks = make_related_tasks(n_tasks=2, n_rows=[200, 20], n_features=20, random_state=0)
    >>> old = tasks.task == 0
    >>> source = FrozenEstimator(Ridge().fit(tasks.X[old], tasks.y[old]))
    >>> model = FineTunedRegressor(source).fit(tasks.X[~old], tasks.y[~old])
    >>> model.n_iter_
    2
    """

    _losses = ("squared",)
    _classification = False

    def __init__(
        self,
        source: Any = None,
        *,
        loss: Literal["squared"] = "squared",
        learning_rate: Literal["auto"] | float = "auto",
        max_iter: int = 1000,
        early_stopping: bool = True,
        validation_fraction: float | None = None,
        cv: Any = None,
        n_iter_no_change: int = 20,
        tol: float = 1e-6,
        alpha: float = 0.0,
        fit_intercept: bool = True,
        standardize: bool = True,
        random_state: Any = None,
    ) -> None:
        FineTunedBase.__init__(
            self, source, loss, learning_rate, max_iter, early_stopping, validation_fraction, cv, n_iter_no_change, tol,
            alpha, fit_intercept, standardize, random_state,
        )  # fmt: skip

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> FineTunedRegressor:
        """Descend on the target's rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            The target's rows.
        y : array-like of shape (n,)
            The target's values.
        sample_weight : array-like of shape (n,), optional
            Non-negative weights.

        Returns
        -------
        FineTunedRegressor
            Itself.
        """
        self._fit(X, y, sample_weight)
        return self


class FineTunedClassifier(LinearClassifierModel, FineTunedBase):
    r"""Classification that starts at a source's coefficients and stops early on the way to the target's own.

    The logistic loss (multinomial for three classes and more) in place of the squared one of
    :class:`FineTunedRegressor`; parameters and attributes are the same, with these differences.

    Parameters
    ----------
    source : fitted classifier, KnownCoefficients, or a list of these, default=None
        Its classes are matched by label: one that it does not know starts at zero, one that the target lacks gets half
        a prior row of each class at the target's mean, so that its probability stays positive.
    loss : "logistic", default="logistic"
        Log loss, in nats.
    learning_rate, max_iter, early_stopping, validation_fraction, cv, n_iter_no_change, tol, alpha, fit_intercept, \
standardize, random_state
        As in :class:`FineTunedRegressor`.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        On the caller's columns.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Learnt exactly at every step.
    classes_ : ndarray
        Labels of the target and of the sources, sorted.
    history_, n_iter_, n_steps_tried_, best_loss_, learning_rate_
        As in :class:`FineTunedRegressor`.

    Raises
    ------
    ValueError
        If the source has no linear coefficients on X's columns, or shares no class with y.

    Notes
    -----
    *When not to use it*: with ``early_stopping=False`` and ``alpha=0`` on classes that a plane separates there is no
    optimum to descend to; the margin grows for ever. :class:`PriorClassifier` has an optimum always.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from crosstask.datasets import make_related_tasks
    >>> from crosstask.transfer import FineTunedClassifier
    >>> tasks = make_related_tasks(n_tasks=2, n_rows=[400, 30], kind="classification", random_state=0)
    >>> old = tasks.task == 0
    >>> source = FrozenEstimator(LogisticRegression().fit(tasks.X[old], tasks.y[old]))
    >>> model = FineTunedClassifier(source).fit(tasks.X[~old], tasks.y[~old])
    >>> model.n_iter_
    3
    """

    _losses = ("logistic",)
    _classification = True

    def __init__(
        self,
        source: Any = None,
        *,
        loss: Literal["logistic"] = "logistic",
        learning_rate: Literal["auto"] | float = "auto",
        max_iter: int = 1000,
        early_stopping: bool = True,
        validation_fraction: float | None = None,
        cv: Any = None,
        n_iter_no_change: int = 20,
        tol: float = 1e-6,
        alpha: float = 0.0,
        fit_intercept: bool = True,
        standardize: bool = True,
        random_state: Any = None,
    ) -> None:
        FineTunedBase.__init__(
            self, source, loss, learning_rate, max_iter, early_stopping, validation_fraction, cv, n_iter_no_change, tol,
            alpha, fit_intercept, standardize, random_state,
        )  # fmt: skip

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> FineTunedClassifier:
        """Descend on the target's rows.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n, n_features)
            The target's rows.
        y : array-like of shape (n,)
            The target's classes.
        sample_weight : array-like of shape (n,), optional
            Non-negative weights.

        Returns
        -------
        FineTunedClassifier
            Itself.
        """
        self._fit(X, y, sample_weight)
        return self
