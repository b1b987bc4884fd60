"""Candidates that are worth their time on some tables only: they join by a rule, or where the caller names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosstask.affinity import GroupedTasks
from crosstask.auto._baseline import BaseRateClassifier, TaskMeanRegressor
from crosstask.auto._columns import is_category
from crosstask.auto._encoder import NumericEncoder
from crosstask.auto._prepared import Prepared
from crosstask.couplings import MeanTied
from crosstask.multitask import MultiTaskClassifier, MultiTaskRegressor, TransferToEach

N_ALPHAS, N_ALPHAS_LOGISTIC = 20, 8  # three to four decades; the guard blends what lies between
FEWEST_FOR_GROUPS, MOST_FOR_GROUPS = 6, 200  # tasks
WORK_FOR_GROUPS = 2e7  # (tasks x columns)^2 up to which the search for groups takes seconds


@dataclass(frozen=True)
class DataShape:
    """What decides which candidates are worth their time."""

    names: list[str]
    levels: list[Any]
    n_rows: int
    n_tasks: int
    classification: bool

    @property
    def n_alphas(self) -> int:
        """Number of alphas that a linear candidate tries."""
        return N_ALPHAS_LOGISTIC if self.classification else N_ALPHAS

    def prepared(self, estimator: Any, **options: Any) -> Prepared:
        """Return the estimator behind what makes the table fit for it."""
        return Prepared(estimator, names=self.names, levels=self.levels, **options)

    def by_kind(self, classifier: Any, regressor: Any) -> Any:
        """Return the first for classes, the second for amounts."""
        return classifier if self.classification else regressor


def groups(shape: DataShape, n_groups: int | None = None) -> Prepared:
    """Return slopes tied to a centre of their own in each group of tasks; serves no unseen task."""
    model = shape.by_kind(MultiTaskClassifier, MultiTaskRegressor)
    tied = model(MeanTied(centre_weight=0.1), n_alphas=shape.n_alphas)
    return shape.prepared(GroupedTasks(tied, n_groups=n_groups))


def count_groups(shape: DataShape, X: NDArray[np.float64], y: NDArray[Any], task: NDArray[Any]) -> int:
    """Return into how many groups the tasks fall, where that is worth a candidate; 0 where it is not.

    Worth it are two groups up to a third of the number of tasks. One group is "mean tied"; groups of one or two tasks
    are own models. The search is made on between 6 and 200 tasks whose (tasks x columns)^2 is at most 2e7.
    """
    if not FEWEST_FOR_GROUPS <= shape.n_tasks <= MOST_FOR_GROUPS:
        return 0
    encoded = NumericEncoder(shape.names, shape.levels).fit(X).transform(X)
    if (shape.n_tasks * encoded.shape[1]) ** 2 > WORK_FOR_GROUPS:
        return 0
    constant: Any = shape.by_kind(BaseRateClassifier(), TaskMeanRegressor())  # only the groups are wanted
    found = int(GroupedTasks(constant).fit(encoded, y, task=task).groups_.max()) + 1
    return found if 2 <= found <= shape.n_tasks // 3 else 0


def network(shape: DataShape) -> Prepared:
    """Return one network for all tasks; it costs more than all the linear candidates together."""
    from crosstask.neural import MultiTaskMLPClassifier, MultiTaskMLPRegressor
    from crosstask.neural._torch import require_torch

    require_torch("candidates='neural'")
    kind = shape.by_kind(MultiTaskMLPClassifier, MultiTaskMLPRegressor)
    return shape.prepared(kind(unseen_task="pooled"))


def gaussian_process(shape: DataShape) -> Prepared:
    """Return Gaussian processes of all tasks.

    Raises
    ------
    ValueError
        For classification.
    """
    from crosstask.multitask import MultiTaskGPRegressor

    if shape.classification:
        raise ValueError("candidate 'gp' is for regression only: leave it out, or name 'task boosting' or 'network'.")
    return shape.prepared(MultiTaskGPRegressor(unseen_task="mean"))


def task_boosting(shape: DataShape) -> Prepared:
    """Return boosting that starts from the linear shared model where a race says so, with stages of the tasks' own."""
    from crosstask.multitask import MultiTaskBoostingClassifier, MultiTaskBoostingRegressor

    kind = shape.by_kind(MultiTaskBoostingClassifier, MultiTaskBoostingRegressor)
    categories = np.flatnonzero([is_category(level) for level in shape.levels]).tolist()
    return shape.prepared(kind(categorical_features=categories or None, unseen_task="pooled"), form="raw")


def transfer_to_each(shape: DataShape) -> Prepared:
    """Return, for each task, a linear model drawn to one that was fitted to all other tasks."""
    from crosstask.transfer import PriorClassifier, PriorRegressor

    method = shape.by_kind(PriorClassifier, PriorRegressor)
    source = shape.by_kind(MultiTaskClassifier, MultiTaskRegressor)("pooled", n_alphas=shape.n_alphas)
    return shape.prepared(TransferToEach(method(), source, pool_sources=True))


OPTIONAL = {
    "groups": groups,
    "task boosting": task_boosting,
    "gp": gaussian_process,
    "transfer to each": transfer_to_each,
    "network": network,
}
"""What a list of names may ask for beside the default candidates."""
