"""Tasks in three crowds, two of them with the sign of another: the simulation of the affinity's tests and benchmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crosstask.tasks import TaskData, TaskMoments


@dataclass(frozen=True)
class Crowds:
    """Rows, and the slopes and second moments that they were drawn from."""

    X: np.ndarray
    y: np.ndarray
    task: np.ndarray
    slopes: np.ndarray  # (T, d)
    second: np.ndarray  # (T, d, d)

    def true_gains(self, ridge: float) -> np.ndarray:
        """Excess risk of each task's own ridge less that of the pooled ones, on the tasks' own distribution of x."""
        moments = TaskMoments.of(TaskData.from_arrays(self.X, self.y, self.task))
        G, c, T = moments.gram, moments.xy, len(self.slopes)
        eye = ridge * np.eye(G.shape[1])

        def risk(members: list[int], target: int) -> float:
            fitted = np.linalg.solve(sum(G[m] for m in members) + eye, sum(c[m] for m in members))
            apart = fitted - self.slopes[target]
            return float(apart @ self.second[target] @ apart)

        gain = np.full((T, T), np.nan)
        for j in range(T):
            for i in range(T):
                if i != j:
                    gain[i, j] = risk([j], j) - risk([i, j], j)
        return gain


def make_crowds(
    n_rows: int, seed: int, *, n_tasks: int = 12, d: int = 10, own: float = 0.1, shifted: bool = False
) -> Crowds:
    """Draw tasks whose slopes have the share 1 - own of their variance from one of three crowds; the last two flip.

    The signal has the variance of the noise; tasks have between .6 and 1.4 times ``n_rows`` rows, and where
    ``shifted`` their columns have means and deviations of their own.
    """
    rng = np.random.default_rng(seed)
    crowds = rng.standard_normal((3, d))
    slopes = np.sqrt(1 - own) * crowds[np.arange(n_tasks) % 3] + np.sqrt(own) * rng.standard_normal((n_tasks, d))
    slopes[-2:] *= -1.0
    slopes /= np.sqrt(d)
    deviation = np.exp(0.3 * rng.standard_normal((n_tasks, d))) if shifted else np.ones((n_tasks, d))
    place = 0.5 * rng.standard_normal((n_tasks, d)) if shifted else np.zeros((n_tasks, d))
    sizes = rng.integers(round(0.6 * n_rows), round(1.4 * n_rows) + 1, n_tasks)
    task = np.repeat(np.arange(n_tasks), sizes)
    X = place[task] + deviation[task] * rng.standard_normal((len(task), d))
    y = (X * slopes[task]).sum(axis=1) + rng.standard_normal(n_tasks)[task] + rng.standard_normal(len(task))
    second = np.stack([np.diag(one**2) for one in deviation])
    return Crowds(X, y, task, slopes, second)
