"""Ridge toward the coefficients of one or several sources."""

from __future__ import annotations

from typing import Any, Literal

from numpy.typing import ArrayLike
from sklearn.utils import Tags

from crosstask.losses import Loss, Poisson, SquaredHinge
from crosstask.transfer._predict import LinearClassifierModel, LinearRegressorModel
from crosstask.transfer._prior_base import PriorBase


class PriorRegressor(LinearRegressorModel, PriorBase):
    r"""Regression with a ridge penalty toward the coefficients of one or several sources.

    .. math::
        \min_{w, b} \; \frac{1}{n} \sum_i s_i L(y_i, x_i'w + b)
        + \frac{\alpha}{2} \Big| w - \sum_k a_k w_k \Big|^2,

    L the loss, n the sum of the sample weights s, :math:`w_k` the coefficients of source k, :math:`a_k` its strength.
    The intercept is free, and with ``standardize`` the penalty acts on the columns divided by the target's standard
    deviations (the sources are converted exactly). Strength 0 is ridge regression on the target alone; strength 1
    with alpha to infinity is the source with the target's own intercept.

    Parameters
    ----------
    source : fitted model, KnownCoefficients, or a list of these, default=None
        Linear in the target's columns: any fitted linear regressor, or a Pipeline of scalers and one, in
        ``sklearn.frozen.FrozenEstimator`` so that it survives ``clone``; one task of a multi-task model by
        :func:`source_task`. Columns are matched by name where both sides have names; X may have more, and a source
        starts at zero in those that it does not know. None: no prior, ridge regression.
    alpha : "auto" or float, default="auto"
        Penalty. "auto" chooses it by cross-validation from infinity (only the intercept is learnt) down five decades
        (logistic: no further than a normal prior of deviation 3 on a standardised coefficient).
        At strength 0 it equals ``Ridge(alpha=n * alpha)`` and ``PoissonRegressor(alpha=alpha)``.
    strength : "auto", float or array-like of shape (n_sources,), default="auto"
        How much of the source the penalty pulls toward, from 0 to 1. A float with several sources is divided among
        them equally. "auto" chooses one strength for each source by the held-out loss, see Notes.
    loss : {"squared", "huber", "poisson"} or Loss, default="squared"
        L: (y - z)^2 / 2; ``crosstask.losses.Huber``, whose delta follows the spread of y unless it is given; or half
        the Poisson deviance of counts with mean exp(z), whose sources must be models of the logarithm of the mean
        (``PoissonRegressor``, or coefficients that are known).
    cv : int, splitter or list of (train, test) positions, optional
        Folds of the target's rows; None is 5, dealt three times where there are fewer than 200 rows.
    n_alphas : int, default=15
        Length of the path, infinity included.
    fit_intercept : bool, default=True
        Learn an intercept, unpenalised.
    standardize : bool, default=True
        Penalise standardised coefficients.
    tol : float, default=1e-6
        Bound of ``gap_``.
    max_iter : int, default=1000
        Most iterations of the last fit.
    random_state : int, RandomState instance or None, default=None
        Shuffles the rows before they are dealt into folds; None deals them in order.
    n_jobs : int, optional
        Not used: all folds are solved at once. Kept so that it can be set as elsewhere.

    Attributes
    ----------
    coef_, intercept_ : ndarray of shape (n_features,), float
        On the caller's columns.
    alpha_ : float
        The penalty; ``inf`` where the source was taken as it stands.
    strength_ : ndarray of shape (n_sources,)
        One for each source; 0: it did not help.
    path_ : dict of ndarray, or None if nothing was chosen
        ``alpha`` (A,), ``strength`` (G, n_sources), ``loss`` and ``error`` (A, G): mean held-out loss of every point
        tried, and its standard error over the folds.
    gap_ : float
        (primal - dual) / primal at the null model.
    n_iter_ : int
        Iterations of the last fit.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Raises
    ------
    ValueError
        If a source has no linear coefficients on X's columns.
    NotFittedError
        If a source is not fitted, for instance because ``clone`` dropped its fit.

    Notes
    -----
    A point is judged by its mean held-out loss plus half a standard error over the folds: of two that are about equal
    the steadier is taken. Strengths are found greedily, as in ensemble selection [2]_: all start at 0; a move sets one
    of them to 0, 1/4, 1/2, 3/4 or 1 and scales the others down where their sum would exceed 1; the move that lowers the
    loss most, along the whole path of alphas, is made until none gains 1 %. (The first round tries the mean of all
    sources too.) So the cost grows with the number of sources and not with its power, and a source that does not help
    keeps strength 0. Stacking the sources' predictions by non-negative least squares inside the folds was the other
    candidate: it judges the sources as they stand, before the penalty has corrected them.

    Cost: one eigenproblem of size min(n, d) a fold; after that a point of the path costs O(n min(n, d)), with the
    Huber, Poisson and squared hinge losses O(n min(n, d)^2) for each of a few Newton steps.

    *When not to use it*: if the source's rows are at hand, joint estimation (:class:`crosstask.MultiTaskRegressor`)
    uses them better. On twenty rows cross-validation is itself uncertain: a source of opposite sign gets strength 0 on
    average, not always; :class:`crosstask.TransferGuard` bounds what that costs.

    References
    ----------
    .. [1] Chelba and Acero (2006), Adaptation of maximum entropy capitalizer: little data can help a lot, Computer
       Speech and Language 20(4).
    .. [2] Caruana, Niculescu-Mizil, Crew and Ksikes (2004), Ensemble selection from libraries of models, ICML.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import Ridge
    >>> from crosstask.datasets import make_related_tasks
    >>> from crosstask.transfer import PriorRegressor
    >>> tasks = make_related_tasks(n_tasks=2, n_rows=[200, 20], n_features=20, random_state=0)
    >>> old = tasks.task == 0
    >>> source = FrozenEstimator(Ridge().fit(tasks.X[old], tasks.y[old]))
    >>> model = PriorRegressor(source).fit(tasks.X[~old], tasks.y[~old])
    >>> model.strength_
    array([1.])
    """

    _losses = ("squared", "huber", "poisson")
    _classification = False

    def __init__(
        self,
        source: Any = None,
        *,
        alpha: Literal["auto"] | float = "auto",
        strength: Any = "auto",
        loss: Literal["squared", "huber", "poisson"] | Loss = "squared",
        cv: Any = None,
        n_alphas: int = 15,
        fit_intercept: bool = True,
        standardize: bool = True,
        tol: float = 1e-6,
        max_iter: int = 1000,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        PriorBase.__init__(
            self, source, loss, alpha, strength, cv, n_alphas, fit_intercept, standardize, tol, max_iter, random_state,
            n_jobs,
        )  # fmt: skip

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> PriorRegressor:
        """Learn from the target's rows.

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
        PriorRegressor
            Itself.
        """
        self._fit(X, y, sample_weight)
        return self

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss == "poisson" or isinstance(self.loss, Poisson)
        return tags


class PriorClassifier(LinearClassifierModel, PriorBase):
    r"""A linear classifier with a ridge penalty toward the coefficients of one or several sources.

    .. math::
        \min_{W, b} \; \frac{1}{n} \sum_i s_i L(y_i, W x_i + b)
        + \frac{\alpha}{2} \Big\| W - \sum_k a_k W_k \Big\|^2,

    L the logistic loss, the multinomial one for three classes and more, or the squared hinge of two classes.
    All else is as in :class:`PriorRegressor`; parameters and attributes are the same, with these differences.

    Parameters
    ----------
    source : fitted classifier, KnownCoefficients, or a list of these, default=None
        Its classes are matched by label: one that it does not know gets zeros, one that the target lacks gets half a
        prior row of each class at the target's mean, so that its probability stays positive. The coefficients are
        read as log-odds (squared hinge: as margins); those of ``LinearSVC`` and of ``SGDClassifier(loss="hinge")`` are
        margins, of another scale.
    loss : {"logistic", "squared_hinge"} or Loss, default="logistic"
        Log loss, in nats; or that of ``LinearSVC``, for two classes and without ``predict_proba``.
    alpha, strength, cv, n_alphas, fit_intercept, standardize, tol, max_iter, random_state, n_jobs
        As in :class:`PriorRegressor`; at strength 0 alpha equals ``LogisticRegression(C=1 / (n * alpha))``, and
        with the squared hinge ``LinearSVC(C=1 / (n * alpha))`` but for the intercept, which that one penalises.

    Attributes
    ----------
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        On the caller's columns.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Unpenalised.
    classes_ : ndarray
        Labels of the target and of the sources, sorted.
    alpha_, strength_, path_, gap_, n_iter_
        As in :class:`PriorRegressor`.

    Raises
    ------
    ValueError
        If a source has no linear coefficients on X's columns, or shares no class with y.
    NotFittedError
        If a source is not fitted, for instance because ``clone`` dropped its fit.

    Notes
    -----
    *When not to use it*: see :class:`PriorRegressor`.

    Examples
    --------
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.linear_model import LogisticRegression
    >>> from crosstask.datasets import make_related_tasks
    >>> from crosstask.transfer import PriorClassifier
    >>> tasks = make_related_tasks(n_tasks=2, n_rows=[400, 30], kind="classification", random_state=0)
    >>> old = tasks.task == 0
    >>> source = FrozenEstimator(LogisticRegression().fit(tasks.X[old], tasks.y[old]))
    >>> model = PriorClassifier(source).fit(tasks.X[~old], tasks.y[~old])
    >>> model.strength_
    array([1.])
    """

    _losses = ("logistic", "squared_hinge")
    _classification = True

    def __init__(
        self,
        source: Any = None,
        *,
        alpha: Literal["auto"] | float = "auto",
        strength: Any = "auto",
        loss: Literal["logistic", "squared_hinge"] | Loss = "logistic",
        cv: Any = None,
        n_alphas: int = 15,
        fit_intercept: bool = True,
        standardize: bool = True,
        tol: float = 1e-6,
        max_iter: int = 1000,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        PriorBase.__init__(
            self, source, loss, alpha, strength, cv, n_alphas, fit_intercept, standardize, tol, max_iter, random_state,
            n_jobs,
        )  # fmt: skip

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> PriorClassifier:
        """Learn from the target's rows.

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
        PriorClassifier
            Itself.
        """
        self._fit(X, y, sample_weight)
        return self

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = super().__sklearn_tags__()
        assert tags.classifier_tags is not None
        tags.classifier_tags.multi_class = not (self.loss == "squared_hinge" or isinstance(self.loss, SquaredHinge))
        return tags
