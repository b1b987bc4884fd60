"""B, the kernel between tasks: read from what the caller gives, checked, and made stronger or weaker."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

Array = NDArray[np.float64]

_ROUNDING = 1e-8  # of the largest eigenvalue: a negative one below it is rounding


def graph_task_kernel(graph: Any, strength: float = 1.0) -> Any:
    r"""Return the task kernel of a graph between tasks, :math:`B \propto (I + \text{strength} \cdot L)^{-1}`.

    L is the graph's Laplacian, so that the penalty of B is
    :math:`\sum_t |w_t|^2 + \text{strength} \sum_{s < t} A_{st} |w_s - w_t|^2`, and tasks joined by an edge lend each
    other their rows.

    Parameters
    ----------
    graph : array-like or pandas.DataFrame of shape (n_tasks, n_tasks)
        Symmetric weights A of the edges, zero where there is none; the diagonal is not read. The order is that of the
        sorted task ids, or a frame has the ids as index and columns.
    strength : float, default=1.0
        Not negative. 0 gives the identity; very large values give one model for each connected part.

    Returns
    -------
    ndarray or pandas.DataFrame of shape (n_tasks, n_tasks)
        B, scaled so that its diagonal is 1 on average; a frame where a frame was given.

    Raises
    ------
    ValueError
        If the graph is not square, not symmetric, or has a negative or missing weight, or the strength is negative.

    Notes
    -----
    Cost: O(n_tasks^3). When not to use it: a graph that was drawn from the tasks' X says nothing about whether their
    relations to y agree.

    References
    ----------
    T. Evgeniou, C. A. Micchelli and M. Pontil (2005). Learning multiple tasks with kernel methods. Journal of Machine
    Learning Research 6, 615-637.

    Examples
    --------
    >>> graph_task_kernel([[0, 1, 0], [1, 0, 0], [0, 0, 0]]).round(2)
    array([[0.86, 0.43, 0.  ],
           [0.43, 0.86, 0.  ],
           [0.  , 0.  , 1.29]])
    """
    weights = np.array(graph, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ValueError(f"graph has shape {weights.shape}: give one row and one column for each task.")
    if not np.isfinite(weights).all() or (weights < 0).any() or not np.allclose(weights, weights.T):
        raise ValueError(
            "graph must be symmetric, with finite weights that are not negative: 0 where there is no edge."
        )
    if not (np.isfinite(strength) and strength >= 0):
        raise ValueError(f"strength={strength!r} must be a number that is not negative.")
    np.fill_diagonal(weights, 0.0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    kernel = np.linalg.inv(np.eye(len(weights)) + strength * laplacian)
    kernel *= len(kernel) / np.trace(kernel)
    kernel = (kernel + kernel.T) / 2.0
    if hasattr(graph, "columns"):
        import pandas as pd

        return pd.DataFrame(kernel, index=graph.index, columns=graph.columns)
    return kernel


def read_task_kernel(task_kernel: Any, tasks: NDArray[Any]) -> Array:
    """Return B of shape (n_tasks, n_tasks) in the order of the tasks.

    Raises
    ------
    ValueError
        If it is no such matrix: another shape, other names, not symmetric, not positive semidefinite.
    """
    if isinstance(task_kernel, str):
        if task_kernel != "mean_tied":
            raise ValueError(
                f"task_kernel={task_kernel!r} is not known: use 'mean_tied', or a (n_tasks, n_tasks) matrix."
            )
        return np.ones((len(tasks), len(tasks)))
    if hasattr(task_kernel, "columns"):
        task_kernel = _in_order(task_kernel, tasks)
    matrix = np.array(task_kernel, dtype=np.float64)
    if matrix.shape != (len(tasks), len(tasks)):
        raise ValueError(
            f"task_kernel has shape {matrix.shape}, but there are {len(tasks)} tasks: give one row and column for each "
            f"of {_shown(tasks)}, in this order, or a data frame with these names."
        )
    if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T):
        raise ValueError("task_kernel must be symmetric and finite: task_kernel[s, t] is how much s and t share.")
    refuse_indefinite(matrix, "task_kernel", "add to its diagonal, or use its nearest positive semidefinite matrix")
    if not (np.diag(matrix) > 0).all():
        poor = tasks[np.diag(matrix) <= 0]
        raise ValueError(f"task_kernel is zero for task {_shown(poor)}: the diagonal must be positive.")
    return matrix


def refuse_indefinite(gram: Array, name: str, cure: str) -> None:
    """Raise a ValueError with the smallest eigenvalue where it is below zero by more than rounding."""
    eigenvalues = np.linalg.eigvalsh((gram + gram.T) / 2.0)
    smallest, largest = float(eigenvalues[0]), float(np.abs(eigenvalues).max())
    if smallest < -_ROUNDING * max(largest, np.finfo(float).tiny):
        raise ValueError(
            f"{name} is not positive semidefinite: its smallest eigenvalue is {smallest:.3g} (the largest "
            f"{largest:.3g}), and no objective is convex with it; {cure}."
        )


def with_sharing(task_kernel: Array, sharing: float) -> Array:
    """Return sharing * B + (1 - sharing) * diag(B)."""
    return sharing * task_kernel + np.diag((1.0 - sharing) * np.diag(task_kernel))


def parts(task_kernel: Array) -> NDArray[np.intp]:
    """Return the number of the part that each task belongs to: tasks of two parts share nothing."""
    return connected_components(task_kernel != 0, directed=False)[1].astype(np.intp)


def _in_order(frame: Any, tasks: NDArray[Any]) -> Any:
    names = list(frame.columns)
    rows = list(getattr(frame, "index", names))
    lacking = [task for task in tasks.tolist() if task not in names or task not in rows]
    if lacking:
        raise ValueError(
            f"task_kernel has no row and column for task {_shown(np.asarray(lacking))}: it names {_shown(names)}."
        )
    order = [rows.index(task) for task in tasks.tolist()], [names.index(task) for task in tasks.tolist()]
    return np.asarray(frame.to_numpy())[np.ix_(*order)]


def _shown(names: Any) -> str:
    shown = [repr(name) for name in np.asarray(names).tolist()]
    return ", ".join(shown[:8]) + (", .." if len(shown) > 8 else "")
