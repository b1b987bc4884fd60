"""Worlds in which the guard could go wrong: ridge candidates on tasks that differ in other ways than by a sign.

Every world has 10 tasks of 10 columns, a noise of variance 1, and the candidates of guard_simulation; what is judged is
the squared error on 200 new rows a task of the task's own kind, against the truth without noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from benchmarks.guard_simulation import N_FEATURES, cross_fit
from numpy.typing import NDArray

Array = NDArray[np.float64]
N_NEW = 200


@dataclass(frozen=True)
class World:
    """Held-out residuals, and errors of the refitted candidates on new rows.

    Parameters
    ----------
    residuals : ndarray of shape (R, T, n, C)
        y minus out-of-fold prediction.
    y : ndarray of shape (R, T, n)
        Observed values.
    errors : ndarray of shape (R, T, N_NEW, C)
        Prediction minus truth on new rows.
    odd : ndarray of shape (T,)
        The tasks that the world is about.
    """

    residuals: Array
    y: Array
    errors: Array
    odd: NDArray[np.bool_]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of tables and of tasks."""
        return self.errors.shape[0], self.errors.shape[1]

    def risk(self, weights: Array) -> Array:
        """Mean squared error on new rows, noise included, (R, T)."""
        return 1.0 + np.square(np.matmul(self.errors, weights[..., None])[..., 0]).mean(axis=2)


def slopes(rng: np.random.Generator, shape: tuple[int, int], relatedness: float, n_crowds: int = 1) -> Array:
    """Unit slopes (R, T, d) around a direction common to a crowd; tasks take turns in the crowds."""
    common = rng.standard_normal((shape[0], n_crowds, N_FEATURES))[:, np.arange(shape[1]) % n_crowds]
    mixed = np.sqrt(relatedness) * common + np.sqrt(1.0 - relatedness) * rng.standard_normal((*shape, N_FEATURES))
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)


def tree(rng: np.random.Generator, shape: tuple[int, int], relatedness: float) -> Callable[[Array], Array]:
    """A function of three columns of each table that is constant on the eight boxes their signs make."""
    leaves = np.sqrt(relatedness) * rng.standard_normal((shape[0], 1, 8))
    leaves = leaves + np.sqrt(1.0 - relatedness) * rng.standard_normal((*shape, 8))
    leaves -= leaves.mean(axis=-1, keepdims=True)
    leaves /= leaves.std(axis=-1, keepdims=True)
    columns = rng.permuted(np.tile(np.arange(N_FEATURES), (shape[0], 1)), axis=1)[:, :3]

    def value(X: Array) -> Array:
        seen = np.take_along_axis(X, columns[:, None, None, :], axis=-1) > 0
        box = (seen * [4, 2, 1]).sum(axis=-1)
        return np.take_along_axis(leaves, box, axis=-1)

    return value


def draw(kind: str, n_rows: int, relatedness: float, *, n_tasks: int = 10, n_tables: int = 50, seed: int = 0) -> World:
    """Draw one world of a kind, and fit the candidates."""
    rng = np.random.default_rng([seed, n_rows, round(100 * relatedness), list(KINDS).index(kind), n_tasks])
    shape = (n_tables, n_tasks)
    odd = np.arange(n_tasks) < 2
    X = rng.standard_normal((*shape, n_rows + N_NEW, N_FEATURES))
    if kind == "covariate shift":
        X = X * rng.uniform(0.5, 2.0, (*shape, 1, N_FEATURES)) + rng.standard_normal((*shape, 1, N_FEATURES))
    if kind.startswith("tree"):
        truth = tree(rng, shape, relatedness)(X)
        X = np.concatenate([X, np.sign(X)], axis=-1)
    else:
        W = slopes(rng, shape, relatedness, 2 if kind == "two crowds" else 1)
        truth = np.einsum("rtnd,rtd->rtn", X, W)
    if kind == "tree, two flipped":
        truth[:, odd] *= -1.0
    y = truth[:, :, :n_rows] + rng.standard_normal((*shape, n_rows))
    if kind == "noisy source":
        y[:, odd] += 4.0 * rng.standard_normal((n_tables, 2, n_rows))
    elif kind == "permuted source":
        y[:, odd] = rng.permuted(y[:, odd], axis=2)
        truth[:, odd] = 0.0
    elif kind == "duplicate source":  # the second task repeats the first, its rows in another order: other folds
        order = rng.permutation(n_rows)
        X[:, 1], truth[:, 1], y[:, 1] = X[:, 0], truth[:, 0], y[:, 0]
        X[:, 1, :n_rows], y[:, 1] = X[:, 1, order], y[:, 1][:, order]
    residuals, coefficients, _ = cross_fit(X[:, :, :n_rows], y)
    new = X[:, :, n_rows:]
    said = np.matmul(new, coefficients[..., :-1].swapaxes(2, 3)) + coefficients[:, :, None, :, -1]
    return World(residuals, y, said - truth[:, :, n_rows:, None], odd)


KINDS = {
    "covariate shift": "all",
    "two crowds": "all",
    "duplicate source": "the two copies",
    "noisy source": "the two noisy",
    "permuted source": "the two permuted",
    "tree": "all",
    "tree, two flipped": "the two flipped",
}
"""The worlds, and which tasks are told apart in each."""
