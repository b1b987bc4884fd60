"""Life after the first fit: tasks that come later, and new rows of the known ones; mixed into the flagship."""

from __future__ import annotations

from copy import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from crosstask.auto._linear import LinearModel, collapse, newcomers
from crosstask.auto._open import times_of
from crosstask.auto._parts import Clock, each_pair, forget_folds, group_labels
from crosstask.auto._reader import TableReader
from crosstask.auto._roles import find_roles
from crosstask.auto._summary import summarise, with_newcomers
from crosstask.tasks import TaskRows
from crosstask.tasks._added import open_added


class FlagshipGrowth:
    """``add_task`` and ``refit``."""

    door_: str
    tasks_: NDArray[Any]
    guard_: Any
    reader_: TableReader
    linear_: LinearModel | None
    findings_: list[tuple[str, str]]
    training_summary_: dict[str, Any]
    n_jobs: int | None

    def add_task(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Learn one more task, or several, and leave everything else as it is, to the last bit.

        The table is read as in ``fit``. Each candidate learns the new rows against what its tasks share, and the guard
        weighs the candidates for the new task by its held-out rows and the crowd of ``fit``: see
        ``TransferGuard.add_task``. Verdict, gain, intervals, coefficients and report then hold the new task too.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            As in ``fit``; a category that ``fit`` has not seen counts as missing.
        y : array-like of shape (n_rows,)
            The target.
        task : task id, or array-like of shape (n_rows,), optional
            Where no column of X holds it.
        sample_weight : array-like of shape (n_rows,), optional
            Non-negative weights.

        Returns
        -------
        Self

        Raises
        ------
        ValueError
            If a task is known already, or y has a class that ``fit`` has not seen.
        """
        model: Any = self
        rows, place = open_added(model, X, y, task=task, sample_weight=sample_weight)
        matrix, times, groups = self._read_again(rows)
        before = self.guard_
        guard = copy(before).add_task(
            matrix, rows.y, task=rows.task, sample_weight=rows.sample_weight, time=times, groups=groups
        )
        if self.linear_ is not None:
            self.linear_ = newcomers(self.linear_, before, guard, matrix, rows, place, seed=model._seed())
        self.guard_ = guard
        self.tasks_ = place.tasks
        self.findings_ = [*self.findings_, guard.findings_[-1]]
        self.training_summary_ = with_newcomers(self.training_summary_, rows, getattr(self, "classes_", None))
        return self

    def refit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None, keep_weights: bool = True) -> Self:
        """Fit the candidates on new rows of the same tasks and keep the weights; see ``TransferGuard.refit``.

        Parameters
        ----------
        X, y, task, sample_weight
            As in ``fit``; rows of every task that the model knows, and of no other. Columns are read as in ``fit``.
        keep_weights : bool, default=True
            False is ``fit``.

        Returns
        -------
        Self

        Raises
        ------
        ValueError
            If a task has no rows, or is new.
        """
        model: Any = self
        if not keep_weights:
            return model.fit(X, y, task=task, sample_weight=sample_weight)
        rows: TaskRows = copy(model)._open_fit(X, y, task, sample_weight)
        matrix, times, groups = self._read_again(rows)
        guard = copy(self.guard_).refit(
            matrix, rows.y, task=rows.task, sample_weight=rows.sample_weight, time=times, groups=groups
        )
        for candidate in guard.candidates_.values():
            forget_folds(candidate)
        if self.linear_ is not None:
            silent = Clock(0)
            model.encoder_, self.linear_ = collapse(
                guard, matrix, rows, seed=model._seed(), n_jobs=self.n_jobs, progress=silent
            )
        self.guard_ = guard
        kept = [finding for finding in self.findings_ if finding[0] != "refitted"]
        self.findings_ = [*kept, guard.findings_[-1]]
        before = self.training_summary_
        self.training_summary_ = summarise(
            rows,
            self.classes_ if is_classifier(self) else None,  # type: ignore[attr-defined]
            before["candidates"],
            before["seconds"],
            before["target"].get("name"),
        )
        return self

    def _read_again(self, rows: TaskRows) -> tuple[NDArray[np.float64], Any, Any]:
        """Return the matrix of the reader as fit learnt it, the times and the groups."""
        roles = find_roles(self, self.door_ == "column")
        matrix = each_pair(self.reader_.transform(roles.feature_table(rows.X)), rows)
        return matrix, times_of(self, matrix, roles), group_labels(rows, roles)
