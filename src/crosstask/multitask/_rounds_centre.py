"""The centre of a logistic regression by rounds: Newton's steps from the sums that the sites send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from crosstask.couplings import Coupling, Independent, MeanTied, Pooled
from crosstask.losses import Logistic, as_loss
from crosstask.multitask._add_task import Fitted
from crosstask.multitask._choice import CROWD
from crosstask.multitask._from_statistics import read_columns
from crosstask.multitask._rounds import Answer, LogisticSite, Question, check_classes
from crosstask.solvers._newton import Model, smooth_step
from crosstask.solvers._threads import one_blas_thread
from crosstask.summaries import TaskStatistics
from crosstask.summaries._cells import Cells
from crosstask.summaries._rows import deviation

Array = NDArray[np.float64]
SEARCH, FINAL = 1e-7, 1e-12  # of the objective: what the last step still gains, in the search for alpha and at the end
MOST_ROUNDS = 100


@dataclass
class _Rows:
    """What is known of the rows that a fit may use: those outside of one fold, or all."""

    held_out: int
    total: Array  # (T,)
    mean: Array  # (T, d)
    lacking: NDArray[np.bool_]  # (T,): has one class, so that two prior rows at its mean come to its help
    intercept: Array  # (T,): of the null model


@dataclass
class _Fit:
    """One fit in progress, slopes in standardised columns: a point that is accepted, and a step being tried."""

    rows: _Rows
    alpha: Any  # a number, or one for each task
    V: Array
    b: Array
    objective: float = np.inf
    delta: Array = field(default_factory=lambda: np.zeros(0))
    follow: Array = field(default_factory=lambda: np.zeros(0))
    t: float = 0.0
    gain: float = np.inf
    done: bool = False

    @property
    def trial(self) -> tuple[Array, Array]:
        """The point whose sums are asked for."""
        return (self.V, self.b) if self.t == 0.0 else (self.V + self.t * self.delta, self.b + self.t * self.follow)


class LogisticCentre:
    r"""Fit a ``MultiTaskClassifier`` from what sites answer, without a row leaving its site.

    Newton's method on the joint objective of ``MultiTaskClassifier``: with the sums g and H of all sites at the present
    coefficients, the step minimises :math:`g'\delta + \delta'H\delta / 2 + \alpha R(W + \delta)`, halved while the
    objective does not fall. Prior rows of tasks that lack a class are added here.

    Parameters
    ----------
    model : MultiTaskClassifier
        Unfitted; "independent", "pooled" or "mean_tied", and the logistic loss. With ``alpha="auto"`` the folds of the
        sites are held out: all alphas and folds go through the same rounds.
    summaries : sequence of TaskStatistics
        ``site.summary()`` of every site.
    classes : sequence of two labels
        Those on which the sites have agreed, in sorted order.

    Attributes
    ----------
    n_rounds_ : int
        Rounds so far.
    model_ : MultiTaskClassifier
        The fitted model, once ``question()`` is None.

    Raises
    ------
    ValueError
        If an option needs rows, or the summaries do not go together.

    Notes
    -----
    About six rounds for a fit at one alpha, twice that with the choice of alpha. ``gap_`` is what the last step gained,
    as a share of the null model's objective, for a duality gap needs the rows.

    See Also
    --------
    LogisticSite : with an example.

    Examples
    --------
    >>> import numpy as np
    >>> from crosstask import LogisticSite, MultiTaskClassifier
    >>> X, y = np.arange(40.0).reshape(-1, 1) % 7, np.arange(40) % 7 > 3
    >>> sites = [LogisticSite(X[k::2], y[k::2], ["a"] * 20, classes=[False, True]) for k in (0, 1)]
    >>> centre = LogisticCentre(MultiTaskClassifier(alpha=0.1), [s.summary() for s in sites], classes=[False, True])
    >>> while (question := centre.question()) is not None:
    ...     centre.step([site.round(question) for site in sites])
    >>> centre.model_.coef_, centre.n_rounds_ < 10
    (array([[1.01]]), True)
    """

    def __init__(self, model: Any, summaries: Sequence[TaskStatistics], *, classes: Any) -> None:
        self._coupling = _checked(model)
        model.classes_ = check_classes(classes)
        self.model_ = model
        self._summary = reduce(lambda one, other: one.merge(other), summaries)
        if model.alpha == "auto" and not self._summary.n_folds:
            raise ValueError("alpha='auto' holds folds out, and the sites have none: give a number as alpha.")
        self._cells = self._summary.cells()
        whole = self._cells.over_folds()
        self._scale = deviation(whole) if model.standardize else np.ones(self._summary.n_features_)
        self._all = _rows_without(self._cells, -1)
        self.n_rounds_ = 0
        self.path_: dict[str, Any] = {}
        self._fits: list[_Fit] = []
        self._held: list[Array] = []
        self._null: Model | None = None
        self._finished = False
        self._begin([self._all], [1.0] if model.alpha == "auto" else [float(model.alpha)])
        self._final = model.alpha != "auto"

    def _begin(self, rows: list[_Rows], alphas: Sequence[Any]) -> None:
        """Put fits at the null model, one for each set of rows and alpha."""
        d = self._summary.n_features_
        self._fits = [
            _Fit(one, alpha, np.zeros((len(one.total), d)), one.intercept) for one in rows for alpha in alphas
        ]
        self._held = [np.zeros(len(one.total)) for one in rows for _ in alphas]

    def question(self) -> Question | None:
        """Return what to ask of every site next, None when the model is fitted."""
        if self._finished:
            return None
        points = [fit.trial for fit in self._fits]
        return Question(
            tasks=self._summary.tasks_,
            coef=np.stack([V / self._scale for V, _ in points]),
            intercept=np.stack([b for _, b in points]),
            origin=np.stack([fit.rows.mean for fit in self._fits]),
            held_out=np.array([fit.rows.held_out for fit in self._fits], dtype=np.intp),
        )

    def step(self, answers: Sequence[Answer]) -> None:
        """Take the answers of all sites to the question in hand, and move on."""
        value, gradient, hessian, held = _added(answers, self._summary.tasks_, len(self._fits))
        self.n_rounds_ += 1
        with one_blas_thread():
            for j, fit in enumerate(self._fits):
                objective, model, slope = self._sums(fit, value[j], gradient[j], hessian[j])
                if self._null is None:
                    self._null = model
                    self.null_objective_ = objective
                if not fit.done:
                    self._held[j] = held[j]
                    self._advance(fit, objective, model, slope)
        if not self._final and self.n_rounds_ == 1:
            self._search()
        elif all(fit.done for fit in self._fits) or self.n_rounds_ >= MOST_ROUNDS:
            self._finish() if self._final else self._choose()

    def run(self, sites: Sequence[LogisticSite]) -> Any:
        """Ask and step until the model is fitted, with sites that are in this process."""
        while (question := self.question()) is not None:
            self.step([site.round(question) for site in sites])
        return self.model_

    def _sums(self, fit: _Fit, value: Array, gradient: Array, hessian: Array) -> tuple[float, Model, Array]:
        """Return the objective, and its quadratic model in the slopes with the intercepts eliminated."""
        rows, (V, b) = fit.rows, fit.trial
        prior, p = rows.lacking.astype(np.float64), expit(b)
        share = self._share(rows)
        smooth = share * (value + 0.5 * prior * (np.logaddexp(0.0, b) + np.logaddexp(0.0, -b)))
        slope = share[:, None] * gradient[:, :-1] / self._scale
        level = share * (gradient[:, -1] + prior * (p - 0.5))
        own = share * (hessian[:, -1, -1] + prior * p * (1.0 - p))
        own = np.where(own > 0, own, 1.0)
        cross = share[:, None] * hessian[:, :-1, -1] / self._scale
        G = share[:, None, None] * hessian[:, :-1, :-1] / (self._scale[:, None] * self._scale)
        model = Model(
            G - cross[:, :, None] * cross[:, None, :] / own[:, None, None],
            slope - cross * (level / own)[:, None],
            (cross / own[:, None])[:, None],
            (level / own)[:, None],
        )
        return float(smooth.sum()) + self._penalty(fit.alpha, V), model, np.column_stack([slope, level])

    def _share(self, rows: _Rows) -> Array:
        """c_t / n of each task."""
        filled = rows.total > 0
        if self.model_.task_weight == "rows":
            return filled / rows.total.sum()
        return np.divide(1.0 / filled.sum(), rows.total, out=np.zeros_like(rows.total), where=filled)

    def _penalty(self, alpha: Any, V: Array) -> float:
        if np.ndim(alpha):
            return 0.5 * self._coupling.weight * float(alpha @ (V**2).sum(axis=1))
        return float(alpha) * self._coupling.value(V[:, None])

    def _advance(self, fit: _Fit, objective: float, model: Model, slope: Array) -> None:
        """Accept the point that was tried and plan the next step from it, or halve the step."""
        if objective > fit.objective + 1e-14 * abs(fit.objective):
            fit.t *= 0.5
            fit.done = fit.t < 1e-6
            return
        fit.V, fit.b = fit.trial
        fit.objective, fit.t = objective, 1.0
        fit.delta = _slopes_step(self._coupling, model, fit.V, fit.alpha)
        fit.follow = -(model.shift + (model.to_intercept @ fit.delta[..., None])[..., 0])[:, 0]
        moved = self._penalty(fit.alpha, fit.V + fit.delta) - self._penalty(fit.alpha, fit.V)
        fit.gain = -(float(np.vdot(slope[:, :-1], fit.delta) + slope[:, -1] @ fit.follow) + moved)
        fit.done = fit.gain <= (FINAL if self._final else SEARCH) * self.null_objective_
        if fit.done and self._final:
            fit.V, fit.b = fit.trial  # the last step is taken unseen: what it misses is the square of what it gains

    def _search(self) -> None:
        """Lay the grid of alphas from the null model, and begin every fold at every alpha."""
        null = self._null
        assert null is not None

        def eigenvalues(*, pooled: bool = False) -> Array:
            values = np.linalg.eigvalsh(null.G.sum(axis=0) if pooled else null.G).ravel()
            return np.maximum(values, 0.0)

        largest, smallest = self._coupling.alpha_range(SimpleNamespace(null_eigenvalues=eigenvalues))  # type: ignore[arg-type]
        self.path_["alpha"] = np.geomspace(largest, smallest, self.model_.n_alphas)
        used = [f for f in range(self._summary.n_folds) if self._cells.count[:, f].any()]
        self._begin([_rows_without(self._cells, f) for f in used], self.path_["alpha"].tolist())

    def _choose(self) -> None:
        """Take the alpha with the least loss on the rows held out, and begin the fit of all rows."""
        alphas, n_folds = self.path_["alpha"], len(self._fits) // len(self.path_["alpha"])
        share = self._share(self._all) * self._all.total.sum()  # c_t
        judged = np.stack([fit.rows.total > 0 for fit in self._fits]).reshape(n_folds, len(alphas), -1)
        loss = (np.stack(self._held).reshape(judged.shape) * judged).sum(axis=0) * share
        weight = np.zeros(loss.shape[1])
        for fit in self._fits[:: len(alphas)]:
            weight += self._cells.total[:, fit.rows.held_out] * (fit.rows.total > 0) * share
        mean = loss.sum(axis=1) / weight.sum()
        own = np.divide(loss, weight, out=np.full(loss.shape, np.nan), where=weight > 0)
        self.path_ |= {"cv_loss": mean, "cv_se": np.full_like(mean, np.nan), "task_cv_loss": own, "n_folds": n_folds}
        chosen: Any = float(alphas[np.argmin(mean)])
        if isinstance(self._coupling, Independent) and len(weight) > 1:
            chosen = alphas[np.argmin(loss + CROWD * mean[:, None], axis=0)]
        self._final = True
        self._begin([self._all], [chosen])

    def _finish(self) -> None:
        fit, model = self._fits[0], self.model_
        self._finished = True
        model.tasks_, model.wide_order_ = self._summary.tasks_, None
        model.door_ = read_columns(model, self._summary)
        model.columns_ = self._summary.feature_names_ or [f"x{j}" for j in range(self._summary.n_features_)]
        model.measured_, model.loss_, model.coupling_ = None, Logistic(), self._coupling
        model._weight_of_class = None
        model._fitted = Fitted(self._scale, float(self._all.total.sum()), len(model.tasks_))
        model.alpha_, model.path_ = fit.alpha, self.path_
        model.coef_ = fit.V / self._scale
        model.intercept_ = fit.b - (model.coef_ * fit.rows.mean).sum(axis=1)
        model.support_ = model.coef_ != 0
        model.gap_, model.objective_ = max(fit.gain, 0.0) / self.null_objective_, fit.objective
        model.n_iter_, model.solver_ = self.n_rounds_, "newton_by_rounds"
        centre = self._coupling.centre(fit.V[:, None])
        model.shared_coef_ = (fit.V.mean(axis=0) if centre is None else centre[0]) / self._scale
        if model.unseen_task == "mean":
            model.unseen_coef_, model.unseen_intercept_ = model.coef_.mean(axis=0), model.intercept_.mean(axis=0)


def _checked(model: Any) -> Coupling:
    """Return the coupling of a model whose options can be met without rows."""
    coupling = model._check_options()
    if type(as_loss(model.loss, n_classes=2)) is not Logistic:
        raise ValueError(f"loss={model.loss!r} does not go by rounds: use loss='logistic'.")
    if type(coupling) not in (Independent, Pooled, MeanTied):
        raise ValueError(f"{coupling} does not go by rounds: use 'independent', 'pooled' or 'mean_tied'.")
    for name, allowed in (("fit_intercept", True), ("measured", None), ("class_weight", None), ("cv", None)):
        if getattr(model, name) is not allowed:
            raise ValueError(f"{name}={getattr(model, name)!r} does not go by rounds: leave it at {allowed}.")
    if model.unseen_task == "pooled":
        raise ValueError("unseen_task='pooled' does not go by rounds: use 'mean' or 'error'.")
    return coupling


def _rows_without(cells: Cells, fold: int) -> _Rows:
    kept = np.arange(cells.total.shape[1]) != fold
    part = Cells(
        cells.total[:, kept], cells.count[:, kept], cells.origin, cells.offset[:, kept], cells.scatter[:, kept]
    )
    whole = part.over_folds()
    total, mean = whole.total[:, 0], whole.origin + whole.offset[:, 0]
    lacking = (whole.scatter[:, 0, -1, -1] == 0.0) & (total > 0)  # all labels are the same, exactly
    ones = total * np.clip(mean[:, -1], 0.0, 1.0)
    rate = np.divide(ones + 0.5 * lacking, total + lacking, out=np.full_like(total, 0.5), where=total > 0)
    return _Rows(fold, total, mean[:, :-1], lacking, logit(rate))


def _added(answers: Sequence[Answer], tasks: NDArray[Any], n_fits: int) -> tuple[Array, Array, Array, Array]:
    """Add up what the sites have sent, each sum in the place of its task."""
    p = answers[0].gradient.shape[2]
    T = len(tasks)
    out = (np.zeros((n_fits, T)), np.zeros((n_fits, T, p)), np.zeros((n_fits, T, p, p)), np.zeros((n_fits, T)))
    for answer in answers:
        place = np.searchsorted(tasks, answer.tasks)
        parts = (answer.value, answer.gradient, answer.hessian, answer.held_loss)
        for total, part in zip(out, parts, strict=True):
            if len(part) != n_fits:
                raise ValueError("an answer is to another question: ask every site the question in hand.")
            total[:, place] += part
    return out


def _slopes_step(coupling: Coupling, model: Model, V: Array, alpha: Any) -> Array:
    """Minimise the quadratic model plus alpha R exactly."""
    if np.ndim(alpha):
        ridge = (alpha * coupling.weight)[:, None]
        right = -(model.r + ridge * V)
        return np.linalg.solve(model.G + ridge[..., None] * np.eye(V.shape[1]), right[..., None])[..., 0]
    return smooth_step(coupling, model, V[:, None], float(alpha))
