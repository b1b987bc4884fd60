"""Life after the first fit: tasks that come later, and new rows of the known ones; mixed into TransferGuard."""

from __future__ import annotations

from copy import copy
from typing import Any, Self

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.class_weight import compute_sample_weight

from crosstask.guard._add_task import add_tasks
from crosstask.guard._candidates import check_candidates, with_own
from crosstask.guard._contest import Contest
from crosstask.guard._folds import FoldMaker, pairs_of, table_length
from crosstask.guard._held_out import Work
from crosstask.multitask._support import caller_rows
from crosstask.multitask._wrapper import known_positions
from crosstask.tasks import TaskRows


class GuardGrowth:
    """``add_task`` and ``refit``."""

    candidates: Any
    own: str | None
    class_weight: Any
    mix: str
    n_jobs: int | None

    def add_task(
        self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None, time: Any = None, groups: Any = None
    ) -> Self:
        """Learn one more task, or several: the candidates against what they share, the weights from held-out rows.

        Each candidate that has ``add_task`` learns the new rows beside the old tasks; one that has not serves them as
        it serves tasks that it does not know. The new tasks' rows are held out in turn, and their weights follow from
        these and from the crowd of ``fit`` by the same rule; gain, verdict, intervals and coverage follow too. Nothing
        of the other tasks changes, not even in the last bit.

        Parameters
        ----------
        X, y, sample_weight, time, groups
            As in ``fit``; y holds classes that ``fit`` has seen.
        task : task id, or array-like of shape (n_rows,), optional
            Where no column of X holds it.

        Returns
        -------
        Self

        Raises
        ------
        ValueError
            If a task is known already, or the own model cannot learn a task later.
        """
        add_tasks(self, X, y, task, sample_weight, time, groups)
        return self

    def refit(
        self,
        X: Any,
        y: Any,
        *,
        task: Any = None,
        sample_weight: Any = None,
        time: Any = None,
        groups: Any = None,
        keep_weights: bool = True,
    ) -> Self:
        """Fit the candidates on new rows of the same tasks, and keep the weights, the verdict and the intervals.

        Parameters
        ----------
        X, y, task, sample_weight, time, groups
            As in ``fit``; rows of every task that the model knows, and of no other.
        keep_weights : bool, default=True
            False is ``fit``: rows are held out again, at (K + 1) times the cost.

        Returns
        -------
        Self

        Raises
        ------
        ValueError
            If a task has no rows, or is new.

        Notes
        -----
        What is kept was measured on the rows of ``fit``. When they no longer tell what is, fit again.
        """
        guard: Any = self
        if not keep_weights:
            return guard.fit(X, y, task=task, sample_weight=sample_weight, time=time, groups=groups)
        n_table = table_length(X)
        table, time, groups = guard._pop_fold_columns(X, time, groups, fit=True)
        probe = copy(guard)
        rows = probe._open_fit(table, y, task, sample_weight)
        same_tasks(guard.tasks_, rows)
        guard._fitted = _fitted_again(guard, rows, caller_rows(rows, sample_weight), n_table, time, groups)
        said = f"the candidates were fitted again on {len(rows.codes)} rows; weights and verdict are those of fit."
        kept = [finding for finding in guard.findings_ if finding[0] != "refitted"]
        guard.findings_ = [*kept, ("refitted", said)]
        return self


def same_tasks(known: Any, rows: TaskRows) -> None:
    """Refuse rows that lack a known task, or have a new one.

    Raises
    ------
    ValueError
        The tasks are named.
    """
    lost, new = np.setdiff1d(known, rows.tasks).tolist(), np.setdiff1d(rows.tasks, known).tolist()
    for names, cure in ((lost, "give rows of every task"), (new, "add them with add_task")):
        if names:
            shown = ", ".join(map(repr, names[:5])) + (", .." if len(names) > 5 else "")
            what = "have no rows of" if cure.startswith("give") else "hold tasks that the model does not know:"
            raise ValueError(f"the rows to refit {what} {shown}: {cure}, or fit anew (keep_weights=False).")


def _fitted_again(guard: Any, rows: TaskRows, row_of_pair: Any, n_table: int, time: Any, groups: Any) -> list[Any]:
    """Return the candidates fitted on all rows, tuned inside folds as fit does."""
    classification = is_classifier(guard)
    named, _, _ = with_own(check_candidates(guard.candidates, guard.own), guard.own, classification)
    assert rows.y is not None
    classes, y = None, rows.y
    if classification:
        classes, y = guard.classes_, known_positions(rows.y, guard.classes_)
    by_class = None if guard.class_weight is None else compute_sample_weight(guard.class_weight, rows.y)
    times, grouped = pairs_of(time, row_of_pair, n_table, "time"), pairs_of(groups, row_of_pair, n_table, "groups")
    if grouped is None and rows.table_row is not None:
        grouped = rows.table_row
    long = rows.long()
    maker = FoldMaker(long.X, y, rows.codes, grouped, times, 0 if classes is None else len(classes))
    work = Work(long, classes, guard.mix == "linear", guard.class_weight, by_class)
    compared = [(name, estimator) for name, estimator in named if name in guard._names]
    return Contest(compared, work, [], maker, guard._seed(), guard.n_jobs, lambda *_: None).run().fitted
