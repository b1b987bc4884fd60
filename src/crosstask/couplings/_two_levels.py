"""Slopes in two levels: tasks toward their group, groups toward all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings._base import AlphaProblem, Array, Coupling, ridge_range
from crosstask.couplings._frozen import Frozen, NoSharedPartError


class TwoLevels(Coupling):
    r"""Slopes tied to the centre of their group, and the groups' centres to a common one (shop, region, country).

    .. math::
        R(W) = \min_{w_0, u} \frac12 \sum_t \|w_t - u_{g(t)}\|_2^2 + \frac{\rho}{2} \sum_g \|u_g - w_0\|_2^2
        + \frac{c}{2} \|w_0\|_2^2

    It is the prior of a nested random effect: slopes :math:`w_0 + (u_g - w_0) + (w_t - u_g)` with variances in the
    proportion 1 / c, 1 / rho, 1. With rho to infinity the groups are one, and this is :class:`MeanTied`; with rho = 0
    each group is tied on its own.

    Parameters
    ----------
    groups : mapping of task id to group, or sequence of groups
        The group of each task; a sequence in the sorted order of the task ids. On plain arrays a sequence.
    between : float, default=1.0
        rho, positive or zero: how much dearer it is for a group to leave the others than for a task to leave its group.
    centre_weight : float, default=1.0
        c, positive or zero. 0 leaves the common centre free.
    weight : float, default=1.0
        Multiplies R.

    Raises
    ------
    ValueError
        On use: no group for a task, or a negative parameter.

    References
    ----------
    T. Evgeniou and M. Pontil (2004). Regularized multi-task learning. Proceedings of KDD, 109-117.

    N. M. Laird and J. H. Ware (1982). Random-effects models for longitudinal data. Biometrics 38, 963-974.

    Notes
    -----
    The inner minimum is known: :math:`u_g = (n_g m_g + \rho w_0) / (n_g + \rho)` for a group of n_g tasks with mean
    m_g, and :math:`w_0 = \sum_g a_g m_g / (\sum_g a_g + c)` with :math:`a_g = n_g \rho / (n_g + \rho)`. Cost: O(T d) a
    prox. Conjugate: :math:`\frac12 (\sum_t |g_t|^2 + \sum_g |\sum_{t \in g} g_t|^2 / \rho + |\sum_t g_t|^2 / c)`.

    When not to use it: when groups say nothing of the slopes, or hold a task or two each: then the second level only
    costs. Put it beside "mean_tied" in a ``TransferGuard`` and see which one the held-out rows prefer.

    Examples
    --------
    >>> import numpy as np
    >>> V = np.array([[1.0], [3.0], [7.0], [9.0]])
    >>> TwoLevels(["north", "north", "south", "south"], between=0.0, centre_weight=0.0).value(V)
    2.0
    """

    by_feature = True
    rotation_invariant: ClassVar[bool] = True

    def __init__(
        self, groups: Any = None, *, between: float = 1.0, centre_weight: float = 1.0, weight: float = 1.0
    ) -> None:
        self.groups = groups
        self.between = between
        self.centre_weight = centre_weight
        self.weight = weight

    def for_tasks(self, tasks: Any) -> Self:
        """Return the same coupling with the groups in the order of the tasks."""
        given: Any = self.groups.to_dict() if hasattr(self.groups, "to_dict") else self.groups
        ids = np.asarray(tasks).tolist()
        if isinstance(given, Mapping):
            lost = [task for task in ids if task not in given]
            if lost:
                raise ValueError(
                    f"TwoLevels: groups names no group for {', '.join(map(repr, lost[:5]))}"
                    f"{', ..' if len(lost) > 5 else ''}: give each of the {len(ids)} tasks one."
                )
            given = [given[task] for task in ids]
        numbered = TwoLevels(given)._codes(len(ids)).tolist()
        return type(self)(numbered, between=self.between, centre_weight=self.centre_weight, weight=self.weight)

    def centre(self, V: Array) -> Array | None:
        """Return w_0."""
        return self._centres(V)[0]

    def value(self, V: Array) -> float:
        """Return R(V)."""
        w0, u, codes = self._centres(V)
        own, apart = V - u[codes], u - w0
        total = np.vdot(own, own) + self.between * np.vdot(apart, apart) + self.centre_weight * np.vdot(w0, w0)
        return 0.5 * self.weight * float(total)

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return V with its deviations inside groups, between groups and from zero each shrunk by their own factor."""
        length = self.weight * np.asarray(step)
        codes, size = self._shape(V)
        mean = _sums(V, codes, len(size)) / size
        pull = length * self._ties(size)  # what ties a group's mean to w_0, beside the n_g that hold it
        kept = size * pull / (size + pull)
        below = kept.sum(axis=0) + length * self.centre_weight
        w0 = (kept * mean).sum(axis=0) / np.where(below > 0, below, 1.0)
        moved = (size * mean + pull * w0) / (size + pull)
        return moved[codes] + (V - mean[codes]) / (1.0 + length)

    def conjugate(self, G: Array) -> float:
        """Return the conjugate; sums that rho = 0 or c = 0 leave free are taken to be zero."""
        codes, size = self._shape(G)
        sums, total = _sums(G, codes, len(size)), G.sum(axis=0)
        value = float(np.vdot(G, G))
        value += float(np.vdot(sums, sums)) / self.between if self.between > 0 else 0.0
        if self.centre_weight > 0 and self.between > 0:
            value += float(np.vdot(total, total)) / self.centre_weight
        return 0.5 * value / self.weight

    def free_groups(self, n_tasks: int) -> Array | None:
        """Return the groups where rho = 0, all tasks as one group where c = 0."""
        codes = self._codes(n_tasks)
        if self.between == 0:
            return (codes == np.arange(codes.max() + 1)[:, None]).astype(np.float64)
        return np.ones((1, n_tasks)) if self.centre_weight == 0 else None

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the norm of gradient + w_t - u_g(t)."""
        _, u, codes = self._centres(V)
        return float(np.linalg.norm(gradient + self.weight * (V - u[codes])))

    def attributes(self, V: Array) -> dict[str, Array]:
        """Return the centres of the groups, in the order in which the tasks name them, as they were penalised."""
        u = self._centres(V)[1]
        return {"group_centres_": u[:, 0] if u.ndim == 3 and u.shape[1] == 1 else u}

    def frozen(self, V: Array) -> Frozen:
        """Refuse: the group of a new task is not known."""
        raise NoSharedPartError(
            "TwoLevels does not know the group of a new task, so no task can be added: fit again with groups= that "
            "names it."
        )

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return the alphas that keep 1 % and 99 % of the degrees of freedom of the tasks' own parts."""
        return ridge_range(problem.null_eigenvalues(), self.weight)

    def __getstate__(self) -> Any:
        """Hold groups in plain types, so that a model can be saved without pickle."""
        given: Any = super().__getstate__()
        state = dict(given)
        groups: Any = state["groups"]
        if hasattr(groups, "to_dict"):
            groups = groups.to_dict()
        if isinstance(groups, Mapping):
            state["groups"] = {_plain(task): _plain(group) for task, group in groups.items()}
        return state

    def _codes(self, n_tasks: int) -> NDArray[np.intp]:
        """Return the group of each task as a number, in the order in which groups appear."""
        for name in ("between", "centre_weight"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"TwoLevels: {name}={getattr(self, name)!r} must be zero or positive.")
        if self.groups is None or isinstance(self.groups, Mapping):
            given = "none" if self.groups is None else "a mapping, which needs an estimator that knows the ids"
            raise ValueError(f"TwoLevels: groups are {given}: give the group of each task.")
        names = np.asarray(self.groups).tolist()
        if len(names) != n_tasks:
            raise ValueError(f"TwoLevels: {len(names)} groups are given for {n_tasks} tasks: give one for each task.")
        place: dict[Any, int] = {}
        return np.array([place.setdefault(name, len(place)) for name in names], dtype=np.intp)

    def _shape(self, V: Array) -> tuple[NDArray[np.intp], Array]:
        """Return the group of each task, and the sizes of the groups, shaped to divide by."""
        codes = self._codes(len(V))
        return codes, np.bincount(codes).reshape(-1, *[1] * (V.ndim - 1)).astype(np.float64)

    def _ties(self, size: Array) -> Array:
        return size * self.between / (size + self.between)

    def _centres(self, V: Array) -> tuple[Array, Array, NDArray[np.intp]]:
        """Return w_0, u and the group of each task."""
        codes, size = self._shape(V)
        mean, tie = _sums(V, codes, len(size)) / size, self._ties(size)
        below = float(tie.sum()) + self.centre_weight
        w0 = (tie * mean).sum(axis=0) / (below if below > 0 else 1.0)
        return w0, (size * mean + self.between * w0) / (size + self.between), codes


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _sums(V: Array, codes: NDArray[np.intp], n_groups: int) -> Array:
    """Sum over the tasks of each group."""
    sums = np.zeros((n_groups, *V.shape[1:]))
    np.add.at(sums, codes, V)
    return sums
