"""Sparse regression from the rows of other tasks, aggregated over nested sets of sources (Trans-Lasso)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from crosstask.losses import Loss, Squared
from crosstask.transfer._lasso import Floats
from crosstask.transfer._lasso_cv import Rows, splits
from crosstask.transfer._rows import TransferRows
from crosstask.transfer._trans_glm_base import TransGLMBase
from crosstask.transfer._trans_glm_fit import Steps, TwoSteps, fit_two_steps

TEMPERATURE = 4.0  # of the entropy, in noise variances: the least for which the oracle inequality holds


class TransLasso(TransGLMBase, RegressorMixin, BaseEstimator):
    r"""Sparse regression for one task from the rows of several, averaged over nested sets of sources.

    The sources are ordered by :math:`R_k = \sum_{j \in T_k} (c_{kj} - c_{0j})^2`, c the marginal covariances of the
    standardised columns with y in a task and :math:`T_k` the third of n columns where they differ most. For each of the
    sets :math:`G_l` of the first l sources the two steps of :class:`TransGLMRegressor` give a model
    :math:`\hat w_l`, l = 0 the lasso of the target, and the answer is :math:`\sum_l \theta_l \hat w_l` with

    .. math::
        \hat\theta = \arg\min_{\theta \in \Delta} \frac{1}{2 n} \Big[ |y - F\theta|^2 + \sum_l \theta_l |y - F_l|^2
        \Big] + \frac{4 \hat\sigma^2}{n} \sum_l \theta_l \log \theta_l,

    F the predictions of the target's rows by models that have not seen them.

    Parameters
    ----------
    target_task : task id, optional
        The task to serve. None: there is one task only, and this is a lasso.
    task_column : str or int, optional
        Column of X that holds the task ids; or pass ``task=`` to ``fit``.
    sources : "auto", "all" or list of task ids, default="auto"
        "auto" orders those that show that they tell something about the target, by the first test of
        :class:`TransGLMRegressor`; "all" orders every source, as published.
    level : float, default=0.05
        How often a source that tells nothing may pass that test.
    cv : int or list of (train, test) row positions, default=5
        Folds in which each set's penalties are chosen; a list also says which rows are held out for the weights.
    n_alphas, standardize, tol, max_iter, random_state
        As in :class:`TransGLMRegressor`.

    Attributes
    ----------
    coef_, intercept_ : ndarray of shape (n_features,), float
        Of the target's model.
    weights_ : ndarray of shape (n_sets,)
        :math:`\hat\theta`: of no source, the nearest, the two nearest, and so on.
    noise_ : float
        :math:`\hat\sigma^2`, the least mean squared held-out residual of a set.
    sources_ : DataFrame
        As in :class:`TransGLMRegressor`, but for ``weight``: the sum of :math:`\theta_l` over the sets that hold the
        source. Sources with the same rows share it.
    distances_ : ndarray of shape (n_sources,)
        :math:`R_k`; NaN for a source that is left out.
    gap_ : float
        The largest duality gap of any step, as a share of the loss of a constant.
    source_tasks_ : ndarray of shape (n_sources,)
        Sorted ids of the other tasks.

    Raises
    ------
    ValueError
        If the target has no row with a y, ``target_task`` or ``sources`` name a task that is not there, or columns are
        not numbers.

    Notes
    -----
    Where this departs from the paper. It gives a half of the target's rows to the aggregation and takes the noise
    variance as 1; here every row is held out once in five folds, at the penalties chosen on all rows, and the variance
    is estimated, so that the unit of y does not matter. And it has no test of a source: a set with useless sources
    predicts about as well as the target alone does, since the second step undoes the first, so that the aggregation
    cannot tell them apart and leaves such sources a third of the weight and more (measured, ``sources="all"``).

    Cost: for K sources in use, K + 1 times the two steps with their cross-validation, and ten more lassos.

    *When not to use it*: with other losses, for intervals, or where it must be fast (:class:`TransGLMRegressor`); or
    where the columns of the tasks have different covariances: the order of the sources compares covariances with y,
    not slopes.

    References
    ----------
    .. [1] Li, Cai and Li (2022), Transfer learning for high-dimensional linear regression: prediction, estimation and
       minimax optimality, JRSS B 84.
    .. [2] Dai, Rigollet and Zhang (2012), Deviation optimal learning using greedy Q-aggregation, Annals of
       Statistics 40.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask.transfer import TransLasso
    >>> rng = np.random.default_rng(0)
    >>> X, task = rng.standard_normal((260, 60)), np.repeat(["new", "old", "other"], [60, 100, 100])
    >>> slope = np.where(task == "other", -1.0, 1.0)
    >>> y = slope * X[:, :5].sum(axis=1) + rng.standard_normal(260)
    >>> model = TransLasso(target_task="new").fit(X, y, task=task)
    >>> model.weights_.round(2)  # of the target alone, and of "old" with it
    array([0.01, 0.99])
    """

    alpha: ClassVar[str] = "auto"
    debias_alpha: ClassVar[str] = "auto"
    _judges_together: ClassVar[bool] = False

    def __init__(
        self,
        target_task: Any = None,
        *,
        task_column: str | int | None = None,
        sources: Any = "auto",
        level: float = 0.05,
        cv: Any = 5,
        n_alphas: int = 50,
        standardize: bool = True,
        tol: float = 1e-6,
        max_iter: int = 10_000,
        random_state: Any = None,
    ) -> None:
        self.target_task = target_task
        self.task_column = task_column
        self.sources = sources
        self.level = level
        self.cv = cv
        self.n_alphas = n_alphas
        self.standardize = standardize
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    def _learn(self, target: Rows, used: list[Rows], steps: Steps) -> None:
        distance = _distances(target, used)
        order = np.argsort(distance, kind="stable")
        near = [used[k] for k in order]
        fits = _nested(target, near, [steps] * (len(used) + 1))
        self.noise_, self.weights_ = _aggregate(target, near, fits, steps)
        shares = list(zip(self.weights_, fits, strict=True))
        self._set_answer(
            np.sum([share * fit.coef for share, fit in shares], axis=0),
            float(sum(share * fit.intercept for share, fit in shares)),
        )
        self.gap_, self.n_iter_ = max(fit.gap for fit in fits), max(fit.n_iter for fit in fits)
        held = np.empty(len(used))
        held[order] = np.cumsum(self.weights_[::-1])[::-1][1:]
        self._give_weights(distance, held)

    def _give_weights(self, distance: Floats, held: Floats) -> None:
        """Write down distance and weight of each source; those with the same rows share a weight."""
        weight, same_as = self._judged["weight"], self._judged["same_as"]
        kept = np.flatnonzero(weight)
        place = np.unique(same_as[kept], return_inverse=True)[1]
        self.distances_ = np.full(len(weight), np.nan)
        self.distances_[kept] = distance[place]
        self._judged["weight"] = weight.copy()
        self._judged["weight"][kept] *= held[place]

    def _loss(self) -> Loss:
        return Squared()

    def _numeric_target(self, rows: TransferRows) -> Floats:
        assert rows.y is not None
        return rows.y.astype(np.float64)

    def _predict_table(self, table: Any) -> NDArray[np.float64]:
        return self._linear(table)


def _distances(target: Rows, sources: list[Rows]) -> Floats:
    """Return R_k of each source, over the columns where it differs most; columns in units of the target's spread."""
    share = target.weight / target.weight.sum()
    scale = np.sqrt(share @ (target.X - share @ target.X) ** 2)
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 1e-12 * (1.0 + np.abs(share @ target.X)))
    kept = max(1, min(len(scale), len(target.y) // 3))

    def covariance(rows: Rows) -> Floats:
        own = rows.weight / rows.weight.sum()
        return inverse * ((own * (rows.y - own @ rows.y)) @ (rows.X - own @ rows.X))

    at_home = covariance(target)
    return np.array([np.sort((covariance(rows) - at_home) ** 2)[-kept:].sum() for rows in sources])


def _nested(target: Rows, near: list[Rows], steps: list[Steps]) -> list[TwoSteps]:
    """Fit the two steps with none, the nearest, the two nearest, .. of the sources."""
    return [fit_two_steps(target, near[:size], each) for size, each in enumerate(steps)]


def _aggregate(target: Rows, near: list[Rows], fits: list[TwoSteps], steps: Steps) -> tuple[float, Floats]:
    """Return the noise variance and the weights of the sets, from rows that the models have not seen."""
    share = target.weight / target.weight.sum()
    dealt = splits(target, steps.judge_folds, steps.seed, steps.options)
    if not dealt or not near:
        spread = float(share @ (target.y - fits[0].predict(target.X)) ** 2)
        return spread, np.full(len(fits), 1.0 / len(fits))
    given = [replace(steps, alpha=fit.pooled.alpha, debias_alpha=fit.debias.alpha) for fit in fits]
    held_out = np.full((len(target.y), len(fits)), np.nan)
    for train, test in dealt:
        for size, fit in enumerate(_nested(target.take(train), near, given)):
            held_out[test, size] = fit.predict(target.X[test])
    seen = np.flatnonzero(np.isfinite(held_out[:, 0]))
    held_out, y, share = held_out[seen], target.y[seen], share[seen] / share[seen].sum()
    noise = float((share @ (y[:, None] - held_out) ** 2).min())
    return noise, q_aggregate(held_out, y, share, TEMPERATURE * noise / len(seen))


def q_aggregate(F: Floats, y: Floats, share: Floats, temperature: float) -> Floats:
    r"""Return the weights of the columns of F that minimise the objective of :class:`TransLasso`.

    By mirror descent with the entropy taken whole; ``share`` are the rows' weights, of sum 1.
    """
    residual = y[:, None] - F
    gram = residual.T @ (share[:, None] * residual)  # on the simplex y - F theta = residual theta
    own = np.diag(gram) / 2.0
    step = 1.0 / max(float(np.abs(gram).max()), 1e-300)
    theta = np.full(F.shape[1], 1.0 / F.shape[1])
    for _ in range(5000):
        slope = gram @ theta + own
        log = (np.log(np.maximum(theta, 1e-300)) - step * slope) / (1.0 + step * temperature)
        new = np.exp(log - log.max())
        new /= new.sum()
        moved = float(np.abs(new - theta).max())
        theta = new
        if moved < 1e-10:
            break
    return theta
