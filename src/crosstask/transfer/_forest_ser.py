"""SER: the leaves of a source's tree are grown further on the target's rows, then what does not help them is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from crosstask.transfer._forest_trees import LEAF, Rows, Trees
from crosstask.transfer._unwrap import Floats


def expand_and_reduce(
    tree: Trees,
    X: NDArray[np.float32],
    Y: Floats,
    prior_rows: float,
    classification: bool,
    options: dict[str, Any],
) -> Trees:
    """Return the tree after structure expansion and reduction.

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
        Which kind of tree is grown in the leaves.
    options : dict
        Its parameters.
    """
    expand(tree, X, Y, classification, options)
    rows = tree.rows_by_node(X)
    tree.value = tree.blended(rows, Y, prior_rows)
    reduce(tree, rows, Y)
    return tree.without_dead_nodes()


def expand(tree: Trees, X: NDArray[np.float32], Y: Floats, classification: bool, options: dict[str, Any]) -> None:
    """Grow every leaf that the target's rows reach, on those rows."""
    rows = tree.rows_by_node(X)
    kind: Any = DecisionTreeClassifier if classification else DecisionTreeRegressor
    target = Y.argmax(axis=1) if classification else Y[:, 0]
    every_column = np.arange(X.shape[1])
    for leaf in np.flatnonzero(tree.left == LEAF):
        own = rows[leaf]
        if len(own) < 2 * options["min_samples_leaf"] or np.ptp(target[own]) == 0:
            continue
        grown = kind(**options).fit(X[own], target[own], check_input=False)
        if grown.tree_.node_count > 1:
            positions = grown.classes_ if classification else None
            tree.graft(int(leaf), Trees.from_sklearn(grown.tree_, every_column, positions, Y.shape[1]))


def reduce(tree: Trees, rows: list[Rows], Y: Floats) -> None:
    """Cut, from the leaves up, every subtree that explains the target's rows no better than one leaf.

    Nodes that no row reaches stay: the target says nothing about them.
    """
    as_leaf = np.array([((Y[own] - tree.value[node]) ** 2).sum() for node, own in enumerate(rows)])
    error = as_leaf.copy()
    for node in np.flatnonzero(tree.left != LEAF)[::-1]:
        below = error[tree.left[node]] + error[tree.right[node]]
        if len(rows[node]) and as_leaf[node] <= below:
            tree.left[node] = tree.right[node] = LEAF
        else:
            error[node] = below
