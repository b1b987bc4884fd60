"""Small problems with several tasks."""

from __future__ import annotations

import numpy as np


def waves(n_tasks=3, n_rows=120, seed=0, noise=0.1):
    """Return X, y, task: one wave for all tasks, of other height and level in each."""
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(n_tasks), n_rows)
    X = rng.normal(size=(n_tasks * n_rows, 3))
    height = np.array([1.0, -2.0, 0.5, 1.5, 3.0, -1.0])[task % 6]
    y = height * np.sin(2 * X[:, 0]) + task + noise * rng.normal(size=len(X))
    return X, y, task


def quadrants(n_tasks=3, n_rows=80, seed=0):
    """Return X, y, task: a class that no line separates, mirrored in the last task."""
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(n_tasks), n_rows)
    X = rng.normal(size=(n_tasks * n_rows, 2))
    side = (X[:, 0] * X[:, 1] > 0) ^ (task == n_tasks - 1)
    return X, np.where(side, "same", "opposite"), task
