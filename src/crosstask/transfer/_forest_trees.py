"""Decision trees as arrays of our own: taken out of a fitted scikit-learn forest, edited, asked, saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from crosstask.transfer._unwrap import Floats

Rows = NDArray[np.intp]
LEAF = -1
BLOCK = 1 << 20  # (row, tree) pairs routed at once


@dataclass
class Trees:
    """The nodes of one tree or of many, in one table; both children of a node stand after it.

    Parameters
    ----------
    roots : ndarray of shape (n_trees,)
        Where each tree begins.
    feature : ndarray of shape (n_nodes,)
        The column that an inner node asks for.
    threshold : ndarray of shape (n_nodes,)
        Rows with x <= threshold go left.
    left, right : ndarray of shape (n_nodes,)
        Children, -1 at a leaf.
    value : ndarray of shape (n_nodes, K)
        Class frequencies, or the mean (K = 1), at every node.
    """

    roots: Rows
    feature: Rows
    threshold: Floats
    left: Rows
    right: Rows
    value: Floats

    @classmethod
    def from_sklearn(cls, tree: Any, columns: Rows, positions: Rows | None, n_outputs: int) -> Self:
        """Copy a fitted ``sklearn.tree._tree.Tree``.

        Parameters
        ----------
        tree : Tree
            The ``tree_`` of a fitted decision tree with one output.
        columns : ndarray of shape (n_columns of the tree,)
            Their positions in the target's table.
        positions : ndarray or None
            Where its classes stand among the K of the result; None for regression.
        n_outputs : int
            K.
        """
        value = np.asarray(tree.value, dtype=np.float64)[:, 0, :]
        if positions is not None:
            known = value / value.sum(axis=1, keepdims=True)
            value = np.zeros((len(known), n_outputs))
            value[:, positions] = known
        left, right = np.array(tree.children_left, np.intp), np.array(tree.children_right, np.intp)
        feature = np.where(left == LEAF, 0, columns[np.maximum(tree.feature, 0)])
        return cls(np.zeros(1, np.intp), feature, np.array(tree.threshold), left, right, np.array(value))

    def rows_by_node(self, X: NDArray[np.float32]) -> list[Rows]:
        """Return the rows of X that reach each node of the one tree."""
        rows = [np.empty(0, np.intp)] * len(self.left)
        rows[0] = np.arange(len(X))
        for node in np.flatnonzero(self.left != LEAF):
            own = rows[node]
            goes_left = X[own, self.feature[node]] <= self.threshold[node]
            rows[self.left[node]], rows[self.right[node]] = own[goes_left], own[~goes_left]
        return rows

    def blended(self, rows: list[Rows], Y: Floats, prior_rows: float) -> Floats:
        """Return the mean of Y at each node, where its present value counts as ``prior_rows`` rows more."""
        value = self.value.copy()
        for node, own in enumerate(rows):
            if len(own):
                value[node] = (Y[own].sum(axis=0) + prior_rows * self.value[node]) / (len(own) + prior_rows)
        return value

    def graft(self, leaf: int, branch: Trees) -> None:
        """Put another tree in the place of a leaf; its nodes begin with the value of that leaf."""
        first = len(self.left)  # where the second node of the branch will stand
        moved = [np.where(child == LEAF, LEAF, child + first - 1) for child in (branch.left, branch.right)]
        self.feature[leaf], self.threshold[leaf] = branch.feature[0], branch.threshold[0]
        self.left[leaf], self.right[leaf] = moved[0][0], moved[1][0]
        self.feature = np.concatenate([self.feature, branch.feature[1:]])
        self.threshold = np.concatenate([self.threshold, branch.threshold[1:]])
        self.left = np.concatenate([self.left, moved[0][1:]])
        self.right = np.concatenate([self.right, moved[1][1:]])
        self.value = np.concatenate([self.value, np.repeat(self.value[leaf : leaf + 1], len(branch.left) - 1, axis=0)])

    def without_dead_nodes(self) -> Trees:
        """Return the one tree without what its root no longer reaches."""
        alive = np.zeros(len(self.left), bool)
        alive[0] = True
        for node in range(len(alive)):
            if alive[node] and self.left[node] != LEAF:
                alive[[self.left[node], self.right[node]]] = True
        place = np.append(np.cumsum(alive) - 1, LEAF)  # the last entry, read for -1, keeps leaves leaves
        return Trees(
            np.zeros(1, np.intp),
            self.feature[alive],
            self.threshold[alive],
            place[self.left[alive]],
            place[self.right[alive]],
            self.value[alive],
        )

    def predict(self, X: NDArray[np.float32]) -> Floats:
        """Return the mean of the leaf values over the trees, shape (n, K)."""
        size = max(1, BLOCK // len(self.roots))
        blocks = [self.value[self._leaves(X[i : i + size])].mean(axis=1) for i in range(0, len(X), size)]
        return np.concatenate(blocks) if blocks else np.empty((0, self.value.shape[1]))

    def _leaves(self, X: NDArray[np.float32]) -> Rows:
        """Return the leaf of each row in each tree, shape (n, n_trees)."""
        node = np.repeat(self.roots[None], len(X), axis=0)
        row, tree = np.nonzero(self.left[node] != LEAF)
        while len(row):
            at = node[row, tree]
            goes_left = X[row, self.feature[at]] <= self.threshold[at]
            at = np.where(goes_left, self.left[at], self.right[at])
            node[row, tree] = at
            inner = self.left[at] != LEAF
            row, tree = row[inner], tree[inner]
        return node


def join(trees: list[Trees]) -> Trees:
    """Put trees into one table."""
    starts = np.cumsum([0, *(len(tree.left) for tree in trees)])[:-1]

    def children(side: str) -> Rows:
        own = [(getattr(tree, side), start) for tree, start in zip(trees, starts, strict=True)]
        return np.concatenate([np.where(child == LEAF, LEAF, child + start) for child, start in own])

    return Trees(
        starts.astype(np.intp),
        np.concatenate([tree.feature for tree in trees]),
        np.concatenate([tree.threshold for tree in trees]),
        children("left"),
        children("right"),
        np.concatenate([tree.value for tree in trees]),
    )
