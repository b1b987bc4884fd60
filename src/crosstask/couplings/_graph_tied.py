"""Tasks tied along the edges of a graph."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from crosstask.couplings._base import AlphaProblem, Array, Coupling, ridge_range
from crosstask.couplings._frozen import Frozen, NoSharedPartError


class GraphTied(Coupling):
    r"""Slopes tied to those of the neighbours in a graph of tasks.

    .. math::
        R(W) = \frac12 \sum_{\{s,t\}} a_{st} \|w_s - w_t\|_2^2 + \frac{c}{2} \sum_t \|w_t\|_2^2
             = \frac12 \mathrm{tr}\, W'(L + cI) W

    with L the graph's Laplacian. Tasks that are connected are pooled as alpha goes to infinity (c = 0); a task without
    an edge is fitted without any penalty. A path graph is the squared form of :class:`FusedInTime`.

    Parameters
    ----------
    edges : sequence of (task, task) or (task, task, weight), optional
        Pairs that are tied, each once, in any order; the weight is 1 where it is left out. In an estimator the tasks
        are ids; on plain arrays they are positions.
    weights : array-like of shape (n_tasks, n_tasks), optional
        The symmetric matrix of the a_st >= 0, in the sorted order of the task ids; its diagonal is not used.
    laplacian : array-like of shape (n_tasks, n_tasks), optional
        L itself: symmetric, rows that sum to zero, nothing positive off the diagonal.
    ridge : float, default=0.0
        c. A small positive value makes up for tasks without edges, and for classes that can be separated.
    weight : float, default=1.0
        Multiplies R.

    Raises
    ------
    ValueError
        On use: not exactly one of edges, weights and laplacian; a negative weight; an unknown task; a wrong shape.

    References
    ----------
    T. Evgeniou, C. A. Micchelli and M. Pontil (2005). Learning multiple tasks with kernel methods. Journal of Machine
    Learning Research 6, 615-637.

    Notes
    -----
    Cost: one eigendecomposition of L, O(T^3), which is kept, and O(T^2 d) a prox. Conjugate:
    tr G'(L + cI)^+ G / 2 where no connected part has a sum left (c = 0).

    When not to use it: when the graph is a guess. Ties of the wrong kind do harm, and there are no signed ones: tasks
    that oppose one another cannot be said here. To learn who is close, take :class:`TaskCovariance`.

    Examples
    --------
    >>> import numpy as np
    >>> GraphTied([(0, 1), (1, 2)]).value(np.array([[0.0], [1.0], [3.0]]))
    2.5
    """

    by_feature = True
    rotation_invariant: ClassVar[bool] = True

    def __init__(
        self,
        edges: Any = None,
        *,
        weights: Any = None,
        laplacian: Any = None,
        ridge: float = 0.0,
        weight: float = 1.0,
    ) -> None:
        self.edges = edges
        self.weights = weights
        self.laplacian = laplacian
        self.ridge = ridge
        self.weight = weight

    def for_tasks(self, tasks: Any) -> Self:
        """Return the same coupling with edges between positions instead of ids."""
        if self.edges is None or self.weights is not None or self.laplacian is not None:
            self._spectrum(len(tasks))  # says what is wrong
            return self
        position = {task: i for i, task in enumerate(np.asarray(tasks).tolist())}
        edges = [tuple(edge.tolist() if isinstance(edge, np.ndarray) else edge) for edge in self.edges]
        unknown = [end for edge in edges for end in edge[:2] if end not in position]
        if unknown:
            raise ValueError(
                f"GraphTied: an edge names {unknown[0]!r}, which is not among the tasks "
                f"{', '.join(map(repr, list(position)[:8]))}{', ..' if len(position) > 8 else ''}: "
                "give edges as pairs of task ids."
            )
        numbered = [(position[edge[0]], position[edge[1]], *edge[2:]) for edge in edges]
        return type(self)(numbered, ridge=self.ridge, weight=self.weight)

    def value(self, V: Array) -> float:
        """Return R(V)."""
        values, vectors = self._spectrum(len(V))
        return 0.5 * self.weight * float((values + self.ridge) @ _squares(vectors.T @ V.reshape(len(V), -1)))

    def prox(self, V: Array, step: float | Array) -> Array:
        """Return (I + step (L + cI))^-1 V."""
        values, vectors = self._spectrum(len(V))
        length = self.weight * np.asarray(step)
        shrunk = 1.0 + (values + self.ridge).reshape(-1, *[1] * (V.ndim - 1)) * length
        return np.tensordot(vectors, np.tensordot(vectors.T, V, 1) / shrunk, 1)

    def conjugate(self, G: Array) -> float:
        """Return tr G'(L + cI)^+ G / 2; with c = 0 the sum of each connected part is taken to be zero."""
        values, vectors = self._spectrum(len(G))
        inverse = np.divide(1.0, values + self.ridge, out=np.zeros_like(values), where=values + self.ridge > 0)
        return 0.5 * float(inverse @ _squares(vectors.T @ G.reshape(len(G), -1))) / self.weight

    def free_groups(self, n_tasks: int) -> Array | None:
        """Return the connected parts where c = 0."""
        if self.ridge > 0:
            return None
        from scipy.sparse.csgraph import connected_components

        laplacian = _laplacian(*self._given(), n_tasks)
        count, label = connected_components(laplacian != 0, directed=False)
        return (label == np.arange(count)[:, None]).astype(np.float64)

    def violation(self, V: Array, gradient: Array) -> float:
        """Return the norm of gradient + (L + cI) V."""
        values, vectors = self._spectrum(len(V))
        scaled = (values + self.ridge).reshape(-1, *[1] * (V.ndim - 1)) * np.tensordot(vectors.T, V, 1)
        return float(np.linalg.norm(gradient + self.weight * np.tensordot(vectors, scaled, 1)))

    def frozen(self, V: Array) -> Frozen:
        """Refuse: a new task has no edges."""
        raise NoSharedPartError(
            "GraphTied ties a task to its neighbours, and a new task has none, so no task can be added: fit again with "
            "the rows of all tasks and the edges of the new one."
        )

    def alpha_range(self, problem: AlphaProblem) -> tuple[float, float]:
        """Return where 1 % of the freedom is left in the graph's loosest direction, and 99 % in its tightest."""
        eigenvalues = problem.null_eigenvalues()
        values = self._spectrum(len(problem.null_gradient()))[0] + self.ridge
        tied = values[values > 0]
        if not len(tied):
            return ridge_range(eigenvalues, self.weight)
        largest = ridge_range(eigenvalues, self.weight * float(tied.min()))[0]
        return largest, ridge_range(eigenvalues, self.weight * float(tied.max()))[1]

    def _given(self) -> tuple[str, Array]:
        named = {"edges": self.edges, "weights": self.weights, "laplacian": self.laplacian}
        given = [(name, value) for name, value in named.items() if value is not None]
        if len(given) != 1:
            names = ", ".join(name for name, _ in given) or "none"
            raise ValueError(f"GraphTied takes exactly one of edges, weights and laplacian; given: {names}.")
        name, value = given[0]
        if name == "edges":
            return name, _edge_array(value)
        return name, np.asarray(value, dtype=np.float64)

    def _spectrum(self, n_tasks: int) -> tuple[Array, Array]:
        name, array = self._given()
        return _decomposed(name, np.ascontiguousarray(array).tobytes(), array.shape, n_tasks)


