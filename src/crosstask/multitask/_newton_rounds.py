"""Newton's steps of a joint fit, from sums over rows that somebody else takes: sites, or passes over a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings import Coupling, Independent, MeanTied, Pooled
from crosstask.losses import Loss
from crosstask.multitask._add_task import Fitted
from crosstask.multitask._choice import CROWD
from crosstask.multitask._from_statistics import read_columns
from crosstask.multitask._row_sums import Answer, Question
from crosstask.multitask._rows_known import KnownRows, known_rows
from crosstask.solvers._newton import Model, smooth_step
from crosstask.solvers._threads import one_blas_thread
from crosstask.summaries import TaskStatistics
from crosstask.summaries._rows import deviation

Array = NDArray[np.float64]
SEARCH, FINAL = 1e-7, 1e-12  # of the objective: what the last step still gains, in the search for alpha and at the end
MOST_ROUNDS = 100
COUPLINGS = (Independent, Pooled, MeanTied)


@dataclass
class Descent:
    """One fit in progress, slopes in standardised columns: a point that is accepted, and a step being tried."""

    rows: KnownRows
    alpha: Any  # a number, infinity for the intercepts alone, or one for each task
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


class NewtonRounds:
    r"""The joint objective minimised by Newton's method, all folds and alphas at once.

    Each round asks for the sums of the loss at the present coefficients. The step minimises
    :math:`g'\delta + \delta'H\delta / 2 + \alpha R(W + \delta)`, and is halved while the objective does not fall. With
    ``alpha="auto"`` the null model comes first, then every fold at every alpha, then the fit of all rows.

    Parameters
    ----------
    model : MultiTaskClassifier or MultiTaskRegressor
        Its options are read; ``finish`` fills in what a fit sets.
    coupling, loss : Coupling, Loss
        What its parameters stand for.
    summary : TaskStatistics
        Moments of all rows, folds kept apart where alpha is to be chosen.
    """

    def __init__(self, model: Any, coupling: Coupling, loss: Loss, summary: TaskStatistics) -> None:
        if model.alpha == "auto" and not summary.n_folds:
            raise ValueError("alpha='auto' holds folds out, and there are none: give a number as alpha.")
        self.model, self.coupling, self.loss, self.summary = model, coupling, loss, summary
        self._cells = summary.cells()
        self._scale = deviation(self._cells.over_folds()) if model.standardize else np.ones(summary.n_features_)
        self._all = known_rows(loss, self._cells, -1)
        self.n_rounds = 0
        self.path: dict[str, Any] = {}
        self.fits: list[Descent] = []
        self.held: list[Array] = []
        self.null_objective: float | None = None
        self.stage = "null" if model.alpha == "auto" else "final"
        self._begin([self._all], [np.inf if model.alpha == "auto" else float(model.alpha)])

    def _begin(self, rows: list[KnownRows], alphas: Sequence[Any]) -> None:
        """Put fits at the null model, one for each set of rows and alpha."""
        d = self.summary.n_features_
        self.fits = [
            Descent(one, alpha, np.zeros((len(one.total), d)), one.intercept) for one in rows for alpha in alphas
        ]
        self.held = [np.zeros(len(one.total)) for one in rows for _ in alphas]

    def restart(self, held_out: Sequence[int], alphas: Sequence[Any]) -> None:
        """Begin the fits that a checkpoint names, each with the fold that it leaves out."""
        known = {fold: known_rows(self.loss, self._cells, fold) for fold in set(held_out)}
        self._begin([known[fold] for fold in held_out], [0.0])
        for fit, alpha in zip(self.fits, alphas, strict=True):
            fit.alpha = alpha

    def question(self) -> Question | None:
        """Return what to ask of all rows next, None when the model is fitted."""
        if self.stage == "done":
            return None
        points = [fit.trial for fit in self.fits]
        return Question(
            tasks=self.summary.tasks_,
            coef=np.stack([V / self._scale for V, _ in points]),
            intercept=np.stack([b for _, b in points]),
            origin=np.stack([fit.rows.mean for fit in self.fits]),
            held_out=np.array([fit.rows.held_out for fit in self.fits], dtype=np.intp),
        )

    def step(self, answer: Answer) -> None:
        """Take the sums over all rows at the question in hand, and move on."""
        if len(answer.value) != len(self.fits):
            raise ValueError("an answer is to another question: ask every site the question in hand.")
        self.n_rounds += 1
        null: Model | None = None
        with one_blas_thread():
            for j, fit in enumerate(self.fits):
                if fit.done:
                    continue
                objective, model, slope = self._sums(fit, answer.value[j], answer.gradient[j], answer.hessian[j])
                if self.null_objective is None:
                    self.null_objective = objective
                self.held[j] = answer.held_loss[j]
                self._advance(fit, objective, model, slope)
                if self.stage == "null":
                    self.null_objective, null = fit.objective, model
        if not all(fit.done for fit in self.fits) and self.n_rounds < MOST_ROUNDS:
            return
        if self.stage == "null":
            assert null is not None
            self._search(null)
        elif self.stage == "search":
            self._choose()
        else:
            self.stage = "done"

    def _sums(self, fit: Descent, value: Array, gradient: Array, hessian: Array) -> tuple[float, Model, Array]:
        """Return the objective, and its quadratic model in the slopes with the intercepts eliminated."""
        rows, (V, b) = fit.rows, fit.trial
        share = self._share(rows)
        prior = rows.prior(self.loss, b)
        smooth = share * (value + prior.value)
        slope = share[:, None] * gradient[:, :-1] / self._scale
        level = share * (gradient[:, -1] + prior.slope)
        own = share * (hessian[:, -1, -1] + prior.curvature)
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

    def _share(self, rows: KnownRows) -> Array:
        """c_t / n of each task."""
        filled = rows.total > 0
        if self.model.task_weight == "rows":
            return filled / rows.total.sum()
        return np.divide(1.0 / filled.sum(), rows.total, out=np.zeros_like(rows.total), where=filled)

    def _penalty(self, alpha: Any, V: Array) -> float:
        if np.ndim(alpha):
            return 0.5 * self.coupling.weight * float(alpha @ (V**2).sum(axis=1))
        return 0.0 if np.isinf(alpha) else float(alpha) * self.coupling.value(V[:, None])

    def _advance(self, fit: Descent, objective: float, model: Model, slope: Array) -> None:
        """Accept the point that was tried and plan the next step from it, or halve the step."""
        assert self.null_objective is not None
        if objective > fit.objective + 1e-14 * abs(fit.objective):
            fit.t *= 0.5
            fit.done = fit.t < 1e-6
            return
        fit.V, fit.b = fit.trial
        fit.objective, fit.t = objective, 1.0
        fit.delta = self._slopes_step(model, fit.V, fit.alpha)
        fit.follow = -(model.shift + (model.to_intercept @ fit.delta[..., None])[..., 0])[:, 0]
        moved = self._penalty(fit.alpha, fit.V + fit.delta) - self._penalty(fit.alpha, fit.V)
        fit.gain = -(float(np.vdot(slope[:, :-1], fit.delta) + slope[:, -1] @ fit.follow) + moved)
        fit.done = fit.gain <= (SEARCH if self.stage == "search" else FINAL) * self.null_objective
        if fit.done and self.stage == "final":
            fit.V, fit.b = fit.trial  # the last step is taken unseen: what it misses is the square of what it gains

    def _slopes_step(self, model: Model, V: Array, alpha: Any) -> Array:
        """Minimise the quadratic model plus alpha R exactly."""
        if np.ndim(alpha):
            ridge = (alpha * self.coupling.weight)[:, None]
            right = -(model.r + ridge * V)
            return np.linalg.solve(model.G + ridge[..., None] * np.eye(V.shape[1]), right[..., None])[..., 0]
        return np.zeros_like(V) if np.isinf(alpha) else smooth_step(self.coupling, model, V[:, None], float(alpha))

    def _search(self, null: Model) -> None:
        """Lay the grid of alphas from the null model, and begin every fold at every alpha."""

        def eigenvalues(*, pooled: bool = False) -> Array:
            values = np.linalg.eigvalsh(null.G.sum(axis=0) if pooled else null.G).ravel()
            return np.maximum(values, 0.0)

        largest, smallest = self.coupling.alpha_range(SimpleNamespace(null_eigenvalues=eigenvalues))  # type: ignore[arg-type]
        self.path["alpha"] = np.geomspace(largest, smallest, self.model.n_alphas)
        self.stage = "search"
        self._begin([known_rows(self.loss, self._cells, f) for f in self._used_folds], self.path["alpha"].tolist())

    @property
    def _used_folds(self) -> list[int]:
        return [f for f in range(self.summary.n_folds) if self._cells.count[:, f].any()]

    def _choose(self) -> None:
        """Take the alpha with the least loss on the rows held out, and begin the fit of all rows."""
        alphas, n_folds = self.path["alpha"], len(self.fits) // len(self.path["alpha"])
        share = self._share(self._all) * self._all.total.sum()  # c_t
        judged = np.stack([fit.rows.total > 0 for fit in self.fits]).reshape(n_folds, len(alphas), -1)
        loss = (np.stack(self.held).reshape(judged.shape) * judged).sum(axis=0) * share
        weight = np.zeros(loss.shape[1])
        for fit in self.fits[:: len(alphas)]:
            weight += self._cells.total[:, fit.rows.held_out] * (fit.rows.total > 0) * share
        mean = loss.sum(axis=1) / weight.sum()
        own = np.divide(loss, weight, out=np.full(loss.shape, np.nan), where=weight > 0)
        self.path |= {"cv_loss": mean, "cv_se": np.full_like(mean, np.nan), "task_cv_loss": own, "n_folds": n_folds}
        chosen: Any = float(alphas[np.argmin(mean)])
        if isinstance(self.coupling, Independent) and len(weight) > 1:
            chosen = alphas[np.argmin(loss + CROWD * mean[:, None], axis=0)]
        self.stage = "final"
        self._begin([self._all], [chosen])

    def finish(self) -> Any:
        """Set on the model what ``fit`` sets, and return it."""
        assert self.null_objective is not None
        fit, model = self.fits[0], self.model
        model.tasks_, model.wide_order_ = self.summary.tasks_, None
        model.door_ = read_columns(model, self.summary)
        model.columns_ = self.summary.feature_names_ or [f"x{j}" for j in range(self.summary.n_features_)]
        model.measured_, model.loss_, model.coupling_ = None, self.loss, self.coupling
        rate = self._all.rate if self.loss.log_link else 0.0
        model._fitted = Fitted(self._scale, float(self._all.total.sum()), len(model.tasks_), rate)
        model.alpha_, model.path_ = fit.alpha, self.path
        model.coef_ = fit.V / self._scale
        model.intercept_ = fit.b - (model.coef_ * fit.rows.mean).sum(axis=1)
        model.support_ = model.coef_ != 0
        model.gap_, model.objective_ = max(fit.gain, 0.0) / self.null_objective, fit.objective
        model.n_iter_, model.solver_ = self.n_rounds, "newton_by_rounds"
        centre = self.coupling.centre(fit.V[:, None])
        model.shared_coef_ = (fit.V.mean(axis=0) if centre is None else centre[0]) / self._scale
        if model.unseen_task == "mean":
            model.unseen_coef_, model.unseen_intercept_ = model.coef_.mean(axis=0), model.intercept_.mean(axis=0)
        return model


def check_for_rounds(model: Any) -> Coupling:
    """Return the coupling of a model whose options can be met by rounds.

    Raises
    ------
    ValueError
        If one cannot.
    """
    coupling = model._check_options()
    if type(coupling) not in COUPLINGS:
        raise ValueError(f"{coupling} does not go by rounds: use 'independent', 'pooled' or 'mean_tied'.")
    allowed = (
        ("fit_intercept", True),
        ("measured", None),
        ("class_weight", None),
        ("exposure_column", None),
        ("cv", None),
    )
    for name, only in allowed:
        if getattr(model, name, only) is not only:
            raise ValueError(f"{name}={getattr(model, name)!r} does not go by rounds: leave it at {only}.")
    if model.unseen_task == "pooled":
        raise ValueError("unseen_task='pooled' does not go by rounds: use 'mean' or 'error'.")
    return coupling
