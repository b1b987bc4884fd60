"""How a fit runs beside others: with how many threads, and with nothing parallel inside."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone
from threadpoolctl import threadpool_limits


@dataclass(frozen=True)
class How:
    """How a fit runs.

    Parameters
    ----------
    threads : int or None
        Threads of BLAS and OpenMP; None leaves them as they are.
    one_level : bool
        Whether fits run side by side, so that a nested ``n_jobs`` is 1 during the fit.
    """

    threads: int | None = None
    one_level: bool = False

    def limits(self) -> AbstractContextManager[Any]:
        """Return a context with so many threads."""
        return nullcontext() if self.threads is None else threadpool_limits(self.threads)

    def before(self, estimator: Any) -> Any:
        """Return the estimator as it is to be fitted; the one that was given stays as it is."""
        changes = self._changes(estimator)
        if not changes:
            return estimator
        fresh: Any = clone(estimator)
        return fresh.set_params(**changes)

    def after(self, model: Any, estimator: Any) -> Any:
        """Give a fitted model the parameters back that :meth:`before` changed."""
        if model is None or not (changes := self._changes(estimator)):
            return model
        given = estimator.get_params(deep=True)
        return model.set_params(**{name: given[name] for name in changes})

    def _changes(self, estimator: Any) -> dict[str, Any]:
        if not self.one_level:
            return {}
        values = estimator.get_params(deep=True).items()
        return {name: 1 for name, value in values if name.split("__")[-1] == "n_jobs" and value not in (None, 1)}
