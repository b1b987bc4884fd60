"""Tasks in clusters that are learnt."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from crosstask.couplings._base import AlphaProblem, Array, Coupling, floored, ridge_range
from crosstask.couplings._frozen import Frozen, NoSharedPartError, as_outputs, with_levels
from crosstask.couplings._shared_subspace import checked_box, over_levels
from crosstask.couplings._spectral import box_conjugate, box_kept, box_levels, box_value, rescale, singular_values


class Clustered(Coupling):
    r"""Clusters of tasks (CMTL): far apart from one another at a low price, each close together.

    .. math::
        R(W) = \frac{c}{2} \|\bar w\|^2 + \min_{\Theta} \frac12 \mathrm{tr}\, \tilde W' \Theta^{-1} \tilde W, \qquad
        a I \preceq \Theta \preceq I, \quad \mathrm{tr}\,(\Theta - a I) \le (k - 1) (1 - a)

    with :math:`\bar w` the mean of the tasks and :math:`\tilde w_t = w_t - \bar w`. For k clusters the projection on
    their means is such a :math:`\Theta`: distances between clusters cost once, those within 1 / a times as much.
    Clusters are relaxed to subspaces, which makes the problem convex, and :math:`\Theta` is eliminated: what is left is
    half the square of the spectral box norm. With several outputs W is the (T, K d) matrix.

    Parameters
    ----------
    n_clusters : int, default=3
        k, at least 2.
    within : float, default=0.1
        a, between 0 and 1: at 1 this is a tie to the common mean, towards 0 clusters become points.
    centre_weight : float, default=1.0
        c. 0 leaves the mean of the tasks free, which is poor where rows are few.
    weight : float, default=1.0
        Multiplies R.

    References
    ----------
    L. Jacob, F. Bach and J.-P. Vert (2008). Clustered multi-task learning: a convex formulation. NIPS 21.

    A. M. McDonald, M. Pontil and D. Stamos (2016). New perspectives on k-support and cluster norms. Journal of Machine
    Learning Research 17(155).

    Notes
    -----
    Estimators return ``clusters_``: labels by k-means in the k - 1 directions in which the tasks differ most.

    Cost: an eigendecomposition of order min(T, Kd) and O(r log r) for the levels a prox. Conjugate:
    :math:`|\sum_t g_t|^2 / (2c)` and half the squared singular values of what is left, the k - 1 largest with weight 1
    and the others with a.

    When not to use it: with fewer than about ten tasks, where clusters are a guess; and to *find out* whether there are
    clusters: labels come out always. ``task_affinity(..).groups()`` says how sure one can be.

    Examples
    --------
    >>> import numpy as np
    >>> V = np.array([[2.0, 0.0], [2.2, 0.0], [-2.0, 0.1], [-2.2, -0.1]])
    >>> Clustered(n_clusters=2).attributes(V)["clusters_"]
    array([0, 0, 1, 1])
    """

    rotation_invariant: ClassVar[bool] = True

    def __init__(
        self, n_clusters: int = 3, within: float = 0.1, centre_weight: float = 1.0, weight: float = 1.0
    ) -> None:
        self.n_clusters = n_clusters
        self.within = within
        self.centre_weight = centre_weight
        self.weight = weight

    def centre(self, V: Array) -> Array | None:
        """Return the mean of the tasks."""
        return V.mean(axis=0)

    def value(self, V: Array) -> float:
        """Return R(V)."""
        mean, apart = _parted(V)
        between = box_value(singular_values(apart), *self._box())
        return self.weight * (between + 0.5 * self.centre_weight * float(mean @ mean))

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return the mean, shrunk, and deviations whose singular values are multiplied by theta / (theta + step)."""
        length = self.weight * float(np.max(step))
        mean, apart = _parted(V)
        shrunk = mean / (1.0 + length * self.centre_weight / len(V))
        return (shrunk + rescale(apart, lambda s: box_kept(s, length, *self._box()))).reshape(V.shape)

    def conjugate(self, G: Array) -> float:
        """Return the sum of the conjugates of both parts; with c = 0 the sum over tasks is taken to be zero."""
        mean, apart = _parted(G)
        value = box_conjugate(singular_values(apart), *self._box())
        if self.centre_weight > 0:
            value += 0.5 * len(G) ** 2 * float(mean @ mean) / self.centre_weight
        return value / self.weight

    def free_groups(self, n_tasks: int) -> Array | None:
        """Return all tasks as one group where c = 0."""
        return None if self.centre_weight > 0 else np.ones((1, n_tasks))

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the norm of gradient + (c / T) mean + Theta^-1 deviations."""
        mean, apart = _parted(V)
        pull = over_levels(apart, *self._box()) + self.centre_weight / len(V) * mean
        return float(np.linalg.norm(gradient.reshape(apart.shape) + self.weight * pull))

    def attributes(self, V: Array) -> dict[str, Any]:
        """Return the cluster of each task, numbered in the order in which they appear."""
        from sklearn.cluster import KMeans

        left, s, _ = np.linalg.svd(_parted(V)[1], full_matrices=False)
        k = min(self.n_clusters, len(V))
        place = (left * s)[:, : max(k - 1, 1)]
        if len(np.unique(place, axis=0)) <= k:
            labels = np.unique(place, axis=0, return_inverse=True)[1].reshape(-1)
        else:
            means: Any = KMeans(k, random_state=0).set_params(n_init=10)
            labels = np.asarray(means.fit_predict(place), dtype=np.intp)
        first = np.unique(labels, return_index=True)[1]
        return {"clusters_": np.argsort(np.argsort(first))[labels]}

    def frozen(self, V: Array) -> Frozen:
        """Return (w - m)' Theta^-1 (w - m) / 2 with the Theta of V, and m its mean moved by the pull c / T at it."""
        outputs = as_outputs(V)
        if outputs.shape[1] > 1:
            raise NoSharedPartError(
                "Clustered with three classes or more mixes the outputs, so no task can be added: fit again with the "
                "rows of all tasks, or use SharedSubspace."
            )
        low, high, budget = self._box()
        mean, apart = _parted(V)
        _, s, directions = np.linalg.svd(apart, full_matrices=False)
        levels = box_levels(s, low, high, budget)
        pulled = low * mean + ((directions @ mean) * (levels - low)) @ directions
        centre = (mean - self.centre_weight / len(V) * pulled)[None]
        return with_levels(centre, directions, levels, self.weight, outside=low)

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return where 1 % of the degrees of freedom are left between clusters, and 99 % within."""
        eigenvalues = problem.null_eigenvalues()
        largest = ridge_range(eigenvalues, self.weight)[0]
        return floored(largest, ridge_range(eigenvalues, self.weight / self.within)[1])

    def _box(self) -> tuple[float, float, float]:
        return checked_box("Clustered", "within", self.within, "n_clusters", self.n_clusters, 2)


def _parted(V: Array) -> tuple[Array, Array]:
    """Return the mean of the tasks, and the tasks less that mean, as (K d,) and (T, K d)."""
    M = V.reshape(len(V), -1)
    mean = M.mean(axis=0)
    return mean, M - mean
