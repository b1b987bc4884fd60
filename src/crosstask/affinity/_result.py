"""What `task_affinity` answers: gains of all pairs, and what can be asked of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crosstask.affinity._groups import TaskGroups, find_groups, linkage_of
from crosstask.affinity._moments import Working
from crosstask.affinity._pooling import Fold, pooled_slopes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

Array = NDArray[np.float64]
IntVector = NDArray[np.intp]
NORMAL_95 = 1.959964


@dataclass(frozen=True, repr=False)
class TaskAffinity:
    """What each task would gain from pooling each other one.

    Parameters
    ----------
    tasks : ndarray of shape (n_tasks,)
        Task ids.
    gain : ndarray of shape (n_tasks, n_tasks)
        Rows are sources, columns targets: predicted reduction of the target's loss on new rows by pooling the source
        in, as a share of the loss of its own model. Negative is harm; NaN on the diagonal.
    error : ndarray of shape (n_tasks, n_tasks)
        Standard error of the gain.
    p_value : ndarray of shape (n_tasks, n_tasks)
        Of the test that both tasks have the same slopes; NaN for the cross-learning score.
    own_loss : ndarray of shape (n_tasks,)
        Predicted loss of each task's own model: squared error, or log loss.
    method : {"moments", "cross_learning"}
        How it was computed.
    """

    tasks: NDArray[Any]
    gain: Array
    error: Array
    p_value: Array
    own_loss: Array
    method: str
    _working: list[Working] = field(default_factory=list[Working])
    _folds: list[tuple[IntVector, IntVector]] = field(default_factory=list[tuple[IntVector, IntVector]])

    def frame(self) -> pd.DataFrame:
        """Return source, target, gain, low, high (95 %), p_value and verdict, the largest gain first.

        ``verdict`` is "helps" or "harms" where the interval leaves zero out, else "unclear".
        """
        import pandas as pd

        source, target = np.nonzero(~np.eye(len(self.tasks), dtype=bool))
        gain, error = self.gain[source, target], self.error[source, target]
        low, high = gain - NORMAL_95 * error, gain + NORMAL_95 * error
        columns = {
            "source": self.tasks[source],
            "target": self.tasks[target],
            "gain": gain,
            "low": low,
            "high": high,
            "p_value": self.p_value[source, target],
            "verdict": np.select([low > 0, high < 0], ["helps", "harms"], "unclear"),
        }
        return pd.DataFrame(columns).sort_values("gain", ascending=False, ignore_index=True, kind="stable")

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the gains as a heat map in the order of the dendrogram, hatched where a gain is within its error."""
        from crosstask.report import AffinityDisplay

        return AffinityDisplay(self).plot(ax)

    def linkage(self) -> Array:
        """Return scipy's linkage matrix: average linkage on the smaller of the two gains of a pair."""
        return linkage_of(np.where(np.isnan(self.gain), 0.0, self.gain))

    def tree(self) -> Array:
        """Return the linkage with its branches turned so that alike tasks are neighbours (up to 200 tasks)."""
        from scipy.cluster.hierarchy import optimal_leaf_ordering
        from scipy.spatial.distance import squareform

        if not 3 <= len(self.tasks) <= 200:
            return self.linkage()
        both = np.minimum(self.gain, self.gain.T)
        apart = np.nanmax(both) - np.where(np.isnan(both), np.nanmax(both), both)
        return optimal_leaf_ordering(self.linkage(), squareform(apart, checks=False))

    def order(self) -> IntVector:
        """Return positions of the tasks in the order of the dendrogram."""
        from scipy.cluster.hierarchy import leaves_list

        if len(self.tasks) < 3:
            return np.arange(len(self.tasks), dtype=np.intp)
        return leaves_list(self.tree()).astype(np.intp)

    def groups(self) -> TaskGroups:
        """Return groups of tasks to pool, their number (1 and n_tasks included) chosen by held-out loss.

        Up to 12 tasks all partitions are compared; beyond, the dendrogram is cut, and single tasks move and change
        places as long as the predicted loss falls.

        Raises
        ------
        ValueError
            If the affinity is a cross-learning score, which does not say what a pooled model would do.
        """
        working = self._one_working("groups()")
        folds = [Fold.cut(working, train, test) for train, test in self._folds]
        return find_groups(working.moments(), folds, self.tasks)

    def cross_validated(self, n_pairs: int = 20) -> pd.DataFrame:
        """Return the cross-validated gain of the pairs with the largest predicted gains.

        Parameters
        ----------
        n_pairs : int, default=20
            How many ordered pairs.

        Returns
        -------
        DataFrame
            source, target, predicted, gain, and low and high by Student's t over the folds with the variance factor
            of Nadeau and Bengio.
        """
        import pandas as pd
        from scipy import stats

        working = self._one_working("cross_validated()")
        top = self.frame().head(n_pairs)
        place = {task: position for position, task in enumerate(self.tasks.tolist())}
        source = np.array([place[task] for task in top["source"].tolist()], dtype=np.intp)
        target = np.array([place[task] for task in top["target"].tolist()], dtype=np.intp)
        own, pooled = (np.zeros((len(self._folds), len(top))) for _ in range(2))
        for k, (train, test) in enumerate(self._folds):
            fold = Fold.cut(working, train, test)
            ridge = fold.train.common_ridge()
            alone = np.eye(len(self.tasks), dtype=bool)
            own[k] = fold.losses(pooled_slopes(fold.train, alone[target], ridge), target)
            pooled[k] = fold.losses(pooled_slopes(fold.train, alone[target] | alone[source], ridge), target)
        total = np.maximum(own.sum(axis=0), 1e-300)
        gain = 1.0 - pooled.sum(axis=0) / total
        K = len(self._folds)
        apart = (own - pooled) * K / total
        half = stats.t.ppf(0.975, K - 1) * apart.std(axis=0, ddof=1) * np.sqrt(1.0 / K + 1.0 / max(K - 1, 1))
        found = {"source": top["source"], "target": top["target"], "predicted": top["gain"]}
        return pd.DataFrame(found | {"gain": gain, "low": gain - half, "high": gain + half})

    def _one_working(self, asked: str) -> Working:
        if not self._working:
            raise ValueError(
                f"{asked} needs moments, and this affinity is the cross-learning score of an estimator: call "
                "task_affinity without estimator=."
            )
        if len(self._working) > 1:
            raise ValueError(
                f"{asked} is for regression and two classes, and y has {len(self._working)}: "
                "ask for one class against the rest (y == label)."
            )
        if not self._folds:
            raise ValueError(f"{asked} holds folds out, and the statistics have none: gather them with n_folds=5.")
        return self._working[0]

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        """How many pairs help and harm, then the best and worst source of each of the first tasks."""
        table = self.frame()
        count = table["verdict"].value_counts()
        lines = [
            f"{len(self.tasks)} tasks, {len(table)} ordered pairs: {count.get('helps', 0)} help, "
            f"{count.get('harms', 0)} harm, {count.get('unclear', 0)} cannot be told from chance."
        ]
        for t in range(min(len(self.tasks), 20) if len(table) else 0):
            column = self.gain[:, t]
            best, worst = int(np.nanargmax(column)), int(np.nanargmin(column))
            lines.append(f"{self.tasks[t]}: most from {self._said(best, t)}, least from {self._said(worst, t)}")
        if len(self.tasks) > 20:
            lines.append(f".. and {len(self.tasks) - 20} more tasks; frame() has all pairs")
        return "\n".join(lines)

    def _said(self, i: int, j: int) -> str:
        low, high = self.gain[i, j] - NORMAL_95 * self.error[i, j], self.gain[i, j] + NORMAL_95 * self.error[i, j]
        return f"{self.tasks[i]} ({100 * self.gain[i, j]:+.0f} %, {100 * low:.0f} to {100 * high:.0f})"
