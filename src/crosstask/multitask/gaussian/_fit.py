"""Standardised rows, the parameters of largest posterior density, and the rows that stand for many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from crosstask.multitask.gaussian._likelihood import GPRows, Shape
from crosstask.multitask.gaussian._prior import USUAL_VARIANCE, Objective, Prior

Array = NDArray[np.float64]
Ints = NDArray[np.intp]

_LOG_OWN, _LOG_NOISE, _APART = (-12.0, 4.0), (-12.0, 2.0), (-4.0, 4.0)
_START_SHARED = 0.7
WHOLE_BLOCKS = 8


@dataclass(frozen=True)
class Scale:
    """Centre and spread of each column of X, and of y in each task."""

    x_mean: Array
    x_scale: Array
    y_mean: Array
    y_scale: Array

    @classmethod
    def learn(cls, rows: GPRows, n_tasks: int) -> Scale:
        r"""Read the scales; a task of few rows borrows its spread, for that of two rows says next to nothing.

        .. math:: \log s_t = \frac{(n_t - 1) \log \hat s_t + \log s}{n_t}

        with :math:`\hat s_t` the standard deviation of task t and s that inside all tasks, which a task with one row,
        or with one value of y, takes as it is.
        """
        share = rows.weight / rows.weight.sum()
        x_mean = share @ rows.X
        x_scale = np.sqrt(share @ (rows.X - x_mean) ** 2)
        x_scale[x_scale <= 1e-12 * (1.0 + np.abs(x_mean))] = 1.0
        total = np.bincount(rows.codes, rows.weight, n_tasks)
        y_mean = np.bincount(rows.codes, rows.weight * rows.y, n_tasks) / total
        squares = np.bincount(rows.codes, rows.weight * (rows.y - y_mean[rows.codes]) ** 2, n_tasks)
        inside = float(np.sqrt(squares.sum() / total.sum()))
        crowd = float(share @ rows.y)
        y_mean = np.where(total > 1.0, y_mean, crowd)
        floor = 1e-12 * (1.0 + float(np.abs(rows.y).max()))
        if inside <= floor:
            inside = max(float(np.sqrt(share @ (rows.y - crowd) ** 2)), 0.0)
        spread = np.sqrt(squares / total)
        common = inside if inside > floor else 1.0
        own = np.where((total > 1.0) & (spread > floor), spread, common)
        y_scale = own * (common / own) ** (1.0 / np.maximum(total, 1.0))
        return cls(x_mean, x_scale, y_mean, y_scale)

    def rows(self, rows: GPRows) -> GPRows:
        """Return the rows standardised."""
        y = (rows.y - self.y_mean[rows.codes]) / self.y_scale[rows.codes]
        return replace(rows, X=self.matrix(rows.X), y=y)

    def matrix(self, X: Array) -> Array:
        """Return X standardised."""
        return (X - self.x_mean) / self.x_scale


@dataclass(frozen=True)
class Optimum:
    """Parameters of the largest posterior density found, and the likelihood there."""

    vector: Array
    log_density: float
    log_likelihood: float
    n_iter: int
    converged: bool


@dataclass(frozen=True)
class Search:
    """How parameters are looked for.

    Parameters
    ----------
    own_kernels : bool or "auto"
        Whether each task's own part has a kernel of its own; "auto" asks the likelihood, where there are many rows.
    n_restarts, max_iter, tol
        Of L-BFGS.
    max_fit_rows : int
        Rows of a block of the likelihood.
    seed : int
    """

    own_kernels: bool | str
    n_restarts: int
    max_iter: int
    tol: float
    max_fit_rows: int
    seed: int

    def run(self, rows: GPRows, kernel: Any, shape: Shape) -> tuple[Optimum, Objective]:
        """Return the best parameters found, and what they maximise.

        Rows of all tasks come first, from every start; then each task's own rows are added. Kernels of the tasks' own
        start where each task by itself has ended, and stay where they are asked for, or where the likelihood rises by
        more than they have parameters (Akaike's criterion).
        """
        blocks = [rows]
        many = len(rows.y) > self.max_fit_rows
        if many:
            blocks = sample_blocks(rows, shape.n_tasks, self.max_fit_rows, self.seed)
        objective = Objective(blocks[:1], kernel, shape, Prior.make(kernel, shape))
        best = maximise(objective, self.n_restarts, self.max_iter, self.tol, self.seed)
        if shape.n_tasks == 1:
            return best, objective
        if many:
            objective = replace(objective, blocks=blocks)
            best = maximise_from(best.vector, objective, self.max_iter, self.tol)
        if shape.n_theta == 0 or not (self.own_kernels is True or (self.own_kernels == "auto" and many)):
            return best, objective
        wider = replace(shape, own_kernels=True)
        asked = Objective(blocks, kernel, wider, Prior.make(kernel, wider))
        found = maximise_from(self._from_each_alone(best.vector, asked), asked, self.max_iter, self.tol)
        pays = found.log_likelihood - best.log_likelihood > wider.sizes[1]
        return (found, asked) if pays or self.own_kernels is True else (best, objective)

    def _from_each_alone(self, together: Array, objective: Objective) -> Array:
        """Return a start: what tasks share as found together, kernels and noises of each as found by itself.

        Half of the variance that a task has by itself is its own.
        """
        kernel, shape = objective.kernel, replace(objective.shape, own_kernels=False)
        single = Shape(shape.n_theta, 1, 1)
        theta, _, loadings, own, noise = shape.cut(together)
        apart = np.zeros((shape.n_tasks, shape.n_theta))
        for t in range(shape.n_tasks):
            rows = _rows_of(objective.blocks, t)
            aim = Objective([rows], kernel, single, Prior.make(kernel, single))
            alone = maximise(aim, 0, self.max_iter, self.tol, self.seed)
            theta_t, _, loading, rest, errors = single.cut(alone.vector)
            apart[t] = np.clip(theta_t - theta, *_APART)
            own[t], noise[t] = 0.5 * (float(loading[0, 0]) ** 2 + rest[0]), errors[0]
        return np.concatenate([theta, apart.ravel(), loadings.ravel(), np.log(own), np.log(noise)])


def _rows_of(blocks: list[GPRows], task: int) -> GPRows:
    """Return a task's rows in the block that holds most of them."""
    block = max(blocks, key=lambda rows: np.count_nonzero(rows.codes == task))
    own = _take(block, np.flatnonzero(block.codes == task))
    return replace(own, codes=np.zeros_like(own.codes))


def maximise(objective: Objective, n_restarts: int, max_iter: int, tol: float, seed: int) -> Optimum:
    """Run L-BFGS from the default start and from random ones, and return the best end."""
    rng = np.random.default_rng(seed)
    ends: list[Optimum] = []
    for attempt in range(n_restarts + 1):
        start = _start(objective.kernel, objective.shape, rng, random=attempt > 0)
        ends.append(maximise_from(start, objective, max_iter, tol))
    return max(ends, key=lambda end: end.log_density)


def maximise_from(start: Array, objective: Objective, max_iter: int, tol: float) -> Optimum:
    """Run L-BFGS from one start."""
    found: Any = minimize(
        objective,
        start,
        method="L-BFGS-B",
        jac=True,
        bounds=bounds_of(objective.kernel, objective.shape),
        options={"maxiter": max_iter, "ftol": tol, "gtol": 100.0 * tol},
    )
    log_likelihood = objective.prior.cost(found.x) - float(found.fun)
    return Optimum(found.x, -float(found.fun), log_likelihood, int(found.nit), int(found.nit) < max_iter)


def bounds_of(kernel: Any, shape: Shape) -> list[Any]:
    """Return the bounds of each parameter, None for no bound."""
    lengths = [tuple(pair) for pair in np.atleast_2d(kernel.bounds)] if shape.n_theta else []
    _, n_apart, n_loadings, n_tasks, _ = shape.sizes
    return [
        *lengths,
        *[_APART] * n_apart,
        *[(None, None)] * n_loadings,
        *[_LOG_OWN] * n_tasks,
        *[_LOG_NOISE] * n_tasks,
    ]


def _start(kernel: Any, shape: Shape, rng: np.random.Generator, *, random: bool) -> Array:
    """Return a start: one direction shared by all tasks, the others small, so that they can part."""
    loadings = 0.1 * rng.normal(size=(shape.n_tasks, shape.rank))
    loadings[:, 0] = np.sqrt(_START_SHARED)
    theta = np.array(kernel.theta, dtype=np.float64)
    if random:
        loadings = rng.normal(size=loadings.shape) / np.sqrt(shape.rank)
        if shape.n_theta:
            low, high = np.atleast_2d(kernel.bounds).T
            theta = np.clip(theta + rng.normal(size=len(theta)), low, high)
    return np.concatenate([theta, loadings.ravel(), np.full(2 * shape.n_tasks, np.log(USUAL_VARIANCE))])


def sample_blocks(rows: GPRows, n_tasks: int, n_wanted: int, seed: int) -> list[GPRows]:
    """Return blocks of at most n_wanted rows whose likelihoods add up: one over all tasks, then one of each task.

    The first says what tasks have in common; what is a task's own shows only where its rows are close. More than
    ``WHOLE_BLOCKS`` tasks have smaller blocks, so that together they cost no more than so many of n_wanted rows.
    """
    mixed = _take(rows, spread_rows(rows.codes, n_wanted, seed))
    each = round(n_wanted * min(1.0, (WHOLE_BLOCKS / n_tasks) ** (1.0 / 3.0)))
    rng = np.random.default_rng(seed)
    own = [rng.permutation(np.flatnonzero(rows.codes == t))[:each] for t in range(n_tasks)]
    return [mixed, *(_take(rows, np.sort(chosen)) for chosen in own if len(chosen))]


def _take(rows: GPRows, chosen: Ints) -> GPRows:
    return GPRows(rows.X[chosen], rows.codes[chosen], rows.y[chosen], rows.weight[chosen])


def spread_rows(codes: Ints, n_wanted: int, seed: int) -> Ints:
    """Return the positions of n_wanted rows, the same share of each task but at least one."""
    rng = np.random.default_rng(seed)
    chosen = [
        rng.permutation(own)[: max(1, round(n_wanted * len(own) / len(codes)))]
        for own in (np.flatnonzero(codes == t) for t in np.unique(codes))
    ]
    return np.sort(np.concatenate(chosen))
