"""Problems that solvers meet, pleasant and otherwise."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from crosstask.losses import Huber, Logistic, Multinomial, Poisson, Quantile, Squared, SquaredHinge
from crosstask.tasks import TaskData, TaskRows, column_scale

# The two that follow the spread of y get fixed widths, so that the same loss meets every set of rows.
LOSSES = {
    "squared": Squared(),
    "huber": Huber(0.7),
    "quantile": Quantile(0.3, smoothing=0.2),
    "poisson": Poisson(),
    "logistic": Logistic(),
    "multinomial": Multinomial(),
    "squared_hinge": SquaredHinge(),
}
OUTPUTS = dict.fromkeys(LOSSES) | {"logistic": 2, "squared_hinge": 2, "multinomial": 3}


def target(z, loss, rng):
    noisy = z + rng.normal(size=len(z))
    if loss in ("squared", "huber", "quantile"):
        return noisy
    if loss == "poisson":
        return rng.poisson(np.exp(np.clip(z, -3.0, 3.0))).astype(float)
    if loss in ("logistic", "squared_hinge"):
        return (noisy > np.median(noisy)).astype(float)
    return np.digitize(noisy, np.quantile(noisy, [0.35, 0.7])).astype(float)


def related(loss="squared", *, T=3, d=4, n=45, seed=0, weighted=True, noise=1.0):
    """Tasks of unequal size with slopes that share a part, not separable."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + 1.0
    task = rng.choice(T, size=n, p=np.arange(1, T + 1) / (T * (T + 1) / 2))
    task[:T] = np.arange(T)
    W = 0.5 * rng.normal(size=d) + 0.3 * rng.normal(size=(T, d))
    y = target(np.einsum("ij,ij->i", X, W[task]) * noise, loss, rng)
    weight = rng.uniform(0.5, 2.0, n) if weighted else None
    return TaskData.from_arrays(X, y, task, sample_weight=weight, n_classes=OUTPUTS[loss])


def wide(X, Y, n_classes=None, weight=None):
    """Data of the wide door: NaN in Y is not observed."""
    codes, table_row = np.nonzero(~np.isnan(Y).T)
    y = Y[table_row, codes]
    rows = TaskRows(X, y, codes, np.arange(Y.shape[1]), weight, table_row, "wide")
    return TaskData.from_rows(rows, X, y, n_classes=n_classes)


def long_form(data):
    """The same pairs with one row of X each."""
    return TaskData.from_arrays(
        data.pair_rows(), data.y, data.tasks[data.codes], sample_weight=data.sample_weight, n_classes=data.n_classes
    )


def zoo(loss):
    """Yield (name, data) of awkward problems that still have an optimum."""
    rng = np.random.default_rng(1)
    k = OUTPUTS[loss]

    def data(X, task, weight=None):
        y = target(np.asarray(X @ np.full(X.shape[1], 0.3)), loss, np.random.default_rng(2))
        made = TaskData.from_arrays(X, y, task, sample_weight=weight, n_classes=k)
        if loss == "poisson":
            return made.with_prior_counts()
        return made if k is None else made.with_prior_rows()

    X, task = rng.normal(size=(60, 5)), np.arange(60) % 3
    yield "plain", data(X, task)
    yield "rank-deficient", data(X @ rng.normal(size=(5, 2)) @ rng.normal(size=(2, 5)), task)
    yield "one row in a task", data(X, np.where(np.arange(60) == 7, 9, task))
    yield "constant column", data(np.column_stack([X, np.full(60, 7.0)]), task)
    scaled = data(X * np.array([1e-8, 1e-4, 1.0, 1e4, 1e8]), task)
    yield "scales 1e-8 to 1e8, standardized", scaled.scaled(column_scale(scaled))
    yield "duplicated rows", data(np.repeat(X[:20], 3, axis=0), np.repeat(task[:20], 3))
    yield "duplicated columns", data(np.hstack([X, X]), task)
    yield "one task", data(X, np.zeros(60))
    yield "more columns than rows", data(rng.normal(size=(30, 45)), np.arange(30) % 3)
    yield "sparse", data(_csr(rng), task)
    yield "far from zero", data(X + 1e4, task)
    yield "float32", data(X.astype(np.float32), task)


def _csr(rng):
    dense = rng.normal(size=(60, 6)) * (rng.random((60, 6)) < 0.3)
    return sparse.csr_matrix(dense)


def objective(problem, solution):
    """The joint objective, written down once more."""
    data = problem.data
    X = data.pair_rows()
    z = np.stack(
        [(X @ solution.coef[:, k].T)[np.arange(data.n_pairs), data.codes] for k in range(problem.n_outputs)], 1
    )
    z = z + solution.intercept[data.codes]
    if problem.offset is not None:
        z = z + np.reshape(problem.offset, z.shape)
    real = data.sample_weight if data.is_prior is None else data.sample_weight * ~data.is_prior
    n_t = np.bincount(data.codes, real, data.n_tasks)
    c = np.ones(data.n_tasks) if problem.task_weight == "rows" else n_t.sum() / (data.n_tasks * n_t)
    weight = c[data.codes] * data.sample_weight / n_t.sum()
    loss = problem.loss.value(data.y, z[:, 0] if z.shape[1] == 1 else z, weight)
    return loss + solution.alpha * problem.coupling.value(solution.coef)
