"""STRUT: a source's tree keeps its structure, and its thresholds are found again on the target's rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from crosstask.transfer._forest_trees import LEAF, Trees
from crosstask.transfer._unwrap import Floats

Score = Callable[[Floats, Floats, NDArray[np.intp], int, Floats, Floats], Floats]
TIE = 1e-12  # the source's threshold stays unless another is better by this share


def move_thresholds(
    tree: Trees, X: NDArray[np.float32], Y: Floats, prior_rows: float, classification: bool, min_samples_leaf: int
) -> Trees:
    """Return the tree with its thresholds, and the order of two children, found again from the root down.

    Parameters
    ----------
    tree : Trees
        One tree of a source; it is changed.
    X : ndarray of shape (n, n_features)
        The target's rows.
    Y : ndarray of shape (n, K)
        Indicators of the classes, or the values.
    prior_rows : float
        Rows that a source's value counts for.
    classification : bool
        Judge a threshold by divergence gain, else by the variance that it leaves.
    min_samples_leaf : int
        Fewest target rows on each side of a moved threshold.
    """
    rows = [np.empty(0, np.intp)] * len(tree.left)
    rows[0] = np.arange(len(X))
    score = divergence_gain if classification else variance_explained
    for node in np.flatnonzero(tree.left != LEAF):
        own = rows[node]
        x = X[own, tree.feature[node]].astype(np.float64)
        if len(own) >= 2 * min_samples_leaf:
            old, left, right = tree.threshold[node], tree.left[node], tree.right[node]
            cut, turned = best_cut(x, Y[own], old, tree.value[left], tree.value[right], score, min_samples_leaf)
            tree.threshold[node] = cut
            if turned:
                tree.left[node], tree.right[node] = right, left
        goes_left = x <= tree.threshold[node]
        rows[tree.left[node]], rows[tree.right[node]] = own[goes_left], own[~goes_left]
    tree.value = tree.blended(rows, Y, prior_rows)
    return tree


def best_cut(
    x: Floats, Y: Floats, old: float, q_left: Floats, q_right: Floats, score: Score, least: int
) -> tuple[float, bool]:
    """Return the threshold that suits the source's children best, and whether the two should change places.

    Parameters
    ----------
    x : ndarray of shape (n,)
        The node's column, in the target's rows.
    Y : ndarray of shape (n, K)
        Indicators of the classes, or the values.
    old : float
        The source's threshold: it is tried too, and wins a tie.
    q_left, q_right : ndarray of shape (K,)
        What the source holds at the two children.
    score : function
        Worth of each cut, given the sums on the left, all sums, rows on the left, all rows, and q of both sides.
    least : int
        Fewest rows on each side.
    """
    n, order = len(x), np.argsort(x, kind="stable")
    ordered, sums = x[order], np.vstack([np.zeros((1, Y.shape[1])), np.cumsum(Y[order], axis=0)])
    on_left = np.arange(least, n - least + 1)
    on_left = on_left[ordered[on_left - 1] < ordered[on_left]]
    if not len(on_left):
        return old, False
    gain = purity(sums[on_left], sums[-1], on_left, n)
    rising = np.diff(gain, prepend=-np.inf, append=-np.inf)
    on_left = on_left[(rising[:-1] >= 0) & (rising[1:] <= 0)]
    n_old = np.searchsorted(ordered, old, side="right")
    tried = np.append(on_left, n_old)
    kept = score(sums[tried], sums[-1], tried, n, q_left, q_right)
    turned = score(sums[tried], sums[-1], tried, n, q_right, q_left)
    best = int(np.argmax(np.maximum(kept, turned)))
    if max(kept[best], turned[best]) <= kept[-1] + TIE * abs(kept[-1]):
        return old, False
    cut = old if tried[best] == n_old else float(ordered[tried[best] - 1] + ordered[tried[best]]) / 2.0
    return cut, bool(turned[best] > kept[best])


def purity(left: Floats, total: Floats, on_left: NDArray[np.intp], n: int) -> Floats:
    """Return what a cut takes from the Gini impurity, or from the variance, but for a constant and a factor."""
    return (left**2).sum(axis=1) / on_left + ((total - left) ** 2).sum(axis=1) / (n - on_left)


def divergence_gain(
    left: Floats, total: Floats, on_left: NDArray[np.intp], n: int, q_left: Floats, q_right: Floats
) -> Floats:
    """Return 1 minus the Jensen-Shannon divergences (bits) of both sides from the source's, weighted by rows."""
    on_right = n - on_left
    apart_left = jensen_shannon(left / np.maximum(on_left, 1)[:, None], q_left)
    apart_right = jensen_shannon((total - left) / np.maximum(on_right, 1)[:, None], q_right)
    return 1.0 - (on_left * apart_left + on_right * apart_right) / n


def jensen_shannon(p: Floats, q: Floats) -> Floats:
    """Return the divergence of each row of p from q, in bits."""
    return (entr((p + q) / 2.0) - (entr(p) + entr(q)) / 2.0).sum(axis=1) / np.log(2.0)


def variance_explained(
    left: Floats, total: Floats, on_left: NDArray[np.intp], n: int, q_left: Floats, q_right: Floats
) -> Floats:
    """Return by how much y minus the source's step has a smaller sum of squares than y, both about their means."""
    step = float(q_left[0] - q_right[0])
    with_step = left[:, 0] - on_left * (total[0] / n)
    return 2.0 * step * with_step - on_left * (n - on_left) / n * step**2
