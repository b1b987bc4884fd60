"""What a fitted guard predicts: the candidates' answers, mixed by the weights of each row's task."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.metaestimators import available_if

from crosstask.guard._candidates import kind_of
from crosstask.guard._held_out import ask
from crosstask.guard._losses import scores_to_probabilities
from crosstask.tasks import TaskRows, take_rows
from crosstask.tasks._ids import strange_task

Array = NDArray[np.float64]


def classifies(guard: Any) -> bool:
    """Tell whether the candidates are classifiers."""
    return kind_of(guard.candidates) == "classifier"


class GuardPredictions:
    """``predict``, ``predict_proba`` and ``decision_function`` of :class:`~crosstask.guard.TransferGuard`."""

    mix: str
    tasks_: NDArray[Any]
    classes_: NDArray[Any]
    _fitted: list[Any]
    _weights: Array
    _unseen_weights: Array

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the mixed prediction of each row, or its most probable class."""
        rows, mixed = self._mixed(X, task)
        if not classifies(self):
            return rows.restore(mixed[:, 0])
        return rows.restore(self.classes_[self._probabilities(mixed).argmax(axis=1)])

    @available_if(classifies)
    def predict_proba(self, X: Any, *, task: Any = None) -> Array:
        """Return the mixed probability of each class, (n_rows, n_classes)."""
        rows, mixed = self._mixed(X, task)
        return rows.restore(self._probabilities(mixed))

    @available_if(classifies)
    def decision_function(self, X: Any, *, task: Any = None) -> Array:
        """Return the mixed score: log odds of the second class, or one score for each class."""
        rows, mixed = self._mixed(X, task)
        if self.mix == "linear":
            return rows.restore(mixed[:, 0] if mixed.shape[1] == 1 else mixed)
        log_p = np.log(self._probabilities(mixed))
        return rows.restore(log_p[:, 1] - log_p[:, 0] if log_p.shape[1] == 2 else log_p)

    def _probabilities(self, mixed: Array) -> Array:
        return scores_to_probabilities(mixed) if self.mix == "linear" else mixed

    def _mixed(self, X: Any, task: Any) -> tuple[TaskRows, Array]:
        guard: Any = self
        table = guard._pop_fold_columns(X, None, None, fit=False)[0] if hasattr(self, "tasks_") else X
        rows: TaskRows = guard._open_predict(table, task)
        long = rows.long()
        unseen = long.codes < 0
        weights = np.where(unseen[:, None], self._unseen_weights, self._weights[long.codes])
        ids = np.where(unseen, strange_task(self.tasks_), self.tasks_[long.codes])
        linear, classes = self.mix == "linear", getattr(self, "classes_", None)
        answer: Array | None = None
        for c, model in enumerate(self._fitted):
            used = np.flatnonzero(weights[:, c] > 0)
            if len(used) == 0:
                continue
            everything = len(used) == len(weights)
            part = ask(
                model,
                long.X if everything else take_rows(long.X, used),
                ids if everything else ids[used],
                classes,
                linear,
            )
            if answer is None:
                answer = np.zeros((len(weights), part.shape[1]))
            answer[used] += weights[used, c, None] * part
        assert answer is not None
        return rows, answer
