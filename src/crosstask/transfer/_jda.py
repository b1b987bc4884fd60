"""Joint distribution adaptation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

from crosstask.tasks import fresh
from crosstask.tasks._target import check_target
from crosstask.transfer._aligner import Floats
from crosstask.transfer._components import ComponentAnalysis, difference, task_differences
from crosstask.transfer._rows import TransferRows


class JDA(ComponentAnalysis):
    r"""Project all tasks on directions in which their means agree, over all rows and in each class.

    .. math::
        \max_W\; \operatorname{tr}(W' B W) \quad\text{subject to}\quad
        W' \Big(\mu\,\bar v\,I + \frac1n \sum_{s}\sum_{c = 0}^{C}
        \frac{n_{sc} n_{tc}}{n_{sc} + n_{tc}}\,\delta_{sc} \delta_{sc}'\Big) W = I

    as in :class:`TCA`; :math:`\delta_{sc}` is the difference between the means of source s and the target in class c,
    and c = 0 is all rows. The classes of the target's unlabelled rows are predicted by ``estimator`` in the projection,
    and both steps are repeated until the predictions stay, ``max_iter`` times at most.

    Parameters
    ----------
    target_task : task id, optional
        The task to serve. None where no tasks are given: this is then (kernel) PCA.
    n_components : int, default=30
        Number of directions, at most.
    mu : float, default=1.0
        :math:`\mu > 0`: small values remove the differences of the means, large ones give PCA.
    estimator : classifier, optional
        Predicts the classes of the target in the projection, rows scaled to unit length. None is the nearest neighbour.
    max_iter : int, default=10
        Most rounds.
    kernel : {"linear", "rbf", "poly", "sigmoid", "cosine", "laplacian"}, default="linear"
        As in :class:`TCA`.
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
    components_, mean_, explained_ratio_, feature_map_, n_components_
        As in :class:`TCA`.
    n_iter_ : int
        Rounds made.
    pseudo_labels_ : ndarray of shape (n_target_rows,)
        The classes by which the target's rows entered the last round; known ones as they were given.

    Raises
    ------
    ValueError
        If a row of a source has no class, or a parameter is out of its range.

    Notes
    -----
    Needs classes of the sources; those of the target are used where they are known. New rows need no task. Cost: that
    of :class:`TCA` and of one fit of ``estimator``, ``n_iter_`` times. When not to use it: with the wrong first guess
    it confirms its own errors; under label shift the predicted classes lag behind, as the means over all rows still
    are pulled together.

    References
    ----------
    M. Long, J. Wang, G. Ding, J. Sun, P. S. Yu (2013). Transfer feature learning with joint distribution adaptation.
    ICCV, 2200-2207.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> y = np.array(["a", "b"] * 20)
    >>> X = rng.normal(size=(40, 3)) * 0.1 + (y == "b")[:, None] * [3.0, 0.0, 0.0]
    >>> task = np.repeat(["old", "new"], 20)
    >>> X[20:] += [0.0, 0.0, 2.0]  # the new task is moved in the third column
    >>> holed = np.where(task == "new", None, y)
    >>> bool((JDA("new", n_components=1).fit(X, holed, task=task).pseudo_labels_ == y[20:]).all())
    True
    """

    def __init__(
        self,
        target_task: Any = None,
        *,
        n_components: int = 30,
        mu: float = 1.0,
        estimator: Any = None,
        max_iter: int = 10,
        kernel: str = "linear",
        gamma: float | None = None,
        n_landmarks: int = 300,
        random_state: Any = None,
        task_column: str | int | None = None,
    ) -> None:
        self.target_task = target_task
        self.n_components = n_components
        self.mu = mu
        self.estimator = estimator
        self.max_iter = max_iter
        self.kernel = kernel
        self.gamma = gamma
        self.n_landmarks = n_landmarks
        self.random_state = random_state
        self.task_column = task_column

    def _learn(self, X: Floats, rows: TransferRows) -> None:
        features = self._learn_features(X)
        apart = task_differences(features, rows)
        self._learn_components(features, apart)
        target = rows.is_target
        self.n_iter_, self.pseudo_labels_ = 1, np.zeros(0)
        if not rows.n_sources:
            return
        label = self._known_classes(rows)
        previous: NDArray[Any] | None = None
        while self.n_iter_ < max(int(self.max_iter), 1):
            self._guess(features, rows, label)
            self.pseudo_labels_ = label[target].copy()
            if previous is not None and (previous == self.pseudo_labels_).all():
                return
            previous = self.pseudo_labels_
            self._learn_components(features, np.vstack([apart, *_class_differences(features, rows, label)]))
            self.n_iter_ += 1

    def _known_classes(self, rows: TransferRows) -> NDArray[Any]:
        """Return the class of each row, in the target's unlabelled rows any class."""
        lost = ~rows.labelled & ~rows.is_target
        if rows.y is None or lost.any():
            raise ValueError(
                f"JDA needs the class of every source row, and {int(lost.sum())} have none: pass y to fit (CORAL, "
                "SubspaceAlignment and TCA need no y)."
            )
        known = check_target(rows.y[rows.labelled], classification=True)
        label = np.full(len(rows.labelled), known[0])
        label[rows.labelled] = known
        return label

    def _guess(self, features: Floats, rows: TransferRows, label: NDArray[Any]) -> None:
        """Predict the classes of the unlabelled rows in the projection as it is now; writes them into ``label``."""
        unknown = ~rows.labelled
        if not unknown.any():
            return
        placed: Floats = np.asarray(normalize(self._project(features)))
        model: Any = KNeighborsClassifier(1) if self.estimator is None else fresh(self.estimator)
        model.fit(placed[rows.labelled], label[rows.labelled])
        label[unknown] = model.predict(placed[unknown])


def _class_differences(features: Floats, rows: TransferRows, label: NDArray[Any]) -> list[Floats]:
    """Differences between the means of each source and the target in each class that both have."""
    found: list[Floats] = []
    for value in np.unique(label):
        served = rows.is_target & (label == value)
        for s in range(rows.n_sources):
            own = (rows.source == s) & (label == value)
            if own.any() and served.any():
                found.append(difference(features, own, served))
    return found
