"""Groups of tasks that are better pooled, their number chosen on held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crosstask.affinity._gain import gains_alone
from crosstask.affinity._moments import Moments
from crosstask.affinity._pooling import Fold, pooled_slopes, predicted_losses

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]
EXACT = 12  # tasks up to which all partitions are compared
MOST_SWEEPS = 5
MOST_FOR_EXCHANGE = 200  # tasks up to which pairs change places
Members = NDArray[np.bool_]
Options = tuple[IntVector, Members, Members]  # groups, the home group after, those groups after


@dataclass(frozen=True)
class TaskGroups:
    """Which tasks to pool.

    Parameters
    ----------
    tasks : ndarray of shape (n_tasks,)
        Task ids.
    labels : ndarray of shape (n_tasks,)
        Group of each task, 0 for the largest.
    n_groups : int
        Number of groups with the smallest held-out loss.
    held_out : ndarray of shape (n_tasks,)
        Reduction of the held-out loss against one model for each task, by the number of groups (from 1).
    exact : bool
        Whether all partitions were compared.
    """

    tasks: NDArray[Any]
    labels: IntVector
    n_groups: int
    held_out: Array
    exact: bool

    def frame(self) -> pd.DataFrame:
        """Return task and group."""
        import pandas as pd

        return pd.DataFrame({"task": self.tasks, "group": self.labels})

    def __str__(self) -> str:
        """One line for each group, after what the choice is worth."""
        worth = 100.0 * self.held_out[self.n_groups - 1]
        lines = [
            f"{len(self.tasks)} tasks in {self.n_groups} group{'s' * (self.n_groups != 1)}: the held-out loss is "
            f"{_said(worth)} one model each (all in one group: {_said(100.0 * self.held_out[0])})."
        ]
        for group in range(min(self.n_groups, 20)):
            names = [str(task) for task in self.tasks[self.labels == group]]
            lines.append(f"group {group}: {', '.join(names[:12])}{', ..' if len(names) > 12 else ''}")
        if self.n_groups > 20:
            lines.append(f".. and {self.n_groups - 20} more")
        return "\n".join(lines)


def _said(worth: float) -> str:
    return f"{abs(worth):.1f} % {'below' if worth >= 0 else 'above'}"


def find_groups(
    moments: Moments, folds: list[Fold], tasks: NDArray[Any], *, n_groups: int | None = None, exact_up_to: int = EXACT
) -> TaskGroups:
    """Choose the number of groups on held-out rows unless it is given, and the groups on all rows.

    In each fold the partitions into 1 .. T groups are found on the training rows only, so that the held-out rows see
    nothing of the search.
    """
    T = moments.n_tasks
    exact = exact_up_to >= T
    losses = sum((_held_out_losses(fold, moments.noise, exact) for fold in folds), np.zeros(T))
    k = int(losses.argmin()) + 1 if n_groups is None else min(max(n_groups, 1), T)
    labels = partition(moments, k, exact=exact)
    held_out = 1.0 - losses / max(float(losses[-1]), 1e-300)
    return TaskGroups(tasks, labels, len(np.unique(labels)), held_out, exact)


def partition(moments: Moments, k: int, *, exact: bool) -> IntVector:
    """Return the group of each task, 0 for the largest, in the best partition into k groups that was found."""
    ridge = moments.common_ridge()
    labels = _nested(moments, ridge, exact)[k - 1]
    if not exact and 1 < k < moments.n_tasks:
        labels = _improved(moments, labels, ridge)
    return _by_size(labels)


def _held_out_losses(fold: Fold, noise: Array, exact: bool) -> Array:
    """Sum of the held-out losses for 1 .. T groups; partitions have most of their groups in common."""
    T = fold.train.n_tasks
    ridge = fold.train.common_ridge()
    place: dict[bytes, int] = {}
    members: list[Members] = []
    partitions: list[list[int]] = []
    for labels in _nested(fold.train, ridge, exact):
        parts = labels[None, :] == np.unique(labels)[:, None]
        for part in parts:
            if place.setdefault(part.tobytes(), len(members)) == len(members):
                members.append(part)
        partitions.append([place[part.tobytes()] for part in parts])
    sets = np.array(members)
    coef = pooled_slopes(fold.train, sets, ridge)
    which, task = np.nonzero(sets)
    loss = np.bincount(which, fold.losses(coef[which], task) / noise[task], len(sets))
    return np.array([loss[parts].sum() for parts in partitions]).reshape(T)


def _nested(moments: Moments, ridge: float, exact: bool) -> list[IntVector]:
    """Labels of the tasks for 1 .. T groups."""
    if moments.n_tasks == 1:
        return [np.zeros(1, dtype=np.intp)]
    return _all_partitions(moments, ridge) if exact else _dendrogram(moments, ridge)


def _all_partitions(moments: Moments, ridge: float) -> list[IntVector]:
    from crosstask.affinity._kernels import best_partitions

    T = moments.n_tasks
    sets = np.arange(1, 2**T)
    cost = np.zeros(2**T)
    cost[1:] = predicted_losses(moments, (sets[:, None] >> np.arange(T)) & 1 == 1, ridge)
    part = best_partitions(cost, T)
    found: list[IntVector] = []
    for k in range(1, T + 1):
        labels, left = np.zeros(T, dtype=np.intp), 2**T - 1
        for group in range(k):
            chosen = int(part[k - group, left])
            labels[(chosen >> np.arange(T)) & 1 == 1] = group
            left ^= chosen
        found.append(labels)
    return found


def _dendrogram(moments: Moments, ridge: float) -> list[IntVector]:
    from scipy.cluster.hierarchy import cut_tree

    tree = linkage_of(gains_alone(moments, ridge) / moments.noise)
    cuts = cut_tree(tree)  # column m: after m merges
    return [cuts[:, moments.n_tasks - k].astype(np.intp) for k in range(1, moments.n_tasks + 1)]


def linkage_of(gain: Array) -> Array:
    """Average linkage on the smaller of the two gains of each pair: both must profit."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    both = np.minimum(gain, gain.T)
    np.fill_diagonal(both, 0.0)
    apart = np.nanmax(both) - both
    np.fill_diagonal(apart, 0.0)
    return linkage(squareform(apart, checks=False), method="average")