def _squares(M: Array) -> Array:
    """Squared length of each row."""
    return np.einsum("ij,ij->i", M, M)


def _edge_array(edges: Any) -> Array:
    """Return edges as (E, 3) numbers: positions and weight."""
    rows = [(*edge, 1.0) if len(edge) == 2 else tuple(edge) for edge in edges]
    if any(len(row) != 3 for row in rows):
        raise ValueError("GraphTied: an edge is a pair of tasks, or a pair and its weight.")
    try:
        return np.array(rows, dtype=np.float64).reshape(-1, 3)
    except ValueError as error:
        raise ValueError(
            "GraphTied: edges between names need an estimator, which knows the order of the tasks; "
            "on plain arrays give positions."
        ) from error


@lru_cache(maxsize=16)
def _decomposed(name: str, given: bytes, shape: tuple[int, ...], n_tasks: int) -> tuple[Array, Array]:
    array = np.frombuffer(given).reshape(shape)
    values, vectors = np.linalg.eigh(_laplacian(name, array, n_tasks))
    return np.where(values > 1e-12 * len(values) * values.max(initial=0.0), values, 0.0), vectors


def _laplacian(name: str, array: Array, n_tasks: int) -> Array:
    if name == "edges":
        weights = _weights_of(array, n_tasks)
    else:
        if array.shape != (n_tasks, n_tasks):
            raise ValueError(
                f"GraphTied: {name} has shape {array.shape}, and there are {n_tasks} tasks: give a matrix of shape "
                f"({n_tasks}, {n_tasks}), in the sorted order of the task ids."
            )
        weights = array if name == "weights" else -array
        size = np.abs(array).max(initial=0.0)
        if not np.allclose(array, array.T, atol=1e-10 * size):
            raise ValueError(f"GraphTied: {name} must be symmetric: what ties s to t ties t to s.")
        if name == "laplacian" and np.abs(array.sum(axis=1)).max(initial=0.0) > 1e-8 * size:
            raise ValueError("GraphTied: the rows of laplacian must sum to zero; give adjacencies as weights=.")
    weights = weights - np.diag(np.diag(weights))
    if not (weights >= 0).all():
        raise ValueError("GraphTied: weights of edges must be zero or positive: opposed tasks cannot be tied.")
    return np.diag(weights.sum(axis=1)) - weights


def _weights_of(edges: Array, n_tasks: int) -> Array:
    ends: NDArray[np.intp] = edges[:, :2].astype(np.intp)
    if len(ends) and (ends.min() < 0 or ends.max() >= n_tasks or (ends != edges[:, :2]).any()):
        raise ValueError(f"GraphTied: positions in edges run from 0 to {n_tasks - 1} for {n_tasks} tasks.")
    weights = np.zeros((n_tasks, n_tasks))
    np.add.at(weights, (ends[:, 0], ends[:, 1]), edges[:, 2])
    return weights + weights.T
