"""What the regressor and the classifier of Trans-GLM share."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from crosstask.losses import Loss
from crosstask.tasks import TaskIndex, as_task_ids, numeric_matrix
from crosstask.transfer._lasso import Floats, LassoOptions
from crosstask.transfer._lasso_cv import Rows
from crosstask.transfer._rows import TransferRows
from crosstask.transfer._serve import ServesTarget
from crosstask.transfer._trans_glm_fit import Judged, Steps, fit_two_steps, select_sources
from crosstask.transfer._trans_glm_words import reason

GAP_ALLOWED = 1e-4


class TransGLMBase(ServesTarget):
    """Fit of both; a subclass reads y and says what a linear predictor means."""

    coef_: Floats
    intercept_: Any
    alpha_: float
    debias_alpha_: float
    gap_: float
    _judges_together: ClassVar[bool] = True

    def __init__(
        self,
        target_task: Any,
        task_column: Any,
        sources: Any,
        alpha: Any,
        debias_alpha: Any,
        level: float,
        cv: Any,
        n_alphas: int,
        standardize: bool,
        tol: float,
        max_iter: int,
        random_state: Any,
    ) -> None:
        self.target_task = target_task
        self.task_column = task_column
        self.sources = sources
        self.alpha = alpha
        self.debias_alpha = debias_alpha
        self.level = level
        self.cv = cv
        self.n_alphas = n_alphas
        self.standardize = standardize
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, task: Any = None, sample_weight: Any = None) -> Self:
        """Judge the sources, and fit the two steps.

        Parameters
        ----------
        X : table of shape (n_rows, n_columns)
            Rows of all tasks; numbers, besides the task column.
        y : array-like of shape (n_rows,)
            Target; rows of the target task without one (NaN) are left out.
        task : array-like of shape (n_rows,), optional
            Task ids, where no column of X holds them.
        sample_weight : array-like of shape (n_rows,), optional
            Non-negative weights.

        Returns
        -------
        Self
        """
        rows = self._open_fit(X, y, task, sample_weight)
        steps, level = self._steps(), self._checked_level()
        target, sources = self._split(rows, sample_weight)
        judged = select_sources(target, sources, self._chosen(rows), steps, level, together=self._judges_together)
        used = [k for k in np.flatnonzero(judged.weight).tolist() if self._is_first(judged, k)]
        self._remember(sources, judged)
        self._learn(target, [sources[k] for k in used], steps)
        if self.gap_ > GAP_ALLOWED:
            warnings.warn(
                f"{type(self).__name__} stopped at max_iter={self.max_iter} with gap_={self.gap_:.2g}: raise max_iter, "
                "or alpha.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _is_first(self, judged: Judged, k: int) -> bool:
        """Tell whether no used source before this one holds the same rows."""
        same = judged.same_as[:k] == judged.same_as[k]
        return not (same & (judged.weight[:k] > 0.0)).any()

    def _split(self, rows: TransferRows, sample_weight: Any) -> tuple[Rows, list[Rows]]:
        matrix = numeric_matrix(self, rows.X, accept_sparse=False).astype(np.float64, copy=False)
        y = self._numeric_target(rows)
        weight = np.ones(len(y)) if rows.weight is None else rows.weight
        place = np.arange(len(y))
        if rows.weight is not None and len(given := np.atleast_1d(np.asarray(sample_weight))) > 1:
            place = np.flatnonzero(given > 0.0)  # the door drops rows of weight zero
        everything = Rows(matrix, y, weight, np.zeros(len(y)), rows.source + 1, place)
        own = np.flatnonzero(rows.is_target & rows.labelled)
        if not len(own):
            raise ValueError(
                f"no row of the target {self.target_task!r} has a y, and {type(self).__name__} learns from such rows: "
                "label a few, or use a method that needs none, such as CORAL, TCA or ImportanceWeighted."
            )
        sources = [everything.take(np.flatnonzero(rows.source == k)) for k in range(rows.n_sources)]
        return everything.take(own), sources

    def _numeric_target(self, rows: TransferRows) -> Floats:
        raise NotImplementedError

    def _loss(self) -> Loss:
        raise NotImplementedError

    def _steps(self) -> Steps:
        if int(self.n_alphas) < 2:
            raise ValueError(f"n_alphas={self.n_alphas!r}: give the length of the path, 2 or more.")
        options = LassoOptions(self._loss(), bool(self.standardize), float(self.tol), int(self.max_iter))
        seed = self.random_state
        if seed is None:
            seed = 0
        elif not isinstance(seed, (int, np.integer)):
            seed = int(np.random.RandomState(0).randint(2**31) if seed is np.random else seed.randint(2**31))
        alphas = [_given_alpha(name, getattr(self, name)) for name in ("alpha", "debias_alpha")]
        return Steps(options, alphas[0], alphas[1], _given_folds(self.cv), int(self.n_alphas), int(seed))

    def _checked_level(self) -> float:
        if not 0.0 < float(self.level) < 1.0:
            raise ValueError(f"level={self.level!r}: give the share of useless sources let in, between 0 and 1.")
        return float(self.level)

    def _chosen(self, rows: TransferRows) -> list[int] | None:
        """Return positions of the sources that the caller chose; None: to be judged."""
        given = self.sources
        if isinstance(given, str) and given == "auto":
            return None
        if isinstance(given, str) and given == "all":
            return list(range(rows.n_sources))
        if isinstance(given, str) or not hasattr(given, "__len__"):
            raise ValueError(f"sources={given!r}: give 'auto', 'all', or a list of task ids.")
        if not len(given):
            return []
        ids = as_task_ids(list(given), len(given), "sources")
        if self.target_task is not None:
            target = as_task_ids([self.target_task], 1, "target_task")
            if (TaskIndex(target).encode(ids, "sources") == 0).any():
                raise ValueError(
                    f"sources names {self.target_task!r}, which is the target: a task is no source of its own."
                )
        if not rows.n_sources:
            raise ValueError(f"sources={list(given)!r} was given, but there are no tasks: pass them, or drop sources.")
        codes = TaskIndex(rows.source_tasks).encode(ids, "sources")
        if (codes < 0).any():
            shown = ", ".join(map(repr, rows.source_tasks[:8].tolist()))
            raise ValueError(f"sources names {ids[codes < 0][0].item()!r}, which has no rows; there are {shown}.")
        return sorted(set(codes.tolist()))

    def _learn(self, target: Rows, used: list[Rows], steps: Steps) -> None:
        """Fit to the target's rows and those of the sources in use, each set of rows once."""
        fitted = fit_two_steps(target, used, steps)
        pooled, debias = fitted.pooled, fitted.debias
        self.pooled_coef_, self.pooled_intercept_ = pooled.coef, pooled.intercept
        self.debias_coef_, self.debias_intercept_ = debias.coef, debias.intercept
        self._set_answer(fitted.coef, fitted.intercept)
        self.n_iter_ = fitted.n_iter
        self.alpha_, self.debias_alpha_, self.gap_ = pooled.alpha, debias.alpha, fitted.gap
        self.path_ = _as_path(pooled.alphas, pooled.loss, pooled.error)
        self.debias_path_ = _as_path(debias.alphas, debias.loss, debias.error)

    def _remember(self, sources: list[Rows], judged: Judged) -> None:
        absent = [np.nan if e is None else e.loss for e in judged.evidence]
        bound = [np.nan if e is None else e.threshold for e in judged.evidence]
        self._judged = {
            "n": np.array([len(source.y) for source in sources], dtype=np.intp),
            "loss": np.array(absent, dtype=np.float64),
            "threshold": np.array(bound, dtype=np.float64),
            "verdict": np.array(judged.verdict, dtype=str),
            "weight": judged.weight,
            "same_as": judged.same_as,
        }

    def _set_answer(self, coef: Floats, intercept: float) -> None:
        self.coef_, self.intercept_ = coef, float(intercept)

    @property
    def sources_(self) -> Any:
        """The verdict on each source: a frame that prints as sentences."""
        from crosstask.transfer._source_table import SourceTable

        if not hasattr(self, "_judged"):
            raise AttributeError(f"{type(self).__name__} has no sources_ before fit.")
        columns: dict[str, Any] = dict(self._judged)
        same = self.source_tasks_[columns.pop("same_as")] if len(self.source_tasks_) else self.source_tasks_
        frame: dict[str, Any] = {"source": self.source_tasks_, **columns}
        frame["reason"] = [reason(*values) for values in zip(*frame.values(), same, strict=True)]
        return SourceTable(frame)

    def _linear(self, table: Any) -> Floats:
        matrix = numeric_matrix(self, table, accept_sparse=False)
        return np.asarray(matrix @ self.coef_.reshape(-1) + self.intercept_, dtype=np.float64)


def _given_folds(cv: Any) -> Any:
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        if cv >= 2:
            return int(cv)
    elif isinstance(cv, (list, tuple)) and cv and all(len(split) == 2 for split in cv):
        return [tuple(_positions(side) for side in split) for split in cv]
    raise ValueError(f"cv={cv!r}: give the number of folds, 2 or more, or a list of (train, test) row positions.")


def _positions(side: Any) -> NDArray[Any]:
    rows = np.asarray(side)
    return np.flatnonzero(rows) if rows.dtype == bool else rows


def _given_alpha(name: str, alpha: Any) -> float | None:
    if isinstance(alpha, str) and alpha == "auto":
        return None
    if isinstance(alpha, str) or not 0.0 < float(alpha) < np.inf:
        raise ValueError(f"{name}={alpha!r}: give 'auto' or a number above 0.")
    return float(alpha)


def _as_path(alphas: Floats, loss: Floats, error: Floats) -> dict[str, NDArray[Any]] | None:
    return {"alpha": alphas, "loss": loss, "error": error} if len(loss) else None