def _improved(moments: Moments, labels: IntVector, ridge: float) -> IntVector:
    """Move single tasks, then exchange tasks of two groups, as long as the predicted loss falls."""
    members = labels[None, :] == np.unique(labels)[:, None]
    for _ in range(MOST_SWEEPS):
        if not _sweep(moments, members, ridge, _moves) and (
            moments.n_tasks > MOST_FOR_EXCHANGE or not _sweep(moments, members, ridge, _exchanges)
        ):
            break
    return members.argmax(axis=0).astype(np.intp)


def _sweep(moments: Moments, members: Members, ridge: float, options: Callable[[Members, int], Options]) -> bool:
    """Take for each task in turn the best of its options, in place; tell whether any was taken."""
    taken = False
    cost = predicted_losses(moments, members, ridge)
    for t in range(moments.n_tasks):
        home = int(members[:, t].argmax())
        target, left, entered = options(members, t)
        if len(target) == 0:
            continue
        new = predicted_losses(moments, np.concatenate([left, entered]), ridge)
        change = new[: len(target)] + new[len(target) :] - cost[home] - cost[target]
        best = int(change.argmin())
        if change[best] < -1e-9 * abs(cost.sum()):
            members[home], members[target[best]] = left[best], entered[best]
            cost[home], cost[target[best]] = new[best], new[len(target) + best]
            taken = True
    return taken


def _moves(members: Members, t: int) -> Options:
    """Task t goes to any other group; a group never becomes empty."""
    home = int(members[:, t].argmax())
    target = np.flatnonzero(np.arange(len(members)) != home)
    if members[home].sum() == 1:
        target = target[:0]
    left, entered = np.repeat(members[[home]], len(target), axis=0), members[target].copy()
    left[:, t], entered[:, t] = False, True
    return target, left, entered


def _exchanges(members: Members, t: int) -> Options:
    """Task t changes places with any task of another group."""
    home = int(members[:, t].argmax())
    partner = np.flatnonzero(~members[home])
    target = members[:, partner].argmax(axis=0)
    left, entered = np.repeat(members[[home]], len(partner), axis=0), members[target].copy()
    row = np.arange(len(partner))
    left[:, t], entered[:, t] = False, True
    left[row, partner], entered[row, partner] = True, False
    return target, left, entered


def _by_size(labels: IntVector) -> IntVector:
    """Number groups from the largest; equal ones by their first task."""
    groups, first, counts = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    rank = np.empty(len(groups), dtype=np.intp)
    rank[order] = np.arange(len(groups))
    return rank[np.searchsorted(groups, labels)]
