"""Transfer component analysis."""

from __future__ import annotations

from typing import Any

from crosstask.transfer._aligner import Floats
from crosstask.transfer._components import ComponentAnalysis, task_differences
from crosstask.transfer._rows import TransferRows


class TCA(ComponentAnalysis):
    r"""Project all tasks on directions of large variance in which their means agree.

    .. math::
        \max_W\; \operatorname{tr}(W' B W) \quad\text{subject to}\quad
        W' \Big(\mu\,\bar v\,I + \frac1n \sum_s \frac{n_s n_t}{n_s + n_t}\,\delta_s \delta_s'\Big) W = I,
        \qquad \delta_s = \bar\varphi_s - \bar\varphi_t,

    with the features :math:`\varphi(x)` of the kernel, their covariance B over all rows and its mean diagonal
    :math:`\bar v`. :math:`\lvert W' \delta_s \rvert^2` is the squared maximum mean discrepancy after the projection.

    Parameters
    ----------
    target_task : task id, optional
        The task to serve. None where no tasks are given: this is then (kernel) PCA.
    n_components : int, default=30
        Number of directions, at most.
    mu : float, default=1.0
        :math:`\mu > 0`: small values remove the differences of the means, large ones give PCA. A share of the mean
        variance, so that it means the same in any unit.
    kernel : {"linear", "rbf", "poly", "sigmoid", "cosine", "laplacian"}, default="linear"
        :math:`\varphi(x) = x` for "linear"; otherwise Nystroem's features on ``n_landmarks`` rows, which with all rows
        as landmarks are the kernel exactly.
    gamma : float, optional
        Of the kernel; 1 / n_features where None.
    n_landmarks : int, default=300
        Rows that span the features of a kernel other than "linear".
    random_state : int, RandomState instance or None, default=None
        Draws the landmarks.
    task_column : str or int, optional
        Column of X that holds the task ids; it is left out of what ``transform`` returns.

    Attributes
    ----------
    components_ : ndarray of shape (d, n_components_)
        W; d is the number of features of the kernel.
    mean_ : ndarray of shape (d,)
        Mean of the features over all rows, which is subtracted.
    explained_ratio_ : ndarray of shape (n_components_,)
        Variance in each direction over the constraint's value there, largest first.
    feature_map_ : Nystroem or None
        The features of the kernel.
    n_components_ : int
        As used; never more than the rank.

    Raises
    ------
    ValueError
        If ``mu`` or ``n_components`` is not positive, the kernel is not known, or X has one row.

    See Also
    --------
    crosstask.transfer.JDA : lets the means of each class agree as well.

    Notes
    -----
    Uses no labels. One linear map serves every row, so that new rows need no task. Cost: the d x d covariance and k
    eigenvectors of it, O(n d² + d² k), where the usual form takes O((n_s + n_t)³). Where the paper fixes
    :math:`W'BW = I`, which whitens the directions, they keep their variance here: the space is the same, and nearest
    neighbours do better in it (46.6 % on the mean of the twelve Office-Caltech pairs; 46.2 as published). If the
    columns were standardised inside each task, the means agree already and the linear kernel gives PCA. When not to
    use it: under label shift, where the means of the tasks *should* differ; and where few columns matter, for it
    seeks variance, not y.

    References
    ----------
    S. J. Pan, I. W. Tsang, J. T. Kwok, Q. Yang (2011). Domain adaptation via transfer component analysis. IEEE
    Transactions on Neural Networks 22, 199-210.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0], [6.0, 0.0], [0.0, 3.0], [6.0, 3.0]])
    >>> model = TCA("new", n_components=1, mu=1e-6).fit(X, task=["old"] * 4 + ["new"] * 2)
    >>> np.abs(model.components_[:, 0] / model.components_[0, 0]).round(2)  # the second column tells the tasks apart
    array([1., 0.])
    """

    def __init__(
        self,
        target_task: Any = None,
        *,
        n_components: int = 30,
        mu: float = 1.0,
        kernel: str = "linear",
        gamma: float | None = None,
        n_landmarks: int = 300,
        random_state: Any = None,
        task_column: str | int | None = None,
    ) -> None:
        self.target_task = target_task
        self.n_components = n_components
        self.mu = mu
        self.kernel = kernel
        self.gamma = gamma
        self.n_landmarks = n_landmarks
        self.random_state = random_state
        self.task_column = task_column

    def _learn(self, X: Floats, rows: TransferRows) -> None:
        features = self._learn_features(X)
        self._learn_components(features, task_differences(features, rows))
