"""Optimal transport: move each source row to where the cheapest plan sends it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from crosstask.transfer._aligner import Floats
from crosstask.transfer._coral import SameColumns
from crosstask.transfer._rows import TransferRows


class OptimalTransportMap(SameColumns):
    r"""Move each row of a source to the mean of the target's rows that the cheapest transport plan sends it to.

    .. math::
        G = \arg\min_{G 1 = 1 / n_s,\; G'1 = 1 / n_t} \langle G, M \rangle + \text{reg}\; \Omega(G)
        + \eta \sum_{j, c} \lVert G_{I_c, j} \rVert_1^{1/2}, \qquad
        M_{ij} = \lvert x_i - x^t_j \rvert^2 / \max M, \qquad
        x_i \mapsto n_s \sum_j G_{ij}\,x^t_j

    with the entropy :math:`\Omega`. The last term keeps rows of different classes of the source from being sent to the
    same row of the target. Rows of the target stay as they are.

    Parameters
    ----------
    target_task : task id, optional
        The task that the others are brought to. None where no tasks are given, and then nothing is changed.
    reg : float, default=0.05
        Weight of the entropy, on costs divided by their largest; 0 is the exact plan, which moves rows one to one.
    class_reg : float, default=0.1
        :math:`\eta`; without effect where ``reg`` is 0 or y is not given.
    max_sinkhorn_iter : int, default=1000
        Most iterations of Sinkhorn's algorithm.
    task_column : str or int, optional
        Column of X that holds the task ids; it is left out of what ``transform`` returns.

    Attributes
    ----------
    source_rows_, moved_rows_ : list of ndarray of shape (n_s, n_features)
        The rows of each source, before and after.
    source_tasks_ : ndarray of shape (n_sources,)
        Sorted ids of the other tasks.

    Raises
    ------
    ImportError
        If POT is not installed.
    ValueError
        If ``reg`` or ``class_reg`` is negative.

    Notes
    -----
    Labels are used where there are any: classes of the sources in the last term, and a labelled row of the target is
    not sent rows of another class. A new row of a source moves as its nearest row in ``fit`` did. Cost:
    :math:`O(n_s n_t)` memory and time an iteration. When not to use it: under label shift, for the plan must send a
    class that is rarer in the target somewhere, and it sends it to another class; and with thousands of columns,
    where distances say little. The fitted object holds rows of the sources.

    References
    ----------
    N. Courty, R. Flamary, D. Tuia, A. Rakotomamonjy (2016). Optimal transport for domain adaptation. IEEE
    Transactions on Pattern Analysis and Machine Intelligence 39, 1853-1865.

    Examples
    --------
    >>> X = [[0.0], [1.0], [2.0], [10.0], [11.0], [12.0]]
    >>> aligner = OptimalTransportMap("new", reg=0.0)  # doctest: +SKIP
    >>> aligner.fit_transform(X, task=["old"] * 3 + ["new"] * 3).ravel()  # doctest: +SKIP
    array([10., 11., 12., 10., 11., 12.])
    """

    def __init__(
        self,
        target_task: Any = None,
        *,
        reg: float = 0.05,
        class_reg: float = 0.1,
        max_sinkhorn_iter: int = 1000,
        task_column: str | int | None = None,
    ) -> None:
        self.target_task = target_task
        self.reg = reg
        self.class_reg = class_reg
        self.max_sinkhorn_iter = max_sinkhorn_iter
        self.task_column = task_column

    def _learn(self, X: Floats, rows: TransferRows) -> None:
        for name in ("reg", "class_reg"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{name}={getattr(self, name)!r} must be 0 or a positive number.")
        self.n_columns_ = X.shape[1]
        self.source_rows_: list[Floats] = []
        self.moved_rows_: list[Floats] = []
        if not rows.n_sources:
            return
        transport = import_pot(type(self).__name__)
        served = np.flatnonzero(rows.is_target)
        for s in range(rows.n_sources):
            own = np.flatnonzero(rows.source == s)
            plan = self._plan(transport, X[own], X[served], *_classes(rows, own, served))
            share = plan / np.maximum(plan.sum(axis=1, keepdims=True), 1e-300)
            self.source_rows_.append(X[own])
            self.moved_rows_.append(share @ X[served])

    def _plan(
        self, transport: Any, source: Floats, target: Floats, y_source: NDArray[Any] | None, y_target: NDArray[Any]
    ) -> Floats:
        cost = np.asarray(transport.dist(source, target), dtype=np.float64)
        cost = cost / max(float(cost.max()), 1e-300)
        if y_source is not None:
            differs = (y_target >= 0) & (y_source[:, None] != y_target)
            cost = np.where(differs, 10.0, cost)  # a labelled row takes rows of its own class only
        a, b = (np.full(len(part), 1.0 / len(part)) for part in (source, target))
        if self.reg == 0:
            return np.asarray(transport.emd(a, b, cost))
        if y_source is not None and self.class_reg > 0:
            options: dict[str, Any] = {
                "eta": self.class_reg,
                "numItermax": 10,
                "numInnerItermax": self.max_sinkhorn_iter,
            }
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # an inner step that stops early is refined by the next
                return np.asarray(transport.da.sinkhorn_lpl1_mm(a, y_source, b, cost, self.reg, **options))
        return np.asarray(
            transport.sinkhorn(a, b, cost, self.reg, method="sinkhorn_log", numItermax=self.max_sinkhorn_iter)
        )

    def _map(self, X: Floats, source: NDArray[np.intp]) -> Floats:
        mapped = X.copy()
        for s, (before, after) in enumerate(zip(self.source_rows_, self.moved_rows_, strict=True)):
            own = np.flatnonzero(source == s)
            if len(own):
                nearest = NearestNeighbors(n_neighbors=1).fit(before).kneighbors(X[own], return_distance=False)[:, 0]
                mapped[own] = X[own] + (after - before)[nearest]
        return mapped


def import_pot(who: str) -> Any:
    """Import POT.

    Raises
    ------
    ImportError
        If it is not installed; the message has the command that installs it.
    """
    try:
        import ot
    except ImportError:
        raise ImportError(f'{who} needs POT, which is not installed: pip install "crosstask[transport]".') from None
    return ot


def _classes(
    rows: TransferRows, own: NDArray[np.intp], served: NDArray[np.intp]
) -> tuple[NDArray[np.intp] | None, NDArray[np.intp]]:
    """Return (class codes of the source's rows, or None; of the target's, -1 where there is no label)."""
    none = np.full(len(served), -1, dtype=np.intp)
    if rows.y is None or not rows.labelled[own].all():
        return None, none
    known = rows.y[rows.labelled]
    values = np.unique(np.array(known.tolist()) if known.dtype.kind == "O" else known)
    if values.dtype.kind == "f" and (values != np.floor(values)).any():  # amounts, not classes
        return None, none
    has = rows.labelled[served]
    none[has] = np.searchsorted(values, _plain(rows.y[served][has], values))
    return np.searchsorted(values, _plain(rows.y[own], values)).astype(np.intp), none


def _plain(y: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
    return np.array(y.tolist(), dtype=like.dtype) if y.dtype.kind == "O" else y
