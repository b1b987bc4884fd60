"""The guard: candidate models mixed task by task, so that sharing helps where it can and harms nowhere much."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.utils import ClassifierTags, RegressorTags, Tags, check_random_state
from sklearn.utils.metaestimators import available_if

from crosstask.guard._candidates import check_candidates, input_tags_of, is_named_list, kind_of, strange_task, with_own
from crosstask.guard._fit import fit_guard
from crosstask.guard._folds import table_length
from crosstask.guard._held_out import ask
from crosstask.guard._losses import check_scoring, scores_to_probabilities
from crosstask.tasks import TaskMixin, TaskRows, take_rows

MODES = ("balanced", "cautious", "bold")


def _is_classification(guard: Any) -> bool:
    return kind_of(guard.candidates) == "classifier"


class TransferGuard(TaskMixin, MetaEstimatorMixin, BaseEstimator):
    def __init__(
        self,
        candidates: Any,
        *,
        own: str | None = None,
        mode: str = "balanced",
        scoring: Any = None,
        mix: str = "response",
        cv: Any = None,
        task_column: str | int | None = None,
        time_column: str | int | None = None,
        group_column: str | int | None = None,
        class_weight: Any = None,
        unseen_task: str = "pooled",
        n_jobs: int | None = None,
        random_state: Any = None,
        verbose: int | Callable[[int, int, str], object] = 0,
        keep_oof: bool = False,
    ) -> None:
        self.candidates = candidates
        self.own = own
        self.mode = mode
        self.scoring = scoring
        self.mix = mix
        self.cv = cv
        self.task_column = task_column
        self.time_column = time_column
        self.group_column = group_column
        self.class_weight = class_weight
        self.unseen_task = unseen_task
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose
        self.keep_oof = keep_oof

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; with ``deep`` also each candidate by name, and its own as ``name__parameter``."""
        params = super().get_params(deep=False)
        if deep and is_named_list(self.candidates):
            for name, estimator in self.candidates:
                params.setdefault(name, estimator)  # a candidate may be called "own", which is a parameter too
                inner = estimator.get_params(deep=True).items() if hasattr(estimator, "get_params") else ()
                params.update({f"{name}__{key}": value for key, value in inner})
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters; ``name`` replaces a candidate, ``name__parameter`` sets one of its parameters."""
        own = super().get_params(deep=False)
        super().set_params(**{key: value for key, value in params.items() if key in own})
        rest = {key: value for key, value in params.items() if key not in own}
        names = [name for name, _ in self.candidates] if is_named_list(self.candidates) else []
        replaced = {key: rest.pop(key) for key in list(rest) if key in names}
        if replaced:
            self.candidates = [(name, replaced.get(name, estimator)) for name, estimator in self.candidates]
        estimators = dict(self.candidates) if is_named_list(self.candidates) else {}
        for key, value in rest.items():
            name, _, inner = key.partition("__")
            if not inner or name not in estimators:
                raise ValueError(
                    f"Invalid parameter {key!r} for estimator TransferGuard: its parameters are {sorted(own)}, "
                    f"and name__parameter for the candidates {sorted(estimators)}."
                )
            estimators[name].set_params(**{inner: value})
        return self

    def fit(
        self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None, time: Any = None, groups: Any = None
    ) -> Self:
        """Fit every candidate, hold rows of all tasks out in turn, and weigh the candidates task by task.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            As the candidates can take it.
        y : array-like of shape (n_rows,) or (n_rows, n_tasks)
            Target; two-dimensional at the wide door, NaN = not observed.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like, optional
            Non-negative; reaches every candidate that takes weights, and weighs the losses that are compared.
        time, groups : array-like of shape (n_rows,), optional
            What the folds may not look across, where no column of X holds it.

        Returns
        -------
        TransferGuard
        """
        self._check()
        named = check_candidates(self.candidates, self.own)
        classification = _is_classification(self)
        scoring, q = check_scoring(self.scoring, classification, self.mix)
        n_table = table_length(X)
        X, time, groups = self._pop_fold_columns(X, time, groups, fit=True)
        rows = self._open_fit(X, y, task, sample_weight)
        named, own, added = with_own(named, self.own, classification)
        fit_guard(
            self,
            rows,
            named,
            own,
            added,
            scoring=scoring,
            q=q,
            time=time,
            groups=groups,
            sample_weight=sample_weight,
            n_table=n_table,
        )
        return self

    def predict(self, X: Any, *, task: Any = None) -> NDArray[Any]:
        """Return the mixed prediction of each row, or its most probable class."""
        rows, mixed = self._mixed(X, task)
        if not _is_classification(self):
            return rows.restore(mixed[:, 0])
        return rows.restore(self.classes_[self._probabilities(mixed).argmax(axis=1)])

    @available_if(_is_classification)
    def predict_proba(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the mixed probability of each class, (n_rows, n_classes)."""
        rows, mixed = self._mixed(X, task)
        return rows.restore(self._probabilities(mixed))

    @available_if(_is_classification)
    def decision_function(self, X: Any, *, task: Any = None) -> NDArray[np.float64]:
        """Return the mixed score: log odds of the second class, or one score for each class."""
        rows, mixed = self._mixed(X, task)
        if self.mix == "linear":
            return rows.restore(mixed[:, 0] if mixed.shape[1] == 1 else mixed)
        log_p = np.log(self._probabilities(mixed))
        return rows.restore(log_p[:, 1] - log_p[:, 0] if log_p.shape[1] == 2 else log_p)

    def _probabilities(self, mixed: NDArray[np.float64]) -> NDArray[np.float64]:
        return scores_to_probabilities(mixed) if self.mix == "linear" else mixed

    def _mixed(self, X: Any, task: Any) -> tuple[TaskRows, NDArray[np.float64]]:
        if hasattr(self, "tasks_"):
            X, _, _ = self._pop_fold_columns(X, None, None, fit=False)
        rows = self._open_predict(X, task)
        long = rows.long()
        unseen = long.codes < 0
        weights = np.where(unseen[:, None], self._unseen_weights, self._weights[long.codes])
        ids = np.where(unseen, strange_task(self.tasks_), self.tasks_[long.codes])
        linear, classes = self.mix == "linear", getattr(self, "classes_", None)
        answer: NDArray[np.float64] | None = None
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

    def _check(self) -> None:
        for name, valid in (("mode", MODES), ("mix", ("response", "linear")), ("unseen_task", ("error", "pooled"))):
            value = getattr(self, name)
            if value not in valid:
                raise ValueError(f"{name}={value!r} is not known: use {', '.join(map(repr, valid))}.")

    def _pop_fold_columns(self, X: Any, time: Any, groups: Any, *, fit: bool) -> tuple[Any, Any, Any]:
        """Take the columns that only choose the folds out of X; predict does without them."""
        from crosstask.tasks import column_names, pop_column

        values = {"time": time, "groups": groups}
        for column, name in ((self.time_column, "time"), (self.group_column, "groups")):
            if column is None:
                continue
            if fit and values[name] is not None:
                raise ValueError(f"{name} was given by a column ({column!r}) and by {name}= at once: use one of them.")
            if not fit and column not in (column_names(X) or [column]):
                continue
            X, values[name] = pop_column(X, column)
        return X, values["time"], values["groups"]

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max - 10_000))

    @property
    def candidates_(self) -> dict[str, Any]:
        """The candidates, fitted on all rows, by name."""
        return dict(zip(self._names, self._fitted, strict=True))

    @property
    def weights_(self) -> Any:
        """Weights of the candidates in each task, a frame (tasks x candidates)."""
        return self._frame(self._weights)

    @property
    def candidate_losses_(self) -> Any:
        """Mean out-of-fold loss of each candidate in each task, a frame (tasks x candidates)."""
        return self._frame(self._losses)

    def _frame(self, values: NDArray[np.float64]) -> Any:
        import pandas as pd

        return pd.DataFrame(values, index=pd.Index(self.tasks_, name="task"), columns=list(self._names))

    @property
    def gain_(self) -> Any:
        """Relative reduction of the out-of-fold loss against the own model: a frame, one row a task."""
        import pandas as pd

        return pd.DataFrame({"task": self.tasks_, **{name: self._gain[name] for name in GAIN_COLUMNS}})

    @property
    def verdict_(self) -> Any:
        """What to do with each task and why: a frame that prints as sentences, the harmed first."""
        from crosstask.guard._verdict import make_verdict

        return make_verdict(self)

    @property
    def calibration_(self) -> Any:
        """Predicted and observed shares of held-out rows: a frame (bin, predicted, observed, count)."""
        if not hasattr(self, "_calibration"):
            raise AttributeError("calibration_ exists for classifiers after fit only.")
        import pandas as pd

        return pd.DataFrame(self._calibration)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        kind = kind_of(self.candidates)
        tags.estimator_type = kind or "regressor"
        tags.target_tags.required = True
        tags.input_tags.sparse, tags.input_tags.allow_nan = input_tags_of(self.candidates)
        if kind == "classifier":
            tags.classifier_tags = ClassifierTags()
        else:
            tags.regressor_tags = RegressorTags()
        return tags


GAIN_COLUMNS = ("n", "own_loss", "guarded_loss", "gain", "low", "high")
