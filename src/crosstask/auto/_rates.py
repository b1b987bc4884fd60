"""How much the tasks' shares of the classes agree: the beta-binomial model, with any number of classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

Array = NDArray[np.float64]
CENTRE, SPREAD = 2.0, 1.5  # of the lognormal prior of the weight: half of all tables between .7 and 5.5 rows
WEIGHTS = np.geomspace(0.5, 200.0, 61)


def agreement(counts: Array) -> tuple[float, Array]:
    r"""Return how many rows of the common rate a task's own rate should be mixed with, and the common rate (K,).

    Shares of the classes that vary between tasks by a Dirichlet distribution of mean p and concentration m have the
    posterior mean :math:`(k_t + m p) / (n_t + m)`. For each m, p is the mean of the tasks' shares, each weighted by
    :math:`n_t / (n_t + m)`, the better known the more alike tasks are (Kleinman, 1973), and half a row of equal
    shares. m maximises the likelihood of all counts times a lognormal prior, for three or four tasks tell little.

    Parameters
    ----------
    counts : ndarray of shape (n_tasks, K)
        Rows of each class in each task, or their weights; tasks without rows say nothing.
    """
    counts = counts[counts.sum(axis=1) > 0.0]
    n, n_classes = counts.sum(axis=1), counts.shape[1]
    known = n / (n + WEIGHTS[:, None])  # (weights, tasks)
    rates = known @ (counts / n[:, None]) + 0.5 / n_classes
    rates /= rates.sum(axis=1, keepdims=True)
    prior = WEIGHTS[:, None] * rates  # (weights, K)
    likelihood = len(n) * (gammaln(WEIGHTS) - gammaln(prior).sum(axis=1))
    likelihood += gammaln(counts[None] + prior[:, None]).sum(axis=(1, 2)) - gammaln(n + WEIGHTS[:, None]).sum(axis=1)
    best = int(np.argmax(likelihood - 0.5 * (np.log(WEIGHTS / CENTRE) / SPREAD) ** 2))
    return float(WEIGHTS[best]), rates[best]
